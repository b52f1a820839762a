"""The parser port over h11, the reference: `--http h11`.

A port is a class with `__init__(sink, limits)` and `feed(data) -> int`, the number of bytes it
consumed. It calls `sink.head(RequestHead)`, `sink.body(bytes)` and `sink.end()` as it finds them,
stops after `end()` so that the rest is given again, and raises `httpparser.errors`. `--http
MODULE:CLASS` puts any other port in its place.

h11 forgives what RFC 9112 lets a recipient forgive (bare LF, folded fields); here it gets to see
only what llhttp would accept too, so that both refuse the same requests.
"""

import re
from typing import Any, Protocol

import h11

from httpparser import Limits, RequestHead
from httpparser.errors import (
    ChunkExtensionsTooLarge,
    ContentTooLarge,
    HeaderFieldsTooLarge,
    HttpParserError,
    MethodNotImplemented,
    UriTooLong,
    VersionNotSupported,
)
from httpparser.http1 import TCHAR

TOKEN = TCHAR.encode()
STRAY = re.compile(rb"(?<!\r)\n|\r[^\n]|\r\n[ \t]")
FRAMING_TRAILER = re.compile(rb"\r\n(?:content-length|transfer-encoding):", re.IGNORECASE)
CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
VERSION = re.compile(rb"[^ ]+ [^ ]+ HTTP/(?!1\.[01]\r)[0-9]\.[0-9]\r\n")
REQUEST_LINE = re.compile(rb"(" + TOKEN + rb"+) ([^ ]+) HTTP/([0-9]\.[0-9])")
QUOTED = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*'
METHOD = re.compile(TOKEN + rb"*")
# RFC 9112 7.1.1, as llhttp reads it; the second is what may become the first.
SIZE_LINE = re.compile(
    rb"[0-9A-Fa-f]{1,16}(?:;(?:%b+(?:=(?:%b*|%b\"))?|=%b*))*\r\n" % (TOKEN, TOKEN, QUOTED, TOKEN)
)
SIZE_BEGUN = re.compile(
    rb"[0-9A-Fa-f]{0,16}|[0-9A-Fa-f]{1,16}"
    rb"(?:;(?:%b+(?:=(?:%b*|%b\"))?|=%b*))*(?:;|;%b+=%b\\?)?\r?"
    % (TOKEN, TOKEN, QUOTED, TOKEN, TOKEN, QUOTED)
)
PREFACE = b"PRI * HTTP/2.0\r\n\r\n"
METHOD_LENGTH = 32
LONGEST_EMPTY = 1024  # bytes of empty lines before a request


class Sink(Protocol):
    """What a port calls: the connection."""

    def head(self, head: RequestHead) -> bool: ...
    def body(self, data: bytes) -> None: ...
    def end(self) -> None: ...


class H11Port:
    """One connection's requests, each in an h11 connection of its own."""

    def __init__(self, sink: Sink, limits: Limits) -> None:
        self.sink = sink
        self.limits = limits
        self.connection: h11.Connection | None = None
        self.head = bytearray()  # of a request that has not fully arrived
        self.lines = HeadLines(limits)
        self.empty = 0  # bytes of empty lines before it
        self.chunks: ChunkLines | None = None

    def feed(self, data: bytes) -> int:
        """Parse up to the end of a message; returns how many bytes were consumed."""
        if self.connection is None:
            return self.feed_head(data)
        return self.feed_body(data)

    def feed_head(self, data: bytes) -> int:
        skipped = 0
        if not self.head:  # RFC 9112 2.2: empty lines before a request are ignored
            skipped = len(data) - len(data.lstrip(b"\r\n"))
            self.empty += skipped
            if self.empty > LONGEST_EMPTY:
                raise HttpParserError("too many empty lines before a request")
        known = len(self.head)
        self.head += data[skipped:]
        stop = self.head.find(b"\r\n\r\n", max(known - 3, 0))
        if stop >= 0:
            del self.head[stop + 4 :]
        self.lines.check(self.head, known)
        if stop < 0:
            return len(data)
        head = bytes(self.head)
        self.head.clear()
        self.lines = HeadLines(self.limits)
        self.empty = 0
        self.begin(head)
        consumed = skipped + len(head) - known
        return consumed + self.feed_body(data[consumed:])

    def begin(self, head: bytes) -> None:
        self.connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 30)
        made = read_head(head)
        if not isinstance(self.next_event(head), h11.Request):
            raise HttpParserError("the request is malformed")
        if max(made.content_length, 0) > self.limits.body:
            raise ContentTooLarge("the body is too large")
        self.chunks = ChunkLines(self.limits) if made.chunked else None
        self.sink.head(made)

    def feed_body(self, data: bytes) -> int:
        """Body, trailers and the end."""
        assert self.connection is not None
        if self.chunks is not None:
            data = data[: self.chunks.check(data)]
        event = self.next_event(data)
        while True:
            if isinstance(event, h11.Data):
                self.sink.body(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                rest = self.connection.trailing_data[0]
                self.connection = None
                self.sink.end()
                return len(data) - len(rest)
            else:
                return len(data)
            event = self.next_event(b"")

    def next_event(self, data: bytes) -> Any:
        assert self.connection is not None
        try:
            if data:
                self.connection.receive_data(data)
            return self.connection.next_event()
        except h11.RemoteProtocolError as error:
            raise HttpParserError(str(error)) from None


def read_head(head: bytes) -> RequestHead:
    """The same rules as behind llhttp; h11 would merge repeated fields before it shows them."""
    line, *fields = head[:-4].split(b"\r\n")
    match = REQUEST_LINE.fullmatch(line)
    if match is None:
        raise HttpParserError("the request line is malformed")
    method, target, version = match.groups()
    pairs = [field.partition(b":")[::2] for field in fields]
    stripped = [(name, value.strip(b" \t")) for name, value in pairs]
    return RequestHead(method.decode("ascii"), target, version.decode("ascii"), stripped)


class HeadLines:
    """Limits and strictness, on a head as it arrives, with each byte looked at once or twice."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.start = 0  # of the line that is not complete
        self.count = 0  # of those that are, the request line included
        self.size = 0  # bytes of the fields that are complete

    def check(self, head: bytearray, known: int) -> None:
        """`head` is what has arrived, of which the first `known` bytes were checked before."""
        start = max(known - 2, 0)
        if STRAY.search(head, start) or CONTROLS.search(head, start):
            raise HttpParserError("a stray CR or LF, a folded field or a control character")
        stop = head.find(b"\r\n", max(self.start, known - 1))
        while stop >= 0:
            self.check_line(head, stop)
            self.size += stop - self.start if self.count else 0
            self.count += 1
            self.start = stop + 2
            stop = head.find(b"\r\n", self.start)
        self.check_line(head, len(head))

    def check_line(self, head: bytearray, stop: int) -> None:
        """The line that ends at `stop`, or has arrived up to there."""
        length = stop - self.start
        if self.count:
            if self.size + length > self.limits.fields or (
                length and self.count > self.limits.count
            ):
                raise HeaderFieldsTooLarge("the fields are too large or too many")
            if length > self.limits.field:
                raise HeaderFieldsTooLarge("a field is too large")
            return
        if length > self.limits.request_line:
            raise UriTooLong("the request line is too long")
        method = bytes(head[: METHOD_LENGTH + 1]).partition(b" ")[0]
        if METHOD.fullmatch(method) is None:
            raise HttpParserError("the method is not a token")
        if len(method) > METHOD_LENGTH:
            raise MethodNotImplemented("the method is too long")
        if VERSION.match(head) or head.startswith(PREFACE):
            raise VersionNotSupported("the HTTP version is not supported")


class ChunkLines:
    """Follows the chunked coding beside h11, as strictly as llhttp does. RFC 9112 7.1"""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.remaining = 0  # of the current chunk, its CRLF included
        self.line = b""
        self.trailers: bytes | None = None  # not None: the last chunk has come
        self.extensions = 0
        self.body = 0  # with the chunk that has begun

    def check(self, data: bytes) -> int:
        """How many of the bytes belong to the message."""
        at = 0
        while at < len(data):
            if self.trailers is not None:
                return at + self.check_trailers(data[at:])
            if self.remaining:
                step = min(self.remaining, len(data) - at)
                self.remaining -= step
                at += step
            else:
                at += self.check_line(data[at:])
        return at

    def check_line(self, data: bytes) -> int:
        known = len(self.line)
        stop = (self.line + data).find(b"\n") + 1
        self.line = (self.line + data)[: stop or None]
        match = (SIZE_LINE if stop else SIZE_BEGUN).fullmatch(self.line)
        size, mark, extension = self.line.partition(b";")
        if mark and self.extensions + len(extension) > self.limits.chunk_extensions:
            raise ChunkExtensionsTooLarge("the chunk extensions are too long")
        if match is None:
            raise HttpParserError("the chunk size is malformed")
        if not stop:
            return len(data)
        self.extensions += len(extension)
        consumed = len(self.line) - known
        self.line = b""
        self.remaining = int(size, 16)
        self.body += self.remaining
        if self.body > self.limits.body:
            raise ContentTooLarge("the body is too large")
        if self.remaining:
            self.remaining += 2
        else:
            self.trailers = b"\r\n"
        return consumed

    def check_trailers(self, data: bytes) -> int:
        assert self.trailers is not None
        known = len(self.trailers)
        self.trailers += data
        stop = self.trailers.find(b"\r\n\r\n")
        section = self.trailers if stop < 0 else self.trailers[: stop + 4]
        if len(section) - 2 > self.limits.trailers or (
            section.count(b"\r\n") - 1 - (stop >= 0) > self.limits.count
        ):
            raise HeaderFieldsTooLarge("the trailers are too large")
        if STRAY.search(section) or CONTROLS.search(section):
            raise HttpParserError("the trailers are malformed")
        if FRAMING_TRAILER.search(section):  # RFC 9110 6.5.1
            raise HttpParserError("a framing field stands among the trailers")
        return len(section) - known
