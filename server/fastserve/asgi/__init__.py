"""The ASGI side of a request or a WebSocket, whatever protocol carries it."""

__all__: list[str] = []
