"""A strict HTTP/2 client over `wire.Client`: what a server writes must be right to the byte.

It sends bytes as they are, however wrong, and judges only what comes back.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import hpack
from hyperframe import frame as frames
from wire import WireError

from .frames import (
    FRAME,
    HEADER_TABLE_SIZE,
    INITIAL_WINDOW_SIZE,
    LARGEST_WINDOW,
    MAX_FRAME_SIZE,
    WINDOW,
    ping,
    settings,
    window,
)

HEAD = 9  # bytes of a frame before its payload
UNREAD = 1 << 24  # bytes of a field list that a client takes
# RFC 9113 8.2.2
CONNECTION_SPECIFIC = {
    b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade",
}  # fmt: skip

List = list[tuple[bytes, bytes]]


@dataclass
class Stream:
    """What came back on one stream, and what may still come."""

    number: int
    window: int  # that the server may still fill
    method: str = "GET"
    interim: list[tuple[int, List]] = field(default_factory=list)
    status: int = 0  # of the final response
    headers: List = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    trailers: List | None = None
    ended: bool = False
    reset: int | None = None  # the error code
    credit: int = 0  # that the server added for what the client sends
    order: list[int] = field(default_factory=list)  # when its DATA came, in frames

    @property
    def over(self) -> bool:
        return self.ended or self.reset is not None

    def get(self, name: bytes) -> bytes | None:
        """The value of the only field of this name."""
        values = [value for key, value in self.headers if key == name]
        if len(values) > 1:
            raise WireError(f"{name!r} stands several times")
        return values[0] if values else None


class Connection:
    """One connection. By default it acknowledges settings and opens windows as it reads."""

    def __init__(self, client: Any, *, acks: bool = True, windows: bool = True) -> None:
        self.client = client
        self.acks = acks
        self.windows = windows
        self.frames = 0
        self.streams: dict[int, Stream] = {}
        self.method = "GET"  # of all requests
        self.initial = WINDOW  # of new streams, for the server's DATA
        self.window = WINDOW  # of the connection
        self.credit = 0  # of the connection, added for what the client sends
        self.largest = FRAME  # payload that the server may send
        self.settings: dict[int, int] = {}
        self.settings_seen = 0
        self.acknowledged = 0  # of the client's SETTINGS
        self.pongs: list[bytes] = []
        self.goaways: list[tuple[int, int, bytes]] = []  # last stream, code, debug data
        self.decoder = hpack.Decoder(max_header_list_size=UNREAD)
        self.decoder.max_allowed_table_size = 4096
        self.block: tuple[int, bool, bytearray] | None = None  # that is not complete
        self.abrupt = False  # a reset of the connection is fine after a GOAWAY

    # -- sending

    def send(self, *pieces: bytes) -> None:
        """A server that has hung up is not an error here."""
        with contextlib.suppress(OSError):
            self.client.send(*pieces)

    def grant(self, stream: int, increment: int) -> bytes:
        """A WINDOW_UPDATE, remembered as given."""
        if stream:
            self.stream(stream).window += increment
        else:
            self.window += increment
        return window(stream, increment)

    def resize(self, size: int) -> bytes:
        """SETTINGS with another initial window. RFC 9113 6.9.2: it changes streams as well."""
        for stream in self.streams.values():
            stream.window += size - self.initial
        self.initial = size
        return settings((INITIAL_WINDOW_SIZE, size))

    def stream(self, number: int) -> Stream:
        if number not in self.streams:
            self.streams[number] = Stream(number, self.initial, self.method)
        return self.streams[number]

    # -- reading

    @property
    def ended(self) -> bool:
        """The server has closed, and all that it wrote is read."""
        return self.client.ended and len(self.client.data) < HEAD

    def wait(self, condition: Callable[[], Any], what: str = "what is waited for") -> None:
        """Read until the condition holds or the server closes."""
        try:
            while not condition() and self.read():
                pass
        except WireError:
            raise
        except (TimeoutError, AssertionError):  # of a socket, of the fake transport
            raise AssertionError(f"{what} does not come: {self}") from None

    def read(self) -> bool:
        """One frame; false: the server has closed."""
        client = self.client
        while len(client.data) < HEAD:
            if not self.more():
                return self.end()
        head, length = frames.Frame.parse_frame_header(memoryview(client.data[:HEAD]))
        if length > self.largest:
            raise WireError(f"RFC 9113 4.2: {length} bytes in a frame")
        while len(client.data) < HEAD + length:
            if not self.more():
                return self.end()
        payload = client.data[HEAD : HEAD + length]
        client.data = client.data[HEAD + length :]
        head.parse_body(memoryview(payload))
        self.frames += 1
        self.see(head)
        return True

    def more(self) -> bool:
        try:
            return bool(self.client.more())
        except ConnectionResetError:
            if not (self.abrupt and self.goaways):
                raise
            self.client.ended = True
            return False

    def end(self) -> bool:
        if self.client.data and not self.client.tolerant:
            raise WireError(f"closed in a frame: {self.client.data[:40]!r}")
        self.client.data = b""
        return False

    def see(self, frame: Any) -> None:
        if self.frames == 1 and (type(frame) is not frames.SettingsFrame or "ACK" in frame.flags):
            raise WireError(f"RFC 9113 3.4: the server begins with {frame}")
        if self.block is not None and type(frame) is not frames.ContinuationFrame:
            raise WireError(f"RFC 9113 6.10: {frame} in a field block")
        name = "see_" + type(frame).__name__.removesuffix("Frame").lower()
        getattr(self, name, self.see_other)(frame)

    def see_other(self, frame: Any) -> None:
        raise WireError(f"a server does not send {frame}")

    def see_altsvc(self, frame: Any) -> None:
        """RFC 7838."""

    def see_extension(self, frame: Any) -> None:
        """RFC 9113 5.5."""

    def see_settings(self, frame: Any) -> None:
        if "ACK" in frame.flags:
            self.acknowledged += 1
            return
        self.settings_seen += 1
        self.settings |= frame.settings
        if self.acks:
            self.send(settings(flags=1))

    def see_ping(self, frame: Any) -> None:
        if "ACK" in frame.flags:
            self.pongs.append(frame.opaque_data)
        elif self.acks:
            self.send(ping(frame.opaque_data, ack=True))

    def see_goaway(self, frame: Any) -> None:
        if self.goaways and frame.last_stream_id > self.goaways[-1][0]:
            raise WireError("RFC 9113 6.8: a later GOAWAY has a higher stream")
        self.goaways.append((frame.last_stream_id, frame.error_code, frame.additional_data))

    def see_windowupdate(self, frame: Any) -> None:
        if frame.stream_id:
            self.open(frame.stream_id).credit += frame.window_increment
        else:
            self.credit += frame.window_increment

    def see_rststream(self, frame: Any) -> None:
        stream = self.stream(frame.stream_id)
        if stream.reset is None:  # RFC 9113 5.4.2: more of them are allowed, and say nothing new
            stream.reset = frame.error_code

    def see_headers(self, frame: Any) -> None:
        self.block = frame.stream_id, "END_STREAM" in frame.flags, bytearray(frame.data)
        if "END_HEADERS" in frame.flags:
            self.see_block()

    def see_continuation(self, frame: Any) -> None:
        if self.block is None or self.block[0] != frame.stream_id:
            raise WireError(f"RFC 9113 6.10: {frame} without its HEADERS")
        self.block[2].extend(frame.data)
        if "END_HEADERS" in frame.flags:
            self.see_block()

    def open(self, number: int) -> Stream:
        """A stream on which the server may still send."""
        if number % 2 == 0:
            raise WireError(f"RFC 9113 5.1.1: {number} is not one of the client's streams")
        return self.stream(number)

    def writable(self, number: int) -> Stream:
        stream = self.open(number)
        if stream.over:
            raise WireError(f"RFC 9113 5.1: a frame on stream {number} after its end")
        return stream

    def see_block(self) -> None:
        assert self.block is not None
        number, last, block = self.block
        self.block = None
        fields = self.decoder.decode(bytes(block), raw=True)
        found = [(bytes(name), bytes(value)) for name, value in fields]
        stream = self.writable(number)
        if stream.status:
            if not last:
                raise WireError("RFC 9113 8.1: trailers without END_STREAM")
            stream.trailers = checked(found)
        else:
            self.see_head(stream, found, last)
        if last:
            self.see_end(stream)

    def see_head(self, stream: Stream, found: List, last: bool) -> None:
        if not found or found[0][0] != b":status":
            raise WireError(f"RFC 9113 8.3.2: no :status first: {found}")
        value = found[0][1]
        if len(value) != 3 or not value.isdigit():
            raise WireError(f"RFC 9110 15: :status {value!r}")
        status, headers = int(value), checked(found[1:])
        if status >= 200:
            stream.status, stream.headers = status, headers
        elif last or status == 101:
            raise WireError(f"RFC 9113 8.1, 8.6: an interim {status}")
        else:
            stream.interim.append((status, headers))

    def see_data(self, frame: Any) -> None:
        stream = self.writable(frame.stream_id)
        if not stream.status:
            raise WireError("RFC 9113 8.1: DATA before the head")
        size = frame.flow_controlled_length
        stream.window -= size
        self.window -= size
        if size and min(stream.window, self.window) < 0:
            raise WireError(f"RFC 9113 6.9.1: more DATA than windows on stream {stream.number}")
        stream.body += frame.data
        stream.order.append(self.frames)
        if "END_STREAM" in frame.flags:
            self.see_end(stream)
        if size and self.windows:
            self.send(self.grant(0, size))
            if not stream.ended:
                self.send(self.grant(stream.number, size))

    def see_end(self, stream: Stream) -> None:
        stream.ended = True
        length = stream.get(b"content-length")
        none = stream.method == "HEAD" or stream.status in (204, 304)
        if none and stream.body:
            raise WireError(f"RFC 9110 6.4.1: a {stream.status} with a body")
        if stream.status == 204 and length is not None:
            raise WireError("RFC 9110 8.6: a 204 with Content-Length")
        if length is not None and not none and int(length) != len(stream.body):
            raise WireError(f"RFC 9113 8.1.1: {len(stream.body)} bytes, Content-Length {length!r}")

    def apply(self, name: int, value: int) -> None:
        """One of the client's own settings, from when on the server must obey it."""
        if name == HEADER_TABLE_SIZE:
            self.decoder.max_allowed_table_size = value
        elif name == MAX_FRAME_SIZE:
            self.largest = value
        elif name == INITIAL_WINDOW_SIZE:
            self.initial = value

    # -- what is left of the server's windows

    def room(self, number: int, sent: int) -> int:
        """How many bytes of DATA may follow those already sent on the stream."""
        initial = self.settings.get(INITIAL_WINDOW_SIZE, WINDOW)
        return min(initial + self.stream(number).credit, WINDOW + self.credit) - sent

    def __str__(self) -> str:
        streams = [
            f"{stream.number}: {stream.status or '-'} {len(stream.body)} bytes"
            f"{' ended' if stream.ended else ''}"
            f"{'' if stream.reset is None else f' RST_STREAM {stream.reset:#x}'}"
            for stream in self.streams.values()
        ]
        gone = [f"GOAWAY {code:#x} after {last}" for last, code, _ in self.goaways]
        end = ["closed"] if self.client.ended else []
        return ", ".join([*streams, *gone, *end]) or "nothing came"


def checked(fields: List) -> List:
    """Fields of a response or its trailers, RFC 9113 8.2."""
    for name, value in fields:
        if name != name.lower() or not name or name[:1] == b":":
            raise WireError(f"RFC 9113 8.2.1, 8.3: the field {name!r}")
        if name in CONNECTION_SPECIFIC:
            raise WireError(f"RFC 9113 8.2.2: {name!r} is of the connection")
        if any(byte in b"\r\n\0" for byte in value) or value != value.strip(b" \t"):
            raise WireError(f"RFC 9113 8.2.1: the value {value!r}")
    return fields


def most_added(size: int) -> int:
    """The increment that fills a window."""
    return LARGEST_WINDOW - size
