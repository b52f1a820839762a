"""The beginning of a connection, frames, and what becomes of their errors: RFC 9113 3 to 5.5."""

from .cases import (
    HELD,
    Answer,
    Case,
    Either,
    Ended,
    Ignored,
    Outcome,
    Reset,
    failed,
    refused,
    tell,
    until,
    until_acknowledged,
    until_begun,
    until_over,
    until_settings,
)  # fmt: skip
from .frames import (
    COMPRESSION_ERROR,
    FRAME,
    FRAME_SIZE_ERROR,
    GET,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    MAX_FRAME_SIZE,
    POST,
    PREFACE,
    PROTOCOL_ERROR,
    STREAM_CLOSED,
    added,
    block,
    continuation,
    data,
    frame,
    headers,
    indexed,
    literal,
    pieces,
    ping,
    priority,
    request,
    reset,
    settings,
    window,
)  # fmt: skip

UNKNOWN = 0xFA  # a frame type that nobody has defined
BLOCK = block(GET)


class HungUp(Outcome):
    """The server closes. RFC 9113 3.4: a GOAWAY may be left out, for the peer speaks no HTTP/2."""

    def settled(self, wire):
        wire.client.tolerant = True
        self.rest = wire.client.rest()
        return True

    def problem(self, wire):
        told = self.rest.startswith(b"HTTP/1.1 ") and self.rest[9:10] in b"45"
        framed = not self.rest.startswith(b"HTTP/") and b"200" not in self.rest
        return None if told or framed else f"the server answers {self.rest[:80]!r}"

    def explains_end(self, wire):
        return True


def no_preface(id, asks, sent, **more):  # noqa: A002
    return Case(id=id, asks=asks, preface=sent, sends=[], expects=[HungUp()], serves=False,
                calls=0, **more)  # fmt: skip


def ended(id, asks, code, *sends, codes=(), **more):  # noqa: A002
    """A connection error."""
    more.setdefault("calls", 0)
    return Case(id=id, asks=asks, sends=list(sends), expects=[Ended(code, *codes)], **more)


def first_is_settings(talk):
    assert talk.wire.settings_seen == 1


def end_of_input(talk):
    talk.wire.client.end()


PREFACES = [
    Case(
        id="rfc9113-3.3-prior-knowledge",
        asks="a client may begin with HTTP/2 at once",
        sends=[headers(1, GET)],
        calls=1,
    ),
    Case(
        id="rfc9113-3.4-server-settings",
        asks="the server's first frame is SETTINGS",
        sends=[until_settings],
        expects=[],
        check=first_is_settings,
    ),
    Case(
        id="rfc9113-3.4-wait-for-settings",
        asks="a client may wait for the server's SETTINGS",
        sends=[until_settings, headers(1, GET)],
    ),
    Case(
        id="rfc9113-3.4-settings-sent-first",
        asks="a client sends SETTINGS that are not empty",
        client={INITIAL_WINDOW_SIZE: 100_000},
        sends=[headers(1, GET)],
    ),
    no_preface(
        "rfc9113-3.4-preface-wrong",
        "another preface ends the connection",
        PREFACE.replace(b"SM", b"SN") + settings() + headers(1, GET),
    ),
    no_preface(
        "rfc9113-3.4-preface-version",
        "so does one with another version",
        PREFACE.replace(b"2.0", b"2.1") + settings() + headers(1, GET),
    ),
    no_preface(
        "rfc9113-3.4-preface-http1",
        "PRI with fields is not a preface",
        b"PRI * HTTP/2.0\r\nHost: h\r\n\r\nSM\r\n\r\n" + settings() + headers(1, GET),
    ),
    no_preface(
        "rfc9113-3.4-frames-first",
        "frames without the preface are not HTTP/2",
        settings() + headers(1, GET),
        choice=True,
    ),
    Case(
        id="rfc9113-3.4-preface-cut",
        asks="half a preface and the end of input: a close",
        preface=PREFACE[:14],
        sends=[end_of_input],
        expects=[HungUp()],
        serves=False,
        calls=0,
    ),
    Case(
        id="rfc9113-3.4-no-settings",
        asks="the preface is followed by SETTINGS, not by HEADERS",
        preface=PREFACE,
        sends=[headers(1, GET)],
        expects=[Ended(PROTOCOL_ERROR)],
        calls=0,
    ),
    Case(
        id="rfc9113-3.4-ping-first",
        asks="nor by PING",
        preface=PREFACE,
        sends=[ping()],
        expects=[Ended(PROTOCOL_ERROR)],
    ),
    Case(
        id="rfc9113-3.4-window-first",
        asks="nor by WINDOW_UPDATE",
        preface=PREFACE,
        sends=[window(0, 1)],
        expects=[Ended(PROTOCOL_ERROR)],
    ),
    Case(
        id="rfc9113-3.4-unknown-first",
        asks="nor by a frame of an unknown type",
        preface=PREFACE,
        sends=[frame(UNKNOWN, 0, 0)],
        expects=[Ended(PROTOCOL_ERROR)],
    ),
    Case(
        id="rfc9113-3.4-ack-first",
        asks="nor by an acknowledgement of settings",
        preface=PREFACE,
        sends=[settings(flags=1), headers(1, GET)],
        expects=[Ended(PROTOCOL_ERROR)],
        choice=True,
    ),
    ended(
        "rfc9113-3.4-preface-twice",
        "a second preface is a frame that is too large",
        FRAME_SIZE_ERROR,
        PREFACE,
        settings(),
        codes=(PROTOCOL_ERROR,),
    ),
]


def most(talk):
    return talk.wire.settings.get(MAX_FRAME_SIZE, FRAME)


def larger(kind, flags, payload=b""):
    """A frame of one byte more than the server's SETTINGS allow."""

    return lambda talk: frame(kind, flags, 1, payload.ljust(most(talk) + 1, b"\0"))


LARGE = literal(b"x", b"y" * (FRAME - len(BLOCK) - 6))
HUFFMAN = bytes.fromhex("8286 8441 8cf1e3c2e5f23a6ba0ab90f4ff")  # RFC 7541 C.4.1
FRAMES = [
    Case(
        id="rfc9113-4.1-reserved-bit",
        asks="the reserved bit before the stream is ignored",
        sends=[headers(1 | 1 << 31, GET)],
    ),
    Case(
        id="rfc9113-4.1-unknown-type",
        asks="a frame of an unknown type is ignored on stream 0",
        sends=[frame(UNKNOWN, 0xFF, 0, b"abc"), headers(1, GET)],
    ),
    Case(
        id="rfc9113-4.1-unknown-type-idle",
        asks="and on an idle stream",
        sends=[frame(UNKNOWN, 0, 3, b"abc"), headers(1, GET)],
    ),
    Case(
        id="rfc9113-4.1-unknown-type-open",
        asks="and on one that is open",
        sends=[headers(1, POST, end=False), frame(UNKNOWN, 1, 1, b"abc"), data(1, b"d", end=True)],
        journals=[[b"d"]],
    ),
    Case(
        id="rfc9113-4.1-unknown-type-empty",
        asks="and without a payload",
        sends=[frame(UNKNOWN, 0, 0), headers(1, GET)],
    ),
    Case(
        id="rfc9113-4.1-flags-headers",
        asks="undefined flags of HEADERS are ignored",
        sends=[headers(1, GET, flags=0xD2)],
    ),
    Case(
        id="rfc9113-4.1-flags-data",
        asks="and those of DATA",
        sends=[headers(1, POST, end=False), data(1, b"abc", end=True, flags=0xF6)],
        journals=[[b"abc"]],
    ),
    Case(
        id="rfc9113-4.1-flags-settings",
        asks="and those of SETTINGS",
        sends=[settings(flags=0xFE), until_acknowledged(2), headers(1, GET)],
    ),
    Case(
        id="rfc9113-4.1-flags-ping",
        asks="and those of PING",
        sends=[
            frame(6, 0xFE, 0, b"01234567"),
            until(lambda wire: wire.pongs, "a PING"),
            headers(1, GET),
        ],
    ),
    Case(
        id="rfc9113-4.1-flags-continuation",
        asks="and those of CONTINUATION",
        sends=[headers(1, BLOCK[:5], done=False), frame(9, 0xFB | 4, 1, BLOCK[5:])],
    ),
    Case(
        id="rfc9113-4.1-flags-reset",
        asks="and those of RST_STREAM",
        script=HELD,
        journals=[["lost"]],
        sends=[headers(1, POST, end=False), until_begun, frame(3, 0xFF, 1, bytes(4))],
        expects=[],
    ),
    Case(
        id="rfc9113-4.1-flags-window",
        asks="and those of WINDOW_UPDATE",
        sends=[headers(1, GET), frame(8, 0xFF, 0, b"\0\0\0\1")],
    ),
    Case(
        id="rfc9113-4.2-data-largest",
        asks="a payload of 16,384 bytes is accepted",
        sends=[headers(1, POST, end=False), data(1, b"x" * FRAME, end=True)],
        journals=[[b"x" * FRAME]],
    ),
    Case(
        id="rfc9113-4.2-headers-largest",
        asks="also in HEADERS",
        sends=[headers(1, BLOCK + LARGE)],
        expects=[Answer(status=(200, 431))],
    ),
    Case(
        id="rfc9113-4.2-data-too-large",
        asks="a larger one than SETTINGS allow is a size error",
        sends=[headers(1, POST, end=False), until_settings, larger(0, 1)],
        expects=[failed(1, FRAME_SIZE_ERROR)],
    ),
    ended(
        "rfc9113-4.2-headers-too-large",
        "in HEADERS it ends the connection",
        FRAME_SIZE_ERROR,
        until_settings,
        larger(HEADERS, 5, BLOCK),
    ),
    ended(
        "rfc9113-4.2-continuation-too-large",
        "and in CONTINUATION",
        FRAME_SIZE_ERROR,
        until_settings,
        headers(1, BLOCK[:5], done=False),
        lambda talk: continuation(1, BLOCK[5:] + literal(b"x", b"v" * (most(talk) - len(BLOCK)))),
    ),
    Case(
        id="rfc9113-4.2-unknown-too-large",
        asks="and so may one of an unknown type",
        sends=[until_settings, larger(UNKNOWN, 0)],
        expects=[Either(Ended(FRAME_SIZE_ERROR), Reset(1, FRAME_SIZE_ERROR))],
    ),
    ended(
        "rfc9113-4.2-settings-too-large",
        "and in SETTINGS",
        FRAME_SIZE_ERROR,
        until_settings,
        lambda talk: settings(*[(0xFAFA, 0)] * (most(talk) // 6 + 1)),
    ),
    ended(
        "rfc9113-4.3-block-invalid",
        "a field block that cannot be decoded ends the connection",
        COMPRESSION_ERROR,
        headers(1, BLOCK + b"\x80"),
    ),
    ended(
        "rfc9113-4.3-block-cut",
        "one that ends in a literal does as well",
        COMPRESSION_ERROR,
        headers(1, BLOCK[:-1]),
    ),
    ended(
        "rfc9113-4.3-block-cut-continued",
        "and if it ends so in CONTINUATION",
        COMPRESSION_ERROR,
        headers(1, BLOCK[:5], done=False),
        continuation(1, BLOCK[5:-1]),
    ),
    ended(
        "rfc9113-4.3-trailers-invalid",
        "and if it is that of trailers",
        COMPRESSION_ERROR,
        headers(1, POST, end=False),
        headers(1, b"\x80"),
        calls=None,
    ),
    Case(
        id="rfc9113-4.3-huffman",
        asks="a block with Huffman codes and indices is decoded",
        sends=[headers(1, HUFFMAN)],
        script=[("scope", "method", "path"), ("reply",)],
        journals=[["GET", "/"]],
    ),
    Case(
        id="rfc9113-4.3-continued",
        asks="a block is continued in CONTINUATION",
        sends=[headers(1, BLOCK[:9], done=False), continuation(1, BLOCK[9:])],
        calls=1,
    ),
    Case(
        id="rfc9113-4.3-continued-bytes",
        asks="byte by byte",
        sends=[
            headers(1, b"", done=False),
            *(continuation(1, piece, done=False) for piece in pieces(BLOCK, 1)[:-1]),
            continuation(1, BLOCK[-1:]),
        ],
        choice=True,
    ),
    Case(
        id="rfc9113-4.3-continued-empty",
        asks="with an empty CONTINUATION in between",
        sends=[
            headers(1, BLOCK[:9], done=False),
            continuation(1, b"", done=False),
            continuation(1, BLOCK[9:], done=False),
            continuation(1, b""),
        ],
    ),
    Case(
        id="rfc9113-4.3-continued-body",
        asks="END_STREAM on HEADERS, not on CONTINUATION, counts",
        sends=[
            headers(1, block(POST)[:9], end=False, done=False),
            continuation(1, block(POST)[9:]),
            data(1, b"abc", end=True),
        ],
        journals=[[b"abc"]],
    ),
    Case(
        id="rfc9113-4.3-state-after-refusal",
        asks="the block of a refused request changes the table all the same",
        sends=[
            headers(1, BLOCK + added(b"x-a", b"b") + literal(b"X", b"")),
            headers(3, BLOCK + indexed(62)),
        ],
        script=[("scope", "headers"), ("reply",)],
        expects=[refused(1), Either(Answer(3), Ended(PROTOCOL_ERROR))],
    ),
    Case(
        id="rfc9113-4.3-state-after-reset",
        asks="and so does a block on a stream that the client has reset",
        sends=[
            headers(1, POST, end=False),
            reset(1),
            headers(1, added(b"x-a", b"b")),
            headers(3, BLOCK + indexed(62)),
        ],
        expects=[
            Either(Ignored(), Reset(1, STREAM_CLOSED)),
            Either(Answer(3), Ended(STREAM_CLOSED, PROTOCOL_ERROR)),
        ],
    ),
]
MIDDLE = headers(1, BLOCK[:5], done=False)  # a field block has begun
BETWEEN = {
    "data": data(1, b"abc"),
    "headers": headers(1, BLOCK[5:]),
    "headers-other": headers(3, GET),
    "priority": priority(1),
    "reset": reset(1),
    "settings": settings(),
    "settings-ack": settings(flags=1),
    "ping": ping(),
    "goaway": frame(7, 0, 0, bytes(8)),
    "window": window(0, 1),
    "continuation-other": continuation(3, BLOCK[5:]),
    "unknown": frame(UNKNOWN, 0, 1),
    "unknown-other": frame(UNKNOWN, 0, 0),
}
BLOCKS = [
    ended(f"rfc9113-{'5.5' if name.startswith('unknown') else '4.3'}-between-{name}",
          "nothing stands between the frames of a field block: " + name.replace("-", ", "),
          PROTOCOL_ERROR, MIDDLE, between, continuation(1, BLOCK[5:]))
    for name, between in BETWEEN.items()
]  # fmt: skip


def last_stream(talk):
    """RFC 9113 5.4.1: of the streams that the server has begun with."""
    if not talk.wire.client.tolerant:
        assert talk.wire.goaways[-1][0] == 3, talk.wire.goaways


ERRORS = [
    Case(
        id="rfc9113-5.4.1-last-stream",
        asks="GOAWAY names the last stream that was begun",
        sends=[headers(1, GET), headers(3, GET), until_over(1), until_over(3), data(0, b"x")],
        expects=[Ended(PROTOCOL_ERROR, last=3)],
        check=last_stream,
    ),
    Case(
        id="rfc9113-5.4.1-nothing-after",
        asks="after a connection error no request is begun",
        sends=[data(0, b"x") + headers(1, GET)],
        expects=[Ended(PROTOCOL_ERROR)],
        calls=0,
    ),
    Case(
        id="rfc9113-5.4.1-app-told",
        asks="the app of a stream in progress is told",
        script=HELD,
        journals=[["lost"]],
        sends=[headers(1, POST, end=False), until_begun, data(0, b"x")],
        expects=[Ended(PROTOCOL_ERROR)],
    ),
    Case(
        id="rfc9113-5.4.2-others-unharmed",
        asks="a stream error does not touch other streams",
        script={"/a": [("wait", "go"), ("reply", b"a")], "/b": [("read",), ("reply",)]},
        sends=[
            headers(1, request(path=b"/a")),
            headers(3, request(b"POST", b"/b"), end=False),
            window(3, 0),
            until(lambda wire: wire.stream(3).over or wire.ended, "an error"),
            tell("go"),
        ],
        expects=[failed(3, PROTOCOL_ERROR), Either(Answer(1, body=b"a"), Ended(PROTOCOL_ERROR))],
    ),
    Case(
        id="rfc9113-5.4.2-no-reset-for-reset",
        asks="RST_STREAM is not answered with RST_STREAM",
        script=HELD,
        journals=[["lost"]],
        sends=[headers(1, POST, end=False), until_begun, reset(1), reset(1)],
        expects=[],
    ),
    Case(
        id="rfc9113-5.5-unknown-setting",
        asks="an unknown setting is ignored",
        client={0xFAFA: 1 << 31},
        sends=[headers(1, GET)],
    ),
    Case(
        id="rfc9113-5.5-unknown-error-code",
        asks="an unknown error code is nothing special",
        script=HELD,
        journals=[["lost"]],
        sends=[headers(1, POST, end=False), until_begun, reset(1, 0xFAFAFAFA)],
        expects=[Ignored()],
    ),
]
CASES = [*PREFACES, *FRAMES, *BLOCKS, *ERRORS]
