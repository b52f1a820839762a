"""Priorities of responses: RFC 9218."""

import itertools

from .cases import Answer, Case, Either, Ended, Ignored, until, until_acknowledged, until_head
from .frames import (
    FRAME_SIZE_ERROR,
    GET,
    INITIAL_WINDOW_SIZE,
    LARGEST_WINDOW,
    NO_RFC7540_PRIORITIES,
    PRIORITY_UPDATE,
    PROTOCOL_ERROR,
    WINDOW,
    frame,
    headers,
    priority_update,
    request,
    settings,
)  # fmt: skip
from .framing import ended

SIZE = 60_000  # bytes of each response
FIRST = {"/first": [("size", WINDOW)], "/": [("size", SIZE)]}
WIDE = {INITIAL_WINDOW_SIZE: 1 << 20, NO_RFC7540_PRIORITIES: 1}


def value(name, text, **more):
    fields = request(b"GET", b"/", (b"priority", text))
    return Case(id=f"rfc9218-{name}", sends=[headers(1, fields)], **more)


FIELDS = [
    value(
        "4-field",
        b"u=3, i",
        asks="the priority field is the app's to see",
        script=[("fields",), ("reply",)],
        journals=[[[(b"priority", b"u=3, i")]]],
    ),
    value("4-urgency-out-of-range", b"u=9", asks="an urgency above 7 is ignored"),
    value("4-urgency-negative", b"u=-1", asks="and one below 0"),
    value("4-urgency-not-a-number", b"u=high", asks="and one that is no number"),
    value("4-unknown-parameter", b"u=1, x=2, i=?0", asks="and an unknown parameter"),
    value("5-not-structured", b"\x22,,;;=", asks="and a field that cannot be parsed"),
    value("5-empty", b"", asks="and an empty one"),
    Case(
        id="rfc9218-5-twice",
        asks="and two of them",
        sends=[headers(1, request(b"GET", b"/", (b"priority", b"u=1"), (b"priority", b"u=7")))],
    ),
    Case(
        id="rfc9218-2.1-setting",
        asks="a client may say that it uses no other priorities",
        client={NO_RFC7540_PRIORITIES: 1},
        sends=[headers(1, GET)],
    ),
    ended(
        "rfc9218-2.1-setting-value",
        "with 0 or 1, nothing else",
        PROTOCOL_ERROR,
        client={NO_RFC7540_PRIORITIES: 2},
    ),
    ended(
        "rfc9218-2.1-setting-changed",
        "and does not change its mind",
        PROTOCOL_ERROR,
        until_acknowledged(),
        settings((NO_RFC7540_PRIORITIES, 0)),
        client={NO_RFC7540_PRIORITIES: 1},
    ),
]


def update(id, asks, *sends, **more):  # noqa: A002
    return Case(id=f"rfc9218-7.1-{id}", asks=asks, sends=list(sends), **more)


UPDATES = [
    update(
        "before",
        "PRIORITY_UPDATE may come before its stream",
        priority_update(1, b"u=1"),
        headers(1, GET),
    ),
    update("open", "and while it is open", headers(1, GET), priority_update(1, b"u=7, i")),
    update(
        "closed",
        "and after its end",
        headers(1, GET),
        priority_update(1, b"u=7"),
        headers(3, GET),
        priority_update(1, b"u=0"),
        expects=[Answer(), Answer(3)],
    ),
    update("empty", "without a value", headers(1, GET), priority_update(1, b"")),
    update(
        "not-structured",
        "a value that cannot be parsed is ignored",
        priority_update(1, b"\x22,,;;="),
        headers(1, GET),
        expects=[Either(Answer(), Ended(PROTOCOL_ERROR))],
    ),
    update(
        "reserved-bit",
        "the reserved bit is ignored",
        headers(1, GET),
        priority_update(1 | 1 << 31, b"u=1"),
    ),
    ended(
        "rfc9218-7.1-on-a-stream",
        "it comes on stream 0",
        PROTOCOL_ERROR,
        priority_update(1, b"u=1", on=1),
    ),
    ended(
        "rfc9218-7.1-for-zero",
        "and is not for stream 0",
        PROTOCOL_ERROR,
        priority_update(0, b"u=1"),
    ),
    ended(
        "rfc9218-7.1-short",
        "and names a stream",
        FRAME_SIZE_ERROR,
        frame(PRIORITY_UPDATE, 0, 0, b"\0\0\1"),
        codes=(PROTOCOL_ERROR,),
    ),
    ended(
        "rfc9218-7.1-empty-frame",
        "in four bytes",
        FRAME_SIZE_ERROR,
        frame(PRIORITY_UPDATE, 0, 0),
        codes=(PROTOCOL_ERROR,),
    ),
    update(
        "for-a-push",
        "for a stream that the server has not promised it is an error",
        priority_update(2, b"u=1"),
        expects=[Either(Ended(PROTOCOL_ERROR), Ignored())],
    ),
]


def blocked(*priorities, updates=()):
    """Responses that are ready and wait for the connection's window, and then get it."""
    streams = [(3 + 2 * n, text) for n, text in enumerate(priorities)]
    fields = [(b"priority", text) for _, text in streams]
    return [
        headers(1, request(path=b"/first")),
        until(lambda wire: wire.window == 0, "a full window"),
        *(headers(stream, request(b"GET", b"/", *([field] if field[1] else [])))
          for (stream, _), field in zip(streams, fields, strict=True)),
        *(until_head(stream) for stream, _ in streams),
        *updates,
        lambda talk: talk.peer.pause(),
        lambda talk: talk.wire.grant(0, LARGEST_WINDOW - WINDOW),
    ]  # fmt: skip


def one_after_the_other(*streams):
    """The DATA of each of them comes before that of the next."""

    def check(talk):
        found = [talk.wire.stream(stream).order for stream in streams]
        for first, second in itertools.pairwise(found):
            assert max(first) < min(second), found

    return check


def shared(*streams):
    """The DATA of each comes between that of the others."""

    def check(talk):
        found = [talk.wire.stream(stream).order for stream in streams]
        assert max(map(min, found)) < min(map(max, found)), found

    return check


def order(id, asks, check, *priorities, updates=()):  # noqa: A002
    """RFC 9218 10 recommends it; it demands nothing."""
    streams = range(3, 3 + 2 * len(priorities), 2)
    return Case(id=f"rfc9218-{id}", asks=asks, choice=True, client=WIDE, windows=False,
                script=FIRST, sends=blocked(*priorities, updates=updates), check=check,
                expects=[Answer(stream, body=b"x" * SIZE) for stream in streams])  # fmt: skip


ORDERS = [
    order(
        "10-urgency",
        "the more urgent response comes first",
        one_after_the_other(5, 3),
        b"u=5",
        b"u=1",
    ),
    order(
        "10-urgency-default",
        "3 is the urgency of those that say nothing",
        one_after_the_other(7, 5, 3),
        b"u=4",
        b"",
        b"u=2",
    ),
    order(
        "10-urgency-all",
        "in the order of all eight",
        one_after_the_other(17, 15, 13, 11, 9, 7, 5, 3),
        *(b"u=%d" % n for n in range(7, -1, -1)),
    ),
    order(
        "10-same",
        "of the same urgency one after the other",
        one_after_the_other(3, 5),
        b"u=2",
        b"u=2",
    ),
    order(
        "10-incremental",
        "incremental responses share the connection",
        shared(3, 5),
        b"u=2, i",
        b"u=2, i",
    ),
    order("10-incremental-three", "three as well", shared(3, 5, 7), b"i", b"i", b"i"),
    order(
        "10-incremental-urgent",
        "but not with less urgent ones",
        one_after_the_other(5, 3),
        b"u=3, i",
        b"u=2, i",
    ),
    order(
        "7.1-raised",
        "PRIORITY_UPDATE makes a response more urgent",
        one_after_the_other(5, 3),
        b"u=3",
        b"u=5",
        updates=[priority_update(5, b"u=0")],
    ),
    order(
        "7.1-lowered",
        "or less",
        one_after_the_other(5, 3),
        b"u=3",
        b"u=3",
        updates=[priority_update(3, b"u=7")],
    ),
    order(
        "7.1-incremental",
        "or incremental",
        shared(3, 5),
        b"u=3",
        b"u=3",
        updates=[priority_update(3, b"u=3, i"), priority_update(5, b"u=3, i")],
    ),
]
CASES = [*FIELDS, *UPDATES, *ORDERS]
