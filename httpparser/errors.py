"""What can go wrong with a message; every error says where, and the status to answer with.

The first five names are those of httptools 0.9, with the same subclassing; `HttpParserUpgrade`
is a signal and, as there, not an `HttpParserError`.
"""

from typing import Any

__all__ = [
    "ChunkExtensionsTooLarge",
    "ContentTooLarge",
    "ExpectationFailed",
    "HeaderFieldsTooLarge",
    "HttpParserCallbackError",
    "HttpParserError",
    "HttpParserInvalidMethodError",
    "HttpParserInvalidStatusError",
    "HttpParserInvalidURLError",
    "HttpParserUpgrade",
    "IncompleteMessage",
    "MethodNotImplemented",
    "TransferCodingNotImplemented",
    "UriTooLong",
    "VersionNotSupported",
]


class HttpParserError(Exception):
    """A message that cannot be accepted.

    `code` is llhttp's error name (`HPE_…`) or one of ours (`STRICT_…`, `LIMIT_…`,
    `REENTRANT_FEED`: fed from a callback or from another thread meanwhile); `offset` is
    the byte offset since the parser was made or reset, None when unknown; `status` is the one a
    server answers with (RFC 9110 section 15.5); `events` are what the batch interface found in the
    same input before the error.
    """

    status: int = 400
    code: str
    offset: int | None
    events: list[Any]

    def __init__(
        self, message: str = "", *, code: str = "HPE_USER", offset: int | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.offset = offset
        self.events = []


class HttpParserCallbackError(HttpParserError):
    """A callback raised; the original exception is the context."""


class HttpParserInvalidStatusError(HttpParserError):
    """The status line is malformed."""


class HttpParserInvalidMethodError(HttpParserError):
    """The method is malformed or unknown."""


class HttpParserInvalidURLError(HttpParserError):
    """The request target is malformed."""


class HttpParserUpgrade(Exception):
    """The message ends in an upgrade; `args[0]` is the offset of the first byte after HTTP."""


class IncompleteMessage(HttpParserError):
    """The input ended inside a message."""


class ContentTooLarge(HttpParserError):
    """The body is past its limit (`body`)."""

    status = 413


class ChunkExtensionsTooLarge(HttpParserError):
    """The chunk extensions of one message are past their limit (`chunk_extensions`)."""

    status = 413


class UriTooLong(HttpParserError):
    """The request line is past its limit (`request_line`)."""

    status = 414


class ExpectationFailed(HttpParserError):
    """The Expect field asks for something other than 100-continue."""

    status = 417


class HeaderFieldsTooLarge(HttpParserError):
    """A field, all fields, their number or the trailers are past their limit."""

    status = 431


class MethodNotImplemented(HttpParserInvalidMethodError):
    """A method longer than any that exists."""

    status = 501


class TransferCodingNotImplemented(HttpParserError):
    """A transfer coding other than chunked."""

    status = 501


class VersionNotSupported(HttpParserError):
    """An HTTP version other than 1.0 and 1.1."""

    status = 505
