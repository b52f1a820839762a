"""HTTP/2 without I/O: sessions over nghttp2, for servers and for clients."""

from ._events import ClientSession, ServerSession
from ._session import NGHTTP2_VERSION, SessionError
from .events import (
    Closed,
    Data,
    End,
    Event,
    GoAway,
    Informational,
    Pong,
    Refused,
    Request,
    Response,
    Trailers,
)

__all__ = [
    "NGHTTP2_VERSION",
    "ClientSession",
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
    "ServerSession",
    "SessionError",
    "Trailers",
]
