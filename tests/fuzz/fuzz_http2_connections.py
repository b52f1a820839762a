"""Whole HTTP/2 connections over a transport without sockets: the rules hold whatever happens."""

import logging
import random

from fuzz_http2 import CORPUS, PIECES
from http2_connections import play
from loop import Target, main

LOGGER = logging.getLogger("fastserve")


def run(chance: random.Random, data: bytes) -> None:
    level = LOGGER.level
    LOGGER.setLevel(logging.CRITICAL + 1)  # apps fail here all the time
    try:
        play(chance, data)
    finally:
        LOGGER.setLevel(level)


TARGET = Target("http2_connections", run, CORPUS, PIECES)

if __name__ == "__main__":
    main(TARGET)
