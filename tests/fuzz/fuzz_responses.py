"""Responses: cut anywhere, from any buffer, and beside h11."""

import random

import beside_h11
from given import PIECES, RESPONSE_CORPUS
from itself import check_cuts, options
from loop import Target, main

from httpparser import ResponseParser


def run(chance: random.Random, data: bytes) -> None:
    chosen = options(chance)
    method = chance.choice((None, "GET", "HEAD", "CONNECT"))
    check_cuts(chance, lambda: ResponseParser(method=method, **chosen), data)
    beside_h11.check(beside_h11.responses(data, chance.choice(("GET", "HEAD"))), data)


TARGET = Target("responses", run, RESPONSE_CORPUS, PIECES)

if __name__ == "__main__":
    main(TARGET)
