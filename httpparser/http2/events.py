"""What a session tells of the bytes that it was fed."""

from dataclasses import dataclass

from httpparser.errors import HttpParserError
from httpparser.http1 import RequestHead

__all__ = [
    "Closed",
    "Data",
    "End",
    "Event",
    "GoAway",
    "Informational",
    "Pong",
    "Refused",
    "Request",
    "Response",
    "Trailers",
]

Fields = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Event:
    """Any of those below."""


@dataclass(frozen=True, slots=True)
class Request(Event):
    """A request's head. `head.upgrade` is the :protocol of an extended CONNECT. RFC 8441 4"""

    stream_id: int
    head: RequestHead


@dataclass(frozen=True, slots=True)
class Refused(Event):
    """A request that cannot be accepted; answer with `error.status`, or reset the stream."""

    stream_id: int
    error: HttpParserError


@dataclass(frozen=True, slots=True)
class Informational(Event):
    """An interim response's head."""

    stream_id: int
    status: int
    headers: Fields


@dataclass(frozen=True, slots=True)
class Response(Event):
    """A final response's head."""

    stream_id: int
    status: int
    headers: Fields


@dataclass(frozen=True, slots=True)
class Data(Event):
    """A piece of a body; `consume()` its length once it is dealt with."""

    stream_id: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Trailers(Event):
    """Fields after the body; `End` follows."""

    stream_id: int
    headers: Fields


@dataclass(frozen=True, slots=True)
class End(Event):
    """The peer's message is whole."""

    stream_id: int


@dataclass(frozen=True, slots=True)
class Closed(Event):
    """The stream is over: code 0 when both messages are whole. RFC 9113 7"""

    stream_id: int
    code: int


@dataclass(frozen=True, slots=True)
class GoAway(Event):
    """The peer takes no new streams after this one. RFC 9113 6.8"""

    last_stream_id: int
    code: int


@dataclass(frozen=True, slots=True)
class Pong(Event):
    """A PING of ours was acknowledged."""
