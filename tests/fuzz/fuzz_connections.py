"""Whole connections over a transport without sockets: the rules hold whatever happens."""

import logging
import random

from connections import play
from given import PIECES, REQUEST_CORPUS
from loop import Target, main

LOGGER = logging.getLogger("fastserve")


def run(chance: random.Random, data: bytes) -> None:
    level = LOGGER.level
    LOGGER.setLevel(logging.CRITICAL + 1)  # apps fail here all the time
    try:
        play(chance, data)
    finally:
        LOGGER.setLevel(level)


TARGET = Target("connections", run, REQUEST_CORPUS, PIECES)

if __name__ == "__main__":
    main(TARGET)
