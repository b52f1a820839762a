"""A case is bytes in and events out, however the bytes are cut."""

from collections.abc import Callable, Iterable
from typing import Any

from messages import splits
from typing_extensions import Buffer

from httpparser import (
    END,
    Chunk,
    HttpParserError,
    RequestHead,
    RequestParser,
    ResponseHead,
    ResponseParser,
    Trailers,
)

Event = Any
Ending = tuple[str, str, int] | None
Outcome = tuple[list[Event], Ending]
Parser = RequestParser | ResponseParser


def request(method: str = "GET", target: bytes = b"/", **others: Any) -> dict[str, Any]:
    """What a RequestHead says, as far as it is not what a plain one says."""
    path, _, query = target.partition(b"?")
    return {
        "method": method,
        "target": target,
        "path": path.decode(),
        "raw_path": path,
        "query": query,
        "authority": None,
        "version": "1.1",
        "headers": [(b"host", b"a")],
        "content_length": -1,
        "chunked": False,
        "keep_alive": True,
        "upgrade": None,
        "expect_continue": False,
    } | others


def response(status: int = 200, reason: bytes = b"OK", **others: Any) -> dict[str, Any]:
    return {
        "status": status,
        "reason": reason,
        "version": "1.1",
        "headers": [],
        "content_length": -1,
        "chunked": False,
        "keep_alive": True,
        "upgrade": None,
    } | others


def plain(event: object) -> Event:
    """An event as something to compare and to read in a failure."""
    if isinstance(event, RequestHead):
        return {name: getattr(event, name) for name in request()}
    if isinstance(event, ResponseHead):
        return {name: getattr(event, name) for name in response()}
    if isinstance(event, Chunk):
        return ("chunk", event.size, event.extensions)
    if isinstance(event, Trailers):
        return ("trailers", event.headers)
    if event is END:
        return "end"
    assert isinstance(event, bytes | memoryview)
    assert len(event)
    return bytes(event)


def join(events: Iterable[object]) -> list[Event]:
    """Plain events; parts of a body that follow each other are one."""
    joined: list[Event] = []
    for event in map(plain, events):
        if isinstance(event, bytes) and joined and isinstance(joined[-1], bytes):
            joined[-1] += event
        else:
            joined.append(event)
    return joined


def ending(error: HttpParserError) -> Ending:
    assert error.offset is not None
    return type(error).__name__, error.code, error.status


def outcome(parser: Parser, pieces: Iterable[Buffer], *, eof: bool = False) -> Outcome:
    events: list[object] = []
    try:
        for piece in pieces:
            events += parser.feed(piece)
        if eof:
            events += parser.feed_eof()
    except HttpParserError as error:
        return join(events + error.events), ending(error)
    return join(events), None


def check(
    make: Callable[[], Parser], message: bytes, expected: Outcome, *, eof: bool = False
) -> None:
    """The message as a whole, byte by byte and cut at each point; from every kind of buffer."""
    for pieces in splits(message):
        assert outcome(make(), pieces, eof=eof) == expected, pieces
    assert outcome(make(), [bytearray(message)], eof=eof) == expected
    assert outcome(make(), [memoryview(b" " + message)[1:]], eof=eof) == expected
    reused = make()
    outcome(reused, [message], eof=eof)
    reused.reset()
    assert outcome(reused, [message], eof=eof) == expected
