"""What ends while it runs, and what is left of it: without the garbage collector, nothing."""

import asyncio
import contextlib
import gc

import pytest
from http1.apps import Flood, answer, body, hello, read, start

from httpparser.http2 import ClientSession, ServerSession

from .peer import CANCEL, Peer, fixture_loop, fixture_serve

__all__ = ["fixture_loop", "fixture_serve"]

KINDS = {
    "Connection", "Exchange", "Handshake", "RequestReader", "Stream", "StreamChannel",
    "StreamTransport", "Session",
}  # fmt: skip


KEPT = "a task that was cancelled keeps its traceback, and that the frames of the app"


def alive():
    """The objects of connections, by the names of their classes."""
    return sorted(
        name
        for thing in gc.get_objects()
        if (name := type(thing).__name__) in KINDS
        and type(thing).__module__.startswith("fastserve")
    )


@pytest.fixture
def leaves_nothing():
    """A test after which all its objects are gone, without a collection."""
    gc.collect()
    before = alive()
    gc.disable()
    try:
        yield
        assert alive() == before
    finally:
        gc.enable()


def left(served, peer):
    peer.transport.reset()
    served.loop.settle()
    if not peer.transport.lost:  # half closed, it waits for its apps
        peer.transport.protocol.abort()
        served.loop.settle()
    assert not served.service.connections
    assert not served.service.websockets
    assert served.service.active == 0


@pytest.mark.usefixtures("leaves_nothing")
def test_answered_requests(serve):
    served = serve(hello)
    peer = Peer(served)
    before = alive()
    for _ in range(5):
        assert peer.get().status == 200
    assert alive() == before
    left(served, peer)


@pytest.mark.usefixtures("leaves_nothing")
@pytest.mark.parametrize("path", [b"/" + b"x" * 9000, b"/"])
def test_refused_requests(serve, path):
    served = serve(hello, limit_body=10)
    peer = Peer(served)
    peer.get(path, (b"content-length", b"100"), method=b"POST", end=False)
    assert alive().count("StreamChannel") == 0
    left(served, peer)


async def uploads(scope, receive, send):
    await read(receive)


async def floods(scope, receive, send):
    await send(start())
    for _ in range(100):
        await send(body(b"x" * 100_000, True))


async def waits(scope, receive, send):
    while (await receive())["type"] != "http.disconnect":
        pass


async def denies(scope, receive, send):
    await receive()
    await send({"type": "websocket.close"})


async def accepts(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    while (await receive())["type"] != "websocket.disconnect":
        pass


APPS = {"POST": [uploads, floods, waits], "CONNECT": [denies, accepts]}
CASES = [(method, app) for method, apps in APPS.items() for app in apps]


@pytest.mark.usefixtures("leaves_nothing")
@pytest.mark.parametrize("end", ["reset", "at once", "lost", "aborted", "eof"])
@pytest.mark.parametrize(("method", "app"), CASES)
def test_streams_that_end_early(serve, loop, method, app, end):
    if (app, end) == (accepts, "aborted"):
        pytest.skip(KEPT)
    served = serve(app)
    peer = Peer(served)
    numbers = []
    for _ in range(3):
        if method == "POST":
            numbers.append(peer.request(method=b"POST", data=b"x" * 100, end=False))
        else:
            numbers.append(peer.websocket())
        if end == "at once":
            peer.reset(numbers[-1])
    peer.settle()
    if end == "reset":
        for number in numbers:
            peer.session.reset(number)
        peer.settle()
    elif end == "aborted":
        served.service.abort()
        loop.settle()
    elif end == "eof":
        peer.transport.send_end()
        loop.settle()
    if not peer.transport.lost:
        left(served, peer)
    loop.settle()


@pytest.mark.usefixtures("leaves_nothing")
def test_requests_that_wait_for_their_app_when_the_connection_is_lost(serve, loop):
    served = serve(floods)
    peer = Peer(served, window=1 << 20, room=0)
    peer.request()
    peer.settle()
    for _ in range(5):
        peer.request()
        peer.websocket()
    peer.send()
    peer.transport.take(100)
    loop.settle()
    left(served, peer)


class Nested:
    """An app inside whose step the protocol is called, as when it runs a nested loop."""

    def __init__(self, meanwhile, where):
        self.meanwhile, self.where = meanwhile, where

    def run(self):
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()

    async def __call__(self, scope, receive, send):
        if scope["type"] == "websocket":
            await self.websocket(receive, send)
        else:
            await self.http(receive, send)

    async def http(self, receive, send):
        if self.where == "first step":
            self.run()
        await send(start())
        await send(body(b"x", True))
        if self.where == "later step":
            await asyncio.sleep(0)
            self.run()
        await send(body(b"x" * 200_000))

    async def websocket(self, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] == "websocket.receive":
            self.run()
            with contextlib.suppress(OSError):  # a task that fails keeps its traceback
                await send({"type": "websocket.send", "text": "x" * 200_000})


@pytest.mark.usefixtures("leaves_nothing")
@pytest.mark.parametrize("what", ["lost", "reset", "more", "eof", "abort", "sweep"])
@pytest.mark.parametrize("where", ["first step", "later step", "websocket"])
def test_a_nested_loop(serve, loop, where, what):
    def meanwhile():
        protocol = peer.transport.protocol
        if what == "lost":
            peer.transport.losing = True
            peer.transport._end(None)
        elif what == "reset":
            peer.session.reset(number)
            peer.send()
        elif what == "more":
            peer.request()
            peer.send()
        elif what == "eof":
            peer.transport.send_end()
        elif what == "abort":
            served.service.abort()
        else:
            served.service.sweep()
        peer.transport._deliver()
        protocol.resume()

    app = Nested(meanwhile, where)
    served = serve(app)
    peer = Peer(served)
    if where == "websocket":
        if what == "abort":
            pytest.skip(KEPT)
        number = peer.websocket()
        peer.settle()
        peer.data(number, b"\x81\x81\0\0\0\0x")
        peer.settle()
    else:
        number = peer.request()
        peer.settle()
    assert app.meanwhile is None
    if what in ("more", "sweep") and where != "websocket":
        assert all(len(one.body) == 200_001 for one in peer.answers.values())
    if not peer.transport.lost:
        left(served, peer)


def test_an_app_whose_client_leaves_inside_send(serve, loop):
    """send() flushes, and that ends the stream of another app."""

    async def app(scope, receive, send):
        if scope["path"] == "/flood":
            await Flood(10, 100_000)(scope, receive, send)
        else:
            await answer(send)

    served = serve(app)
    peer = Peer(served, window=1 << 20)
    numbers = [peer.request(b"/"), peer.request(b"/flood"), peer.request(b"/")]
    peer.settle()
    assert [peer.answers[number].status for number in numbers] == [200] * 3
    assert len(peer.answers[numbers[1]].body) == 1_000_000


def test_an_app_that_raises_what_is_not_an_exception(serve, loop):
    """The loop ends by it; the connection is as it was."""

    async def app(scope, receive, send):
        if scope["path"] == "/stop":
            raise KeyboardInterrupt
        await answer(send)

    peer = Peer(serve(app))
    peer.request(b"/stop")
    other = peer.request(b"/")
    peer.send()
    with pytest.raises(KeyboardInterrupt):
        loop.settle()
    peer.settle()
    assert peer.answers[other].status == 200
    assert peer.get().status == 200


# -- sessions of httpparser


AUTHORITY = (b":authority", b"h")


def pair():
    server, client = ServerSession(), ClientSession(initial_window_size=100)
    number = client.request(
        [(b":method", b"GET"), (b":scheme", b"http"), AUTHORITY, (b":path", b"/")]
    )
    server.feed(client.take())
    return server, client, number


def test_a_session_that_is_lost_makes_no_frames():
    """Its streams are gone, and so is what they had to send."""
    server, _, number = pair()
    server.respond(number, 200)
    server.send_data(number, b"x" * 1_000_000)
    assert server.lose()
    gc.collect()
    assert server.take() == b""
    assert server.feed(b"x" * 100) == []
    assert server.over
    server.begin_shutdown()
    server.end()
    assert server.take() == b""


@pytest.mark.parametrize("kind", [ServerSession, ClientSession])
def test_a_session_that_has_not_begun(kind):
    session = kind.__new__(kind)
    for call in (
        session.take,
        session.send_ping,
        session.end,
        lambda: session.feed(b"x"),
    ):
        with pytest.raises(Exception, match="has not begun"):
            call()
    assert session.over


def test_a_session_begins_once():
    server, _, number = pair()
    with pytest.raises(Exception, match="has begun"):
        server.__init__()
    server.respond(number, 200, end=True)
    assert server.take()


def test_a_session_that_is_dropped_with_what_it_had_to_send():
    server, client, number = pair()
    server.respond(number, 200)
    server.send_data(number, b"x" * 1_000_000)
    client.feed(server.take())
    client.reset(number, CANCEL)
    del client
    del server
    gc.collect()


def test_trailers_are_sent_once():
    """nghttp2 reads them where they are until they are a frame."""
    server, _, number = pair()
    server.respond(number, 200)
    server.send_trailers(number, [(b"x", b"y")])
    with pytest.raises(Exception, match="trailers are sent already"):
        server.send_trailers(number, [(b"x", b"z")])
    assert server.take()
