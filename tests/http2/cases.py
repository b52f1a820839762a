"""What a case is: frames and a script in, outcomes out."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from .client import Connection, Stream
from .frames import (
    CANCEL,
    INTERNAL_ERROR,
    NO_ERROR,
    PREFACE,
    PROTOCOL_ERROR,
    WINDOW,
    headers,
    request,
    settings,
)
from .stage import ALIVE

READ_AND_REPLY = [("read",), ("reply",)]
HELD = [("tell", "begun"), ("lost",)]  # and waits until the client has gone
LATER = (1 << 30) + 1  # the stream of a request that shows that a connection still serves
GENERIC = (PROTOCOL_ERROR, INTERNAL_ERROR)  # RFC 9113 5.4: in place of any other code


@dataclass
class Talk:
    """A case in progress: what its steps act on."""

    peer: Any
    run: Any
    wire: Connection
    sent: int = 0  # bytes of DATA


Step = bytes | Callable[[Talk], bytes | None]


class Outcome:
    """Something that the server must have done when a case is over."""

    def settled(self, wire: Connection) -> bool:
        raise NotImplementedError

    def problem(self, wire: Connection) -> str | None:
        """What is wrong; None: nothing."""
        raise NotImplementedError

    def explains_reset(self, wire: Connection, stream: int) -> bool:
        """Whether the server may have reset the stream, and so."""
        return False

    def explains_end(self, wire: Connection) -> bool:
        """Whether it may have ended the connection, and so."""
        return False


@dataclass(frozen=True)
class Answer(Outcome):
    """A whole response."""

    stream: int = 1
    status: int | Iterable[int] = 200
    body: bytes | None = None
    has: dict[bytes, bytes | None] = field(default_factory=dict)
    interim: tuple[int, ...] | None = None
    trailers: list[tuple[bytes, bytes]] | None = None
    check: Callable[[Stream], None] | None = None

    def settled(self, wire):
        return wire.stream(self.stream).over

    def problem(self, wire):
        found = wire.stream(self.stream)
        statuses = [self.status] if isinstance(self.status, int) else self.status
        if not found.ended:
            return f"no answer on stream {self.stream}"
        if found.status not in statuses:
            return f"the status is {found.status}, not {statuses}"
        if self.body is not None and found.body != self.body:
            return f"the body is {bytes(found.body[:100])!r}, {len(found.body)} bytes"
        for name, value in self.has.items():
            if found.get(name) != value:
                return f"{name!r} is not {value!r}: {found.headers}"
        if self.interim is not None and tuple(code for code, _ in found.interim) != self.interim:
            return f"interim responses: {found.interim}"
        if self.trailers is not None and (found.trailers or []) != self.trailers:
            return f"trailers: {found.trailers}"
        if self.check is not None:
            self.check(found)
        return None


class Reset(Outcome):
    """A stream error, RFC 9113 5.4.2."""

    def __init__(self, stream: int, *codes: int) -> None:
        self.stream, self.codes = stream, codes

    def settled(self, wire):
        return wire.stream(self.stream).reset is not None

    def problem(self, wire):
        code = wire.stream(self.stream).reset
        allowed = {*self.codes, *(GENERIC if wire.client.tolerant else ())}
        return None if code in allowed else f"stream {self.stream} is reset with {code}"

    def explains_reset(self, wire, stream):
        return stream == self.stream and self.problem(wire) is None


class Ended(Outcome):
    """A connection error, RFC 9113 5.4.1. `last`: the last stream of the GOAWAY, at least."""

    def __init__(self, *codes: int, last: int = 0) -> None:
        self.codes, self.last = codes, last

    def settled(self, wire):
        return wire.ended

    def problem(self, wire):
        if not wire.ended:
            return "the connection is not closed"
        if not wire.goaways:  # RFC 9113 6.8: an endpoint might close without one
            return None if wire.client.tolerant else "closed without GOAWAY"
        last, code, _ = wire.goaways[-1]
        allowed = {*self.codes, *(GENERIC if wire.client.tolerant else ())}
        if code not in allowed:
            return f"GOAWAY says {code:#x}, not {self.codes}"
        if last < self.last and not wire.client.tolerant:
            return f"GOAWAY says {last}, but stream {self.last} was begun"
        return None

    def explains_end(self, wire):
        return self.problem(wire) is None


class Either(Outcome):
    """One of these: the clause leaves the choice."""

    def __init__(self, *outcomes: Outcome) -> None:
        self.outcomes = outcomes

    def settled(self, wire):
        return any(outcome.settled(wire) for outcome in self.outcomes)

    def problem(self, wire):
        problems = [outcome.problem(wire) for outcome in self.outcomes]
        return None if None in problems else "; ".join(map(str, problems))

    def explains_reset(self, wire, stream):
        return any(outcome.explains_reset(wire, stream) for outcome in self.outcomes)

    def explains_end(self, wire):
        return any(outcome.explains_end(wire) for outcome in self.outcomes)


class Ignored(Outcome):
    """Nothing happens that a request afterwards would not see."""

    def settled(self, wire):
        return True

    def problem(self, wire):
        return None


def failed(stream: int, *codes: int) -> Outcome:
    """A stream error. RFC 9113 5.4.1 lets a server take it for a connection error."""
    return Either(Reset(stream, *codes), Ended(*codes))


def refused(stream: int = 1) -> Outcome:
    """A malformed request, RFC 9113 8.1.1: a stream error, or an error status before it."""
    return Either(
        Answer(stream, range(400, 500)), Reset(stream, PROTOCOL_ERROR), Ended(PROTOCOL_ERROR)
    )


@dataclass(frozen=True, kw_only=True)
class Case:
    """`id` begins with the clause; `asks` is what it asks, in one sentence."""

    id: str
    asks: str
    sends: list[Step] = field(default_factory=list)
    expects: list[Outcome] = field(default_factory=lambda: [Answer()])
    script: Any = field(default_factory=lambda: READ_AND_REPLY)
    calls: int | None = None  # of the app; None: it does not matter
    journals: list[Any] | None = None  # of these calls, in the order of their ends
    client: dict[int, int] = field(default_factory=dict)  # the client's settings
    preface: bytes | None = None  # in place of the preface and these settings
    method: str = "GET"
    acks: bool = True
    windows: bool = True  # are opened as DATA comes
    abrupt: bool = False  # the server need not read what still comes before it closes
    serves: bool = True  # one more request, unless an outcome ends the connection
    check: Callable[[Talk], None] | None = None
    options: dict[str, Any] = field(default_factory=dict)
    choice: bool = False  # the clause lets a server do otherwise
    alone: bool = False  # needs a server of its own, which the case may stop

    def play(self, peer: Any) -> None:
        """Raises AssertionError when the peer does otherwise."""
        run = peer.begin(self.script)
        with peer.connect() as client:
            wire = Connection(client, acks=self.acks, windows=self.windows)
            wire.method = self.method
            wire.abrupt = self.abrupt
            for name, value in self.client.items():
                wire.apply(name, value)  # it stands before the first request
            talk = Talk(peer, run, wire)
            try:
                self.send(talk)
                self.judge(talk)
            finally:
                self.release(run)

    def send(self, talk: Talk) -> None:
        """What stands between two waits goes in one piece."""
        ready = self.preface
        if ready is None:
            ready = PREFACE + settings(*self.client.items())
        for step in self.sends:
            if isinstance(step, bytes):
                ready += step
                continue
            talk.wire.send(ready)
            ready = step(talk) or b""
        if ready:
            talk.wire.send(ready)

    def release(self, run: Any) -> None:
        """No script waits any longer."""
        scripts = self.script.values() if isinstance(self.script, dict) else [self.script]
        for flag in {line[1] for script in scripts for line in script if line[0] == "wait"}:
            run.tell(flag)

    def judge(self, talk: Talk) -> None:
        wire = talk.wire
        for outcome in self.expects:
            wire.wait(lambda outcome=outcome: outcome.settled(wire), f"{self.asks}: it")
            problem = outcome.problem(wire)
            assert problem is None, f"{problem} ({wire})"
        if self.check is not None:
            self.check(talk)
        if self.journals is not None:
            found = [talk.run.report() for _ in self.journals]
            if wire.client.tolerant:
                found = list(map(lenient, found))
            assert found == self.journals, found
        if self.serves and not wire.ended:
            serve(wire)
        self.see_nothing_else(wire)
        if self.calls is not None and not wire.client.tolerant:
            calls = talk.run.calls
            assert calls == self.calls, f"the app was called {calls} times"

    def see_nothing_else(self, wire: Connection) -> None:
        for number, stream in wire.streams.items():
            # RFC 9113 8.1: the rest of a request is not needed for its response.
            rest = stream.ended and stream.reset in (NO_ERROR, CANCEL)
            known = any(outcome.explains_reset(wire, number) for outcome in self.expects)
            assert stream.reset is None or rest or known, f"stream {number} is reset: {wire}"
        if wire.ended or any(code != NO_ERROR for _, code, _ in wire.goaways):
            known = any(outcome.explains_end(wire) for outcome in self.expects)
            assert known or not self.serves, f"the connection is ended: {wire}"


def lenient(journal: list[Any]) -> list[Any]:
    """Some servers cancel the app of a client that has gone; ASGI does not forbid it."""
    return [*journal[:-1], "lost"] if journal[-1:] == ["cancelled"] else journal


def serve(wire: Connection) -> None:
    """The connection serves one more request."""
    more = headers(LATER, request(path=ALIVE.encode()))
    if wire.initial < WINDOW:
        more += wire.grant(LATER, WINDOW)
    if wire.window < WINDOW:
        more = wire.grant(0, WINDOW) + more
    wire.send(more)
    stream = wire.stream(LATER)
    stream.method = "GET"
    wire.wait(lambda: stream.over, "a request afterwards")
    if wire.ended:
        return  # which is judged by itself
    alive = (stream.status, stream.body) == (200, b"alive")
    assert alive, f"a request afterwards is not served: {wire}"


# -- steps


def until(condition: Callable[[Connection], Any], what: str) -> Step:
    def step(talk: Talk) -> None:
        talk.wire.wait(lambda: condition(talk.wire), what)

    return step


def until_acknowledged(count: int = 1) -> Step:
    return until(lambda wire: wire.acknowledged >= count, "a SETTINGS acknowledgement")


until_settings = until(lambda wire: wire.settings_seen, "the server's SETTINGS")


def until_over(stream: int = 1) -> Step:
    return until(lambda wire: wire.stream(stream).over, f"the end of stream {stream}")


def until_head(stream: int = 1) -> Step:
    return until(lambda wire: wire.stream(stream).status, f"a response on stream {stream}")


def until_body(count: int, stream: int = 1) -> Step:
    """So much of the response has come."""
    return until(lambda wire: len(wire.stream(stream).body) >= count, f"DATA on stream {stream}")


def until_credit(count: int, stream: int = 1) -> Step:
    """So much of the request was taken."""
    return until(lambda wire: wire.stream(stream).credit >= count, f"a window of stream {stream}")


def tell(flag: str) -> Step:
    """The script goes on that waits for it."""
    return lambda talk: talk.run.tell(flag)


def until_app(flag: str) -> Step:
    """The script says so."""
    return lambda talk: talk.run.wait(flag)


until_begun = until_app("begun")


def pause(talk: Talk) -> None:
    """The server reads what was sent so far."""
    talk.peer.pause()


def grant(stream: int, increment: int) -> Step:
    return lambda talk: talk.wire.grant(stream, increment)


def resize(size: int) -> Step:
    """Another initial window of the client's."""
    return lambda talk: talk.wire.resize(size)
