"""What a case is: bytes and a script in, an outcome out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

PLAIN = b"GET /plain HTTP/1.1\r\nHost: h\r\n\r\n"
READ_AND_REPLY = [("read",), ("reply",)]
WAYS = ("whole", "bytewise", "behind")


@dataclass(frozen=True, kw_only=True)
class Case:
    """`id` begins with the clause; `asks` is what it asks, in one sentence."""

    id: str
    asks: str
    options: dict[str, Any] = field(default_factory=dict)
    ways: tuple[str, ...] = ("whole",)
    local: bool = False  # only for the server in this process

    def play(self, peer, way: str) -> None:
        """Raises AssertionError when the peer does otherwise."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Play(Case):
    """A case in steps: a function of the peer."""

    steps: Callable[[Any], None]

    def play(self, peer, way):
        self.steps(peer)


@dataclass(frozen=True, kw_only=True)
class Exchange(Case):
    """One request and its response, and whether the connection serves another one after it."""

    request: bytes
    script: list[tuple] = field(default_factory=lambda: READ_AND_REPLY)
    calls: int | None = 1  # of the app; None: it does not matter
    journal: list[Any] | None = None  # None: it does not matter
    status: int = 200
    body: bytes | None = None
    framing: str | None = None
    has: dict[bytes, bytes] = field(default_factory=dict)
    lacks: tuple[bytes, ...] = ()
    closes: bool = False
    check: Callable[[Any], None] | None = None  # of the response

    def play(self, peer, way):
        run = peer.begin(self.script)
        with peer.connect() as client:
            if way == "bytewise":
                client.send_bytewise(self.request)
            elif way == "behind":
                client.send(PLAIN + self.request)
                client.response()
                run.report()
            else:
                client.send(self.request)
            self.see_response(client)
            if self.journal is not None:
                journal = run.report()
                assert journal == self.journal, journal
            if self.calls is not None:
                calls = run.calls - (way == "behind")
                assert calls == self.calls, f"the app was called {calls} times"
            self.see_end(peer, client)

    @property
    def method(self):
        return self.request.split(b" ", 1)[0].decode("latin-1")

    def see_response(self, client):
        response = client.response(self.method)
        assert response.status == self.status, f"{response.status} {response.body[:80]!r}"
        if self.body is not None:
            assert response.body == self.body, response.body[:200]
        if self.framing is not None:
            assert response.framing == self.framing, response.framing
        for name, value in self.has.items():
            assert response.get(name) == value, (name, response.headers)
        for name in self.lacks:
            assert not response.all(name), (name, response.headers)
        if self.check is not None:
            self.check(response)
        told = response.closes
        if not client.tolerant:
            assert told == self.closes or response.framing == "close", f"closes: {told}"

    def see_end(self, peer, client):
        if self.closes:
            client.closed()
        else:
            peer.begin([("reply", b"next")])
            client.send(PLAIN)
            assert client.response().body == b"next"


def refused(id, asks, status, request, **more):  # noqa: A002
    """A request that never reaches the app: the status, and a close."""
    more.setdefault("calls", 0)
    return Exchange(
        id=id, asks=asks, status=status, request=request, closes=True, ways=WAYS, **more
    )


def refused_body(id, asks, status, request, **more):  # noqa: A002
    """The head is fine, so the app may have been called; it never sees the end of the body."""
    return refused(id, asks, status, request, calls=None, **more)
