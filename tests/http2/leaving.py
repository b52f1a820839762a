"""A server that stops: RFC 9113 6.8. Each case has a server of its own."""

from .cases import Answer, Case, Outcome, pause, tell, until, until_app
from .frames import GET, LARGEST_ID, NO_ERROR, POST, data, headers, ping, request


class Closed(Outcome):
    """The server closes in order; the last GOAWAY names this stream."""

    def __init__(self, last):
        self.last = last

    def settled(self, wire):
        return wire.ended

    def problem(self, wire):
        codes = {code for _, code, _ in wire.goaways}
        if not wire.ended or codes != {NO_ERROR}:
            return f"not closed in order: {wire.goaways}"
        if wire.goaways[0][0] != LARGEST_ID:
            return f"the first GOAWAY names a stream already: {wire.goaways}"
        if wire.goaways[-1][0] != self.last:
            return f"the last GOAWAY does not name stream {self.last}: {wire.goaways}"
        return None

    def explains_end(self, wire):
        return self.problem(wire) is None


def drain(talk):
    talk.peer.drain()


until_goaway = until(lambda wire: wire.goaways, "GOAWAY")
HOLD = [("read",), ("tell", "begun"), ("wait", "go"), ("reply",)]


def leaves(id, asks, *sends, **more):  # noqa: A002
    more.setdefault("script", HOLD)
    return Case(id=f"rfc9113-6.8-{id}", asks=asks, sends=list(sends), choice=True, alone=True,
                **more)  # fmt: skip


CASES = [
    leaves(
        "idle",
        "an idle connection is told, and closed",
        until(lambda wire: wire.settings_seen, "SETTINGS"),
        drain,
        expects=[Closed(0)],
    ),
    leaves(
        "after-requests",
        "GOAWAY names the last stream",
        headers(1, GET),
        headers(3, GET),
        until(lambda wire: wire.stream(1).over and wire.stream(3).over, "answers"),
        drain,
        script=[("reply",)],
        expects=[Closed(3)],
    ),
    leaves(
        "in-progress-answered",
        "what is in progress is finished",
        headers(1, GET),
        until_app("begun"),
        drain,
        until_goaway,
        tell("go"),
        expects=[Answer(), Closed(1)],
    ),
    leaves(
        "body-in-progress",
        "also a body that still comes",
        headers(1, POST, end=False),
        until_app("begun"),
        drain,
        until_goaway,
        data(1, b"abc", end=True),
        tell("go"),
        script=[("tell", "begun"), ("read",), ("wait", "go"), ("reply",)],
        journals=[[b"abc"]],
        expects=[Answer(), Closed(1)],
    ),
    leaves(
        "between",
        "a request that is on its way as GOAWAY comes is served",
        headers(1, request(path=b"/hold")),
        until_app("begun"),
        drain,
        headers(3, GET),
        ping(b"lastping"),
        until(lambda wire: wire.stream(3).over or wire.ended, "an answer"),
        tell("go"),
        script={"/hold": HOLD, "/": [("reply",)]},
        expects=[Answer(1), Answer(3), Closed(3)],
    ),
    leaves(
        "too-late",
        "one that comes after the last GOAWAY is not",
        headers(1, request(path=b"/hold")),
        until_app("begun"),
        drain,
        until(lambda wire: wire.goaways and wire.goaways[-1][0] == 1, "the last GOAWAY"),
        headers(3, GET),
        pause,
        tell("go"),
        calls=1,
        script={"/hold": HOLD, "/": [("reply",)]},
        expects=[Answer(1), Closed(1)],
    ),
    leaves(
        "streaming",
        "a response that is being sent is sent to its end",
        headers(1, GET),
        until_app("sent 2"),
        drain,
        until_goaway,
        script=[("start",), ("flood", 30_000, 20)],
        expects=[Answer(body=b"x" * 600_000), Closed(1)],
    ),
]
