"""Flow control: RFC 9113 5.2 and 6.9."""

from .cases import (
    Answer,
    Case,
    Either,
    Reset,
    failed,
    grant,
    pause,
    resize,
    tell,
    until_acknowledged,
    until_app,
    until_head,
    until_over,
    until_settings,
)  # fmt: skip
from .client import most_added
from .frames import (
    FLOW_CONTROL_ERROR,
    FRAME,
    FRAME_SIZE_ERROR,
    GET,
    INITIAL_WINDOW_SIZE,
    LARGEST_WINDOW,
    NO_ERROR,
    POST,
    PROTOCOL_ERROR,
    STREAM_CLOSED,
    WINDOW,
    data,
    frame,
    headers,
    request,
    reset,
    window,
)  # fmt: skip
from .framing import ended
from .streams import LATE

BODY = headers(1, POST, end=False)
UPDATES = [
    Case(
        id="rfc9113-6.9-zero",
        asks="an increment of 0 is a stream error",
        sends=[BODY, window(1, 0)],
        expects=[failed(1, PROTOCOL_ERROR)],
    ),
    ended(
        "rfc9113-6.9-zero-connection",
        "on stream 0 it ends the connection",
        PROTOCOL_ERROR,
        window(0, 0),
    ),
    ended(
        "rfc9113-6.9-short",
        "WINDOW_UPDATE of 3 bytes ends the connection",
        FRAME_SIZE_ERROR,
        frame(8, 0, 0, b"\0\0\1"),
    ),
    ended(
        "rfc9113-6.9-long",
        "so does one of 5 bytes",
        FRAME_SIZE_ERROR,
        frame(8, 0, 0, b"\0\0\0\0\1"),
    ),
    ended("rfc9113-6.9-empty", "and an empty one", FRAME_SIZE_ERROR, frame(8, 0, 0)),
    ended(
        "rfc9113-6.9-short-stream",
        "also on a stream",
        FRAME_SIZE_ERROR,
        BODY,
        frame(8, 0, 1, b"\0\0\1"),
        calls=None,
    ),
    Case(
        id="rfc9113-6.9-reserved-bit",
        asks="the reserved bit of the increment is ignored",
        sends=[headers(1, GET), window(0, 1 | 1 << 31)],
    ),
    Case(
        id="rfc9113-6.9.1-overflow",
        asks="a window of more than 2^31 - 1 is a stream error",
        sends=[BODY, window(1, LARGEST_WINDOW)],
        expects=[failed(1, FLOW_CONTROL_ERROR)],
    ),
    Case(
        id="rfc9113-6.9.1-overflow-by-one",
        asks="by one byte as well",
        sends=[BODY, window(1, most_added(WINDOW)), window(1, 1)],
        expects=[failed(1, FLOW_CONTROL_ERROR)],
    ),
    Case(
        id="rfc9113-6.9.1-fullest",
        asks="a window of 2^31 - 1 is none",
        sends=[
            window(0, most_added(WINDOW)),
            BODY,
            window(1, most_added(WINDOW)),
            data(1, b"abc", end=True),
        ],
        journals=[[b"abc"]],
    ),
    ended(
        "rfc9113-6.9.1-overflow-connection",
        "the connection's ends it",
        FLOW_CONTROL_ERROR,
        window(0, LARGEST_WINDOW),
    ),
    ended(
        "rfc9113-6.9.1-overflow-connection-by-one",
        "by one byte as well",
        FLOW_CONTROL_ERROR,
        window(0, most_added(WINDOW)),
        window(0, 1),
    ),
    Case(
        id="rfc9113-6.9-many-small",
        asks="windows may grow byte by byte",
        windows=False,
        client={INITIAL_WINDOW_SIZE: 0},
        script=[("size", 20)],
        sends=[headers(1, GET), *(grant(1, 1) for _ in range(20))],
        expects=[Answer(body=b"x" * 20)],
    ),
]


def has(count, stream=1):
    """The server has sent exactly so much, and waits."""

    def step(talk):
        talk.wire.wait(lambda: len(talk.wire.stream(stream).body) >= count, f"{count} bytes")
        talk.wire.send(b"\0\0\x08\x06\0\0\0\0\0" + b"waiting%d" % (count % 10))
        pongs = len(talk.wire.pongs)
        talk.wire.wait(lambda: len(talk.wire.pongs) > pongs, "an answer to PING")
        assert len(talk.wire.stream(stream).body) == count, str(talk.wire)

    return step


def window_of_connection(talk):
    """Streams 1 and 3 share what is left of the connection's window."""
    wire = talk.wire
    wire.wait(lambda: wire.window == 0, "a full window")
    assert len(wire.stream(1).body) + len(wire.stream(3).body) == WINDOW, str(wire)


SMALL = {INITIAL_WINDOW_SIZE: 10}
LARGE = {INITIAL_WINDOW_SIZE: 1 << 20}
SENDING = [
    Case(
        id="rfc9113-6.9.1-stream",
        asks="no more is sent than the stream's window",
        client=SMALL,
        windows=False,
        script=[("size", 25)],
        sends=[headers(1, GET), has(10), grant(1, 7), has(17), grant(1, 8)],
        expects=[Answer(body=b"x" * 25)],
    ),
    Case(
        id="rfc9113-6.9.1-connection",
        asks="nor more than the connection's",
        windows=False,
        client=LARGE,
        script=[("size", 100_000)],
        sends=[
            headers(1, GET),
            has(WINDOW),
            grant(0, 10_000),
            has(WINDOW + 10_000),
            grant(0, 100_000),
        ],
        expects=[Answer(body=b"x" * 100_000)],
    ),
    Case(
        id="rfc9113-6.9.1-connection-shared",
        asks="which all streams share",
        windows=False,
        client=LARGE,
        script=[("size", 50_000)],
        sends=[headers(1, GET), headers(3, GET), window_of_connection, grant(0, 100_000)],
        expects=[Answer(body=b"x" * 50_000), Answer(3, body=b"x" * 50_000)],
    ),
    Case(
        id="rfc9113-6.9.1-one-blocked",
        asks="a stream without a window does not stop others",
        client=SMALL,
        windows=False,
        script={"/large": [("size", 100)], "/": [("size", 10)]},
        sends=[
            headers(1, request(path=b"/large")),
            has(10),
            headers(3, GET),
            until_over(3),
            grant(1, 90),
        ],
        expects=[Answer(3), Answer(1, body=b"x" * 100)],
    ),
    Case(
        id="rfc9113-6.9.1-head-not-blocked",
        asks="heads need no window",
        windows=False,
        client={INITIAL_WINDOW_SIZE: 0},
        script=[("size", 5)],
        sends=[headers(1, GET), until_head(), has(0), grant(1, 5)],
        expects=[Answer()],
    ),
    Case(
        id="rfc9113-6.9.1-empty-not-blocked",
        asks="nor does the end of an empty body",
        client={INITIAL_WINDOW_SIZE: 0},
        windows=False,
        script=[("size", 0)],
        sends=[headers(1, GET)],
        expects=[Answer(body=b"")],
        choice=True,
    ),
    Case(
        id="rfc9113-6.9.1-empty-end-not-blocked",
        asks="an end that comes after a body may wait for one",
        client=SMALL,
        windows=False,
        script=[("start",), ("body", b"x" * 10, True), ("wait", "go"), ("body",)],
        sends=[headers(1, GET), has(10), tell("go"), pause, grant(1, 1)],
        expects=[Answer(body=b"x" * 10)],
    ),
    Case(
        id="rfc9113-6.9.1-app-waits",
        asks="send() waits for the window",
        client=SMALL,
        windows=False,
        script=[("start",), ("flood", 100_000, 3)],
        journals=[[3]],
        sends=[
            headers(1, GET),
            has(10),
            lambda talk: talk.wire.grant(0, 400_000) + talk.wire.grant(1, 400_000),
        ],
        expects=[Answer(body=b"x" * 300_000)],
    ),
    Case(
        id="rfc9113-6.9.1-reset-blocked",
        asks="RST_STREAM ends what waits for a window",
        client=SMALL,
        windows=False,
        script=[("start",), ("flood", 1_000_000, 3)],
        journals=[["lost"]],
        sends=[headers(1, GET), has(10), reset(1)],
        expects=[],
    ),
    Case(
        id="rfc9113-6.9.2-raised",
        asks="a larger initial window lets streams go on",
        client=SMALL,
        windows=False,
        script=[("size", 30)],
        sends=[headers(1, GET), has(10), resize(30)],
        expects=[Answer(body=b"x" * 30)],
    ),
    Case(
        id="rfc9113-6.9.2-from-zero",
        asks="also from 0",
        client={INITIAL_WINDOW_SIZE: 0},
        windows=False,
        script=[("size", 30)],
        sends=[headers(1, GET), has(0), resize(1), has(1), resize(30)],
        expects=[Answer(body=b"x" * 30)],
    ),
    Case(
        id="rfc9113-6.9.2-negative",
        asks="a smaller one may make a window negative",
        client=SMALL,
        windows=False,
        script=[("size", 30)],
        sends=[
            headers(1, GET),
            has(10),
            resize(3),
            until_acknowledged(2),
            grant(1, 6),
            has(10),
            grant(1, 1),
            has(10),
            grant(1, 5),
            has(15),
            grant(1, 15),
        ],
        expects=[Answer(body=b"x" * 30)],
    ),
    Case(
        id="rfc9113-6.9.2-negative-and-raised",
        asks="and a larger one positive again",
        client=SMALL,
        windows=False,
        script=[("size", 30)],
        sends=[
            headers(1, GET),
            has(10),
            resize(0),
            until_acknowledged(2),
            has(10),
            resize(12),
            has(12),
            resize(30),
        ],
        expects=[Answer(body=b"x" * 30)],
    ),
    Case(
        id="rfc9113-6.9.2-new-streams",
        asks="new streams begin with the new size",
        windows=False,
        script=[("size", 20)],
        sends=[resize(5), until_acknowledged(2), headers(1, GET), has(5), grant(1, 15)],
        expects=[Answer(body=b"x" * 20)],
    ),
    ended(
        "rfc9113-6.9.2-overflow",
        "SETTINGS that fill a window too much end the connection",
        FLOW_CONTROL_ERROR,
        BODY,
        window(1, most_added(WINDOW)),
        resize(WINDOW + 1),
        calls=None,
    ),
    Case(
        id="rfc9113-6.9.2-not-the-connection",
        windows=False,
        asks="SETTINGS do not change the connection's window",
        client=LARGE,
        script=[("size", 100_000)],
        sends=[
            headers(1, GET),
            has(WINDOW),
            resize(1 << 21),
            until_acknowledged(2),
            has(WINDOW),
            grant(0, 100_000),
        ],
        expects=[Answer(body=b"x" * 100_000)],
    ),
    Case(
        id="rfc9113-6.9-large",
        asks="a response larger than all windows arrives whole",
        script=[("size", 1_000_000)],
        sends=[headers(1, GET)],
        expects=[Answer(body=b"x" * 1_000_000)],
    ),
    Case(
        id="rfc9113-6.9-large-parts",
        asks="in parts as well",
        script=[("start",), ("flood", 10_000, 50)],
        sends=[headers(1, GET)],
        expects=[Answer(body=b"x" * 500_000)],
        journals=[[50]],
    ),
    Case(
        id="rfc9113-6.9-large-several",
        asks="several of them at once",
        client=LARGE,
        script=[("size", 300_000)],
        sends=[headers(n, GET) for n in (1, 3, 5)],
        expects=[Answer(n, body=b"x" * 300_000) for n in (1, 3, 5)],
    ),
]


def upload(size, step=8000, *, more=False):
    """A body as the server's windows allow it; `more` of it follows."""

    def sends(talk):
        wire = talk.wire
        while talk.sent < size:
            wire.wait(lambda: wire.ended or wire.stream(1).over or wire.room(1, talk.sent) > 0,
                      "a window of the server's")  # fmt: skip
            if wire.ended or wire.stream(1).over:
                return
            count = min(step, wire.room(1, talk.sent), size - talk.sent)
            talk.sent += count
            wire.send(data(1, b"y" * count, end=talk.sent == size and not more))

    return sends


def padded_upload(talk):
    """RFC 9113 6.1: padding counts; its bytes are given back though no app reads them."""
    wire = talk.wire
    for number in range(400):
        wire.wait(lambda: wire.ended or wire.room(1, talk.sent) >= 257, "a window for padding")
        talk.sent += 257
        wire.send(data(1, b"z", pad=255, end=number == 399))


def into_the_window(talk):
    """All that the first window takes, and one byte more."""
    room = talk.wire.room(1, 0)
    parts = [data(1, b"z" * FRAME) for _ in range(room // FRAME)]
    talk.room = room
    return b"".join(parts) + data(1, b"z" * (room % FRAME + 1))


def only_the_window(talk):
    """All that the first window takes."""
    talk.room = talk.wire.room(1, 0)
    sent = b"".join(data(1, b"z" * FRAME) for _ in range(talk.room // FRAME))
    talk.wire.send(sent + data(1, b"z" * (talk.room % FRAME)))
    talk.peer.pause()
    talk.wire.send(b"\0\0\x08\x06\0\0\0\0\0abcdefgh")
    talk.wire.wait(lambda: talk.wire.pongs, "an answer to PING")


def no_credit(talk):
    assert talk.wire.stream(1).credit == 0, "a window opens though nobody reads the body"


RECEIVING = [
    Case(
        id="rfc9113-6.9.1-upload",
        asks="windows open as an app reads",
        sends=[BODY, until_settings, upload(1_000_000)],
        journals=[[b"y" * 1_000_000]],
    ),
    Case(
        id="rfc9113-6.9.1-upload-bytes",
        asks="also for the smallest frames",
        sends=[BODY, until_settings, upload(300, 1)],
        journals=[[b"y" * 300]],
    ),
    Case(
        id="rfc9113-6.9.1-upload-parts",
        asks="the app may take it in parts",
        script=[("take", 200_000), ("tell", "taken"), ("read",), ("reply",)],
        sends=[
            BODY,
            until_settings,
            upload(200_000, more=True),
            until_app("taken"),
            upload(400_000),
        ],
    ),
    Case(
        id="rfc9113-6.9.1-upload-several",
        asks="a slow upload does not stop a fast one",
        script={"/slow": [("wait", "go"), ("reply",)], "/": [("read",), ("reply",)]},
        sends=[
            headers(1001, request(b"POST", b"/slow"), end=False),
            headers(1003, POST, end=False),
            data(1001, b"s" * 16_000),
            data(1003, b"f" * 16_000, end=True),
            until_over(1003),
            tell("go"),
        ],
        expects=[Answer(1003), Answer(1001)],
    ),
    Case(
        id="rfc9113-6.1-padding-given-back",
        asks="padding is given back",
        sends=[BODY, until_settings, padded_upload],
        journals=[[b"z" * 400]],
    ),
    Case(
        id="rfc9113-6.9.1-exceeded",
        asks="more than the window is an error",
        script=[("wait", "go"), ("reply",)],
        sends=[BODY, until_acknowledged(), into_the_window],
        expects=[failed(1, FLOW_CONTROL_ERROR)],
        choice=True,
    ),
    Case(
        id="rfc9113-6.9.1-not-opened",
        asks="no window opens for an app that does not read",
        script=[("wait", "go"), ("reply",)],
        check=no_credit,
        choice=True,
        sends=[BODY, until_acknowledged(), only_the_window],
        expects=[],
    ),
    Case(
        id="rfc9113-6.9.1-unread",
        asks="an unread body does not starve the connection",
        script=[("reply",)],
        sends=[headers(1, POST, end=False), until_settings, upload(150_000), headers(3, GET)],
        expects=[Either(Answer(1), Reset(1, NO_ERROR, STREAM_CLOSED)), LATE, Answer(3)],
    ),
]
CASES = [*UPDATES, *SENDING, *RECEIVING]
