"""WebSocket over HTTP/2: RFC 8441."""

import struct

from .cases import (
    Answer,
    Case,
    Either,
    Ended,
    Reset,
    failed,
    grant,
    pause,
    refused,
    until_app,
    until_head,
    until_settings,
)  # fmt: skip
from .frames import (
    CANCEL,
    ENABLE_CONNECT_PROTOCOL,
    FRAME,
    INITIAL_WINDOW_SIZE,
    PROTOCOL_ERROR,
    data,
    headers,
    request,
    reset,
)  # fmt: skip

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
KEY = b"\x12\x9a\x05\xf0"
ECHO = [("receive",), ("accept",), ("echo",)]
CONNECT = {"type": "websocket.connect"}


def handshake(*more, method=b"CONNECT", path=b"/", protocol=b"websocket", version=b"13"):
    fields = [(b":method", method), (b":protocol", protocol), (b":scheme", b"http"),
              (b":path", path), (b":authority", b"h")]  # fmt: skip
    if version is not None:
        fields.append((b"sec-websocket-version", version))
    return [*fields, *more]


def masked(opcode, payload=b"", *, final=True, first=0):
    """A client's frame, RFC 6455 5.2."""
    size = len(payload)
    head = bytes([(0x80 if final else 0) | first | opcode])
    if size < 126:
        head += bytes([0x80 | size])
    elif size < 1 << 16:
        head += b"\xfe" + struct.pack(">H", size)
    else:
        head += b"\xff" + struct.pack(">Q", size)
    return head + KEY + bytes(byte ^ KEY[at % 4] for at, byte in enumerate(payload))


def plain(opcode, payload=b""):
    """A server's frame."""
    if len(payload) < 126:
        return bytes([0x80 | opcode, len(payload)]) + payload
    if len(payload) < 1 << 16:
        return bytes([0x80 | opcode, 126]) + struct.pack(">H", len(payload)) + payload
    return bytes([0x80 | opcode, 127]) + struct.pack(">Q", len(payload)) + payload


def closing(code, reason=b""):
    return struct.pack(">H", code) + reason


def until_frames(expected, stream=1):
    """These bytes and no others have come on the stream."""

    def step(talk):
        body = talk.wire.stream(stream).body
        talk.wire.wait(lambda: len(body) >= len(expected) or talk.wire.stream(stream).over,
                       "WebSocket frames")  # fmt: skip
        assert bytes(body[: len(expected)]) == expected, bytes(body[:200])

    return step


def talks(id, asks, *sends, script=None, journals=None, fields=None, **more):  # noqa: A002
    """A handshake, and what follows once it is accepted."""
    more.setdefault("expects", [Accepted()])
    return Case(id=f"rfc8441-{id}", asks=asks, script=script or ECHO, journals=journals,
                sends=[until_settings, headers(1, fields or handshake(), end=False), until_head(),
                       *sends], **more)  # fmt: skip


class Accepted(Answer):
    """Another server may leave its side of the stream open when the WebSocket is closed."""

    def settled(self, wire):
        return super().settled(wire) or (wire.client.tolerant and wire.stream(self.stream).status)

    def problem(self, wire):
        stream = wire.stream(self.stream)
        ended, stream.ended = stream.ended, stream.ended or wire.client.tolerant
        found = super().problem(wire)
        stream.ended = ended
        return found


def closes(code=1000, reason=b""):
    """The client closes, and ends its side."""
    return data(1, masked(CLOSE, closing(code, reason)), end=True)


def announced(talk):
    assert talk.wire.settings.get(ENABLE_CONNECT_PROTOCOL) == 1, talk.wire.settings


def without_accept_key(stream):
    names = [name for name, _ in stream.headers]
    assert b"sec-websocket-accept" not in names, names


def answered(id, asks, fields, outcome, script=None, end=False, **more):  # noqa: A002
    """A handshake that is not accepted."""
    more.setdefault("calls", 0)
    return Case(id=f"rfc8441-{id}", asks=asks, script=script or ECHO, expects=[outcome],
                sends=[until_settings, headers(1, fields, end=end)], **more)  # fmt: skip


SCOPE_KEYS = ["type", "http_version", "scheme", "path", "query_string", "subprotocols"]
OFFER = (b"sec-websocket-protocol", b"chat, other")
DEFLATE = (b"sec-websocket-extensions", b"permessage-deflate")


def deflates(stream):
    assert stream.get(b"sec-websocket-extensions").startswith(b"permessage-deflate"), stream.headers


HANDSHAKES = [
    Case(
        id="rfc8441-3-setting",
        asks="the server announces extended CONNECT",
        sends=[until_settings],
        expects=[],
        check=announced,
    ),
    talks(
        "5-accepted",
        "a WebSocket is accepted with 200",
        closes(),
        journals=[[CONNECT, [1000, ""]]],
        expects=[Accepted(check=without_accept_key)],
    ),
    talks(
        "5-scope",
        "the scope is that of a WebSocket",
        closes(),
        fields=handshake(OFFER, path=b"/chat?a=b"),
        script=[("scope", *SCOPE_KEYS), *ECHO],
        journals=[
            ["websocket", "2", "ws", "/chat", b"a=b", ["chat", "other"], CONNECT, [1000, ""]]
        ],
    ),
    talks(
        "5-subprotocol",
        "the app chooses a subprotocol",
        closes(),
        fields=handshake(OFFER),
        script=[("receive",), ("accept", [], "chat"), ("echo",)],
        expects=[Accepted(has={b"sec-websocket-protocol": b"chat"})],
    ),
    talks(
        "5-headers",
        "and sends fields",
        closes(),
        script=[("receive",), ("accept", [(b"x-a", b"b")]), ("echo",)],
        expects=[Accepted(has={b"x-a": b"b"})],
    ),
    talks(
        "5-deflate",
        "compression is negotiated as in HTTP/1",
        closes(),
        fields=handshake(DEFLATE),
        expects=[Answer(check=deflates)],
        choice=True,
    ),
    answered(
        "5-refused",
        "an app may refuse",
        handshake(),
        Answer(status=403),
        calls=1,
        script=[("receive",), ("send", {"type": "websocket.close", "code": 1000})],
    ),
    answered(
        "5-app-fails",
        "an app that fails before it accepts gives a 500",
        handshake(),
        Answer(status=500),
        calls=1,
        script=[("receive",), ("raise",)],
    ),
    answered(
        "5-version-missing",
        "the version must be there",
        handshake(version=None),
        Answer(status=(400, 426)),
        choice=True,
    ),
    answered(
        "5-version-wrong",
        "and be 13",
        handshake(version=b"8"),
        Answer(status=(400, 426)),
        choice=True,
    ),
    answered(
        "4-protocol-unknown",
        "another protocol is not implemented",
        handshake(protocol=b"connect-udp"),
        Either(Answer(status=(400, 404, 501)), failed(1, PROTOCOL_ERROR)),
        choice=True,
    ),
    answered(
        "4-protocol-empty",
        "nor is none",
        handshake(protocol=b""),
        Either(Answer(status=(400, 404, 501)), failed(1, PROTOCOL_ERROR)),
        choice=True,
    ),
    answered(
        "4-protocol-with-get",
        ":protocol belongs to CONNECT",
        handshake(method=b"GET"),
        refused(),
        end=True,
    ),
    answered(
        "4-no-path",
        "extended CONNECT has a :path",
        [field for field in handshake() if field[0] != b":path"],
        refused(),
    ),
    answered(
        "4-no-scheme",
        "and a :scheme",
        [field for field in handshake() if field[0] != b":scheme"],
        refused(),
    ),
    answered(
        "4-no-authority",
        "and an :authority",
        [field for field in handshake() if field[0] != b":authority"],
        refused(),
    ),
    answered(
        "4-protocol-twice",
        ":protocol stands once",
        [(b":protocol", b"websocket"), *handshake()],
        refused(),
    ),
    answered(
        "4-upgrade",
        "fields of HTTP/1 handshakes are malformed",
        handshake((b"upgrade", b"websocket")),
        refused(),
    ),
    answered("4-connection", "also Connection", handshake((b"connection", b"upgrade")), refused()),
    answered(
        "5-end-of-stream",
        "a handshake that ends its stream has no WebSocket",
        handshake(),
        Either(Answer(1, (200, 400)), Reset(1, PROTOCOL_ERROR, CANCEL), Ended(PROTOCOL_ERROR)),
        end=True,
        calls=None,
        choice=True,
    ),
    talks(
        "5-key-ignored",
        "a key is ignored",
        closes(),
        fields=handshake((b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ==")),
    ),
]
HI = masked(TEXT, b"Hi")
LONG = b"long " * 20_000
MESSAGES = [
    talks(
        "5-text",
        "text is echoed",
        data(1, HI),
        until_frames(plain(TEXT, b"Hi")),
        closes(),
        journals=[[CONNECT, [1000, ""]]],
    ),
    talks(
        "5-binary",
        "and bytes",
        data(1, masked(BINARY, b"\0\xff")),
        until_frames(plain(BINARY, b"\0\xff")),
        closes(),
    ),
    talks("5-empty", "and nothing", data(1, masked(TEXT)), until_frames(plain(TEXT)), closes()),
    talks(
        "5-several-in-a-frame",
        "several messages in one DATA frame",
        data(1, HI * 3),
        until_frames(plain(TEXT, b"Hi") * 3),
        closes(),
    ),
    talks(
        "5-byte-by-byte",
        "a message in many of them",
        *(data(1, HI[n : n + 1]) for n in range(len(HI))),
        until_frames(plain(TEXT, b"Hi")),
        closes(),
    ),
    talks(
        "5-padded",
        "padding is no part of a message",
        data(1, HI[:4], pad=9),
        data(1, HI[4:], pad=1),
        until_frames(plain(TEXT, b"Hi")),
        closes(),
    ),
    talks(
        "5-empty-data",
        "an empty DATA frame is nothing",
        data(1),
        data(1, HI),
        data(1),
        until_frames(plain(TEXT, b"Hi")),
        closes(),
    ),
    talks(
        "5-fragments",
        "fragments are joined",
        data(1, masked(TEXT, b"a", final=False) + masked(0, b"b")),
        until_frames(plain(TEXT, b"ab")),
        closes(),
    ),
    talks(
        "5-large",
        "a message larger than frames and windows",
        lambda talk: send_as_windows_allow(talk, masked(BINARY, LONG)),
        until_frames(plain(BINARY, LONG)),
        closes(),
        journals=[[CONNECT, [1000, ""]]],
    ),
    talks(
        "5-window-of-the-client",
        "the client's window holds it up",
        data(1, masked(TEXT, b"0123456789" * 5)),
        until_frames(b"\x81\x320123"),
        pause,
        grant(1, 30),
        grant(1, 70),
        until_frames(plain(TEXT, b"0123456789" * 5)),
        closes(),
        client={INITIAL_WINDOW_SIZE: 6},
        windows=False,
    ),
    talks(
        "5-ping",
        "ping is answered",
        data(1, masked(PING, b"abc")),
        until_frames(plain(PONG, b"abc")),
        closes(),
    ),
    talks(
        "5-two-at-a-time",
        "two WebSockets and a request share a connection",
        headers(3, handshake(path=b"/"), end=False),
        until_head(3),
        data(3, masked(TEXT, b"3")),
        data(1, masked(TEXT, b"1")),
        headers(5, request(path=b"/http")),
        until_frames(plain(TEXT, b"1")),
        until_frames(plain(TEXT, b"3"), 3),
        closes(),
        data(3, masked(CLOSE, closing(1000)), end=True),
        script={"/": ECHO, "/http": [("reply", b"http")]},
        expects=[Accepted(), Accepted(3), Answer(5, body=b"http")],
    ),
    talks(
        "5-server-first",
        "the server may speak first",
        until_frames(plain(TEXT, b"hello")),
        closes(),
        script=[
            ("receive",),
            ("accept",),
            ("send", {"type": "websocket.send", "text": "hello"}),
            ("echo",),
        ],
    ),
]
ENDS = [
    talks("5-close", "the close frame is echoed, and the stream ends", closes(4001, b"bye"),
          journals=[[CONNECT, [4001, "bye"]]],
          expects=[Answer(body=plain(CLOSE, closing(4001, b"bye")))], choice=True),
    talks("5-close-open-stream", "also when the client leaves its side open",
          data(1, masked(CLOSE, closing(1000))), journals=[[CONNECT, [1000, ""]]],
          expects=[Answer(body=plain(CLOSE, closing(1000)))], choice=True),
    talks("5-app-closes", "an app closes", until_frames(plain(CLOSE, closing(4002, b"so"))),
          closes(4002), script=[("receive",), ("accept",),
                                ("send", {"type": "websocket.close", "code": 4002, "reason": "so"})]),
    talks("5-end-stream", "END_STREAM without a close frame is 1006", data(1, HI, end=True),
          journals=[[CONNECT, [1006, ""]]],
          expects=[Either(Answer(), Reset(1, CANCEL, PROTOCOL_ERROR))], choice=True),
    talks("5-reset", "RST_STREAM is 1006", reset(1), journals=[[CONNECT, [1006, ""]]], expects=[],
          choice=True),
    talks("5-reset-then-send", "and send() raises afterwards", reset(1),
          script=[("receive",), ("accept",), ("echo",),
                  ("try", {"type": "websocket.send", "text": "x"})],
          journals=[[CONNECT, [1006, ""], "lost"]], expects=[], choice=True),
    talks("5-unmasked", "a frame without a mask is an error of the WebSocket's",
          data(1, plain(TEXT, b"Hi")), choice=True,
          check=lambda talk: closed_with(talk, 1002),
          expects=[Either(Answer(), Reset(1, CANCEL, PROTOCOL_ERROR))]),
    talks("5-not-utf-8", "text that is not UTF-8 too", data(1, masked(TEXT, b"\xff")), choice=True,
          check=lambda talk: closed_with(talk, 1007),
          expects=[Either(Answer(), Reset(1, CANCEL, PROTOCOL_ERROR))]),
    talks("5-too-large", "a message above the limit too",
          data(1, b"\x82\xff" + struct.pack(">Q", 1 << 40) + KEY), choice=True,
          check=lambda talk: closed_with(talk, 1009),
          expects=[Either(Answer(), Reset(1, CANCEL, PROTOCOL_ERROR))]),
    talks("5-trailers", "HEADERS end no WebSocket", headers(1, [(b"x", b"y")]),
          journals=[[CONNECT, [1006, ""]]], choice=True,
          expects=[Either(Answer(), failed(1, PROTOCOL_ERROR), Reset(1, CANCEL))]),
    talks("5-app-fails-later", "an app that fails later closes with 1011",
          until_frames(b"\x88"), lambda talk: closed_with(talk, 1011), closes(1011),
          script=[("receive",), ("accept",), ("raise",)], choice=True),
    talks("5-connection-lost", "a connection that is lost is 1006", until_app("begun"),
          lambda talk: talk.wire.client.reset(), serves=False, expects=[], choice=True,
          script=[("receive",), ("accept",), ("tell", "begun"), ("echo",)],
          journals=[[CONNECT, [1006, ""]]]),
]  # fmt: skip


def closed_with(talk, code):
    body = bytes(talk.wire.stream(1).body)
    assert body[:1] == b"\x88", body
    assert struct.unpack(">H", body[2:4]) == (code,), body


def send_as_windows_allow(talk, payload):
    wire = talk.wire
    while talk.sent < len(payload):
        wire.wait(lambda: wire.ended or wire.room(1, talk.sent) > 0, "a window of the server's")
        part = payload[talk.sent :][: min(FRAME, wire.room(1, talk.sent))]
        talk.sent += len(part)
        wire.send(data(1, part))


CASES = [*HANDSHAKES, *MESSAGES, *ENDS]
