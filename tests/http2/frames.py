"""Frames and field blocks as bytes: also those that a library of the protocol refuses to make."""

import struct
from collections.abc import Iterable

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

# RFC 9113 6, RFC 9218 7.1
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE = range(9)
CONTINUATION, PRIORITY_UPDATE = 9, 16
END_STREAM, END_HEADERS, PADDED, WITH_PRIORITY, ACK = 1, 4, 8, 32, 1

# RFC 9113 6.5.2, RFC 8441 3, RFC 9218 2.1
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE = 1, 2, 3, 4
MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE, ENABLE_CONNECT_PROTOCOL, NO_RFC7540_PRIORITIES = 5, 6, 8, 9

# RFC 9113 7
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT = range(5)
STREAM_CLOSED, FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR = range(5, 10)
ENHANCE_YOUR_CALM = 11

LARGEST_WINDOW = LARGEST_ID = (1 << 31) - 1
WINDOW = 65_535  # of a connection and of a stream, until something else is said
FRAME = 16_384  # bytes of the largest payload, until something else is said

Fields = Iterable[tuple[bytes, bytes]]


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """RFC 9113 4.1."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def padded(payload: bytes, pad: int | None, padding: bytes | None = None) -> tuple[int, bytes]:
    """The flag and the payload; `padding` when it is not so many zeros."""
    if pad is None:
        return 0, payload
    return PADDED, bytes([pad]) + payload + (bytes(pad) if padding is None else padding)


def data(
    stream: int,
    payload: bytes = b"",
    *,
    end: bool = False,
    pad: int | None = None,
    padding: bytes | None = None,
    flags: int = 0,
) -> bytes:
    """RFC 9113 6.1."""
    flag, payload = padded(payload, pad, padding)
    return frame(DATA, flags | flag | (END_STREAM if end else 0), stream, payload)


def headers(
    stream: int,
    fields: Fields | bytes,
    *,
    end: bool = True,
    done: bool = True,
    pad: int | None = None,
    padding: bytes | None = None,
    priority: bytes | None = None,
    flags: int = 0,
) -> bytes:
    """RFC 9113 6.2; `done`: no CONTINUATION follows; bytes are a field block."""
    payload = fields if isinstance(fields, bytes) else block(fields)
    if priority is not None:
        payload = priority + payload
        flags |= WITH_PRIORITY
    flag, payload = padded(payload, pad, padding)
    flags |= flag | (END_STREAM if end else 0) | (END_HEADERS if done else 0)
    return frame(HEADERS, flags, stream, payload)


def continuation(stream: int, payload: bytes, *, done: bool = True) -> bytes:
    """RFC 9113 6.10."""
    return frame(CONTINUATION, END_HEADERS if done else 0, stream, payload)


def dependency(parent: int = 0, weight: int = 15, *, exclusive: bool = False) -> bytes:
    """RFC 9113 6.3: the payload of PRIORITY."""
    return struct.pack(">IB", parent | (1 << 31 if exclusive else 0), weight)


def priority(stream: int, payload: bytes | None = None) -> bytes:
    """RFC 9113 6.3."""
    return frame(PRIORITY, 0, stream, dependency() if payload is None else payload)


def reset(stream: int, code: int = CANCEL) -> bytes:
    """RFC 9113 6.4."""
    return frame(RST_STREAM, 0, stream, struct.pack(">I", code))


def settings(*pairs: tuple[int, int], stream: int = 0, flags: int = 0) -> bytes:
    """RFC 9113 6.5."""
    payload = b"".join(struct.pack(">HI", name, value) for name, value in pairs)
    return frame(SETTINGS, flags, stream, payload)


def push_promise(stream: int, promised: int, fields: Fields) -> bytes:
    """RFC 9113 6.6."""
    return frame(PUSH_PROMISE, END_HEADERS, stream, struct.pack(">I", promised) + block(fields))


def ping(payload: bytes = b"01234567", *, ack: bool = False, stream: int = 0) -> bytes:
    """RFC 9113 6.7."""
    return frame(PING, ACK if ack else 0, stream, payload)


def goaway(last: int = 0, code: int = NO_ERROR, debug: bytes = b"", *, stream: int = 0) -> bytes:
    """RFC 9113 6.8."""
    return frame(GOAWAY, 0, stream, struct.pack(">II", last, code) + debug)


def window(stream: int, increment: int) -> bytes:
    """RFC 9113 6.9."""
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", increment))


def priority_update(stream: int, value: bytes, *, on: int = 0) -> bytes:
    """RFC 9218 7.1."""
    return frame(PRIORITY_UPDATE, 0, on, struct.pack(">I", stream) + value)


# RFC 7541: what is made here depends on nothing that was sent before.


def integer(value: int, bits: int, first: int = 0) -> bytes:
    """RFC 7541 5.1; `first` has the bits above the prefix."""
    most = (1 << bits) - 1
    if value < most:
        return bytes([first | value])
    made = bytearray([first | most])
    value -= most
    while value >= 128:
        made.append(value % 128 | 128)
        value //= 128
    return bytes([*made, value])


def string(text: bytes) -> bytes:
    """RFC 7541 5.2, without Huffman."""
    return integer(len(text), 7) + text


def indexed(index: int) -> bytes:
    """RFC 7541 6.1."""
    return integer(index, 7, 0x80)


def literal(name: bytes | int, value: bytes, *, first: int = 0) -> bytes:
    """RFC 7541 6.2.2; `first` 0x10 is never indexed (6.2.3), a name may be an index."""
    if isinstance(name, int):
        return integer(name, 4, first) + string(value)
    return bytes([first]) + string(name) + string(value)


def added(name: bytes | int, value: bytes) -> bytes:
    """RFC 7541 6.2.1: a literal that enters the table."""
    if isinstance(name, int):
        return integer(name, 6, 0x40) + string(value)
    return b"\x40" + string(name) + string(value)


def table_size(size: int) -> bytes:
    """RFC 7541 6.3."""
    return integer(size, 5, 0x20)


def block(fields: Fields) -> bytes:
    """A field block of literals."""
    return b"".join(literal(name, value) for name, value in fields)


def pieces(text: bytes, size: int) -> list[bytes]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def request(
    method: bytes = b"GET",
    path: bytes = b"/",
    *more: tuple[bytes, bytes],
    scheme: bytes = b"http",
    authority: bytes = b"h",
) -> list[tuple[bytes, bytes]]:
    """The fields of a request."""
    pseudo = [(b":method", method), (b":scheme", scheme), (b":authority", authority)]
    return [*pseudo, (b":path", path), *more]


GET = request()
POST = request(b"POST")
