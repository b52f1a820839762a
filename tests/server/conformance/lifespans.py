"""Lifespan as a client sees it; event by event it is in test_lifespan.py."""

import asyncio
import logging
import threading

from .cases import PLAIN, Play
from .kinds import answer


class Life:
    """An app that writes down what happens, and waits where it is told to."""

    def __init__(self, *, started=True, waits=False):
        self.seen = []
        self.go = threading.Event()
        self.begun = threading.Event()
        self.started = started
        self.waits = waits

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            return await self.live(scope, receive, send)
        self.seen.append("request")
        self.begun.set()
        if self.waits:
            await wait(self.go)
        self.seen.append("answer")
        return await answer(send, repr(scope["state"]).encode())

    async def live(self, scope, receive, send):
        assert (await receive())["type"] == "lifespan.startup"
        scope["state"]["key"] = "value"
        self.seen.append("startup")
        if not self.started:
            return await send({"type": "lifespan.startup.failed", "message": "no"})
        await send({"type": "lifespan.startup.complete"})
        assert (await receive())["type"] == "lifespan.shutdown"
        self.seen.append("shutdown")
        return await send({"type": "lifespan.shutdown.complete"})


async def wait(event):
    await asyncio.to_thread(event.wait, 30)


def order(peer):
    """Startup comes before the first request and shutdown behind the last answer."""
    life = Life(waits=True)
    server = peer.start(life)
    with server.connect() as client:
        client.send(PLAIN)
        assert life.begun.wait(30)
        server.server.request_stop()
        server.turn()
        assert life.seen == ["startup", "request"]
        life.go.set()
        assert client.response().body == b"{'key': 'value'}"
        client.closed()
    assert server.wait() is None
    assert life.seen == ["startup", "request", "answer", "shutdown"]


def failed(peer):
    """A failed startup: no socket is listened on, and the server says why."""
    import pytest

    from fastserve import LifespanError

    life = Life(started=False)
    with pytest.raises(LifespanError, match=r"^the application failed to start: no$"):
        peer.start(life)
    assert life.seen == ["startup"]


def unsupported(peer):
    """An app without lifespan is served all the same, and has no state."""

    async def app(scope, receive, send):
        assert scope["type"] == "http"
        await answer(send, repr(scope.get("state", {})).encode())

    server = peer.start(app)
    with server.connect() as client:
        client.send(PLAIN)
        assert client.response().body == b"{}"
    assert server.stop() is None


def not_accepted_while_stopping(peer):
    """A server that stops says close with its last answer."""
    life = Life(waits=True)
    server = peer.start(life)
    with server.connect() as client:
        client.send(PLAIN + PLAIN)
        assert life.begun.wait(30)
        server.server.request_stop()
        server.turn()
        life.go.set()
        response = client.response()
        assert response.closes
        client.closed()
    assert server.wait() is None
    assert life.seen.count("request") == 1


def cut_off(peer):
    """A second request to stop cancels what is still in progress."""
    life = Life(waits=True)
    server = peer.start(life)
    with server.connect() as client:
        client.send(PLAIN)
        assert life.begun.wait(30)
        server.server.request_stop()
        server.server.request_stop()
        assert client.rest() == b""
    life.go.set()
    assert server.wait() is None
    assert life.seen == ["startup", "request", "shutdown"]


def life_of(live):
    """An app whose lifespan is this function, and that answers requests."""

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            return await live(scope, receive, send)
        return await answer(send, b"ok")

    return app


def served(peer, live):
    """The server starts, serves and stops; what it stopped with."""
    server = peer.start(life_of(live))
    with server.connect() as client:
        client.send(PLAIN)
        assert client.response().body == b"ok"
    server.server.request_stop()
    return server.wait()


def scoped(peer):
    """The keys of the scope, and what the events look like."""
    seen = []

    async def live(scope, receive, send):
        seen.append({key: scope[key] for key in ("type", "asgi", "state")})
        seen.append(dict(await receive()))
        await send({"type": "lifespan.startup.complete", "extra": 1})
        seen.append(dict(await receive()))
        await send({"type": "lifespan.shutdown.complete"})

    assert served(peer, live) is None
    scope, startup, shutdown = seen
    assert scope == {
        "type": "lifespan",
        "asgi": {"version": "3.0", "spec_version": "2.0"},
        "state": {},
    }
    assert startup == {"type": "lifespan.startup"}
    assert shutdown == {"type": "lifespan.shutdown"}


def returned(peer):
    """An app that returns from its lifespan without a word is served."""

    async def live(scope, receive, send):
        return None

    assert served(peer, live) is None


def raised_later(peer):
    """One that raises when it should start is served, and not told of the shutdown."""
    seen = []

    async def live(scope, receive, send):
        seen.append((await receive())["type"])
        raise RuntimeError("no")

    assert served(peer, live) is None
    assert seen == ["lifespan.startup"]


def shutdown_failed(peer):
    """The server logs what the app said, and ends."""
    said = logging.Handler(logging.ERROR)
    records = []
    said.emit = records.append

    async def live(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.failed", "message": "so"})

    logger = logging.getLogger("fastserve")
    logger.addHandler(said)
    try:
        assert served(peer, live) is None
    finally:
        logger.removeHandler(said)
    (record,) = records
    assert record.getMessage() == "the application failed to stop: so"


def mistaken(peer):
    """Messages that are unknown or out of order raise in the app, and change nothing."""
    seen = []

    async def attempt(send, kind):
        try:
            await send({"type": kind})
        except Exception as error:
            seen.append(type(error))

    async def live(scope, receive, send):
        await receive()
        await attempt(send, "lifespan.shutdown.complete")
        await attempt(send, "http.response.start")
        await send({"type": "lifespan.startup.complete"})
        await attempt(send, "lifespan.startup.complete")
        await receive()
        await attempt(send, "lifespan.startup.failed")
        await send({"type": "lifespan.shutdown.complete"})

    assert served(peer, live) is None
    assert seen == [RuntimeError] * 4


STEPS = {
    "asgi-lifespan-scope": ("its scope and its events", scoped),
    "asgi-lifespan-returned": ("an app that returns from it is served", returned),
    "asgi-lifespan-raised": ("so is one that raises, and it gets no more events", raised_later),
    "asgi-lifespan-shutdown-failed": ("a failed shutdown is reported", shutdown_failed),
    "asgi-lifespan-mistaken": ("messages out of order raise", mistaken),
    "asgi-lifespan-order": ("startup comes before everything else, shutdown after it", order),
    "asgi-lifespan-failed": ("a failed startup stops the server", failed),
    "asgi-lifespan-unsupported": ("an app without lifespan is served", unsupported),
    "rfc9112-9.6-stopping": ("a stopping server closes connections after their responses",
                             not_accepted_while_stopping),
    "asgi-lifespan-cut-off": ("shutdown comes even if requests are aborted", cut_off),
}  # fmt: skip

CASES = [Play(id=name, asks=asks, steps=steps, local=True) for name, (asks, steps) in STEPS.items()]
