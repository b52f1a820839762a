"""A parser beside itself: however a message is cut and whatever it comes in, the same comes out."""

import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from given import GET, OK, cut, join

from httpparser import END, HttpParserError, Leniency, Limits, RequestParser, ResponseParser

Parser = RequestParser | ResponseParser
Make = Callable[[], Parser]
SMALL = Limits(
    request_line=60, field=40, fields=120, count=6, trailers=60, chunk_extensions=8, body=20
)


class Result(NamedTuple):
    events: list[Any]
    failed: bool
    rest: bytes


def parse(parser: Parser, pieces: Iterator[Any], eof: bool) -> Result:
    """Everything that comes out; pauses are resumed and held heads refused."""
    events: list[object] = []
    try:
        for piece in pieces:
            events += parser.feed(piece)
            while parser.held or (parser.paused and not parser.switched):
                events += parser.resume()
        if eof:
            events += parser.feed_eof()
    except HttpParserError as error:
        assert error.offset is not None, error
        assert 400 <= error.status <= 505, error
        assert error.code, error
        events += error.events
        check_recovery(parser)
        return Result(join(events), True, b"")
    return Result(join(events), False, parser.leftover)


def check_recovery(parser: Parser) -> None:
    parser.reset()
    if isinstance(parser, RequestParser):
        assert parser.feed(GET)[-1] is END
    else:
        assert parser.feed(OK)[-1] is END
    parser.reset()


def agree(whole: Result, other: Result) -> bool:
    """An error may be found a little earlier or later; the parts of a body that came before too."""
    if whole.failed != other.failed:
        return False
    if not whole.failed:
        return whole == other
    short, long = sorted((whole.events, other.events), key=len)
    if short and isinstance(short[-1], bytes) and len(long) >= len(short):
        last = long[len(short) - 1]
        if isinstance(last, bytes) and (last.startswith(short[-1]) or short[-1].startswith(last)):
            short = short[:-1]
    return long[: len(short)] == short and len(long) - len(short) <= 2


def check_cuts(chance: random.Random, make: Make, data: bytes) -> None:
    eof = chance.random() < 0.5
    whole = parse(make(), iter([data]), eof)
    for pieces in (
        iter([bytearray(data)]),
        iter([memoryview(b"." + data)[1:]]),
        cut(chance, data),
        (data[at : at + 1] for at in range(len(data))),
    ):
        other = parse(make(), pieces, eof)
        assert agree(whole, other), (data, whole, other)


def options(chance: random.Random) -> dict[str, Any]:
    """What both parsers can be told."""
    lenient = 0
    while chance.random() < 0.3:
        lenient |= chance.choice(list(Leniency))
    return {
        "strict": chance.random() < 0.6,
        "limits": chance.choice((None, None, SMALL)),
        "lenient": lenient,
        "pause": chance.random() < 0.3,
        "chunk_extensions": chance.random() < 0.3,
    }
