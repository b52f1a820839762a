"""HTTP/2: the connection, and its streams as channels."""

from fastserve.http2._connection import Connection

__all__ = ["Connection"]
