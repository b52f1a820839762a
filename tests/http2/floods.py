"""Clients that send much and mean nothing: RFC 9113 10.5."""

from .cases import Case, Either, Ended, Ignored, until_head
from .frames import (
    CANCEL,
    ENHANCE_YOUR_CALM,
    FLOW_CONTROL_ERROR,
    GET,
    INITIAL_WINDOW_SIZE,
    LARGEST_WINDOW,
    MAX_FRAME_SIZE,
    POST,
    PROTOCOL_ERROR,
    continuation,
    data,
    headers,
    literal,
    ping,
    priority,
    priority_update,
    reset,
    settings,
    window,
)  # fmt: skip

MANY = 20_000
AT_ONCE = 200


class Calm(Ended):
    """The connection is ended; until then streams were reset."""

    def explains_reset(self, wire, stream):
        return True


CALM = Calm(ENHANCE_YOUR_CALM)
OVERFLOW = Calm(ENHANCE_YOUR_CALM, FLOW_CONTROL_ERROR)  # RFC 9113 5.4.1: or the first one ends it
HOLD = [("lost",)]


def flood(make, count=MANY):
    """So many frames, until the server closes."""

    def step(talk):
        for first in range(0, count, AT_ONCE):
            talk.wire.send(b"".join(make(number) for number in range(first, first + AT_ONCE)))
            talk.peer.pause()

    return step


def reading(make, count=MANY):
    """The same from a client that reads what comes back."""

    def step(talk):
        for first in range(0, count, AT_ONCE):
            talk.wire.send(b"".join(make(number) for number in range(first, first + AT_ONCE)))
            talk.wire.send(ping(b"%08d" % first))
            pong = b"%08d" % first
            talk.wire.wait(lambda pong=pong: pong in talk.wire.pongs or talk.wire.ended, "a PING")
            if talk.wire.ended:
                return
            talk.wire.pongs.clear()

    return step


def few_calls(talk):
    """RFC 9113 10.5: streams that are reset as fast as they are opened are not all begun."""
    if not talk.wire.client.tolerant:
        assert talk.run.calls <= 2000, talk.run.calls


def flooded(id, asks, *sends, outcome=CALM, **more):  # noqa: A002
    more.setdefault("calls", None)
    return Case(id=f"rfc9113-10.5-{id}", asks=asks, sends=list(sends), expects=[outcome],
                choice=True, abrupt=True, **more)  # fmt: skip


def opened_and_reset(number):
    return headers(2 * number + 1, GET) + reset(2 * number + 1)


def opened_and_broken(number):
    """The client makes the server reset: CVE-2025-8671."""
    return headers(2 * number + 1, POST, end=False) + window(2 * number + 1, LARGEST_WINDOW)


def malformed(number):
    return headers(2 * number + 1, [*GET, (b"connection", b"close")])


BODY = headers(1, POST, end=False)
START = headers(1, GET, done=False)
PERHAPS = Either(CALM, Ignored())
CASES = [
    flooded("rapid-reset", "streams that are reset at once", flood(opened_and_reset),
            script=HOLD, check=few_calls),
    flooded("rapid-reset-reading", "also by a client that reads", reading(opened_and_reset),
            script=HOLD, check=few_calls),
    flooded("provoked-resets", "streams that the server has to reset", flood(opened_and_broken),
            script=HOLD, check=few_calls,
        outcome=OVERFLOW,
    ),
    flooded("malformed", "malformed requests", flood(malformed), calls=0),
    flooded("continuation", "a field block that never ends", START,
            flood(lambda number: continuation(1, literal(b"x", b"y"), done=False)), calls=0),
    flooded("continuation-empty", "of empty frames", START,
            flood(lambda number: continuation(1, b"", done=False)), calls=0),
    flooded("continuation-large", "or large ones", START,
            flood(lambda number: continuation(1, literal(b"x", b"y") * 3000, done=False), 2000), calls=0),
    flooded("ping", "PING from a client that does not read", flood(lambda number: ping()),
            outcome=PERHAPS),
    flooded("ping-reading", "and from one that does", reading(lambda number: ping()),
            outcome=PERHAPS),
    flooded("settings", "SETTINGS", flood(lambda number: settings()), outcome=PERHAPS),
    flooded("settings-changing", "with values that change",
            flood(lambda number: settings((INITIAL_WINDOW_SIZE, 65_535 + number % 2),
                                          (MAX_FRAME_SIZE, 16_384 + number % 2)), 5000),
            outcome=PERHAPS),
    flooded("empty-data", "DATA without a byte", BODY, flood(lambda number: data(1)),
            script=[("read",), ("reply",)]),
    flooded("empty-data-padded", "or with padding alone", BODY,
            flood(lambda number: data(1, pad=0), 10_000), outcome=PERHAPS, script=HOLD),
    flooded("priority", "PRIORITY", flood(lambda number: priority(2 * number + 1)),
            outcome=PERHAPS),
    flooded("priority-update", "PRIORITY_UPDATE for one stream",
            flood(lambda number: priority_update(1, b"u=%d" % (number % 8))), outcome=PERHAPS),
    flooded("priority-update-idle", "for many that are not opened",
            flood(lambda number: priority_update(2 * number + 1, b"u=1")),
            outcome=Either(Ended(ENHANCE_YOUR_CALM, PROTOCOL_ERROR), Ignored())),
    flooded("window", "windows that grow byte by byte", BODY,
            flood(lambda number: window(1, 1)), outcome=PERHAPS, script=HOLD),
    flooded("window-connection", "also the connection's", flood(lambda number: window(0, 1)),
            outcome=PERHAPS),
    flooded("reset-again", "RST_STREAM for a stream that is closed", BODY, reset(1, CANCEL),
            flood(lambda number: reset(1, CANCEL)), outcome=PERHAPS, script=HOLD),
    flooded("unknown", "frames of unknown types",
            flood(lambda number: b"\0\0\0\xfa\0\0\0\0\0"), outcome=PERHAPS),
    Case(id="rfc9113-10.5-normal", asks="a thousand requests one after the other are no flood",
         sends=[lambda talk: one_by_one(talk, 1000)], expects=[]),
    Case(id="rfc9113-10.5-cancelling", asks="nor are some that a user cancels", script=HOLD,
         expects=[], sends=[lambda talk: cancel_some(talk, 50)]),
    Case(id="rfc9113-10.5-no-windows", asks="responses wait for a client without windows",
         client={INITIAL_WINDOW_SIZE: 0}, windows=False, script=[("size", 1_000_000)], choice=True,
         sends=[*(headers(n, GET) for n in range(1, 41, 2)),
                *(until_head(n) for n in range(1, 41, 2)),
                *(reset(n) for n in range(1, 41, 2))], expects=[]),
]  # fmt: skip


def one_by_one(talk, count):
    for number in range(count):
        stream = talk.wire.stream(2 * number + 1)
        talk.wire.send(headers(stream.number, GET))
        talk.wire.wait(lambda stream=stream: stream.over, "an answer")
        assert stream.status == 200, str(talk.wire)


def cancel_some(talk, count):
    for number in range(count):
        talk.wire.send(headers(2 * number + 1, GET))
        talk.peer.pause()
        talk.wire.send(reset(2 * number + 1))
