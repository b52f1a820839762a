"""HTTP/1: heads and their rules, the parser over llhttp, its batch classes, and heads to bytes."""

from typing import Final

from ._events import (
    Chunk,
    End,
    RequestParser,
    ResponseParser,
    Trailers,
    WholeRequest,
    WholeRequestParser,
)
from ._fields import TCHAR
from ._head import RequestHead, ResponseHead
from ._limits import Limits
from ._output import write_response_head
from ._parser import LLHTTP_VERSION

END: Final = End.END  # the event that ends each message

__all__ = [
    "END",
    "LLHTTP_VERSION",
    "TCHAR",
    "Chunk",
    "End",
    "Limits",
    "RequestHead",
    "RequestParser",
    "ResponseHead",
    "ResponseParser",
    "Trailers",
    "WholeRequest",
    "WholeRequestParser",
    "write_response_head",
]
