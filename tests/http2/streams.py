"""The states of streams and their numbers: RFC 9113 5.1."""

from .cases import (
    HELD,
    Answer,
    Case,
    Either,
    Ended,
    Ignored,
    Reset,
    failed,
    pause,
    tell,
    until,
    until_app,
    until_begun,
    until_over,
)  # fmt: skip
from .frames import (
    FRAME,
    GET,
    LARGEST_ID,
    MAX_CONCURRENT_STREAMS,
    NO_ERROR,
    POST,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    STREAM_CLOSED,
    WINDOW,
    block,
    continuation,
    data,
    headers,
    priority,
    request,
    reset,
    window,
)  # fmt: skip
from .framing import ended

HOLD = [("read",), ("wait", "go"), ("reply",)]
CLOSED = (STREAM_CLOSED, PROTOCOL_ERROR)
TRAILERS = [(b"x-trailer", b"a")]


def after_end(id, asks, *sends, outcome=None):  # noqa: A002
    """On a stream that the client has ended, while the app works."""
    outcome = outcome or failed(1, STREAM_CLOSED)
    return Case(id=id, asks=asks, script=HOLD, expects=[outcome], calls=1,
                sends=[headers(1, GET), *sends])  # fmt: skip


def closed(id, asks, *sends, outcome=None):  # noqa: A002
    """On a stream that has ended on each side."""
    outcome = outcome or Either(failed(1, *CLOSED), Ignored())
    return Case(id=id, asks=asks, sends=[headers(1, GET), until_over(), *sends],
                expects=[Answer(), outcome], calls=1)  # fmt: skip


def cancelled(id, asks, *sends):  # noqa: A002
    """On a stream that the client has reset."""
    return Case(id=id, asks=asks, script=HELD, journals=[["lost"]],
                expects=[Either(failed(1, *CLOSED), Ignored())], calls=1,
                sends=[headers(1, POST, end=False), until_begun, reset(1), *sends])  # fmt: skip


STATES = [
    Case(
        id="rfc9113-5.1-idle-data",
        asks="DATA on an idle stream is an error",
        calls=0,
        sends=[data(1, b"abc", end=True)],
        expects=[Either(Ended(PROTOCOL_ERROR, STREAM_CLOSED), Reset(1, STREAM_CLOSED))],
    ),
    ended(
        "rfc9113-5.1-idle-reset",
        "RST_STREAM on an idle stream ends the connection",
        PROTOCOL_ERROR,
        reset(1),
    ),
    ended("rfc9113-5.1-idle-window", "so does WINDOW_UPDATE", PROTOCOL_ERROR, window(1, 1)),
    ended(
        "rfc9113-5.1-idle-window-even",
        "also on a stream that is the server's to open",
        PROTOCOL_ERROR,
        window(2, 1),
    ),
    ended("rfc9113-5.1-idle-reset-even", "and so does RST_STREAM there", PROTOCOL_ERROR, reset(2)),
    ended(
        "rfc9113-5.1-idle-continuation",
        "and CONTINUATION",
        PROTOCOL_ERROR,
        continuation(1, block(GET)),
    ),
    Case(
        id="rfc9113-5.1-idle-priority",
        asks="PRIORITY may come on an idle stream",
        sends=[priority(5), headers(1, GET), headers(5, GET)],
        expects=[Answer(1), Answer(5)],
    ),
    after_end("rfc9113-5.1-ended-data", "DATA after END_STREAM is a stream error", data(1, b"x")),
    after_end("rfc9113-5.1-ended-data-empty", "also without a byte", data(1, end=True)),
    after_end(
        "rfc9113-5.1-ended-headers",
        "so is HEADERS",
        headers(1, TRAILERS),
        outcome=failed(1, *CLOSED),
    ),
    after_end(
        "rfc9113-5.1-ended-continuation",
        "CONTINUATION without HEADERS ends the connection",
        continuation(1, block(TRAILERS)),
        outcome=Ended(PROTOCOL_ERROR),
    ),
    after_end(
        "rfc9113-5.1-ended-window",
        "WINDOW_UPDATE is fine",
        window(1, 1),
        pause,
        tell("go"),
        outcome=Answer(),
    ),
    after_end(
        "rfc9113-5.1-ended-priority",
        "so is PRIORITY",
        priority(1),
        pause,
        tell("go"),
        outcome=Answer(),
    ),
    Case(
        id="rfc9113-5.1-ended-reset",
        asks="RST_STREAM reaches the app of a complete request",
        script=[("read",), *HELD],
        journals=[[b"", "lost"]],
        expects=[],
        sends=[headers(1, GET), until_begun, reset(1)],
    ),
    closed(
        "rfc9113-5.1-closed-data",
        "DATA on a closed stream is not taken for a request's",
        data(1, b"abc", end=True),
    ),
    closed(
        "rfc9113-5.1-closed-headers",
        "nor is HEADERS a new request",
        headers(1, GET),
        outcome=Either(failed(1, *CLOSED), Ended(PROTOCOL_ERROR), Ignored()),
    ),
    closed(
        "rfc9113-5.1-closed-continuation",
        "CONTINUATION there ends the connection",
        continuation(1, block(GET)),
        outcome=Ended(PROTOCOL_ERROR, STREAM_CLOSED),
    ),
    closed(
        "rfc9113-5.1-closed-window", "WINDOW_UPDATE may come late", window(1, 1), outcome=Ignored()
    ),
    closed("rfc9113-5.1-closed-reset", "so may RST_STREAM", reset(1), outcome=Ignored()),
    closed(
        "rfc9113-5.1-closed-priority",
        "PRIORITY may come at any time",
        priority(1),
        outcome=Ignored(),
    ),
    cancelled("rfc9113-5.1-reset-data", "DATA after the client's RST_STREAM", data(1, b"abc")),
    cancelled("rfc9113-5.1-reset-headers", "HEADERS after it are no new request", headers(1, GET)),
    cancelled("rfc9113-5.1-reset-window", "WINDOW_UPDATE after it", window(1, 1)),
    cancelled("rfc9113-5.1-reset-priority", "PRIORITY after it", priority(1)),
]


def to_a_closed_stream(talk):
    """More than the window of the connection, to a stream that the server has closed."""
    for _ in range(40):
        talk.wire.send(data(1, b"x" * 8000))
        talk.sent += 8000
        talk.peer.pause()
        # What is thrown away is given back, or the connection starves.
        talk.wire.wait(lambda: talk.wire.ended or WINDOW + talk.wire.credit - talk.sent >= 8000,
                       "the window of what was thrown away")  # fmt: skip
    return headers(3, GET)


LATE = Either(Reset(1, *CLOSED, NO_ERROR), Ignored())  # RFC 9113 6.1
DISCARDED = [
    Case(
        id="rfc9113-5.1-discarded-data",
        asks="DATA on a stream that the server has closed counts for the connection's window",
        script=[("reply",)],
        sends=[headers(1, POST, end=False), until_over(), to_a_closed_stream],
        expects=[Answer(), LATE, Either(Answer(3), Ended(*CLOSED))],
    ),
    Case(
        id="rfc9113-5.1-discarded-trailers",
        asks="trailers on such a stream change the table, and nothing else",
        script=[("reply",)],
        sends=[headers(1, POST, end=False), until_over(), headers(1, TRAILERS), headers(3, GET)],
        expects=[Answer(), LATE, Either(Answer(3), Ended(*CLOSED))],
    ),
]
NUMBERS = [
    ended(
        "rfc9113-5.1.1-even",
        "a client does not open streams of even numbers",
        PROTOCOL_ERROR,
        headers(2, GET),
    ),
    ended("rfc9113-5.1.1-zero", "nor stream 0", PROTOCOL_ERROR, headers(0, GET)),
    ended(
        "rfc9113-5.1.1-lower",
        "a new stream has a higher number than those before",
        PROTOCOL_ERROR,
        headers(5, GET),
        until_over(5),
        headers(3, GET),
        calls=1,
        codes=(STREAM_CLOSED,),
    ),
    Case(
        id="rfc9113-5.1.1-lower-open",
        asks="also while the higher one is open",
        script=HOLD,
        sends=[headers(5, POST, end=False), headers(3, GET)],
        expects=[Ended(*CLOSED)],
        calls=1,
    ),
    Case(
        id="rfc9113-5.1.1-again",
        asks="a number is used once",
        sends=[headers(1, GET), until_over(), headers(1, request(path=b"/again"))],
        expects=[Answer(), Either(Ended(*CLOSED), Reset(1, STREAM_CLOSED), Ignored())],
        calls=1,
    ),
    Case(
        id="rfc9113-5.1.1-skipped",
        asks="numbers may be left out",
        sends=[headers(7, GET), headers(101, GET)],
        expects=[Answer(7), Answer(101)],
    ),
    Case(
        id="rfc9113-5.1.1-skipped-window",
        asks="what is left out is closed: WINDOW_UPDATE there",
        sends=[headers(7, GET), until_over(7), window(3, 1)],
        expects=[Answer(7), Either(Ignored(), Ended(*CLOSED))],
    ),
    Case(
        id="rfc9113-5.1.1-skipped-data",
        asks="and DATA there is not a request's",
        sends=[headers(7, GET), until_over(7), data(3, b"abc", end=True)],
        calls=1,
        expects=[Answer(7), Either(failed(3, *CLOSED), Ignored())],
    ),
    Case(
        id="rfc9113-5.1.1-largest",
        asks="the last number is 2^31 - 1",
        sends=[headers(LARGEST_ID, GET)],
        expects=[Answer(LARGEST_ID)],
        serves=False,
    ),
]
MOST = 1000  # streams at a time that a case opens


def fill(talk):
    """As many streams as the server allows, all in progress."""
    talk.limit = min(talk.wire.settings.get(MAX_CONCURRENT_STREAMS, MOST), MOST)
    return b"".join(headers(2 * n + 1, request(path=b"/hold")) for n in range(talk.limit))


def one_more(talk):
    talk.peer.pause()
    talk.wire.send(headers(2 * talk.limit + 1, request(path=b"/one-more")))
    if talk.limit == MOST:
        return
    extra = talk.wire.stream(2 * talk.limit + 1)
    talk.wire.wait(lambda: extra.over or talk.wire.ended, "the refusal of one more stream")
    allowed = (PROTOCOL_ERROR, REFUSED_STREAM)
    assert extra.reset in allowed or talk.wire.ended, str(talk.wire)
    extra.reset = None  # as it should be


def all_answered(talk):
    wire = talk.wire
    for n in range(0 if wire.ended else talk.limit):
        stream = wire.stream(2 * n + 1)
        wire.wait(lambda stream=stream: stream.over, "the end of a stream")
        assert stream.status == 200, str(wire)


def and_again(talk):
    """The places of finished streams are free."""
    all_answered(talk)
    number = 2 * talk.limit + 1
    talk.wire.send(headers(number, request(path=b"/again")))
    stream = talk.wire.stream(number)
    talk.wire.wait(lambda: stream.over, "an answer")
    assert stream.status == 200, str(talk.wire)


SCRIPTS = {"/hold": HOLD, "/again": [("reply",)], "/one-more": [("reply",)]}
CONCURRENCY = [
    Case(
        id="rfc9113-5.1.2-one-more",
        asks="one more stream than SETTINGS allow is refused",
        script=SCRIPTS,
        sends=[until(lambda wire: wire.settings_seen, "SETTINGS"), fill, one_more, tell("go")],
        # RFC 9113 5.4.1: a stream error may be taken for one of the connection
        expects=[Either(Ended(PROTOCOL_ERROR, REFUSED_STREAM), Ignored())],
        check=all_answered,
    ),
    Case(
        id="rfc9113-5.1.2-freed",
        asks="a stream that has ended makes room for another",
        script=SCRIPTS,
        sends=[until(lambda wire: wire.settings_seen, "SETTINGS"), fill, pause, tell("go")],
        expects=[],
        check=and_again,
    ),
    Case(
        id="rfc9113-5.1.2-in-any-order",
        asks="streams are answered in the order they are ready",
        script={"/a": HOLD, "/b": [("reply",)]},
        sends=[
            headers(1, request(path=b"/a")),
            headers(3, request(path=b"/b")),
            until_over(3),
            tell("go"),
        ],
        expects=[Answer(1), Answer(3)],
    ),
]


def interleaved_bodies(talk):
    parts = []
    for part in range(4):
        parts += [data(n, b"%d" % part, end=part == 3) for n in (5, 1, 3)]
    return b"".join(parts)


MULTIPLEXED = [
    Case(
        id="rfc9113-5-interleaved",
        asks="frames of different streams may come in turn",
        sends=[*(headers(n, POST, end=False) for n in (1, 3, 5)), interleaved_bodies],
        expects=[Answer(1), Answer(3), Answer(5)],
        journals=[[b"0123"]] * 3,
    ),
    Case(
        id="rfc9113-5-slow-app",
        asks="an app that does not read holds up no other stream",
        script={"/slow": HOLD[1:], "/": [("read",), ("reply",)]},
        sends=[
            headers(1, request(b"POST", b"/slow"), end=False),
            data(1, b"x" * FRAME),
            headers(3, POST, end=False),
            data(3, b"x" * FRAME, end=True),
            until_over(3),
            tell("go"),
        ],
        expects=[Answer(3), Answer(1)],
    ),
    Case(
        id="rfc9113-8.1-answer-early",
        asks="a response may be complete before its request",
        script=[("reply", b"early")],
        calls=1,
        sends=[headers(1, POST, end=False), until_over()],
        expects=[Answer(body=b"early")],
    ),
    Case(
        id="rfc9113-8.1-answer-early-reset",
        asks="then the server asks for no more of it",
        script=[("reply", b"early")],
        calls=1,
        sends=[
            headers(1, POST, end=False),
            until_over(),
            until(lambda wire: wire.stream(1).reset is not None, "RST_STREAM"),
        ],
        expects=[Answer(body=b"early"), Reset(1, NO_ERROR)],
        choice=True,
    ),
    Case(
        id="rfc9113-8.1-echo-while-sent",
        asks="a response may grow with its request",
        script=[("mirror",)],
        sends=[
            headers(1, POST, end=False),
            data(1, b"abc"),
            until(lambda wire: wire.stream(1).body == b"abc", "an echo"),
            data(1, b"def", end=True),
        ],
        expects=[Answer(body=b"abcdef")],
    ),
    Case(
        id="rfc9113-5.1-reset-while-sent",
        asks="send() raises OSError after RST_STREAM",
        script=[
            ("start",),
            ("body", b"abc", True),
            ("tell", "begun"),
            ("lost",),
            ("try", {"type": "http.response.body", "body": b"def"}),
        ],
        journals=[["lost", "lost"]],
        expects=[],
        sends=[headers(1, GET), until_app("begun"), reset(1)],
    ),
    Case(
        id="rfc9113-5.1-reset-many",
        asks="each app of a reset stream is told",
        script=[("wait", "go"), ("tell", "begun"), ("lost",)],
        journals=[["lost"]] * 9,
        expects=[],
        sends=[
            *(headers(n, GET) for n in range(1, 19, 2)),
            tell("go"),
            until_begun,
            pause,
            *(reset(n) for n in range(1, 19, 2)),
        ],
    ),
]
CASES = [*STATES, *DISCARDED, *NUMBERS, *CONCURRENCY, *MULTIPLEXED]
