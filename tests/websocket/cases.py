"""What a server must make of what a client sends: bytes in, events out, by clause."""

import random
import struct
import zlib
from dataclasses import dataclass

from fastserve.websocket import Close, Ping, Pong, encode

MAX_SIZE = 70_000
MAX_FRAGMENTS = 16
KEY = b"\x12\x9a\x05\xf0"

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10

Event = str | bytes | Ping | Pong | Close | int


@dataclass(frozen=True)
class Case:
    """`data` from a client gives `events`; an int as the last of them is the code of an error."""

    id: str
    data: bytes
    events: tuple[Event, ...]
    extension: str = ""


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv1: bool = False) -> bytes:
    return encode(opcode, payload, fin=fin, rsv1=rsv1, key=KEY)


def part(opcode: int, payload: bytes = b"") -> bytes:
    return frame(opcode, payload, fin=False)


def close(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, struct.pack("!H", code) + reason)


def head(first: int, second: int, length: bytes = b"") -> bytes:
    return bytes([first, second]) + length + KEY


CASES: list[Case] = []


def case(name: str, data: bytes, *events: Event, extension: str = "") -> None:
    CASES.append(Case(name, data, events, extension))


HI = frame(TEXT, b"Hi")

# RFC 6455 5.1: a client masks every frame
for name, opcode in (("text", TEXT), ("binary", BINARY), ("ping", PING), ("close", CLOSE)):
    case(f"5.1-unmasked-{name}", encode(opcode, b"\x03\xe8"), 1002)
case("5.1-unmasked-second", HI + encode(TEXT, b"no"), "Hi", 1002)

# 5.2: reserved bits, opcodes, lengths
for bits in (0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70):
    case(f"5.2-rsv-{bits >> 4}", head(0x81 | bits, 0x80), 1002)
case("5.2-rsv-on-ping", head(0xC9, 0x80), 1002)
case("5.2-rsv-on-close", head(0xA8, 0x80), 1002)
case("5.2-rsv-on-continuation", part(TEXT, b"a") + head(0xA0, 0x80), 1002)
case("5.2-rsv-after-message", HI + head(0xA1, 0x80), "Hi", 1002)
for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
    case(f"5.2-opcode-{opcode}", head(0x80 | opcode, 0x80), 1002)
case("5.2-opcode-3-unfinished", head(0x03, 0x80), 1002)
for size in (0, 1, 2, 124, 125, 126, 127, 128, 65535, 65536):
    case(f"5.2-length-text-{size}", frame(TEXT, b"*" * size), "*" * size)
    case(f"5.2-length-binary-{size}", frame(BINARY, b"\xfe" * size), b"\xfe" * size)
for size in (0, 1, 125):
    length = struct.pack("!H", size)
    case(f"5.2-length-not-minimal-16-{size}", head(0x82, 0xFE, length) + b"*" * size, 1002)
for size in (0, 125, 126, 65535):
    length = struct.pack("!Q", size)
    case(f"5.2-length-not-minimal-64-{size}", head(0x82, 0xFF, length) + b"*" * size, 1002)
case("5.2-length-top-bit", head(0x82, 0xFF, struct.pack("!Q", 1 << 63)), 1002)

# 5.3: any key
for name, key in (("zeros", b"\0\0\0\0"), ("ones", b"\xff" * 4), ("ascii", b"a\x80b\x7f")):
    body = bytes(range(97, 123)) + b"0123456789" * 3
    case(f"5.3-key-{name}", encode(TEXT, body, key=key), body.decode())
    case(f"5.3-key-{name}-binary", encode(BINARY, bytes(range(256)), key=key), bytes(range(256)))
for size in range(7, 18):
    case(f"5.3-tail-{size}", frame(BINARY, bytes(range(size))), bytes(range(size)))

# 5.4: fragments
case("5.4-two", part(TEXT, b"He") + frame(CONT, b"llo"), "Hello")
case("5.4-three", part(TEXT, b"H") + part(CONT, b"el") + frame(CONT, b"lo"), "Hello")
case("5.4-binary", part(BINARY, b"\xff") + frame(CONT, b"\xfe"), b"\xff\xfe")
case("5.4-empty-fragments", part(TEXT) + part(CONT) + frame(CONT), "")
case("5.4-empty-then-data", part(TEXT) + part(CONT, b"middle") + frame(CONT), "middle")
case(
    "5.4-large", part(BINARY, b"a" * 30000) + frame(CONT, b"b" * 30000), b"a" * 30000 + b"b" * 30000
)
case("5.4-two-messages", (part(TEXT, b"a") + frame(CONT, b"b")) * 2, "ab", "ab")
case("5.4-continuation-first", frame(CONT, b"x"), 1002)
case("5.4-unfinished-continuation-first", part(CONT, b"x"), 1002)
case("5.4-continuation-after-message", HI + frame(CONT, b"x"), "Hi", 1002)
case("5.4-continuation-after-fragments", part(TEXT, b"a") + frame(CONT) + frame(CONT), "a", 1002)
case("5.4-text-inside-text", part(TEXT, b"a") + frame(TEXT, b"b"), 1002)
case("5.4-binary-inside-text", part(TEXT, b"a") + part(CONT, b"b") + frame(BINARY), 1002)
case("5.4-unfinished-text-inside-text", part(TEXT, b"a") + part(TEXT, b"b"), 1002)
case("5.4-ping-between", part(TEXT, b"a") + frame(PING, b"p") + frame(CONT, b"b"), Ping(b"p"), "ab")
case("5.4-pong-between", part(TEXT, b"a") + frame(PONG, b"p") + frame(CONT, b"b"), Pong(b"p"), "ab")
case(
    "5.4-pings-between",
    part(TEXT, b"a") + frame(PING, b"1") + part(CONT, b"b") + frame(PING, b"2") + frame(CONT, b"c"),
    Ping(b"1"),
    Ping(b"2"),
    "abc",
)
case("5.4-close-between", part(TEXT, b"a") + close(1000) + frame(CONT, b"b"), Close(1000, ""))
case("5.4-as-many-as-allowed", part(TEXT) + part(CONT, b"x") * 14 + frame(CONT), "x" * 14)
case("5.4-too-many", part(TEXT) + part(CONT, b"x") * 16, 1009)

# 5.5: control frames
case("5.5-ping-unfinished", head(0x09, 0x80), 1002)
case("5.5-pong-unfinished", head(0x0A, 0x80), 1002)
case("5.5-close-unfinished", head(0x08, 0x80), 1002)
case("5.5-ping-126", frame(PING, b"x" * 126), 1002)
case("5.5-pong-126", frame(PONG, b"x" * 126), 1002)
case("5.5-close-126", close(1000, b"x" * 124), 1002)
case("5.5-ping-long-form", head(0x89, 0xFF, struct.pack("!Q", 5)), 1002)
case("5.5.2-ping-empty", frame(PING), Ping(b""))
case("5.5.2-ping-125", frame(PING, b"\xff" * 125), Ping(b"\xff" * 125))
case("5.5.2-ping-text", frame(PING, b"hello"), Ping(b"hello"))
case(
    "5.5.2-pings",
    b"".join(frame(PING, b"%d" % i) for i in range(10)),
    *(Ping(b"%d" % i) for i in range(10)),
)
case("5.5.2-ping-between-messages", HI + frame(PING, b"p") + HI, "Hi", Ping(b"p"), "Hi")
case("5.5.3-pong-unasked", frame(PONG, b"x"), Pong(b"x"))
case("5.5.3-pong-empty", frame(PONG), Pong(b""))
case("5.5.3-pong-then-ping", frame(PONG, b"x") + frame(PING, b"y"), Pong(b"x"), Ping(b"y"))

# 5.5.1, 7.1.5, 7.1.6 and 7.4: Close
case("5.5.1-empty", frame(CLOSE), Close(1005, ""))
case("5.5.1-one-byte", frame(CLOSE, b"\x03"), 1002)
case("5.5.1-after-message", HI + close(1000, b"bye"), "Hi", Close(1000, "bye"))
case("5.5.1-ignore-text-after", close(1000) + HI, Close(1000, ""))
case("5.5.1-ignore-ping-after", close(1000) + frame(PING), Close(1000, ""))
case("5.5.1-ignore-second", close(1000) + close(1001), Close(1000, ""))
case("5.5.1-ignore-error-after", close(1000) + b"\xff\xff\xff", Close(1000, ""))
case("7.1.6-reason", close(1000, "Zürich ✓".encode()), Close(1000, "Zürich ✓"))
case("7.1.6-reason-123", close(4000, b"r" * 123), Close(4000, "r" * 123))
case("7.1.6-reason-not-utf8", close(1000, b"caf\xe9"), 1007)
case("7.1.6-reason-surrogate", close(1000, b"\xed\xa0\x80"), 1007)
for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014):
    case(f"7.4.1-{code}", close(code), Close(code, ""))
for code in (3000, 3001, 3999, 4000, 4999):
    case(f"7.4.2-{code}", close(code), Close(code, ""))
for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535):
    case(f"7.4-{code}-must-not-be-sent", close(code), 1002)

# 8.1 and RFC 3629: UTF-8, as early as it can be known
VALID = {
    "kosme": "κόσμε",
    "two-bytes": "\x80߿",
    "three-bytes": "ࠀ￿",
    "around-surrogates": "퟿",
    "four-bytes": "𐀀\U0010ffff",
    "nul": "\0",
    "bom": "\ufeffx",
    "noncharacters": "\ufdd0\ufffe",
    "long": "añb€c𝄞" * 300,
    "ascii-then": "a" * 37 + "é",
    "then-ascii": "é" + "a" * 37,
}
for name, text in VALID.items():
    data = text.encode()
    case(f"8.1-{name}", frame(TEXT, data), text)
    cut = len(data) - len(text[-1].encode()) + 1 if len(text[-1].encode()) > 1 else 1
    case(f"8.1-{name}-in-fragments", part(TEXT, data[:cut]) + frame(CONT, data[cut:]), text)
INVALID = {
    "lone-continuation": b"\x80",
    "lone-continuation-last": b"a\xbf",
    "overlong-2": b"\xc0\xaf",
    "overlong-2-high": b"\xc1\xbf",
    "overlong-3": b"\xe0\x80\xaf",
    "overlong-3-high": b"\xe0\x9f\xbf",
    "overlong-4": b"\xf0\x80\x80\xaf",
    "overlong-4-high": b"\xf0\x8f\xbf\xbf",
    "five-bytes": b"\xf8\x88\x80\x80\x80",
    "six-bytes": b"\xfc\x84\x80\x80\x80\x80",
    "surrogate-low": b"\xed\xa0\x80",
    "surrogate-high": b"\xed\xbf\xbf",
    "surrogate-pair": b"\xed\xa1\x8c\xed\xbe\xb4",
    "past-10ffff": b"\xf4\x90\x80\x80",
    "f5": b"\xf5\x80\x80\x80",
    "fe": b"\xfe",
    "ff": b"\xff",
    "latin-1": b"caf\xe9 noir",
    "continuation-missing": b"\xe2\x82x",
    "third-missing": b"\xf0\x9d\x84 ",
}
for name, data in INVALID.items():
    case(f"8.1-not-{name}", frame(TEXT, b"prefix: " + data), 1007)
for name, data in (("two", b"\xc3"), ("three", b"\xe2\x82"), ("four", b"\xf0\x9d\x84")):
    case(f"8.1-not-cut-{name}", frame(TEXT, b"cut " + data), 1007)
    case(f"8.1-not-cut-{name}-in-fragments", part(TEXT, b"cut " + data) + frame(CONT), 1007)
WRONG = "κόσμε".encode() + b"\xf4\x90"
case("8.1-fail-fast-in-frame", frame(TEXT, WRONG + b"x" * 1000)[: 8 + len(WRONG)], 1007)
case("8.1-fail-fast-in-long-frame", frame(TEXT, b"x" * 60000 + b"\xff")[:-1] + b"\xff", 1007)
case("8.1-fail-fast-in-fragment", part(TEXT, WRONG), 1007)
case("8.1-fail-fast-in-second", part(TEXT, b"\xe2") + part(CONT, b"\x82") + part(CONT, b"x"), 1007)
case("8.1-fail-fast-second-frame", part(TEXT, b"ok") + frame(CONT, WRONG + b"x" * 500)[:40], 1007)
case("5.6-binary-is-not-text", frame(BINARY, b"\xff\xfe\xc0"), b"\xff\xfe\xc0")

# 10.4: limits, known from the head of the frame
case("10.4-size-exact", frame(BINARY, b"m" * MAX_SIZE), b"m" * MAX_SIZE)
case("10.4-size-at-the-head", head(0x82, 0xFF, struct.pack("!Q", MAX_SIZE + 1)), 1009)
case("10.4-size-huge", head(0x81, 0xFF, struct.pack("!Q", (1 << 63) - 1)), 1009)
case(
    "10.4-size-of-fragments",
    part(BINARY, b"m" * 60000) + head(0x80, 0xFE, struct.pack("!H", 10001)),
    1009,
)
case(
    "10.4-size-of-fragments-exact",
    part(BINARY, b"m" * 60000) + frame(CONT, b"m" * 10000),
    b"m" * MAX_SIZE,
)

# RFC 7692: permessage-deflate
DEFLATE = "permessage-deflate"
NO_TAKEOVER = "permessage-deflate; client_no_context_takeover"


def deflated(*texts: bytes, level: int = 6) -> list[bytes]:
    """The payloads of messages that one client sends, with context takeover."""
    stream = zlib.compressobj(level, zlib.DEFLATED, -15)
    return [(stream.compress(text) + stream.flush(zlib.Z_SYNC_FLUSH))[:-4] for text in texts]


def squeezed(payload: bytes, opcode: int = TEXT, *, fin: bool = True) -> bytes:
    return frame(opcode, payload, fin=fin, rsv1=True)


HELLO = bytes.fromhex("f248cdc9c90700")
AGAIN = bytes.fromhex("f200110000")
# the same as blocks with BFINAL, of which 7.2.3.4's example has one
FINAL = bytes.fromhex("f348cdc9c90700")
FINAL_AGAIN = bytes.fromhex("f3001100")


def final(text: bytes, before: bytes = b"", bits: int = 15) -> bytes:
    """One deflated piece that ends with BFINAL; it may refer to `before`."""
    stream = zlib.compressobj(9, zlib.DEFLATED, -bits, zdict=before)
    return stream.compress(text) + stream.flush(zlib.Z_FINISH)


def z(name: str, data: bytes, *events: Event, extension: str = DEFLATE) -> None:
    case(f"7692-{name}", data, *events, extension=extension)


z("6.1-plain-message", HI, "Hi")
z("6.1-rsv1-on-continuation", squeezed(HELLO[:3], fin=False) + squeezed(HELLO[3:], CONT), 1002)
z("6.1-rsv1-on-ping", squeezed(b"", PING), 1002)
z("6.1-rsv1-on-close", squeezed(b"", CLOSE), 1002)
z("6.1-rsv2", head(0xA1, 0x80), 1002)
z(
    "6.1-ping-between",
    squeezed(HELLO[:3], fin=False) + frame(PING) + frame(CONT, HELLO[3:]),
    Ping(b""),
    "Hello",
)
z("6.1-mixed", squeezed(HELLO) + HI + squeezed(AGAIN), "Hello", "Hi", "Hello")
z("7.2.3.1-one-block", squeezed(HELLO), "Hello")
z("7.2.3.1-two-frames", squeezed(HELLO[:3], fin=False) + frame(CONT, HELLO[3:]), "Hello")
z(
    "7.2.3.1-many-frames",
    squeezed(HELLO[:1], fin=False)
    + b"".join(part(CONT, HELLO[i : i + 1]) for i in range(1, 7))
    + frame(CONT),
    "Hello",
)
z("7.2.3.2-window-shared", squeezed(HELLO) + squeezed(AGAIN), "Hello", "Hello")
z("7.2.3.2-window-not-shared", squeezed(HELLO) * 2, "Hello", "Hello", extension=NO_TAKEOVER)
z(
    "7.2.3.2-window-used-all-the-same",
    squeezed(HELLO) + squeezed(AGAIN),
    "Hello",
    1007,
    extension=NO_TAKEOVER,
)
z("7.2.3.3-stored", squeezed(bytes.fromhex("000500faff48656c6c6f00")), "Hello")
z("7.2.3.4-bfinal", squeezed(FINAL + b"\0"), "Hello")
z("7.2.3.4-bfinal-twice", squeezed(FINAL + b"\0") * 2, "Hello", "Hello")
z("7.2.3.4-bfinal-without-the-last-byte", squeezed(FINAL) + squeezed(AGAIN), "Hello", "Hello")
z(
    "7.2.3.4-bfinal-then-an-empty-fragment",
    squeezed(FINAL, fin=False) + frame(CONT) + squeezed(AGAIN) + squeezed(FINAL_AGAIN + b"\0"),
    *["Hello"] * 3,
)
z("7.2.3.4-bfinal-window-goes-on", squeezed(FINAL + b"\0") + squeezed(AGAIN), "Hello", "Hello")
z(
    "7.2.3.4-bfinal-window-not-shared",
    squeezed(FINAL + b"\0") + squeezed(AGAIN),
    "Hello",
    1007,
    extension=NO_TAKEOVER,
)
z("7.2.1-bfinal-inside", squeezed(FINAL + AGAIN), "HelloHello")
z("7.2.1-bfinal-inside-no-takeover", squeezed(FINAL + AGAIN), "HelloHello", extension=NO_TAKEOVER)
z("7.2.1-bfinal-behind", squeezed(HELLO[:-1] + b"\0\0\0\xff\xff" + FINAL + b"\0"), "HelloHello")
z("7.2.1-bfinal-in-a-row", squeezed(FINAL + FINAL_AGAIN * 3 + b"\0"), "Hello" * 4)
z(
    "7.2.1-bfinal-in-fragments",
    squeezed(FINAL, fin=False) + part(CONT, FINAL_AGAIN) + frame(CONT, AGAIN) + squeezed(AGAIN),
    "HelloHelloHello",
    "Hello",
)
z("7.2.1-bfinal-of-nothing", squeezed(b"\x03\0" * 3 + HELLO) + squeezed(AGAIN), "Hello", "Hello")
z("7.2.1-bfinal-then-garbage", squeezed(FINAL + b"\xff\xff"), 1007)
z("7.2.1-bfinal-not-utf8", squeezed(final(b"ok") + final(b"\xff")), 1007)
z("7.2.1-bfinal-as-many-as-allowed", squeezed(b"\x03\0" * 1024 + b"\0"), "")
z("7.2.1-bfinal-too-often", squeezed(b"\x03\0" * 1025), 1009)
NOISE = random.Random(0).randbytes(60_000)
for bits in (9, 12):
    near = NOISE[300 - (1 << bits) :]  # all that a window reaches, but for zlib's margin
    again = squeezed(final(near, NOISE + near, bits) + b"\0", BINARY)
    assert len(again) < 200 + len(near) / 100, "made of references"
    z(
        f"7.1.2.2-bfinal-window-of-{bits}-bits",
        squeezed(final(NOISE, bits=bits) + b"\0", BINARY) + again * 3 + squeezed(b"\0"),
        *(NOISE, near, near, near, ""),
        extension=f"{DEFLATE}; client_max_window_bits={bits}",
    )
FULL = MAX_SIZE - 10
z("8-bfinal-inflated-exact", squeezed(final(b"h" * FULL) + FINAL + AGAIN), "h" * FULL + "Hello" * 2)
z("8-bfinal-inflated-one-more", squeezed(final(b"h" * (FULL + 1)) + FINAL + AGAIN), 1009)
z("8-bfinal-bomb", squeezed(FINAL + deflated(b"\0" * 10_000_000)[0]), 1009)
z("8-bfinal-bomb-of-blocks", squeezed(final(b"\0" * 1000) * 200), 1009)
z("7.2.3.5-two-blocks", squeezed(bytes.fromhex("f248050000" + "00ffffcac9c90700")), "Hello")
z("7.2.3.6-empty", squeezed(b"\0"), "")
z("7.2.3.6-empty-binary", squeezed(b"\0", BINARY), b"")
z("7.2.2-garbage", squeezed(b"\xff\xff\xff\xff"), 1007)
z("7.2.2-garbage-in-fragment", squeezed(b"\x06\xff", fin=False), 1007)
TEXTS = [b'{"id": %d, "name": "some name"}' % i * 40 for i in range(4)]
z("7.2.2-takeover", b"".join(map(squeezed, deflated(*TEXTS))), *(text.decode() for text in TEXTS))
z("7.2.2-binary", squeezed(deflated(bytes(range(256)) * 9)[0], BINARY), bytes(range(256)) * 9)
z("7.2.2-stored-level", squeezed(deflated(b"plain" * 500, level=0)[0]), "plain" * 500)
z("7.2.2-text-in-pieces", squeezed(deflated("añ€𝄞".encode() * 99)[0]), "añ€𝄞" * 99)
z("8.1-not-utf8", squeezed(deflated(b"caf\xe9 noir")[0]), 1007)
z("8.1-cut", squeezed(deflated(b"\xe2\x82")[0]), 1007)
z("8.1-fail-fast", squeezed(deflated(b"ok \xff ok" * 50)[0][:-5], fin=False), 1007)
z("8-bomb", squeezed(deflated(b"\0" * 10_000_000)[0], BINARY), 1009)
z(
    "8-bomb-in-fragments",
    squeezed(deflated(b"\0" * 100_000)[0][:-9], BINARY, fin=False) + frame(CONT, b"\0"),
    1009,
)
z("8-inflated-exact", squeezed(deflated(b"\0" * MAX_SIZE)[0], BINARY), b"\0" * MAX_SIZE)
z("8-size-at-the-head", head(0xC2, 0xFF, struct.pack("!Q", MAX_SIZE + 1)), 1009)
case("7692-6-rsv1-not-agreed", squeezed(HELLO), 1002)
