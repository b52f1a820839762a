"""What `httptools` 0.9 exports: `from httpparser import httptools`."""

import sys

from httpparser.errors import (
    HttpParserCallbackError,
    HttpParserError,
    HttpParserInvalidMethodError,
    HttpParserInvalidStatusError,
    HttpParserInvalidURLError,
    HttpParserUpgrade,
)

from .. import __version__
from . import parser
from ._parser import HttpRequestParser, HttpResponseParser
from ._url import URL, parse_url
from .protocol import HTTPProtocol

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


def install_as_httptools() -> None:
    """Make `import httptools`, and the modules below it, give this package from now on.

    Call it before anything imports httptools: what was imported earlier does not change.
    """
    sys.modules["httptools"] = sys.modules[__name__]
    sys.modules["httptools.parser"] = parser
    for name in ("errors", "parser", "protocol", "url_parser"):
        sys.modules[f"httptools.parser.{name}"] = getattr(parser, name)
