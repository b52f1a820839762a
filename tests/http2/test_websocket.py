"""WebSockets over streams: in which order things end, who waits for whom. RFC 8441"""

import asyncio
import contextlib

import pytest
from http1.apps import hello

from .peer import CANCEL, DATA, END_STREAM, RST_STREAM, Peer, fixture_loop, fixture_serve, frame

__all__ = ["fixture_loop", "fixture_serve"]

COARSE = 2
CLOSE = b"\x88\x82\0\0\0\0\x03\xe8"


def text(data):
    assert len(data) < 126
    return bytes((0x81, 0x80 | len(data))) + bytes(4) + data


class Echo:
    """Echoes once the gate is open; `events` has what it received."""

    def __init__(self):
        self.gate = asyncio.Event()
        self.gate.set()
        self.events = []

    async def __call__(self, scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        while True:
            await self.gate.wait()
            event = await receive()
            self.events.append(event.get("text") or event.get("code"))
            if event["type"] == "websocket.disconnect":
                return
            with contextlib.suppress(OSError):
                await send({"type": "websocket.send", "text": event["text"]})


def opened(served, **options):
    peer = Peer(served, **options)
    number = peer.websocket()
    peer.settle()
    assert peer.answers[number].status == 200
    return peer, number


def test_an_echo_and_a_close(serve):
    echo = Echo()
    served = serve(echo)
    peer, number = opened(served)
    peer.data(number, text(b"abc") + text(b"def"))
    peer.settle()
    found = served.counters.read()
    assert found["levels"]["websockets"] == found["totals"]["websockets"] == 1
    assert found["totals"]["messages_received"] == found["totals"]["messages_sent"] == 2
    # The connection has counted the bytes: the WebSocket does not count them again.
    assert found["totals"]["bytes_sent"] == len(peer.transport.received)
    assert peer.answers[number].body == b"\x81\x03abc\x81\x03def"
    peer.data(number, CLOSE, end=True)
    peer.settle()
    assert peer.answers[number].ended
    assert peer.answers[number].code == 0
    assert echo.events == ["abc", "def", 1000]
    assert not served.service.websockets
    assert peer.get().status is None or not peer.over


@pytest.mark.parametrize("paused", [False, True])
@pytest.mark.parametrize("end", ["END_STREAM", "RST_STREAM", "both", "lost"])
def test_messages_before_the_end_are_not_lost(serve, loop, end, paused):
    """All of it may come in one read."""
    echo = Echo()
    served = serve(echo, ws_max_queue=1)
    peer, number = opened(served)
    if paused:
        echo.gate.clear()
    data = b"".join(frame(DATA, 0, number, text(b"%d" % count)) for count in range(1, 10))
    if end in ("END_STREAM", "both"):
        data += frame(DATA, END_STREAM, number)
    if end in ("RST_STREAM", "both"):
        data += frame(RST_STREAM, 0, number, CANCEL.to_bytes(4, "big"))
    peer.transport.send(data)
    loop.settle()
    if end == "lost":
        peer.transport.reset()
        loop.settle()
    echo.gate.set()
    peer.settle()
    if end in ("END_STREAM", "both") or paused or end == "lost":
        assert echo.events[-1] == 1006
    if paused:
        assert echo.events[:-1] == [f"{count}" for count in range(1, 10)][: len(echo.events) - 1]
    assert not served.service.websockets


@pytest.mark.parametrize("count", [1, 200])
def test_an_app_that_does_not_read(serve, loop, count):
    """Its stream's window holds the client back; other streams go on."""
    echo = Echo()

    async def app(scope, receive, send):
        await (echo if scope["type"] == "websocket" else hello)(scope, receive, send)

    peer, number = opened(serve(app, ws_max_queue=1, h2_initial_window_size=10_000))
    echo.gate.clear()
    for _ in range(count):
        peer.data(number, text(b"x" * 100) * 100)
    peer.settle()
    assert peer.get().status == 200
    waiting = peer.session.unsent(number)
    assert waiting == 0 if count == 1 else waiting > 1_000_000
    echo.gate.set()
    peer.settle()
    assert len(echo.events) == count * 100
    assert len(peer.answers[number].body) == count * 100 * 102


def test_a_client_that_does_not_read(serve, loop):
    sent = []

    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        for _ in range(100):
            await send({"type": "websocket.send", "bytes": b"x" * 10_000})
            sent.append(1)

    peer, number = opened(serve(app, timeout_send=10.0), reads=False)
    peer.settle()
    assert 6 < len(sent) < 25
    peer.session.consume(number, 65535)
    peer.settle()
    assert 13 < len(sent) < 35
    loop.advance(10 + COARSE)
    peer.settle()
    assert peer.answers[number].code == CANCEL


@pytest.mark.parametrize("status", [403, 401, None])
def test_a_denial_ends_the_stream(serve, status):
    """The client need not end its side: the rest of its request is not wanted."""

    async def app(scope, receive, send):
        await receive()
        if status == 403:
            await send({"type": "websocket.close"})
        elif status is not None:
            await send({"type": "websocket.http.response.start", "status": status, "headers": []})
            await send({"type": "websocket.http.response.body", "body": b"no"})
        else:
            raise ValueError

    peer = Peer(serve(app))
    number = peer.websocket()
    peer.settle()
    assert peer.answers[number].status == status or 500
    assert peer.answers[number].code == 0


@pytest.mark.parametrize("field", [(b"sec-websocket-version", b"12"), (b":protocol", b"other")])
def test_a_refusal_ends_the_stream(serve, field):
    peer = Peer(serve(hello))
    fields = {b":protocol": b"websocket", b"sec-websocket-version": b"13", field[0]: field[1]}
    number = peer.request(b"/", *fields.items(), method=b"CONNECT", end=False)
    peer.settle()
    assert peer.answers[number].status in (400, 501)
    assert peer.answers[number].code == 0


def test_a_client_that_ends_before_it_is_accepted(serve, loop):
    gate = asyncio.Event()
    events = []

    async def app(scope, receive, send):
        await receive()
        await gate.wait()
        await send({"type": "websocket.accept"})
        events.append(await receive())
        events.append(await receive())

    served = serve(app)
    peer = Peer(served)
    number = peer.websocket()
    peer.data(number, text(b"early"), end=True)
    peer.settle()
    gate.set()
    peer.settle()
    assert [event["type"] for event in events] == ["websocket.receive", "websocket.disconnect"]
    assert not served.service.websockets


def test_a_close_that_nobody_answers(serve, loop):
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close"})

    served = serve(app, ws_close_timeout=5.0)
    peer, number = opened(served)
    loop.advance(5 + COARSE)
    peer.settle()
    assert peer.answers[number].code == CANCEL
    assert not served.service.websockets


def test_a_stream_that_is_given_up_inside_a_step_of_another_s_app(serve, loop):
    """Its end is told although nothing arrives after it."""
    told = []

    async def app(scope, receive, send):
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            told.append((await receive())["type"])
            return
        for session in tuple(served.service.websockets):
            session.abort()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x" * 200_000})

    served = serve(app)
    peer, number = opened(served, window=1 << 20)
    peer.request()
    peer.settle()
    assert peer.answers[number].code == CANCEL
    loop.settle()
    assert not served.service.websockets


def test_pings_keep_it(serve, loop):
    echo = Echo()
    peer, number = opened(serve(echo, ws_ping_interval=5.0, ws_ping_timeout=5.0))
    for _ in range(20):
        loop.advance(1)
        peer.settle()
        if peer.answers[number].body:
            assert peer.answers[number].body[:2] == b"\x89\x04"
            peer.answers[number].body.clear()
            peer.data(number, b"\x8a\x84\0\0\0\0ping")
    assert echo.events == []
    loop.advance(15)
    peer.settle()
    assert echo.events == [1011]


def test_a_websocket_keeps_its_connection(serve, loop):
    echo = Echo()
    peer, number = opened(serve(echo, timeout_keep_alive=5.0, ws_ping_interval=0.0))
    loop.advance(3600)
    peer.data(number, text(b"still here"))
    peer.settle()
    assert echo.events == ["still here"]


def test_websockets_over_a_connection_are_one_connection(serve, loop):
    """For limit_connections."""
    served = serve(Echo())
    peer, _ = opened(served)
    for _ in range(10):
        peer.websocket()
    peer.settle()
    assert len(served.service.websockets) == 11
    assert served.service.open_connections == 1


@pytest.mark.parametrize("size", [1, 1000, 70_000])
def test_large_messages(serve, size):
    echo = Echo()
    peer, number = opened(serve(echo))
    length = {1: b"\x81", 1000: b"\xfe\x03\xe8", 70_000: b"\xff" + size.to_bytes(8, "big")}
    message = b"\x81" + length[size] + bytes(4) + b"x" * size
    for _ in range(20):
        peer.data(number, message)
    peer.settle()
    assert len(echo.events) == 20
    assert peer.answers[number].body.count(b"x") == 20 * size
