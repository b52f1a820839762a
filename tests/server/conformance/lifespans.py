"""Lifespan as a client sees it; event by event it is in test_lifespan.py."""

import asyncio
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


STEPS = {
    "asgi-lifespan-order": ("startup before, shutdown behind everything else", order),
    "asgi-lifespan-failed": ("a failed startup stops the server", failed),
    "asgi-lifespan-unsupported": ("an app without lifespan is served", unsupported),
    "rfc9112-9.6-stopping": ("a stopping server closes behind its answers",
                             not_accepted_while_stopping),
    "asgi-lifespan-cut-off": ("shutdown comes even if requests are cut off", cut_off),
}  # fmt: skip

CASES = [Play(id=name, asks=asks, steps=steps, local=True) for name, (asks, steps) in STEPS.items()]
