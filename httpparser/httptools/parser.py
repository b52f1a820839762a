"""`httptools.parser`, for code that looks for names there."""

from httpparser import errors
from httpparser.errors import (
    HttpParserCallbackError,
    HttpParserError,
    HttpParserInvalidMethodError,
    HttpParserInvalidStatusError,
    HttpParserInvalidURLError,
    HttpParserUpgrade,
)

from . import _parser as parser
from . import _url as url_parser
from . import protocol
from ._parser import HttpRequestParser, HttpResponseParser
from ._url import parse_url
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
