"""Every wait for the client ends; the clock is the test's."""

import asyncio
import re

import pytest

from .apps import CHUNKED, GET, HANDSHAKE, POST, Gated, answer, body, hello, read, sized, start
from .client import client_of

OPTIONS = {
    "timeout_first_byte": 5.0,
    "timeout_head": 10.0,
    "timeout_body": 15.0,
    "timeout_keep_alive": 20.0,
    "timeout_send": 25.0,
}
COARSE = 2  # seconds that the sweep may be late


def lives(loop, client, seconds):
    """So long, and not much longer."""
    loop.advance(seconds - 1)
    assert not client.lost
    assert not client.ended
    loop.advance(COARSE + 1)
    return client.ended


def test_the_first_byte(serve, loop):
    client = serve(hello, **OPTIONS).connect()
    assert lives(loop, client, 5)
    assert client.lost
    assert not client.received


@pytest.mark.parametrize("beginning", [GET[:1], GET[:20], GET[:-1]])
def test_a_head(serve, loop, beginning):
    client = serve(hello, **OPTIONS).connect()
    client.send(beginning)
    assert lives(loop, client, 10)
    assert client_of(client).response().status == 408


def test_a_head_that_trickles_has_no_more_time(serve, loop):
    client = serve(hello, **OPTIONS).connect()
    for number in range(12):
        client.send(GET[number : number + 1])
        loop.advance(1)
    assert client_of(client).response().status == 408


def test_a_second_head_begins_with_its_first_byte(serve, loop):
    client = serve(hello, **OPTIONS).connect()
    reader = client_of(client)
    reader.send(GET)
    reader.response()
    loop.advance(18)
    reader.send(GET[:10])
    assert lives(loop, client, 10)
    assert reader.response().status == 408


def test_a_pipelined_head_has_a_deadline(serve, loop):
    gated = Gated()
    client = serve(gated, **OPTIONS).connect()
    client.send(GET + GET[:10])
    loop.advance(100)
    assert not client.lost
    gated.gate.set()
    loop.settle()
    assert lives(loop, client, 10)
    reader = client_of(client)
    assert reader.response().status == 200
    assert reader.response().status == 408


def test_between_requests(serve, loop):
    client = serve(hello, **OPTIONS).connect()
    client.send(GET)
    assert lives(loop, client, 20)
    assert client.lost
    reader = client_of(client)
    assert reader.response().status == 200
    reader.closed()


def test_each_request_begins_it_anew(serve, loop):
    client = serve(hello, **OPTIONS).connect()
    reader = client_of(client)
    for _ in range(10):
        reader.send(GET)
        reader.response()
        loop.advance(17)
    assert not client.lost


@pytest.mark.parametrize("request_", [sized(9, b"abc"), CHUNKED, CHUNKED + b"9\r\nabc"])
@pytest.mark.parametrize("reads", [True, False], ids=["read", "unread"])
def test_a_body_that_stalls(serve, loop, request_, reads):
    async def app(scope, receive, send):
        if reads:
            await read(receive)
        else:
            await asyncio.Event().wait()

    client = serve(app, **OPTIONS).connect()
    client.send(request_)
    assert lives(loop, client, 15)
    assert client_of(client).response("POST").status == 408


def test_each_part_of_a_body_begins_it_anew(serve, loop):
    async def app(scope, receive, send):
        await answer(send, await read(receive))

    client = serve(app, min_body_rate=0, **OPTIONS).connect()
    client.send(sized(5))
    for _ in range(5):
        loop.advance(12)
        client.send(b"x")
    assert client_of(client).response("POST").body == b"x" * 5


def test_a_body_that_drips_is_refused(serve, loop):
    """It never stalls for long, and would last for ever."""
    client = serve(Gated(), min_body_rate=10, **OPTIONS).connect()
    client.send(sized(1000))
    sent = 0
    while not client.received and sent < 100:
        loop.advance(1)
        client.send(b"x" * 5)
        sent += 1
    assert client_of(client).response("POST").status == 408
    assert OPTIONS["timeout_body"] < sent < 4 * OPTIONS["timeout_body"]


def test_a_pause_before_a_request_gives_its_body_no_more_time(serve, loop):
    """Reading paused for what was pipelined, and goes on when that request is served."""
    gated = Gated()

    async def app(scope, receive, send):
        await (gated(scope, receive, send) if scope["method"] == "GET" else read(receive))

    client = serve(app, min_body_rate=10, pipeline_bytes=100, **OPTIONS).connect()
    client.send(GET + sized(100_000, b"x" * 200))
    loop.settle()
    assert not client.is_reading()
    loop.advance(1000)
    gated.gate.set()
    loop.settle()
    assert client.is_reading()
    reader, sent = client_of(client), 0
    assert reader.response().status == 200
    while not client.received and sent < 100:
        loop.advance(1)
        client.send(b"x" * 5)
        sent += 1
    assert sent < 100
    assert reader.response("POST").status == 408


def test_a_slow_body_at_its_rate_is_taken(serve, loop):
    async def app(scope, receive, send):
        await answer(send, await read(receive))

    client = serve(app, min_body_rate=10, **OPTIONS).connect()
    client.send(sized(1000))
    for _ in range(100):
        loop.advance(1)
        client.send(b"x" * 10)
    assert client_of(client).response("POST").status == 200


def test_the_time_in_which_the_app_does_not_read_is_not_the_client_s(serve, loop):
    gated = Gated()
    client = serve(gated, min_body_rate=1000, write_high_water=1000, **OPTIONS).connect()
    client.send(sized(10_000), *[b"x" * 500] * 10)
    loop.settle()
    assert not client.is_reading()
    loop.advance(100)
    assert not client.lost


def test_a_stalled_body_behind_the_first_part_of_the_answer(serve, loop):
    """No 408 fits any more: the answer is cut off."""

    async def app(scope, receive, send):
        await send(start())
        await send(body(b"abc", True))
        await read(receive)

    client = serve(app, **OPTIONS).connect()
    client.send(sized(9, b"abc"))
    assert lives(loop, client, 15)
    with pytest.raises(AssertionError, match="closed in a line"):
        client_of(client).response("POST")


def test_a_body_that_stalls_behind_its_answer(serve, loop):
    client = serve(hello, **OPTIONS).connect()
    client.send(sized(9, b"abc"))
    assert lives(loop, client, 15)
    loop.advance(5)
    assert client.lost


def test_the_app_has_all_the_time_it_wants(serve, loop):
    gated = Gated()
    client = serve(gated, **OPTIONS).connect()
    client.send(sized(3, b"abc"))
    loop.advance(3600)
    assert not client.lost
    gated.gate.set()
    assert client_of(client).response("POST").status == 200


def test_a_stream_without_end_has_none(serve, loop):
    async def app(scope, receive, send):
        await send(start())
        while True:
            await send(body(b"x", True))
            await asyncio.sleep(50)

    client = serve(app, **OPTIONS).connect()
    client.send(GET)
    loop.advance(3600)
    assert not client.lost
    client.reset()
    loop.advance(60)


@pytest.mark.parametrize("stream", [POST + b"no colon\r\n\r\n", sized(10**9, b"x")])
def test_lingering(serve, loop, stream):
    """What is left to say is said; the client has a moment to close."""
    client = serve(hello, **OPTIONS).connect()
    client.send(stream)
    loop.settle()
    assert client.ended
    assert not client.lost
    loop.advance(2 + COARSE)
    assert client.lost


def test_lingering_reads_so_much_and_then_waits(serve, loop):
    """To close earlier would be a reset, which may overtake the answer."""
    client = serve(hello, **OPTIONS).connect()
    client.send(sized(10**9, b"x"))
    loop.settle()
    assert client.ended
    for _ in range(40):
        client.send(b"x" * 65536)
        loop.settle()
    assert not client.lost
    assert 1_000_000 < 40 * 65536 - client.backlog < 1_300_000
    loop.advance(2 + COARSE)
    assert client.lost


def test_lingering_ends_when_the_client_closes(serve, loop):
    client = serve(hello, **OPTIONS).connect()
    client.send(POST + b"no colon\r\n\r\n")
    loop.settle()
    client.send_end()
    loop.settle()
    assert client.lost
    assert not client.cut_off


def test_lingering_waits_for_a_client_that_reads(serve, loop):
    """The moment begins when everything is written."""

    async def app(scope, receive, send):
        await answer(send, b"x" * 100_000)

    client = serve(app, **OPTIONS).connect(room=0)
    client.send(sized(10**9, b"x"))
    for _ in range(20):
        loop.advance(3)
        assert not client.lost
        client.take(1000)
    client.take()
    reader = client_of(client)
    assert reader.response("POST").body == b"x" * 100_000
    reader.closed()
    loop.advance(2 + COARSE)
    assert client.lost


def test_an_answer_that_nobody_reads_before_the_close(serve, loop):
    """RFC 9112 9.6: it is written before the connection closes, or dropped after timeout_send."""

    async def app(scope, receive, send):
        await answer(send, b"x" * 100_000)

    client = serve(app, **OPTIONS).connect(room=0)
    client.send(GET[:-2] + b"Connection: close\r\n\r\n")
    loop.advance(23)
    assert not client.lost
    loop.advance(10)
    assert client.lost


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, None) for name in OPTIONS]
    + [(name, 0.0) for name in OPTIONS if name != "timeout_keep_alive"],
)
def test_a_deadline_of_0_is_none(serve, loop, name, value):
    client = serve(hello, **{**OPTIONS, name: value}).connect()
    stream = {
        "timeout_first_byte": b"",
        "timeout_head": GET[:5],
        "timeout_body": sized(9, b"abc"),
        "timeout_keep_alive": GET,
        "timeout_send": GET,
    }[name]
    client.send(stream)
    loop.advance(18 if name == "timeout_send" else 500)
    assert not client.lost


def test_keep_alive_of_0_closes_after_each_response(serve):
    reader = client_of(serve(hello, timeout_keep_alive=0).connect())
    reader.send(GET)
    assert reader.response().closes
    reader.closed()


# -- the server's stop


def test_stopping_closes_idle_connections(serve, loop):
    served = serve(hello, **OPTIONS)
    client = served.connect()
    reader = client_of(client)
    reader.send(GET)
    reader.response()
    served.service.drain()
    loop.advance(1 + COARSE)
    reader.closed()


def test_a_request_on_its_way_to_an_idle_connection_is_answered(serve, loop):
    served = serve(hello, **OPTIONS)
    reader = client_of(served.connect())
    reader.send(GET)
    assert not reader.response().closes
    served.service.drain()
    loop.settle()
    reader.send(GET)
    assert reader.response().closes
    reader.closed()


def test_an_app_is_told_before_it_is_cancelled(serve, loop):
    async def app(scope, receive, send):
        await receive()
        await send(start())
        told.append(await receive())
        await send(body(b"bye"))

    told = []
    served = serve(app, **OPTIONS)
    reader = client_of(served.connect())
    reader.send(GET)
    loop.settle()
    served.service.drain()
    served.service.warn()
    assert reader.response().body == b"bye"
    assert told == [{"type": "http.disconnect"}]


def test_the_app_of_a_later_request_is_told_at_once(serve, loop):
    async def app(scope, receive, send):
        while (message := await receive())["type"] == "http.request":
            told.append(message["body"])
        await send(start())
        await send(body(b"bye"))

    told = []
    served = serve(app, **OPTIONS)
    reader = client_of(served.connect())
    served.service.drain()
    served.service.warn()
    reader.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi")
    response = reader.response()
    assert response.body == b"bye"
    assert response.closes
    assert told == [b"hi"]


@pytest.mark.parametrize("warned", ["before the request", "within its body"])
def test_the_body_of_a_request_that_arrives_at_a_stop_is_whole(serve, loop, warned):
    """The app is told that the server stops when it has had the request, not instead."""

    async def app(scope, receive, send):
        while (message := await receive())["type"] == "http.request":
            told.append(message["body"])
        await send(start())
        await send(body(b"bye"))

    def stop():
        served.service.drain()
        served.service.warn()
        loop.settle()

    told = []
    served = serve(app, **OPTIONS)
    reader = client_of(served.connect())
    if warned == "before the request":
        stop()
    for piece in (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\n", b"ab", b"cd"):
        reader.send(piece)
        loop.settle()
    if warned == "within its body":
        stop()
    assert told == [b"ab", b"cd"]
    reader.send(b"ef")
    assert reader.response().body == b"bye"
    assert told == [b"ab", b"cd", b"ef"]


def test_stopping_waits_a_moment_for_a_first_request(serve, loop):
    served = serve(hello, **OPTIONS)
    first, second = served.connect(), served.connect()
    served.service.drain()
    loop.settle()
    first.send(GET)
    response = client_of(first).response()
    assert response.body == b"ok"
    assert response.closes
    loop.advance(1 + COARSE)
    assert second.lost


def test_stopping_waits_for_answers_and_says_close(serve, loop):
    gated = Gated()
    served = serve(gated, **OPTIONS)
    client = served.connect()
    client.send(GET + GET)
    loop.settle()
    served.service.drain()
    loop.advance(100)
    assert not client.lost
    gated.gate.set()
    reader = client_of(client)
    assert reader.response().closes
    reader.closed()
    assert len(gated.calls) == 1
    loop.advance(2 + COARSE)
    assert client.lost
    assert served.service.idle


def test_stopping_in_the_middle_of_an_answer(serve, loop):
    async def app(scope, receive, send):
        await send(start())
        await send(body(b"abc", True))
        await gate.wait()
        await send(body(b"def"))

    gate = asyncio.Event()
    served = serve(app, **OPTIONS)
    client = served.connect()
    client.send(GET)
    loop.settle()
    served.service.drain()
    gate.set()
    reader = client_of(client)
    assert reader.response().body == b"abcdef"
    reader.closed()


def test_wait_closed_returns_when_the_last_connection_has_gone(serve, loop):
    gated = Gated()
    served = serve(gated, **OPTIONS)
    clients = [served.connect() for _ in range(3)]
    for client in clients:
        client.send(GET)
    loop.settle()
    closed = loop.create_task(served.service.wait_closed())
    served.service.drain()
    loop.settle()
    assert not closed.done()
    gated.gate.set()
    loop.advance(2 + COARSE)
    assert closed.done()
    assert all(client.lost for client in clients)


def test_a_websocket_is_told_to_go(serve, loop):
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass

    served = serve(app, ws_close_timeout=5.0, **OPTIONS)
    client = served.connect()
    client.send(HANDSHAKE)
    loop.settle()
    assert client.received.startswith(b"HTTP/1.1 101 ")
    served.service.drain()
    loop.advance(5 + COARSE)
    assert client.lost
    assert re.search(rb"\x88.\x03\xf4", client.received, re.DOTALL)  # RFC 6455 7.4.1: 1012
    assert served.service.idle


def test_a_connection_that_fails_at_a_stop_fails_alone(serve, loop):
    """Closing all goes on, and the loop hears of it."""

    def fail():
        raise OSError("closed under us")

    served = serve(hello, **OPTIONS)
    served.connect(), served.connect(), served.connect()
    connections = list(served.service.connections)
    told = []
    served.service.loop.call_exception_handler = told.append
    connections[0].transport.abort = fail
    served.service.abort()
    loop.settle()
    assert [context["protocol"] for context in told] == [connections[0]]
    assert served.service.connections == {connections[0]}
    del connections[0].transport.abort
    served.service.abort()
