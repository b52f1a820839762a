"""A strict HTTP/1.1 client over a raw socket: what a server writes must be right to the byte."""

import re
import select
import socket
from dataclasses import dataclass, field

WAIT = 30.0  # seconds until a test fails for want of what it waits for

STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-9][0-9]{2}) ([\t\x20-\x7e\x80-\xff]*)")
TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
FIELD_LINE = re.compile(rb"(" + TOKEN + rb"):[ \t]*([^\r\n\0]*?)[ \t]*")
CHUNK_LINE = re.compile(rb"[0-9A-Fa-f]{1,16}")


class WireError(AssertionError):
    """The server wrote what HTTP/1.1 does not allow."""


@dataclass
class Response:
    """One response; `headers` has lower-case names, `interim` the 1xx responses before it."""

    status: int
    reason: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes = b""
    trailers: list[tuple[bytes, bytes]] = field(default_factory=list)
    framing: str = ""  # none, length, chunked or close
    chunks: list[int] = field(default_factory=list)
    interim: list["Response"] = field(default_factory=list)

    def get(self, name: bytes) -> bytes | None:
        """The value of the only field of this name."""
        values = [value for key, value in self.headers if key == name]
        if len(values) > 1:
            raise WireError(f"{name!r} stands several times")
        return values[0] if values else None

    def all(self, name: bytes) -> list[bytes]:
        return [value for key, value in self.headers if key == name]

    @property
    def closes(self) -> bool:
        options = b",".join(self.all(b"connection")).lower().split(b",")
        return b"close" in [option.strip() for option in options]


class Client:
    """One connection; `method` of `response()` is that of the request it answers."""

    def __init__(self, sock: socket.socket, pause=None, wait: float = WAIT) -> None:
        self.socket = sock
        self.data = b""
        self.ended = False
        self.pause = pause  # lets the server read what was sent so far
        self.tolerant = False  # of an early end of input, of resets, of HTTP/1.0 in answers
        sock.settimeout(wait)
        if sock.family == socket.AF_INET:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.socket.close()

    # -- sending

    def send(self, *pieces: bytes) -> None:
        """Each piece in a segment of its own."""
        for number, piece in enumerate(pieces):
            if number and self.pause is not None:
                self.pause()
            if self.tolerant and self.refused():
                return
            self.socket.sendall(piece)

    def refused(self) -> bool:
        """The end is there already, or an answer that says that something was wrong."""
        if not select.select([self.socket], [], [], 0)[0]:
            return False
        try:
            answer = self.socket.recv(12, socket.MSG_PEEK)
        except ConnectionError:
            return True
        return not answer or answer[9:10] in (b"4", b"5")

    def send_bytewise(self, data: bytes) -> None:
        self.send(*(data[i : i + 1] for i in range(len(data))))

    def fill(self, data: bytes, most: int) -> int:
        """Send this over and over until the server stops reading; how many bytes went."""
        sent = tries = 0
        wait = self.socket.gettimeout()
        self.socket.setblocking(False)
        while sent < most and tries < 20:
            try:
                sent += self.socket.send(data[sent % len(data) :])
                tries = 0
            except BlockingIOError:
                tries += 1
                self.pause()
            except ConnectionError:
                break
        self.socket.settimeout(wait)
        return sent

    def end(self) -> None:
        """Half-close: nothing more is sent."""
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Go away without a word."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    # -- reading

    def more(self) -> bool:
        if self.ended:
            return False
        try:
            part = self.socket.recv(65536)
        except ConnectionError:
            if not self.tolerant:
                raise
            part = b""
        self.data += part
        self.ended = not part
        return not self.ended

    def take(self, count: int) -> bytes:
        parts, missing = [], count
        while len(self.data) < missing:
            parts.append(self.data)
            missing -= len(self.data)
            self.data = b""
            if not self.more():
                self.data = b"".join(parts)
                raise WireError(f"closed {missing} bytes early: {self.data[:200]!r}")
        parts.append(self.data[:missing])
        self.data = self.data[missing:]
        return b"".join(parts)

    def line(self) -> bytes:
        while (stop := self.data.find(b"\n")) < 0:
            if not self.more():
                raise WireError(f"closed in a line: {self.data[:200]!r}")
        line = self.take(stop + 1)
        if line[-2:] != b"\r\n" or b"\r" in line[:-2]:
            raise WireError(f"a line without CR LF: {line!r}")
        return line[:-2]

    def fields(self) -> list[tuple[bytes, bytes]]:
        found = []
        while line := self.line():
            match = FIELD_LINE.fullmatch(line)
            if match is None:
                raise WireError(f"not a field: {line!r}")
            found.append((match[1].lower(), match[2]))
        return found

    def head(self) -> Response:
        line = self.line()
        if self.tolerant and line.startswith(b"HTTP/1.0 "):
            line = line.replace(b"1.0", b"1.1", 1)
        match = STATUS_LINE.fullmatch(line)
        if match is None:
            raise WireError(f"not a status line: {line!r}")
        return Response(int(match[1]), match[2], self.fields())

    def response(self, method: str = "GET") -> Response:
        """The final response, RFC 9112 6.3."""
        interim = []
        while True:
            found = self.head()
            if found.status >= 200 or found.status == 101:
                break
            if found.get(b"content-length") or found.get(b"transfer-encoding"):
                raise WireError("RFC 9110 8.6: an interim response has no Content-Length")
            interim.append(found)
        found.interim = interim
        self.body_of(found, method)
        return found

    def body_of(self, found: Response, method: str) -> None:
        coding, length = found.get(b"transfer-encoding"), found.get(b"content-length")
        if coding is not None and length is not None:
            raise WireError("Transfer-Encoding beside Content-Length")
        if length is not None and not length.isdigit():
            raise WireError(f"Content-Length {length!r}")
        if found.status == 204 and (coding or length):
            raise WireError("RFC 9110 8.6 and 9112 6.1: a 204 has neither")
        if method == "HEAD" or found.status in (101, 204, 304):
            found.framing = "none"
        elif coding is not None:
            if coding != b"chunked":
                raise WireError(f"Transfer-Encoding {coding!r}")
            found.framing = "chunked"
            self.chunked(found)
        elif length is not None:
            found.framing = "length"
            found.body = self.take(int(length))
        else:
            found.framing = "close"
            found.body = self.rest()

    def chunked(self, found: Response) -> None:
        parts = []
        try:
            while size := self.chunk_size():
                found.chunks.append(size)
                parts.append(self.take(size))
                if self.take(2) != b"\r\n":
                    raise WireError("a chunk without CR LF behind it")
        finally:
            found.body = b"".join(parts)
        found.trailers = self.fields()

    def chunk_size(self) -> int:
        line = self.line()
        if CHUNK_LINE.fullmatch(line) is None:
            raise WireError(f"not a chunk size: {line!r}")
        return int(line, 16)

    def rest(self) -> bytes:
        """Everything until the server closes; a reset is an error."""
        parts = []
        while True:
            parts.append(self.data)
            self.data = b""
            if not self.more():
                return b"".join(parts)

    def closed(self) -> None:
        """The server closes, and writes nothing more before it does."""
        rest = self.rest()
        if rest:
            raise WireError(f"bytes behind the response: {rest[:200]!r}")
