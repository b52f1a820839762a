"""HTTP/1.1: the connection, and the parser port over h11."""

from fastserve.http1._connection import Connection

__all__ = ["Connection"]
