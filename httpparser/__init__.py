"""A sans-IO HTTP/1 parser over llhttp.

Two interfaces: the callback classes of httptools (`HttpRequestParser`, `HttpResponseParser`,
`parse_url`), and the batch classes (`RequestParser`, `ResponseParser`) that hand over whole heads.
"""

from . import _cpu  # raises ImportError on a processor that cannot run the rest

# isort: split
from . import parser
from ._batch import Chunk, End, RequestParser, ResponseParser, Trailers
from ._compat import HttpRequestParser, HttpResponseParser
from ._core import LLHTTP_VERSION
from ._head import RequestHead, ResponseHead
from ._limits import Limits
from ._response import write_response_head
from ._url import URL, parse_url
from .building import get_include
from .errors import (
    ChunkExtensionsTooLarge,
    ContentTooLarge,
    ExpectationFailed,
    HeaderFieldsTooLarge,
    HttpParserCallbackError,
    HttpParserError,
    HttpParserInvalidMethodError,
    HttpParserInvalidStatusError,
    HttpParserInvalidURLError,
    HttpParserUpgrade,
    IncompleteMessage,
    MethodNotImplemented,
    TransferCodingNotImplemented,
    UriTooLong,
    VersionNotSupported,
)
from .httptools import install_as_httptools
from .leniency import Leniency
from .protocol import HTTPProtocol

__version__ = "0.1.0"

END = End.END  # the event that ends each message
del _cpu

__all__ = [
    "END",
    "LLHTTP_VERSION",
    "URL",
    "Chunk",
    "ChunkExtensionsTooLarge",
    "ContentTooLarge",
    "End",
    "ExpectationFailed",
    "HTTPProtocol",
    "HeaderFieldsTooLarge",
    "HttpParserCallbackError",
    "HttpParserError",
    "HttpParserInvalidMethodError",
    "HttpParserInvalidStatusError",
    "HttpParserInvalidURLError",
    "HttpParserUpgrade",
    "HttpRequestParser",
    "HttpResponseParser",
    "IncompleteMessage",
    "Leniency",
    "Limits",
    "MethodNotImplemented",
    "RequestHead",
    "RequestParser",
    "ResponseHead",
    "ResponseParser",
    "Trailers",
    "TransferCodingNotImplemented",
    "UriTooLong",
    "VersionNotSupported",
    "__version__",
    "get_include",
    "install_as_httptools",
    "parse_url",
    "parser",
    "write_response_head",
]
