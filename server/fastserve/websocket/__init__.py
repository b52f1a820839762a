"""RFC 6455 and RFC 7692 under ASGI; everything but Session is without sockets."""

from fastserve.errors import ClientDisconnected, Refusal
from fastserve.websocket._protocol import Protocol, encode
from fastserve.websocket._session import Session, open_handshake
from fastserve.websocket.deflate import Deflate, negotiate
from fastserve.websocket.events import Close, Ping, Pong, ProtocolError
from fastserve.websocket.handshake import Request, accept, is_wanted, read

__all__ = [
    "ClientDisconnected",
    "Close",
    "Deflate",
    "Ping",
    "Pong",
    "Protocol",
    "ProtocolError",
    "Refusal",
    "Request",
    "Session",
    "accept",
    "encode",
    "is_wanted",
    "negotiate",
    "open_handshake",
    "read",
]
