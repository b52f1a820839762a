"""`httptools.parser`: the names that the package takes over, and the modules below it."""

from httpparser import errors as errors
from httpparser.errors import (
    HttpParserCallbackError,
    HttpParserError,
    HttpParserInvalidMethodError,
    HttpParserInvalidStatusError,
    HttpParserInvalidURLError,
    HttpParserUpgrade,
)

from . import _parser, _url
from . import protocol as protocol
from ._parser import HttpRequestParser, HttpResponseParser
from ._url import parse_url
from .protocol import HTTPProtocol

parser = _parser
url_parser = _url

# As in httptools, the modules are not among them.
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
    "parse_url",
]
