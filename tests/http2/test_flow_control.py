"""Windows, the transport and the order of streams: nobody waits for somebody else's client."""

import asyncio

import pytest
from http1.apps import Flood, Gated, answer, body, read, start

from .peer import SETTINGS, WINDOW, Peer, fixture_loop, fixture_serve, frame

__all__ = ["fixture_loop", "fixture_serve"]


async def echo(scope, receive, send):
    await send(start())
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        more = message["more_body"]
        await send(body(message["body"], more))


def test_bodies_larger_than_the_windows(serve):
    peer = Peer(serve(echo))
    data = bytes(range(256)) * 8192
    numbers = [peer.request(method=b"POST", data=data) for _ in range(5)]
    peer.settle()
    for number in numbers:
        assert peer.answers[number].body == data
        assert peer.answers[number].code == 0


@pytest.mark.parametrize("window", [1, 100, 65535])
def test_messages_both_ways(serve, window):
    peer = Peer(serve(echo), window=window)
    number = peer.request(method=b"POST", end=False)
    for count in range(1000):
        peer.data(number, b"%07d" % count)
        peer.settle()
        assert len(peer.answers[number].body) == 7 * (count + 1)
    peer.data(number, b"", end=True)
    peer.settle()
    assert peer.answers[number].body == b"".join(b"%07d" % count for count in range(1000))


def test_send_waits_for_the_window_of_its_stream(serve, loop):
    flood = Flood(100, 10_000)
    peer = Peer(serve(flood), reads=False)
    number = peer.request()
    peer.settle()
    assert 6 < flood.sent < 20
    peer.session.consume(number, 65535)
    peer.settle()
    assert 13 < flood.sent < 26
    assert peer.answers[number].code is None
    peer.session.reset(number)
    peer.settle()
    assert isinstance(flood.error, OSError)


def test_send_waits_for_the_transport(serve):
    flood = Flood(100, 10_000)
    peer = Peer(serve(flood), window=1 << 24, connection_window=1 << 24, room=100_000)
    number = peer.request()
    peer.settle()
    assert 10 < flood.sent < 40
    peer.transport.take()
    peer.settle()
    assert len(peer.answers[number].body) == 1_000_000


def test_a_stream_whose_window_is_shut_holds_up_no_other(serve):
    async def app(scope, receive, send):
        await answer(send, b"x" * 500_000)

    peer = Peer(serve(app), reads=False, connection_window=1 << 22)
    slow = peer.request()
    peer.settle()
    peer.reads = True
    peer.session.consume(slow, 0)
    assert len(peer.get().body) == 500_000
    assert len(peer.answers[slow].body) == 65535


def test_an_app_that_does_not_read_holds_up_no_other(serve):
    gated = Gated()

    async def app(scope, receive, send):
        if scope["path"] == "/gated":
            await gated(scope, receive, send)
        else:
            await answer(send, b"%d" % len(await read(receive)))

    peer = Peer(serve(app, h2_connection_window_size=70_000))
    number = peer.request(b"/gated", method=b"POST", data=b"x" * 500_000)
    peer.settle()
    assert peer.get(method=b"POST", data=b"x" * 500_000).body == b"500000"
    gated.gate.set()
    peer.settle()
    assert peer.answers[number].status == 200


def test_a_response_before_the_end_of_the_request(serve):
    """The rest of the request is not wanted: RST_STREAM with NO_ERROR. RFC 9113 8.1"""

    async def app(scope, receive, send):
        await answer(send)

    peer = Peer(serve(app))
    for _ in range(300):  # they are not resets that count
        number = peer.request(method=b"POST", data=b"x" * 100, end=False)
        peer.settle()
        assert peer.answers[number].body == b"ok"
        assert peer.answers[number].code == 0
    assert not peer.over


def test_a_window_that_settings_make_negative(serve):
    flood = Flood(20, 10_000)
    peer = Peer(serve(flood), reads=False)
    number = peer.request()
    peer.settle()
    peer.transport.send(frame(SETTINGS, payload=b"\0\4" + (10).to_bytes(4, "big")))
    peer.settle()
    peer.transport.send(frame(WINDOW, 0, number, (65525).to_bytes(4, "big")))
    peer.settle()
    assert len(peer.answers[number].body) == 65535
    assert flood.sent < 20
    peer.session.reset(number)
    peer.settle()


def test_apps_that_compute_give_others_their_turn(serve, loop):
    """A turn of one connection ends after a few milliseconds: the loop serves another one."""
    order = []

    async def app(scope, receive, send):
        order.append(scope["path"])
        until = asyncio.get_running_loop().turns  # noqa: F841
        await answer(send)

    served = serve(app)
    served.service.turn_seconds = -1.0  # each call is one too many
    first, second = Peer(served), Peer(served)
    for _ in range(10):
        first.request(b"/first")
        second.request(b"/second")
    first.send()
    second.send()
    loop.settle()
    assert len(order) == 20
    assert order[:10] != ["/first"] * 10
    first.settle()
    second.settle()


def test_streams_of_equal_urgency_share(serve, loop):
    peer = Peer(serve(Flood(20, 20_000)), window=1 << 20, connection_window=65535)
    numbers = [peer.request() for _ in range(4)]
    peer.send()
    loop.settle()  # the first has the first window
    before = None
    for _ in range(5):
        peer.read()
        peer.send()
        loop.settle()
        sizes = [len(peer.answers[number].body) for number in numbers]
        before = before or sizes
        grown = [size - old for size, old in zip(sizes, before, strict=True)]
        assert max(grown) - min(grown) <= 20_000
    assert min(sizes) > 40_000
    peer.settle()


def test_early_answers_to_a_congested_client_wait(serve, loop):
    """No app is called while the transport is congested."""
    calls = []

    async def app(scope, receive, send):
        calls.append(scope["path"])
        await answer(send, b"x" * 200_000)

    peer = Peer(serve(app), window=1 << 20, room=0)
    for number in range(5):
        peer.request(b"/%d" % number)
    peer.settle()
    assert 0 < len(calls) <= 5
    for number in range(5, 10):
        peer.request(b"/%d" % number)
    peer.settle()
    assert "/5" not in calls
    peer.transport.take()
    peer.settle()
    assert len(calls) == 10


def test_trailers_that_the_client_does_not_want(serve, loop):
    """The response may be complete for the client before it is for the app."""
    ends = []

    async def app(scope, receive, send):
        await send({**start(), "trailers": True})
        await send(body(b"x"))
        await asyncio.sleep(1)
        await send({"type": "http.response.trailers", "headers": [(b"x", b"y")]})
        ends.append((await receive())["type"])

    served = serve(app)
    peer = Peer(served)
    for method in (b"GET", b"HEAD", b"POST"):
        number = peer.request(method=method, data=b"x" if method == b"POST" else None)
        peer.settle()
        loop.advance(2)
        peer.settle()
        assert peer.answers[number].ended
    assert ends == ["http.disconnect"] * 3
    assert served.service.served == 3


def test_a_request_whose_client_left_is_not_served(serve, loop):
    gated = Gated()
    served = serve(gated)
    peer = Peer(served)
    number = peer.request()
    peer.settle()
    peer.session.reset(number)
    peer.settle()
    gated.gate.set()
    loop.settle()
    assert served.service.served == 0
