"""The names below `httptools.parser`, for code that reaches for them there."""

from . import _compat as parser
from . import _url as url_parser
from . import errors, protocol
from ._compat import HttpRequestParser, HttpResponseParser
from ._url import parse_url
from .errors import (
    HttpParserCallbackError,
    HttpParserError,
    HttpParserInvalidMethodError,
    HttpParserInvalidStatusError,
    HttpParserInvalidURLError,
    HttpParserUpgrade,
)
from .protocol import HTTPProtocol

__all__ = [
    "HTTPProtocol",
    "HttpParserCallbackError",
    "HttpParserError",
    "HttpParserInvalidMethodError",
    "HttpParserInvalidStatusError",
    "HttpParserInvalidURLError",
    "HttpParserUpgrade",
    "HttpRequestParser",
    "HttpResponseParser",
    "errors",
    "parse_url",
    "parser",
    "protocol",
    "url_parser",
]
