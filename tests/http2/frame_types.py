"""What each type of frame asks: RFC 9113 6."""

from .cases import (
    HELD,
    Answer,
    Case,
    Either,
    Ended,
    Ignored,
    failed,
    pause,
    tell,
    until,
    until_acknowledged,
    until_begun,
    until_over,
)  # fmt: skip
from .frames import (
    ENABLE_CONNECT_PROTOCOL,
    ENABLE_PUSH,
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    GET,
    HEADER_TABLE_SIZE,
    INITIAL_WINDOW_SIZE,
    LARGEST_WINDOW,
    MAX_CONCURRENT_STREAMS,
    MAX_FRAME_SIZE,
    MAX_HEADER_LIST_SIZE,
    NO_ERROR,
    POST,
    PROTOCOL_ERROR,
    block,
    continuation,
    data,
    dependency,
    frame,
    goaway,
    headers,
    ping,
    priority,
    push_promise,
    reset,
    settings,
)  # fmt: skip
from .framing import ended

BODY = headers(1, POST, end=False)
BLOCK = block(GET)


def fine(id, asks, *sends, **more):  # noqa: A002
    more.setdefault("calls", 1)
    return Case(id=id, asks=asks, sends=list(sends), **more)


def told(id, asks, *sends):  # noqa: A002
    """A connection error while an app reads."""
    return ended(id, asks, PROTOCOL_ERROR, BODY, until_begun, *sends, script=HELD,
                 journals=[["lost"]], calls=1)  # fmt: skip


OF_DATA = [
    ended(
        "rfc9113-6.1-stream-zero",
        "DATA on stream 0 ends the connection",
        PROTOCOL_ERROR,
        data(0, b"abc"),
    ),
    fine(
        "rfc9113-6.1-padded",
        "padding is not content",
        BODY,
        data(1, b"abc", pad=9, end=True),
        journals=[[b"abc"]],
    ),
    fine(
        "rfc9113-6.1-padded-none",
        "a padding of no bytes is one",
        BODY,
        data(1, b"abc", pad=0, end=True),
        journals=[[b"abc"]],
    ),
    fine(
        "rfc9113-6.1-padded-most",
        "255 bytes of padding",
        BODY,
        data(1, b"abc", pad=255, end=True),
        journals=[[b"abc"]],
    ),
    fine(
        "rfc9113-6.1-padded-only",
        "a frame may be all padding",
        BODY,
        data(1, b"", pad=20),
        data(1, b"abc", pad=0),
        data(1, pad=5, end=True),
        journals=[[b"abc"]],
    ),
    told(
        "rfc9113-6.1-padding-too-long",
        "padding as long as the payload ends the connection",
        frame(0, 9, 1, b"\4abc"),
    ),
    told("rfc9113-6.1-padding-longer", "so does longer padding", frame(0, 9, 1, b"\xffabc")),
    ended(
        "rfc9113-6.1-padding-absent",
        "so does a padded frame without its length",
        PROTOCOL_ERROR,
        BODY,
        frame(0, 9, 1),
        codes=(FRAME_SIZE_ERROR,),
        calls=None,
    ),
    fine(
        "rfc9113-6.1-padding-not-zero",
        "padding that is not zero may be refused",
        BODY,
        data(1, b"abc", pad=3, padding=b"\1\2\3", end=True),
        expects=[Either(Answer(), Ended(PROTOCOL_ERROR))],
        calls=None,
    ),
    fine(
        "rfc9113-6.1-empty-end",
        "an empty frame may end a body",
        BODY,
        data(1, b"abc"),
        data(1, end=True),
        journals=[[b"abc"]],
    ),
    fine(
        "rfc9113-6.1-empty-between",
        "and stand in it",
        BODY,
        data(1, b"a"),
        data(1),
        data(1),
        data(1, b"b", end=True),
        journals=[[b"ab"]],
    ),
    fine(
        "rfc9113-6.1-single-bytes",
        "a body may come byte by byte",
        BODY,
        *(data(1, b"%d" % n, end=n == 9) for n in range(10)),
        journals=[[b"0123456789"]],
    ),
]


def with_payload(payload, flags=5):
    return frame(1, flags, 1, payload)


OF_HEADERS = [
    fine("rfc9113-6.2-padded", "HEADERS may be padded", headers(1, GET, pad=7)),
    fine("rfc9113-6.2-padded-most", "with 255 bytes", headers(1, GET, pad=255)),
    fine(
        "rfc9113-6.2-padded-continued",
        "padding stands before CONTINUATION",
        headers(1, BLOCK[:5], pad=7, done=False),
        continuation(1, BLOCK[5:]),
    ),
    fine(
        "rfc9113-6.2-priority",
        "priority fields are read over",
        headers(1, GET, priority=dependency()),
    ),
    fine(
        "rfc9113-6.2-priority-exclusive",
        "also exclusive ones on a stream that is not there",
        headers(1, GET, priority=dependency(99, 255, exclusive=True)),
    ),
    fine(
        "rfc9113-6.2-priority-padded",
        "and beside padding",
        headers(1, GET, priority=dependency(), pad=3),
    ),
    ended(
        "rfc9113-6.2-padding-too-long",
        "padding as long as the payload ends the connection",
        PROTOCOL_ERROR,
        with_payload(bytes([len(BLOCK) + 1]) + BLOCK, 13),
    ),
    ended(
        "rfc9113-6.2-padding-into-priority",
        "priority fields are no padding",
        PROTOCOL_ERROR,
        with_payload(b"\3" + dependency()[:4], 45),
        codes=(FRAME_SIZE_ERROR,),
    ),
    ended(
        "rfc9113-6.2-padding-absent",
        "a padded frame without its length",
        PROTOCOL_ERROR,
        with_payload(b"", 13),
        codes=(FRAME_SIZE_ERROR,),
    ),
    ended(
        "rfc9113-6.2-priority-cut",
        "a frame that ends in its priority fields",
        FRAME_SIZE_ERROR,
        with_payload(dependency()[:3], 37),
        codes=(PROTOCOL_ERROR,),
    ),
    ended(
        "rfc9113-6.2-stream-zero-continued",
        "HEADERS and CONTINUATION on stream 0",
        PROTOCOL_ERROR,
        headers(0, BLOCK[:5], done=False),
        continuation(0, BLOCK[5:]),
    ),
]
OF_PRIORITY = [
    fine("rfc9113-6.3-open", "PRIORITY for an open stream", BODY, priority(1), data(1, end=True)),
    fine(
        "rfc9113-6.3-self",
        "a stream that depends on itself may be refused",
        BODY,
        priority(1, dependency(1)),
        data(1, end=True),
        expects=[Either(Answer(), failed(1, PROTOCOL_ERROR))],
    ),
    ended(
        "rfc9113-6.3-stream-zero",
        "PRIORITY on stream 0 ends the connection",
        PROTOCOL_ERROR,
        priority(0),
    ),
    Case(
        id="rfc9113-6.3-short",
        asks="PRIORITY of 4 bytes is a stream error",
        sends=[BODY, priority(1, bytes(4))],
        expects=[failed(1, FRAME_SIZE_ERROR)],
    ),
    Case(
        id="rfc9113-6.3-long",
        asks="so is one of 6 bytes",
        sends=[BODY, priority(1, bytes(6))],
        expects=[failed(1, FRAME_SIZE_ERROR)],
    ),
]
OF_RESET = [
    ended(
        "rfc9113-6.4-stream-zero",
        "RST_STREAM on stream 0 ends the connection",
        PROTOCOL_ERROR,
        reset(0),
    ),
    ended(
        "rfc9113-6.4-short",
        "RST_STREAM of 3 bytes does",
        FRAME_SIZE_ERROR,
        BODY,
        frame(3, 0, 1, bytes(3)),
        calls=None,
    ),
    ended(
        "rfc9113-6.4-long",
        "and one of 5 bytes",
        FRAME_SIZE_ERROR,
        BODY,
        frame(3, 0, 1, bytes(5)),
        calls=None,
    ),
    ended(
        "rfc9113-6.4-empty", "and an empty one", FRAME_SIZE_ERROR, BODY, frame(3, 0, 1), calls=None
    ),
    Case(
        id="rfc9113-6.4-app-told",
        asks="the app gets http.disconnect",
        script=[("take", 3), ("tell", "begun"), ("lost",)],
        sends=[BODY, data(1, b"abc"), until_begun, reset(1)],
        expects=[],
        journals=[[3, "lost"]],
        calls=1,
    ),
    Case(
        id="rfc9113-6.4-nothing-after",
        asks="after RST_STREAM nothing is sent on the stream",
        script=[
            ("tell", "begun"),
            ("wait", "go"),
            ("try", {"type": "http.response.start", "status": 200}),
            ("try", {"type": "http.response.body", "body": b"abc"}),
        ],
        sends=[headers(1, GET), until_begun, reset(1), pause, tell("go"), pause],
        expects=[],
        check=lambda talk: nothing_on(talk.wire, 1),
    ),
]


def nothing_on(wire, stream):
    assert not wire.stream(stream).status, str(wire)


def setting(id, asks, name, value, code=PROTOCOL_ERROR):  # noqa: A002
    """A value that ends the connection; in the first SETTINGS, and in later ones."""
    return ended(f"rfc9113-6.5.2-{id}", asks, code, settings((name, value)))


def accepted(id, asks, *pairs):  # noqa: A002
    return fine(f"rfc9113-6.5.2-{id}", asks, settings(*pairs), until_acknowledged(2),
                headers(1, GET))  # fmt: skip


def smaller_frames(talk):
    talk.wire.largest = 20_000
    return settings((MAX_FRAME_SIZE, 20_000))


def without_table(talk):
    talk.wire.apply(HEADER_TABLE_SIZE, 0)
    return settings((HEADER_TABLE_SIZE, 0))


def frames_of(talk):
    assert max(talk.wire.stream(1).order) - min(talk.wire.stream(1).order) >= 5


OF_SETTINGS = [
    Case(
        id="rfc9113-6.5.3-acknowledged",
        asks="SETTINGS are acknowledged",
        sends=[until_acknowledged()],
        expects=[],
    ),
    Case(
        id="rfc9113-6.5.3-each",
        asks="each frame of them",
        expects=[],
        sends=[settings(), settings((MAX_FRAME_SIZE, 20_000)), settings(), until_acknowledged(4)],
    ),
    ended(
        "rfc9113-6.5-stream",
        "SETTINGS on a stream end the connection",
        PROTOCOL_ERROR,
        settings(stream=1),
    ),
    ended(
        "rfc9113-6.5-ack-payload",
        "so does an acknowledgement with a payload",
        FRAME_SIZE_ERROR,
        settings((MAX_FRAME_SIZE, 20_000), flags=1),
    ),
    ended(
        "rfc9113-6.5-length",
        "so does a length that is not a multiple of 6",
        FRAME_SIZE_ERROR,
        frame(4, 0, 0, bytes(5)),
    ),
    ended(
        "rfc9113-6.5-length-more",
        "also behind a whole setting",
        FRAME_SIZE_ERROR,
        frame(4, 0, 0, bytes.fromhex("00fa000000010000")),
    ),
    ended(
        "rfc9113-6.5-ack-stream",
        "and an acknowledgement on a stream",
        PROTOCOL_ERROR,
        settings(stream=1, flags=1),
    ),
    setting("push-2", "ENABLE_PUSH is 0 or 1", ENABLE_PUSH, 2),
    setting("push-large", "and nothing else", ENABLE_PUSH, 1 << 31),
    setting(
        "window-too-large",
        "INITIAL_WINDOW_SIZE is at most 2^31 - 1",
        INITIAL_WINDOW_SIZE,
        1 << 31,
        FLOW_CONTROL_ERROR,
    ),
    setting("window-all-bits", "no more", INITIAL_WINDOW_SIZE, (1 << 32) - 1, FLOW_CONTROL_ERROR),
    setting("frame-too-small", "MAX_FRAME_SIZE is at least 16,384", MAX_FRAME_SIZE, 16_383),
    setting("frame-zero", "never 0", MAX_FRAME_SIZE, 0),
    setting("frame-too-large", "and less than 2^24", MAX_FRAME_SIZE, 1 << 24),
    ended(
        "rfc9113-6.5.2-in-preface",
        "a wrong value in the first SETTINGS counts as well",
        PROTOCOL_ERROR,
        client={ENABLE_PUSH: 2},
    ),
    accepted("push-0", "ENABLE_PUSH may be 0", (ENABLE_PUSH, 0)),
    accepted("push-1", "or 1", (ENABLE_PUSH, 1)),
    accepted("frame-least", "MAX_FRAME_SIZE may be 16,384", (MAX_FRAME_SIZE, 16_384)),
    accepted("frame-most", "or 2^24 - 1", (MAX_FRAME_SIZE, (1 << 24) - 1)),
    accepted(
        "streams-none",
        "MAX_CONCURRENT_STREAMS of 0 concerns pushed streams alone",
        (MAX_CONCURRENT_STREAMS, 0),
    ),
    accepted("list-size", "MAX_HEADER_LIST_SIZE may be any", (MAX_HEADER_LIST_SIZE, 1 << 31)),
    fine(
        "rfc9113-6.5.2-table-large",
        "so may HEADER_TABLE_SIZE",
        headers(1, GET),
        client={HEADER_TABLE_SIZE: (1 << 32) - 1},
    ),
    accepted(
        "window-most", "INITIAL_WINDOW_SIZE may be 2^31 - 1", (INITIAL_WINDOW_SIZE, LARGEST_WINDOW)
    ),
    accepted(
        "all",
        "all of them in one frame",
        (HEADER_TABLE_SIZE, 0),
        (ENABLE_PUSH, 0),
        (MAX_CONCURRENT_STREAMS, 1),
        (INITIAL_WINDOW_SIZE, 70_000),
        (MAX_FRAME_SIZE, 16_384),
        (MAX_HEADER_LIST_SIZE, 9999),
    ),
    fine(
        "rfc9113-6.5.3-order",
        "the last of two values counts",
        settings((INITIAL_WINDOW_SIZE, 0), (INITIAL_WINDOW_SIZE, 65_535)),
        headers(1, GET),
    ),
    fine(
        "rfc9113-6.5.2-frames",
        "the server's frames are at most as large as the client's setting",
        headers(1, GET),
        script=[("size", 100_000)],
        expects=[Answer(body=b"x" * 100_000)],
        check=frames_of,
    ),
    fine(
        "rfc9113-6.5.2-frames-larger",
        "and may grow when the client raises it",
        smaller_frames,
        until_acknowledged(2),
        headers(1, GET),
        script=[("size", 100_000)],
        expects=[Answer(body=b"x" * 100_000)],
    ),
    fine(
        "rfc9113-6.5.2-no-table",
        "a client may take the server's table away",
        without_table,
        until_acknowledged(2),
        headers(1, GET),
        headers(3, GET),
        expects=[Answer(), Answer(3)],
        calls=2,
    ),
    fine(
        "rfc9113-6.5.2-no-table-from-the-start",
        "from the first SETTINGS on",
        headers(1, GET),
        headers(3, GET),
        expects=[Answer(), Answer(3)],
        client={HEADER_TABLE_SIZE: 0},
        calls=2,
    ),
    fine(
        "rfc9113-6.5.2-table-in-use",
        "and after it was in use",
        headers(1, GET),
        until_over(1),
        without_table,
        until_acknowledged(2),
        headers(3, GET),
        until_over(3),
        headers(5, GET),
        expects=[Answer(), Answer(3), Answer(5)],
        calls=3,
    ),
    fine(
        "rfc8441-3-client-setting",
        "ENABLE_CONNECT_PROTOCOL of a client is ignored",
        settings((ENABLE_CONNECT_PROTOCOL, 1)),
        headers(1, GET),
    ),
]
OF_PUSH = [
    ended(
        "rfc9113-8.4-push",
        "a client does not push",
        PROTOCOL_ERROR,
        BODY,
        push_promise(1, 2, GET),
        calls=None,
    ),
    ended("rfc9113-8.4-push-idle", "on no stream", PROTOCOL_ERROR, push_promise(1, 2, GET)),
    ended("rfc9113-8.4-push-zero", "and not on stream 0", PROTOCOL_ERROR, push_promise(0, 2, GET)),
]


def pong(payload):
    return until(lambda wire: payload in wire.pongs, "a PING with the same payload")


def no_pong(talk):
    assert not talk.wire.pongs


OF_PING = [
    Case(
        id="rfc9113-6.7-answered",
        asks="PING is answered with the same payload",
        expects=[],
        sends=[ping(b"\0\1\2\3\xfc\xfd\xfe\xff"), pong(b"\0\1\2\3\xfc\xfd\xfe\xff")],
    ),
    Case(
        id="rfc9113-6.7-each",
        asks="each of them, in their order",
        expects=[],
        sends=[ping(b"00000001"), ping(b"00000002"), pong(b"00000002")],
        check=lambda talk: in_order(talk.wire.pongs),
    ),
    Case(
        id="rfc9113-6.7-while-busy",
        asks="also while an app works",
        expects=[Answer()],
        script=[("wait", "go"), ("reply",)],
        sends=[headers(1, GET), ping(b"abcdefgh"), pong(b"abcdefgh"), tell("go")],
    ),
    Case(
        id="rfc9113-6.7-while-blocked",
        asks="and while a response waits for a window",
        client={INITIAL_WINDOW_SIZE: 0},
        script=[("size", 10)],
        expects=[],
        windows=False,
        sends=[headers(1, GET), ping(b"abcdefgh"), pong(b"abcdefgh"), reset(1)],
    ),
    Case(
        id="rfc9113-6.7-ack",
        asks="an answer is not answered",
        expects=[],
        check=no_pong,
        sends=[ping(ack=True), pause],
    ),
    ended(
        "rfc9113-6.7-stream", "PING on a stream ends the connection", PROTOCOL_ERROR, ping(stream=1)
    ),
    ended("rfc9113-6.7-short", "PING of 7 bytes does", FRAME_SIZE_ERROR, ping(b"0123456")),
    ended("rfc9113-6.7-long", "and one of 9 bytes", FRAME_SIZE_ERROR, ping(b"012345678")),
    ended("rfc9113-6.7-empty", "and an empty one", FRAME_SIZE_ERROR, ping(b"")),
    ended(
        "rfc9113-6.7-ack-short",
        "and an answer of 7 bytes",
        FRAME_SIZE_ERROR,
        ping(b"0123456", ack=True),
    ),
]


def in_order(pongs):
    assert pongs == sorted(pongs), pongs


OF_GOAWAY = [
    fine(
        "rfc9113-6.8-in-progress",
        "after the client's GOAWAY what is in progress is answered",
        BODY,
        goaway(),
        data(1, b"abc", end=True),
        journals=[[b"abc"]],
        serves=False,
    ),
    fine(
        "rfc9113-6.8-debug-data",
        "GOAWAY may explain itself",
        headers(1, GET),
        goaway(0, NO_ERROR, b"good bye" * 20),
        serves=False,
    ),
    fine(
        "rfc9113-6.8-unknown-code",
        "an unknown code is nothing special",
        headers(1, GET),
        goaway(0, 0xFAFAFAFA),
        expects=[Either(Answer(), Ended(NO_ERROR), Ignored())],
        serves=False,
        calls=None,
    ),
    Case(
        id="rfc9113-6.8-twice",
        asks="a client may send it twice",
        serves=False,
        script=[("wait", "go"), ("reply",)],
        sends=[headers(1, GET), goaway((1 << 31) - 2), goaway(0), pause, tell("go")],
    ),
    ended(
        "rfc9113-6.8-stream",
        "GOAWAY on a stream ends the connection",
        PROTOCOL_ERROR,
        goaway(stream=1),
    ),
    ended(
        "rfc9113-6.8-short", "GOAWAY of 7 bytes does", FRAME_SIZE_ERROR, frame(7, 0, 0, bytes(7))
    ),
]
OF_CONTINUATION = [
    ended(
        "rfc9113-6.10-alone",
        "CONTINUATION without HEADERS ends the connection",
        PROTOCOL_ERROR,
        BODY,
        continuation(1, block([(b"a", b"b")])),
        calls=None,
    ),
    ended(
        "rfc9113-6.10-after-end",
        "also after END_HEADERS",
        PROTOCOL_ERROR,
        headers(1, GET),
        continuation(1, block([(b"a", b"b")])),
        calls=None,
    ),
    ended(
        "rfc9113-6.10-after-last",
        "and after the last CONTINUATION",
        PROTOCOL_ERROR,
        headers(1, BLOCK[:5], done=False),
        continuation(1, BLOCK[5:]),
        continuation(1, b""),
        calls=None,
    ),
    ended(
        "rfc9113-6.10-after-data",
        "and after DATA",
        PROTOCOL_ERROR,
        BODY,
        data(1, b"abc"),
        continuation(1, b""),
        calls=None,
    ),
    ended("rfc9113-6.10-stream-zero", "and on stream 0", PROTOCOL_ERROR, continuation(0, BLOCK)),
    fine(
        "rfc9113-6.10-many",
        "a few of them are fine",
        headers(1, BLOCK[:2], done=False),
        *(continuation(1, BLOCK[n : n + 4], done=False) for n in range(2, 22, 4)),
        continuation(1, BLOCK[22:]),
    ),
    fine(
        "rfc9113-6.10-trailers",
        "trailers may be continued too",
        BODY,
        data(1, b"abc"),
        headers(1, block([(b"x-t", b"a")])[:3], done=False),
        continuation(1, block([(b"x-t", b"a")])[3:]),
        journals=[[b"abc"]],
    ),
    fine(
        "rfc9113-6.10-padding-not",
        "PADDED means nothing on CONTINUATION",
        headers(1, BLOCK[:5], done=False),
        frame(9, 4 | 8, 1, BLOCK[5:]),
    ),
]
CASES = [
    *OF_DATA, *OF_HEADERS, *OF_PRIORITY, *OF_RESET, *OF_SETTINGS, *OF_PUSH, *OF_PING, *OF_GOAWAY,
    *OF_CONTINUATION,
]  # fmt: skip
