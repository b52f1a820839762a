"""RFC 6455 and RFC 7692 under ASGI; everything but Session is without sockets."""

from fastserve.websocket._frames import encode
from fastserve.websocket._protocol import Protocol
from fastserve.websocket._session import ClientDisconnected, Session
from fastserve.websocket.deflate import Deflate, negotiate
from fastserve.websocket.events import Close, Ping, Pong, ProtocolError
from fastserve.websocket.handshake import Refusal, Request, accept, read, refuse

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
    "negotiate",
    "read",
    "refuse",
]
