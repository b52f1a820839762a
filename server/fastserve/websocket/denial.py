"""A denial: the HTTP answer an app gives in place of a WebSocket (`websocket.http.response`)."""

from collections.abc import Iterable

from fastserve.websocket.handshake import response_head

__all__ = ["Denial"]

BODILESS = (204, 304)  # RFC 9110 6.4.1


class Denial:
    """The bytes of one answer; the head goes out with the first of the body, which frames it."""

    __slots__ = ("_chunked", "_headers", "_owed", "_ready", "_status")

    def __init__(self, status: int, headers: Iterable[tuple[bytes, bytes]], ready: bytes) -> None:
        """ValueError on a status that cannot end an HTTP exchange."""
        if not isinstance(status, int) or not 200 <= status <= 599:
            raise ValueError(f"status {status!r} of a denial: use 200 to 599")
        self._status = status
        self._headers: list[tuple[bytes, bytes]] | None = [(n.lower(), v) for n, v in headers]
        self._ready = ready
        self._chunked = False
        self._owed = 0
        if any(name == b"transfer-encoding" for name, _ in self._headers):
            raise ValueError("transfer-encoding is the server's own field")

    def body(self, data: bytes, more: bool) -> bytes:
        """The next bytes to send; ValueError when `data` does not fit the content-length."""
        head = b""
        if self._headers is not None:
            head = self._head(self._headers, None if more else len(data))
            self._headers = None
        if self._status in BODILESS:
            data = b""
        elif self._chunked:
            data = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
            data += b"" if more else b"0\r\n\r\n"
        else:
            self._owed -= len(data)
            if self._owed < 0 or (self._owed and not more):
                raise ValueError("the body of a denial is not as long as its content-length")
        return head + data

    def _head(self, headers: list[tuple[bytes, bytes]], size: int | None) -> bytes:
        declared = [value for name, value in headers if name == b"content-length"]
        if self._status in BODILESS:
            return response_head(self._status, headers, self._ready)
        if declared:
            self._owed = int(declared[0])
        elif size is not None:
            self._owed = size
            headers.append((b"content-length", b"%d" % size))
        else:
            self._chunked = True
            headers.append((b"transfer-encoding", b"chunked"))
        return response_head(self._status, headers, self._ready)
