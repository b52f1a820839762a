"""parse_url: nothing made up, nothing lost, and what httptools gives where that takes the form."""

import random
import re

import httptools
from given import PIECES, URL_CORPUS
from loop import Target, main

from httpparser import HttpParserInvalidURLError, parse_url

NAMES = ("schema", "host", "port", "path", "query", "fragment", "userinfo")


def accepted(data: bytearray | memoryview) -> bool:
    try:
        parse_url(data)
    except HttpParserInvalidURLError:
        return False
    return True


def run(chance: random.Random, data: bytes) -> None:
    buffers = (bytearray(data), memoryview(b"." + data)[1:])
    try:
        ours = parse_url(data)
    except HttpParserInvalidURLError:
        assert not data.startswith(b"/") or re.search(rb"[^!-~]", data), data
        assert not any(accepted(buffer) for buffer in buffers), data
        return
    for buffer in buffers:
        assert all(getattr(parse_url(buffer), name) == getattr(ours, name) for name in NAMES), data
    for name in NAMES:
        value = getattr(ours, name)
        assert value is None or name == "port" or (value and value in data), (data, name, value)
    assert sum(len(getattr(ours, name) or b"") for name in NAMES if name != "port") <= len(data)
    if len(data) > 65535:  # more than httptools can count
        return
    try:
        theirs = httptools.parse_url(data)
    except httptools.HttpParserInvalidURLError:
        return
    for name in NAMES:
        assert getattr(ours, name) == getattr(theirs, name), (data, name)


TARGET = Target("urls", run, URL_CORPUS, PIECES)

if __name__ == "__main__":
    main(TARGET)
