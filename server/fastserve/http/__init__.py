"""The HTTP side: one `Service` per process makes the connections."""

from fastserve.http._connection import Connection
from fastserve.http._service import Service

__all__ = ["Connection", "Service"]
