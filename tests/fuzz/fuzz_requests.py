"""Requests: cut anywhere, from any buffer, and beside h11."""

import random

import beside_h11
from given import PIECES, REQUEST_CORPUS
from itself import check_cuts, options
from loop import Target, main

from httpparser import RequestParser


def run(chance: random.Random, data: bytes) -> None:
    chosen = options(chance)
    any_method, hold = chance.random() < 0.5, chance.random() < 0.3
    check_cuts(chance, lambda: RequestParser(any_method=any_method, hold=hold, **chosen), data)
    beside_h11.check(beside_h11.requests(data), data)


TARGET = Target("requests", run, REQUEST_CORPUS, PIECES)

if __name__ == "__main__":
    main(TARGET)
