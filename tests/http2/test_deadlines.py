"""Every wait for the client ends, and no innocent one is ended; the clock is the test's."""

import asyncio

import pytest
from http1.apps import Gated, answer, body, hello, read, start

from .peer import (
    CANCEL,
    END_HEADERS,
    HEADERS,
    PING,
    PREFACE,
    SETTINGS,
    WINDOW,
    Peer,
    fixture_loop,
    fixture_serve,
    frame,
)  # fmt: skip

__all__ = ["fixture_loop", "fixture_serve"]

OPTIONS = {
    "timeout_first_byte": 5.0,
    "timeout_head": 10.0,
    "timeout_body": 15.0,
    "timeout_keep_alive": 20.0,
    "timeout_send": 25.0,
}
COARSE = 2  # seconds that the sweep may be late


def lives(loop, transport, seconds):
    """So long, and not much longer."""
    loop.advance(seconds - 1)
    assert not transport.ended
    loop.advance(COARSE + 1)
    return transport.ended


async def reads(scope, receive, send):
    if await read(receive) is not None:
        await answer(send)


async def waits(scope, receive, send):
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    "first", [b"P", b"PRI", PREFACE[:10], PREFACE, PREFACE + frame(SETTINGS)[:5]]
)
def test_the_preface(serve, loop, first):
    transport = serve(hello, **OPTIONS).connect()
    transport.send(first)
    assert lives(loop, transport, 10)


def test_a_preface_that_drips_has_no_more_time(serve, loop):
    transport = serve(hello, **OPTIONS).connect()
    for at in range(3):
        transport.send(PREFACE[at : at + 1])
        loop.advance(4)
    assert transport.ended


def test_a_preface_that_drips_after_it_is_known_has_no_more_time(serve, loop):
    transport = serve(hello, **OPTIONS).connect()
    transport.send(PREFACE[:4])
    for at in range(4, 16):
        transport.send(PREFACE[at : at + 1])
        loop.advance(1)
    assert transport.ended


def test_an_idle_connection(serve, loop):
    peer = Peer(serve(hello, **OPTIONS))
    assert lives(loop, peer.transport, 20)
    peer.settle()
    assert peer.goaway == 0


def test_each_request_begins_it_anew(serve, loop):
    peer = Peer(serve(hello, **OPTIONS))
    for _ in range(5):
        assert peer.get().status == 200
        loop.advance(17)
    assert not peer.over


def test_pings_do_not_keep_a_connection(serve, loop):
    """RFC 9113 6.7: nor does any other frame that is no request."""
    peer = Peer(serve(hello, **OPTIONS))
    for _ in range(12):
        peer.session.send_ping()
        peer.settle()
        loop.advance(2)
    assert peer.over


@pytest.mark.parametrize("count", [3, 12])
def test_half_a_frame(serve, loop, count):
    peer = Peer(serve(hello, **OPTIONS))
    peer.transport.send(frame(PING, payload=bytes(8))[:count])
    assert lives(loop, peer.transport, 10)


def test_a_field_block_that_drips(serve, loop):
    """It is one wait, however many CONTINUATIONs it has."""
    peer = Peer(serve(hello, **OPTIONS))
    peer.transport.send(frame(HEADERS, 0, 1, b"\x82"))
    for _ in range(12):
        peer.transport.send(frame(9, 0, 1, b"\x00\x01a\x01b"))
        loop.advance(1)
    assert peer.over


def test_frames_that_follow_each_other_in_parts_are_not_late(serve, loop):
    peer = Peer(serve(Gated(), **OPTIONS))
    number = peer.request()
    peer.settle()
    ping = frame(PING, payload=bytes(8))
    peer.transport.send(ping[:5])
    for _ in range(30):
        loop.advance(1)
        peer.transport.send(ping[5:] + ping[:5])
    loop.settle()
    assert not peer.over
    peer.transport.send(ping[5:])
    peer.session.reset(number)
    peer.settle()


@pytest.mark.parametrize("data", [None, b"abc"])
@pytest.mark.parametrize("app", [reads, waits], ids=["reads", "does not read"])
def test_a_body_that_stalls(serve, loop, app, data):
    peer = Peer(serve(app, **OPTIONS))
    number = peer.request(method=b"POST", data=data, end=False)
    peer.settle()
    loop.advance(14)
    peer.settle()
    assert peer.answers[number].status is None
    loop.advance(COARSE + 1)
    peer.settle()
    if app is reads or data is None:
        assert peer.answers[number].status == 408
        assert peer.answers[number].ended
    else:  # it is the app that does not take what is there
        assert peer.answers[number].status is None
    assert not peer.over


def test_the_408_is_one(serve, loop):
    """The client does not open its window: the answer waits as any other does."""
    peer = Peer(serve(reads, **OPTIONS), window=0)
    number = peer.request(method=b"POST", data=b"abc", end=False)
    peer.settle()
    loop.advance(15 + COARSE)
    loop.advance(5)
    peer.settle()
    assert peer.answers[number].status == 408
    assert peer.answers[number].code is None
    loop.advance(25 + COARSE)
    peer.settle()
    assert peer.answers[number].code == CANCEL


def test_a_body_that_drips_is_refused(serve, loop):
    peer = Peer(serve(reads, min_body_rate=10, **OPTIONS))
    number = peer.request(method=b"POST", data=b"a", end=False)
    sent = 0
    while peer.answers[number].status is None and sent < 100:
        peer.data(number, b"x" * 5)
        peer.settle()
        loop.advance(1)
        sent += 1
    assert peer.answers[number].status == 408
    assert 15 < sent < 60


def test_the_time_in_which_the_app_does_not_read_is_not_the_client_s(serve, loop):
    gate = asyncio.Event()

    async def app(scope, receive, send):
        await gate.wait()
        await reads(scope, receive, send)

    peer = Peer(serve(app, min_body_rate=1000, **OPTIONS))
    number = peer.request(method=b"POST", data=b"x" * 500, end=False)
    peer.settle()
    loop.advance(100)
    gate.set()
    loop.settle()
    loop.advance(10)
    peer.data(number, b"x" * 15000, end=True)
    peer.settle()
    assert peer.answers[number].status == 200


@pytest.mark.parametrize("rate", [0, 1000])
def test_a_body_that_we_do_not_read_is_not_late(serve, loop, rate):
    """The client does not take another answer for a while: nothing is read from it either."""

    async def app(scope, receive, send):
        if scope["path"] == "/upload":
            await reads(scope, receive, send)
        else:
            await answer(send, b"x" * 300_000)

    served = serve(app, min_body_rate=rate, **OPTIONS)
    peer = Peer(served, window=1 << 20, room=1000)
    upload = peer.request(b"/upload", method=b"POST", data=b"x" * 100, end=False)
    peer.settle()
    peer.request(b"/download")
    peer.settle()
    loop.advance(3)
    assert not peer.transport.is_reading()
    peer.data(upload, b"x" * 60_000, end=True)
    peer.settle()
    loop.advance(20)
    # The sweep is due before what has arrived meanwhile is read.
    served.service.turn_seconds = 0.004
    peer.transport.take()
    peer.transport._drain()
    served.service.sweep()
    peer.settle()
    assert peer.answers[upload].status == 200


def test_half_a_frame_that_we_do_not_read_is_not_late(serve, loop):
    async def app(scope, receive, send):
        await answer(send, b"x" * 300_000)

    served = serve(app, **OPTIONS)
    peer = Peer(served, window=1 << 20, room=1000)
    number = peer.request()
    peer.settle()
    assert not peer.transport.is_reading()
    peer.transport.take(150_000)
    peer.settle()
    ping = frame(PING, payload=bytes(8))
    peer.transport.send(ping[:4])
    loop.advance(15)
    peer.transport.send(ping[4:])
    peer.transport.take()
    peer.transport._drain()
    served.service.sweep()
    peer.settle()
    assert peer.answers[number].ended


def test_a_window_update_that_we_do_not_read_is_not_late(serve, loop):
    """The client stops reading for a while, with a WINDOW_UPDATE on the way."""

    async def app(scope, receive, send):
        await answer(send, b"x" * 200_000)

    served = serve(app, **OPTIONS)
    peer = Peer(served, reads=False, room=1000)
    slow = peer.request(b"/slow")
    peer.settle()
    other = peer.request(b"/other")
    peer.settle()
    loop.advance(3)
    assert not peer.transport.is_reading()
    peer.transport.send(frame(WINDOW, 0, slow, (1 << 20).to_bytes(4, "big")))
    loop.advance(22)
    peer.transport.take()
    peer.transport._drain()
    loop.clock += 4
    served.service.sweep()
    peer.settle()
    assert peer.answers[slow].code is None
    peer.session.reset(slow)
    peer.session.reset(other)
    peer.settle()


@pytest.mark.parametrize("path", [b"/", b"/" + b"x" * 9000], ids=["answered", "refused"])
def test_content_whose_window_is_shut(serve, loop, path):
    """Also that of the server's own answers, before there is an app."""
    peer = Peer(serve(hello, **OPTIONS), window=0)
    number = peer.request(path)
    peer.settle()
    loop.advance(24)
    peer.settle()
    assert peer.answers[number].code is None
    loop.advance(COARSE + 1)
    peer.settle()
    assert peer.answers[number].code == CANCEL
    assert lives(loop, peer.transport, 20)


def test_content_whose_connection_has_no_window(serve, loop):
    async def app(scope, receive, send):
        await answer(send, b"x" * 100_000)

    peer = Peer(serve(app, **OPTIONS), window=1 << 20, connection_window=65535)
    number = peer.request()
    peer.transport.send(peer.session.take())
    loop.advance(25 + COARSE)
    peer.settle()
    assert peer.answers[number].code == CANCEL


def test_a_stream_that_waits_for_a_more_urgent_one_is_not_stuck(serve, loop):
    """The client reads slowly, and first what it wants most. RFC 9218 10"""

    async def app(scope, receive, send):
        await answer(send, b"x" * 100_000)

    peer = Peer(serve(app, **OPTIONS), window=1 << 20, connection_window=65535)
    urgent = peer.request(b"/", (b"priority", b"u=0"))
    other = peer.request(b"/", (b"priority", b"u=7"))
    peer.send()
    for _ in range(10):
        loop.advance(5)
        peer.transport.send(frame(WINDOW, 0, 0, (100).to_bytes(4, "big")))
    peer.settle()
    assert peer.answers[urgent].code == peer.answers[other].code == 0
    assert len(peer.answers[other].body) == 100_000


def test_a_client_that_reads_slowly_keeps_its_stream(serve, loop):
    async def app(scope, receive, send):
        await answer(send, b"x" * 10_000)

    peer = Peer(serve(app, **OPTIONS), reads=False, window=100)
    number = peer.request()
    peer.settle()
    while not peer.answers[number].ended:
        loop.advance(20)
        peer.session.consume(number, 500)
        peer.settle()
        assert peer.answers[number].code in (None, 0)


def test_a_transport_whose_client_reads_nothing(serve, loop):
    async def app(scope, receive, send):
        await answer(send, b"x" * 300_000)

    peer = Peer(serve(app, **OPTIONS), window=1 << 20, room=0)
    peer.request()
    peer.settle()
    loop.advance(24)
    assert not peer.transport.lost
    loop.advance(COARSE + 2)
    assert peer.transport.lost


def test_the_idle_time_begins_when_the_client_has_read(serve, loop):
    async def app(scope, receive, send):
        await answer(send, b"x" * 300_000)

    served = serve(app, **OPTIONS)
    peer = Peer(served, window=1 << 20, connection_window=1 << 20, room=1000)
    number = peer.request()
    peer.settle()
    while peer.transport.unsent:
        peer.transport.take(70_000)
        loop.advance(15)
    peer.settle()
    assert peer.answers[number].ended
    assert not peer.over
    loop.advance(4)
    assert peer.get().status == 200


def test_a_websocket_s_handshake_has_the_time_that_its_app_wants(serve, loop):
    """The client waits for the answer; its stream has no body that could be late."""

    async def app(scope, receive, send):
        await receive()
        await asyncio.sleep(100)
        await send({"type": "websocket.accept"})
        await receive()

    peer = Peer(serve(app, min_body_rate=1000, **OPTIONS))
    number = peer.websocket()
    peer.settle()
    loop.advance(101)
    peer.settle()
    assert peer.answers[number].status == 200


def test_a_ping_whose_answer_we_do_not_read_is_not_late(serve, loop):
    async def app(scope, receive, send):
        if scope["path"] == "/wait":
            await receive()
            await receive()
        await answer(send, b"x" * 300_000)

    served = serve(app, h2_ping_interval=5.0, h2_ping_timeout=5.0, **OPTIONS)
    peer = Peer(served, window=1 << 20, room=1000)
    loop.advance(6)  # a PING is sent
    peer.request()
    peer.settle()
    loop.advance(15)
    assert not peer.transport.lost
    peer.transport.take()
    peer.transport._drain()
    served.service.sweep()
    peer.settle()
    assert not peer.transport.lost


def test_a_silent_client_is_pinged(serve, loop):
    gated = Gated()
    peer = Peer(serve(gated, h2_ping_interval=5.0, h2_ping_timeout=5.0, **OPTIONS))
    peer.request()
    peer.settle()
    for _ in range(30):
        loop.advance(1)
        peer.settle()
    assert not peer.transport.lost
    loop.advance(15)  # nobody answers
    assert peer.transport.lost


def test_a_stream_without_end_has_none(serve, loop):
    async def app(scope, receive, send):
        await send(start())
        while True:
            await send(body(b"x", True))
            await asyncio.sleep(50)

    peer = Peer(serve(app, **OPTIONS))
    number = peer.request()
    peer.settle()
    for _ in range(40):
        loop.advance(50)
        peer.settle()
    assert len(peer.answers[number].body) == 41
    peer.session.reset(number)
    peer.settle()
    loop.advance(60)


def test_no_keep_alive(serve, loop):
    """timeout_keep_alive of 0: the connection ends with its last response."""
    gate = asyncio.Event()

    async def app(scope, receive, send):
        await gate.wait()
        await answer(send)

    peer = Peer(serve(app, **{**OPTIONS, "timeout_keep_alive": 0.0}))
    numbers = [peer.request() for _ in range(3)]
    peer.settle()
    gate.set()
    peer.settle()
    assert [peer.answers[number].status for number in numbers] == [200] * 3
    assert peer.goaway == 0
    assert peer.over


@pytest.mark.parametrize("name", sorted(OPTIONS.keys() - {"timeout_keep_alive"}))
def test_a_deadline_of_0_is_none(serve, loop, name):
    served = serve(hello, **{**OPTIONS, name: 0.0})
    if name == "timeout_first_byte":
        transport = served.connect()
        loop.advance(500)
        assert not transport.lost
        return
    peer = Peer(served, window=0 if name == "timeout_send" else 65535)
    if name == "timeout_head":
        peer.transport.send(frame(HEADERS, END_HEADERS, 1, b"\x82")[:5])
    elif name == "timeout_body":
        peer.request(method=b"POST", data=b"abc", end=False)
    elif name == "timeout_send":
        peer.request()
    peer.settle()
    loop.advance(19)
    peer.settle()
    assert not peer.over


def test_lingering_ends(serve, loop):
    peer = Peer(serve(Gated(), **OPTIONS))
    peer.request()
    peer.settle()
    peer.transport.send(frame(PING, payload=b"short"))
    peer.settle()
    assert peer.over
    assert not peer.transport.lost
    for _ in range(40):
        peer.transport.send(b"x" * 65536)
        loop.settle()
    assert not peer.transport.lost
    assert 1_000_000 < 40 * 65536 - peer.transport.backlog < 1_300_000
    loop.advance(2 + COARSE)
    assert peer.transport.lost
