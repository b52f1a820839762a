"""The first message as h11 sees it and as we do.

What both accept must be the same head, the same body and the same bytes left over. Where they
differ, the class of the difference must stand in disagreements.md, with its reason.
"""

import ast
import re
from pathlib import Path
from typing import Any, NamedTuple

import h11
from given import plain

from httpparser import (
    END,
    HttpParserError,
    RequestHead,
    RequestParser,
    ResponseHead,
    ResponseParser,
    Trailers,
)

FILE = Path(__file__).parent / "disagreements.md"


class Disagreement(NamedTuple):
    """A row of the file: an example that shows it, and why it is so."""

    example: bytes
    reason: str


def explained() -> dict[str, Disagreement]:
    rows = re.findall(r"^\| `([^|]+)` \| `(b[^|]+)` \| ([^|]+) \|$", FILE.read_text(), re.MULTILINE)
    return {name: Disagreement(ast.literal_eval(example), why) for name, example, why in rows}


EXPLAINED = explained()


class Message(NamedTuple):
    head: tuple[Any, ...]
    body: bytes
    trailers: list[tuple[bytes, bytes]]
    rest: bytes


def ours(parser: RequestParser | ResponseParser, data: bytes) -> Message | str:
    """The first message; where there is none, the code of the error or "unfinished"."""
    try:
        events = parser.feed(data)
        while events and isinstance(events[0], ResponseHead) and events[0].status < 200:
            if events[0].status == 101:
                break
            events = parser.resume()
    except HttpParserError as error:
        events = error.events
        if END not in events:
            return error.code
    if END not in events:
        return "unfinished"
    head = events[0]
    trailers = [event.headers for event in events if isinstance(event, Trailers)]
    body = b"".join(plain(event) for event in events if isinstance(event, bytes | memoryview))
    line: tuple[Any, ...]
    if isinstance(head, RequestHead):
        line = (head.method.encode(), head.target, head.version.encode())
    else:
        assert isinstance(head, ResponseHead)
        line = (head.status, head.reason, head.version.encode())
    return Message((*line, head.headers), body, trailers[0] if trailers else [], parser.leftover)


def theirs(connection: h11.Connection, data: bytes) -> Message | str:
    """The same of h11; where there is none, the text of its error or "unfinished"."""
    head: tuple[Any, ...] | None = None
    body = b""
    try:
        connection.receive_data(data)
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                head = (event.method, event.target, event.http_version, fields(event))
            elif isinstance(event, h11.Response) or (
                isinstance(event, h11.InformationalResponse) and event.status_code == 101
            ):
                head = (event.status_code, event.reason, event.http_version, fields(event))
                if event.status_code == 101:
                    return Message(head, b"", [], connection.trailing_data[0])
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                assert head is not None
                return Message(head, body, fields(event), connection.trailing_data[0])
            elif not isinstance(event, h11.InformationalResponse):
                return "unfinished"
    except h11.RemoteProtocolError as error:
        return str(error)


def fields(event: Any) -> list[tuple[bytes, bytes]]:
    return list(event.headers)


def requests(data: bytes) -> str:
    """The class of the difference, "" where there is none."""
    mine = ours(RequestParser(pause=True, any_method=True), data)
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    return difference("request", mine, theirs(connection, data))


def responses(data: bytes, method: str = "GET") -> str:
    mine = ours(ResponseParser(method=method, pause=True), data)
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    headers = [("Host", "a"), ("Connection", "Upgrade"), ("Upgrade", "websocket")]
    connection.send(h11.Request(method=method, target="/", headers=headers))
    connection.send(h11.EndOfMessage())
    return difference("response", mine, theirs(connection, data))


def difference(side: str, mine: Message | str, its: Message | str) -> str:
    if isinstance(mine, Message) and isinstance(its, Message):
        if mine == its:
            return ""
        parts = zip(Message._fields, mine, its, strict=True)
        return f"{side}: another {' and '.join(name for name, one, two in parts if one != two)}"
    if isinstance(mine, Message):
        # h11's texts may quote the message and its numbers: those are cut off
        text = re.sub(r"[:'(\[{].*|[0-9]+", "", str(its), flags=re.DOTALL)
        return f"{side}: h11 only: {' '.join(text.split())}"
    if isinstance(its, Message):
        return f"{side}: httpparser only: {mine}"
    return ""


def check(name: str, data: bytes) -> None:
    assert not name or name in EXPLAINED, (name, data)
