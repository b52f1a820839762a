"""A raw client: a socket after its handshake, and the frames that come back."""

import socket
import struct
from collections.abc import Iterable
from typing import Any

from .cases import close

KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455 1.3's example

Frame = tuple[int, bytes]


def head(extension: str = "", *, path: str = "/", **fields: str) -> bytes:
    """An opening handshake; a field given as "" is left out."""
    lines = {
        "host": "localhost",
        "upgrade": "websocket",
        "connection": "Upgrade",
        "sec-websocket-version": "13",
        "sec-websocket-key": KEY,
        "sec-websocket-extensions": extension,
    }
    lines |= {name.replace("_", "-"): value for name, value in fields.items()}
    text = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
    return f"GET {path} HTTP/1.1\r\n{text}\r\n".encode()


class Client:
    """One connection; every wait has a deadline, so that a hang is a failure."""

    def __init__(self, server: Any, request: bytes | None = None) -> None:
        (port,) = server.server.ports
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        if request == b"":
            return  # the caller sends it, and reads the response
        self.socket.sendall(request or head())
        try:
            self.response = self.until(b"\r\n\r\n")
        except BaseException:
            self.socket.close()
            raise

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    @property
    def status(self) -> int:
        return int(self.response.split()[1])

    def send(self, *pieces: bytes) -> None:
        """Send, one write for each piece; a server that has hung up is not an error here."""
        try:
            for piece in pieces:
                self.socket.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def until(self, mark: bytes) -> bytes:
        while mark not in self.buffer:
            if not self._more():
                raise EOFError(self.buffer)
        found, _, self.buffer = self.buffer.partition(mark)
        return found + mark

    def take(self, size: int) -> bytes:
        while len(self.buffer) < size:
            if not self._more():
                raise EOFError(self.buffer)
        found, self.buffer = self.buffer[:size], self.buffer[size:]
        return found

    def rest(self) -> bytes:
        """Everything until the server closes."""
        while self._more():
            pass
        found, self.buffer = self.buffer, b""
        return found

    def frame(self) -> Frame:
        first, second = self.take(2)
        assert second < 0x80, "a server never masks"  # RFC 6455 5.1
        assert first & 0xB0 == 0x80, "this server neither fragments nor sets a reserved bit"
        length = second
        if second == 126:
            (length,) = struct.unpack("!H", self.take(2))
        elif second == 127:
            (length,) = struct.unpack("!Q", self.take(8))
        return first & 0x4F, self.take(length)

    def frames(self) -> list[Frame]:
        """All frames until the server closes, which it must do between two of them."""
        seen = []
        try:
            while True:
                if not self.buffer and not self._more():
                    return seen
                seen.append(self.frame())
        finally:
            self.socket.close()

    def close(self, code: int = 1000) -> list[Frame]:
        self.send(close(code))
        return self.frames()

    def _more(self) -> bool:
        data = self.socket.recv(1 << 16)
        self.buffer += data
        return bool(data)


def in_pieces(data: bytes, most: int = 400) -> Iterable[bytes]:
    """Byte by byte, or in `most` pieces of what is longer."""
    step = max(1, len(data) // most)
    return (data[i : i + step] for i in range(0, len(data), step))
