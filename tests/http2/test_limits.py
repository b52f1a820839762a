"""What a client can make the server do, or hold, has an end."""

import asyncio

import pytest
from http1.apps import Flood, Gated, answer, body, hello, read, start

from .peer import (
    CALM,
    CANCEL,
    DATA,
    HEADERS,
    INTERNAL_ERROR,
    NO_ERROR,
    PADDED,
    PING,
    REFUSED_STREAM,
    Peer,
    fixture_loop,
    fixture_serve,
    frame,
)

__all__ = ["fixture_loop", "fixture_serve"]


class Busy:
    """Goes on whatever becomes of its client, until the gate opens; `most` ran at once."""

    def __init__(self):
        self.gate = asyncio.Event()
        self.calls = self.running = self.most = 0

    async def __call__(self, scope, receive, send):
        self.calls += 1
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.gate.wait()
            await answer(send)
        finally:
            self.running -= 1


def test_apps_that_go_on_after_a_reset_count(serve, loop):
    """As many run as streams may be open, however fast they are reset."""
    busy = Busy()
    peer = Peer(serve(busy, h2_max_concurrent_streams=10, h2_max_resets=1000))
    for _ in range(10):
        numbers = [peer.request() for _ in range(10)]
        peer.settle()
        for number in numbers:
            peer.reset(number)
        peer.settle()
    assert busy.calls == busy.most == 10
    assert peer.answers[numbers[0]].code in (REFUSED_STREAM, CANCEL)
    busy.gate.set()
    loop.settle()
    assert peer.get().status == 200


def test_streams_that_are_reset_at_once_reach_no_app(serve, loop):
    busy = Busy()
    peer = Peer(serve(busy, h2_max_resets=1000))
    for _ in range(100):
        peer.reset(peer.request())
    peer.settle()
    assert busy.calls == 0
    busy.gate.set()
    assert peer.get().status == 200


def test_apps_that_go_on_after_their_response(serve, loop):
    """Background tasks of an app are not the client's doing: later requests wait, none is refused."""
    gate = asyncio.Event()

    async def app(scope, receive, send):
        await answer(send)
        await gate.wait()

    served = serve(app, h2_max_concurrent_streams=10, h2_max_resets=10)
    peer = Peer(served)
    for _ in range(10):
        assert peer.get().status == 200
    numbers = [peer.request() for _ in range(10)]
    peer.settle()
    assert served.service.active == 10
    gate.set()
    peer.settle()
    assert [peer.answers[number].status for number in numbers] == [200] * 10


@pytest.mark.parametrize("code", [NO_ERROR, INTERNAL_ERROR, CANCEL])
def test_rapid_resets(serve, loop, code):
    """CVE-2023-44487, whatever code the client gives."""
    peer = Peer(serve(hello, h2_max_resets=50))
    for _ in range(120):
        peer.reset(peer.request(), code)
    peer.settle()
    assert peer.goaway == CALM


def test_resets_that_the_apps_limit_earns(serve, loop):
    busy = Busy()
    peer = Peer(serve(busy, h2_max_concurrent_streams=10, h2_max_resets=50))
    numbers = [peer.request() for _ in range(10)]
    peer.settle()
    for number in numbers:
        peer.reset(number)
    for _ in range(5000):  # the 50 are for each second of the real clock
        peer.request()
        peer.settle()
        if peer.goaway is not None:
            break
    assert peer.goaway == CALM
    assert busy.most <= 10
    busy.gate.set()


def test_frames_of_padding_only(serve, loop):
    """They are as empty as those of CVE-2019-9518."""
    peer = Peer(serve(Gated(), h2_max_control_frames=100))
    number = peer.request(method=b"POST", end=False)
    peer.settle()
    peer.transport.send(frame(DATA, PADDED, number, b"\x03\0\0\0") * 300)
    peer.settle()
    assert peer.goaway == CALM


def test_padded_content_is_content(serve, loop):
    async def app(scope, receive, send):
        await answer(send, await read(receive))

    peer = Peer(serve(app, h2_max_control_frames=100))
    number = peer.request(method=b"POST", end=False)
    peer.settle()
    peer.transport.send(frame(DATA, PADDED, number, b"\x03x\0\0\0") * 300)
    peer.data(number, b"", end=True)
    peer.settle()
    assert peer.answers[number].body == b"x" * 300


def test_a_body_beyond_its_limit_does_not_reach_the_app(serve, loop):
    """Not even while the 413 waits for the client's window."""

    async def app(scope, receive, send):
        while (message := await receive())["type"] == "http.request":
            taken.append(message["body"])

    taken = []
    peer = Peer(serve(app, limit_body=1000), window=0)
    number = peer.request(method=b"POST", data=b"x" * 900, end=False)
    peer.settle()
    for _ in range(20):
        peer.data(number, b"x" * 900)
        peer.settle()
    assert sum(map(len, taken)) <= 1000
    assert peer.answers[number].status == 413
    peer.session.reset(number)
    peer.settle()


@pytest.mark.parametrize("status", [413, 431])
def test_a_request_that_is_refused_before_its_app_is_called(serve, status):
    busy = Busy()
    peer = Peer(serve(busy, limit_body=1000, limit_trailers=100), window=0)
    number = peer.request(method=b"POST", data=b"x" * (2000 if status == 413 else 10), end=False)
    if status == 431:
        peer.session.send_trailers(number, [(b"x", b"x" * 100)])
    peer.settle()
    assert peer.answers[number].status == status
    assert busy.calls == 0


def test_the_messages_of_a_websocket_are_not_a_body(serve, loop):
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            count.append(message)

    count = []
    peer = Peer(serve(app, limit_body=1000))
    number = peer.websocket()
    peer.settle()
    for _ in range(100):
        peer.data(number, b"\x82\xe4\0\0\0\0" + b"x" * 100)
        peer.settle()
    assert len(count) == 100
    assert peer.answers[number].code is None


def test_a_large_head_of_the_app_s(serve, loop):
    async def app(scope, receive, send):
        await send(start(200, *[(b"x-%d" % number, b"x" * 1000) for number in range(count)]))
        await send(body(b"ok"))

    count = 100
    served = serve(app)
    peer = Peer(served)
    peer.request()
    peer.send()
    loop.settle()
    assert len(peer.transport.received) > 80_000  # more than this client takes
    count = 2000
    peer = Peer(served)
    number = peer.request()
    peer.settle()
    assert peer.answers[number].code == INTERNAL_ERROR
    assert not peer.over


def test_early_hints_that_nobody_reads(serve, loop):
    """They wait for nobody."""

    async def app(scope, receive, send):
        for _ in range(10_000):
            await send({"type": "http.response.early_hint", "links": [b"</%s>" % (b"x" * 1000)]})
        await answer(send)

    peer = Peer(serve(app), room=0)
    peer.request()
    peer.settle()
    assert len(peer.transport.unsent) < 200_000
    loop.advance(1)
    peer.transport.take()
    loop.settle()
    assert len(peer.transport.received) < 200_000


def test_small_pieces_are_charged_for_what_they_cost(serve, loop):
    flood = Flood(100_000, 2)
    peer = Peer(serve(flood), window=0)
    peer.request()
    peer.settle()
    assert flood.sent < 2000


def test_small_pieces_for_a_websocket_that_is_not_read(serve, loop):
    """A byte for each frame: what they cost is not the square of their number."""
    gate = asyncio.Event()

    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        await gate.wait()
        while (await receive())["type"] == "websocket.receive":
            count.append(1)

    count = []
    peer = Peer(serve(app, ws_max_queue=1, h2_initial_window_size=1 << 20))
    number = peer.websocket()
    peer.settle()
    message = b"\x82\x81\0\0\0\0x"
    for _ in range(100):
        peer.transport.send(
            b"".join(frame(DATA, 0, number, message[at : at + 1]) for at in range(7)) * 1000
        )
    peer.settle()
    assert count == []
    gate.set()
    peer.settle()
    assert len(count) == 100_000


@pytest.mark.parametrize("kind", [PING, HEADERS])
def test_what_waits_for_a_client_that_reads_nothing(serve, loop, kind):
    """Nothing is read from it any more."""

    async def app(scope, receive, send):
        await answer(send, b"x" * 100_000)

    served = serve(app, h2_max_control_frames=10**6, h2_max_resets=10**6)
    peer = Peer(served, window=1 << 20, room=0)
    peer.request()
    peer.settle()
    assert not peer.transport.is_reading()
    before = peer.transport.delivered
    if kind == PING:
        peer.transport.send(*[frame(PING, payload=bytes(8))] * 10_000)
    else:
        for _ in range(90):
            peer.request()
        peer.transport.send(peer.session.take())
    loop.settle()
    assert peer.transport.delivered == before
    peer.transport.take()
    peer.settle()
    assert all(len(one.body) == 100_000 for one in peer.answers.values())


def test_the_window_of_a_stream_bounds_what_an_app_that_does_not_read_holds(serve, loop):
    gated = Gated()
    peer = Peer(serve(gated, h2_initial_window_size=10_000))
    number = peer.request(method=b"POST", data=b"x" * 100_000, end=False)
    peer.settle()
    assert peer.session.unsent(number) == 90_000
    assert peer.get(b"/other", method=b"POST", data=b"x" * 5000).status is None
    gated.gate.set()
    peer.settle()
    assert peer.answers[number].status == 200


def test_a_window_is_not_made_smaller(serve, loop):
    """h2_max_window_size below h2_initial_window_size."""

    async def app(scope, receive, send):
        await answer(send, b"%d" % len(await read(receive)))

    peer = Peer(serve(app, h2_initial_window_size=200_000, h2_max_window_size=1024))
    assert peer.get(method=b"POST", data=b"x" * 1_000_000).body == b"1000000"


def test_few_streams_have_a_wide_window(serve, loop):
    async def app(scope, receive, send):
        taken = 0
        while taken < 60_000:
            taken += len((await receive())["body"])
        await gate.wait()
        await answer(send)

    gate = asyncio.Event()
    peer = Peer(serve(app))
    numbers = [peer.request(method=b"POST", data=b"x" * 3_000_000, end=False) for _ in range(8)]
    peer.settle()
    taken = [3_000_000 - peer.session.unsent(number) for number in numbers]
    assert sum(count > 200_000 for count in taken) == 4
    assert sum(taken) < 6_000_000
    gate.set()
    peer.settle()


def test_limit_concurrency(serve, loop):
    busy = Busy()
    peer = Peer(serve(busy, limit_concurrency=5))
    numbers = [peer.request() for _ in range(20)]
    peer.settle()
    assert busy.calls == 5
    assert sum(peer.answers[number].status == 503 for number in numbers) == 15
    busy.gate.set()
    peer.settle()
    assert sum(peer.answers[number].status == 200 for number in numbers) == 5
