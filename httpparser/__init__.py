"""A sans-IO HTTP/1 parser over llhttp."""

from . import parser
from ._compat import HttpRequestParser, HttpResponseParser
from ._url import URL, parse_url
from .errors import (
    HttpParserCallbackError,
    HttpParserError,
    HttpParserInvalidMethodError,
    HttpParserInvalidStatusError,
    HttpParserInvalidURLError,
    HttpParserUpgrade,
)
from .httptools import install_as_httptools
from .protocol import HTTPProtocol

__version__ = "0.1.0"

__all__ = [
    "URL",
    "HTTPProtocol",
    "HttpParserCallbackError",
    "HttpParserError",
    "HttpParserInvalidMethodError",
    "HttpParserInvalidStatusError",
    "HttpParserInvalidURLError",
    "HttpParserUpgrade",
    "HttpRequestParser",
    "HttpResponseParser",
    "__version__",
    "install_as_httptools",
    "parse_url",
    "parser",
]
