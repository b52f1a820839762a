"""HTTP without I/O: HTTP/1.1 over llhttp and, in `httpparser.http2`, HTTP/2 over nghttp2.

HTTP/1.1 has two interfaces: the callback classes of httptools (`HttpRequestParser`,
`HttpResponseParser`, `parse_url`), and the batch classes (`RequestParser`, `ResponseParser`), which
return whole heads; `WholeRequestParser` returns whole requests.
"""

try:
    from . import _cpu  # raises ImportError on a processor that cannot run the rest
except ImportError as _error:
    if _error.name != __name__:
        raise
    # From None: "cannot import name '_cpu'" helps nobody.
    raise ImportError(
        f"httpparser is not compiled in {__path__[0]}: run `make build` in the clone, or start "
        "Python in another folder to import an installed one"
    ) from None

# isort: split
from ._version import __version__
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
from .http1 import (
    END,
    LLHTTP_VERSION,
    Chunk,
    End,
    Limits,
    RequestHead,
    RequestParser,
    ResponseHead,
    ResponseParser,
    Trailers,
    WholeRequest,
    WholeRequestParser,
    write_response_head,
)
from .httptools import (
    URL,
    HTTPProtocol,
    HttpRequestParser,
    HttpResponseParser,
    install_as_httptools,
    parse_url,
)
from .leniency import Leniency

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
    "WholeRequest",
    "WholeRequestParser",
    "__version__",
    "get_include",
    "install_as_httptools",
    "parse_url",
    "write_response_head",
]
