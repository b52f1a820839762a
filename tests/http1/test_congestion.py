"""A client that does not read: the app waits, and so does everything behind it."""

import asyncio

import pytest

from .apps import GET, Flood, Gated, answer, body, get, read, sized, start
from .client import client_of

HIGH = 1000
LIMITS = {"write_high_water": HIGH, "timeout_send": 5.0}


def test_send_waits_while_the_client_does_not_read(serve, loop):
    flood = Flood(100, 300)
    client = serve(flood, **LIMITS).connect(room=0)
    client.send(GET)
    loop.settle()
    assert flood.sent < 5
    assert client.unsent
    assert not client.received


def test_send_goes_on_as_the_client_reads(serve, loop):
    flood = Flood(100, 300)
    client = serve(flood, **LIMITS).connect(room=0)
    client.send(GET)
    loop.settle()
    seen = [flood.sent]
    while flood.sent < 100:
        client.take(1000)
        loop.settle()
        seen.append(flood.sent)
        assert len(client.unsent) <= 2 * HIGH + 400  # one step of the app comes on top of the mark
    assert seen == sorted(seen)
    assert len(seen) > 25
    client.take()
    assert client_of(client).response().body == b"x" * 30_000


def test_what_fits_below_the_high_water_mark_does_not_wait(serve, loop):
    flood = Flood(2, 300)
    client = serve(flood, **LIMITS).connect(room=0)
    client.send(GET)
    loop.settle()
    assert flood.sent == 2
    assert not client.congested


def test_an_app_that_sends_everything_at_once_waits_too(serve, loop):
    """One message of any size is taken, and no second one."""
    flood = Flood(10, 1_000_000)
    client = serve(flood, **LIMITS).connect(room=0)
    client.send(GET)
    loop.settle()
    assert flood.sent == 0
    client.take()
    assert client_of(client).response().body == b"x" * 10_000_000


@pytest.mark.parametrize("how", ["reset", "abort"])
def test_a_send_that_waits_raises_when_the_client_goes(serve, loop, how):
    flood = Flood(100, 300)
    served = serve(flood, **LIMITS)
    client = served.connect(room=0)
    client.send(GET)
    loop.settle()
    if how == "reset":
        client.reset()
    else:
        client.abort()
    loop.settle()
    assert isinstance(flood.error, OSError)
    assert served.service.active == 0


def test_a_client_that_reads_nothing_is_dropped_after_timeout_send(serve, loop):
    flood = Flood(100, 300)
    client = serve(flood, **LIMITS).connect(room=0)
    client.send(GET)
    loop.advance(4)
    assert not client.lost
    loop.advance(5)
    assert client.lost
    assert isinstance(flood.error, OSError)


def test_a_client_that_reads_a_little_is_not_dropped(serve, loop):
    client = serve(Flood(100, 300), **LIMITS).connect(room=0)
    client.send(GET)
    for _ in range(30):
        client.take(10)
        loop.advance(3)
    assert not client.lost


def test_without_timeout_send_nobody_is_dropped(serve, loop):
    client = serve(Flood(100, 300), write_high_water=HIGH, timeout_send=0.0).connect(room=0)
    client.send(GET)
    loop.advance(300)
    assert not client.lost


@pytest.mark.parametrize("request_", [GET, sized(3, b"abc")], ids=["get", "post"])
def test_an_answer_that_nobody_reads_is_dropped_too(serve, loop, request_):
    """The app is done with it: the deadline is the connection's."""

    async def app(scope, receive, send):
        await read(receive)
        await answer(send, b"x" * 100_000)

    client = serve(app, timeout_keep_alive=5.0, **LIMITS).connect(room=10)
    client.send(request_)
    loop.advance(20)
    assert client.lost


def test_a_cancelled_send_loses_nothing(serve, loop):
    """What it was called with was taken; only the wait is given up."""

    async def app(scope, receive, send):
        await send(start())
        for number in range(5):
            try:
                await asyncio.wait_for(send(body(b"%d" % number * 2000, True)), 0.5)
            except TimeoutError:
                cancelled.append(number)
        await send(body())

    cancelled = []
    client = serve(app, **LIMITS).connect(room=0)
    client.send(GET)
    loop.advance(4)
    assert cancelled == [0, 1, 2, 3, 4]
    client.take()
    whole = b"".join(b"%d" % number * 2000 for number in range(5))
    assert client_of(client).response().body == whole


def test_all_tasks_that_send_wait_and_go_on(serve, loop):
    async def app(scope, receive, send):
        await send(start())
        async with asyncio.TaskGroup() as group:
            for _ in range(5):
                group.create_task(send(body(b"x" * 2000, True)))
        await send(body())

    client = serve(app, **LIMITS).connect(room=0)
    client.send(GET)
    loop.settle()
    assert client.congested
    client.take()
    assert client_of(client).response().body == b"x" * 10_000


def test_reading_half_of_it_wakes_nobody(serve, loop):
    """Between the marks the app goes on waiting, so that it is not woken for every byte."""
    flood = Flood(100, 300)
    client = serve(flood, **LIMITS).connect(room=0)
    client.send(GET)
    loop.settle()
    sent = flood.sent
    client.take(len(client.unsent) - client.low - 1)
    loop.settle()
    assert flood.sent == sent
    client.take(1)
    loop.settle()
    assert flood.sent > sent


def test_pipelined_requests_are_all_answered_once_the_client_reads(serve, loop):
    async def app(scope, receive, send):
        await answer(send, scope["path"].encode() * 100)

    client = serve(app, **LIMITS).connect(room=0)
    paths = [b"/%d" % number for number in range(50)]
    client.send(b"".join(map(get, paths)))
    loop.settle()
    client.take()
    reader = client_of(client)
    for path in paths:
        assert reader.response().body == path * 100


def test_a_congested_connection_does_not_hold_up_another(serve, loop):
    served = serve(Flood(10, 2000), **LIMITS)
    first, second = served.connect(room=0), served.connect()
    first.send(GET)
    second.send(GET)
    assert client_of(second).response().body == b"x" * 20_000
    assert first.congested


def test_stopping_drops_what_nobody_reads(serve, loop):
    gated = Gated()
    served = serve(gated, **LIMITS)
    client = served.connect(room=0)
    client.send(GET)
    loop.settle()
    served.service.abort()
    loop.settle()
    assert client.lost
    assert gated.ends == ["CancelledError"]
