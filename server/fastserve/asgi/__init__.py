"""The ASGI side of a request or a WebSocket, whatever protocol carries it."""

from fastserve.asgi._service import Service

__all__ = ["Service"]
