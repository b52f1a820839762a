"""How much is read of a client that sends more than is wanted."""

import pytest

from .apps import CHUNKED, GET, POST, Gated, answer, body, chunk, get, read, sized, start
from .client import client_of

AHEAD = 1000
LIMITS = {"pipeline_bytes": AHEAD, "write_high_water": AHEAD, "drain_body": AHEAD}


class Reading(Gated):
    """Answers with the length of the body, once the gate opens."""

    async def work(self, scope, receive, send):
        data = await read(receive)
        await answer(send, b"%d" % len(data))


@pytest.mark.parametrize("size", [10, 100, 1500])
def test_what_is_read_ahead_is_bounded(serve, loop, size):
    """So many bytes, and the rest of the segment that passes them."""
    client = serve(Gated(), **LIMITS).connect()
    client.send(GET)
    loop.settle()
    stream = GET * 1000
    client.send(*(stream[at : at + size] for at in range(0, len(stream), size)))
    loop.settle()
    assert not client.is_reading()
    assert client.delivered - len(GET) <= AHEAD + size


def test_reading_goes_on_and_every_request_is_answered_in_order(serve, loop):
    gated = Gated()
    client = serve(gated, **LIMITS).connect()
    paths = [b"/%d" % number for number in range(300)]
    stream = b"".join(map(get, paths))
    client.send(*(stream[at : at + 70] for at in range(0, len(stream), 70)))
    loop.settle()
    assert not client.is_reading()
    assert gated.calls == ["/0"]
    gated.gate.set()
    reader = client_of(client)
    for path in paths:
        assert reader.response().body == path
    assert client.is_reading()
    assert gated.calls == [path.decode() for path in paths]


def test_one_request_at_a_time(serve, loop):
    """RFC 9112 9.3.2: in order; and the app need not expect two calls of one connection."""
    gated = Gated()
    client = serve(gated).connect()
    client.send(*map(get, (b"/1", b"/2", b"/3")))
    loop.advance(3)
    assert gated.calls == ["/1"]
    gated.gate.set()
    loop.settle()
    assert gated.calls == ["/1", "/2", "/3"]


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_is_read_as_the_app_takes_it(serve, loop, framing):
    """Reading stops while the app does not receive, and goes on when it does."""
    reading = Reading()
    client = serve(reading, **LIMITS).connect()
    part = b"x" * 300
    if framing == "length":
        client.send(sized(30_000), *[part] * 100)
    else:
        client.send(CHUNKED, *[chunk(part)] * 100, b"0\r\n\r\n")
    loop.settle()
    assert not client.is_reading()
    assert client.delivered <= 2 * AHEAD
    loop.advance(60)  # the app's time: no deadline of the client's
    assert not client.lost
    reading.gate.set()
    assert client_of(client).response("POST").body == b"30000"
    assert client.is_reading()


def test_each_receive_takes_what_is_there_and_lets_more_come(serve, loop):
    async def app(scope, receive, send):
        more = True
        while more:
            message = await receive()
            more = message["more_body"]
            sizes.append(len(message["body"]))
        await answer(send)

    sizes = []
    client = serve(app, **LIMITS).connect()
    client.send(sized(50_000), *[b"x" * 500] * 100)
    assert client_of(client).response("POST").status == 200
    assert sum(sizes) == 50_000
    assert max(sizes) <= 2 * AHEAD


@pytest.mark.parametrize("size", [0, 1, AHEAD])
def test_a_body_that_nobody_wants_is_skipped(serve, loop, size):
    async def app(scope, receive, send):
        await answer(send)

    reader = client_of(serve(app, **LIMITS).connect())
    for _ in range(3):
        reader.send(sized(size), b"x" * size)
        assert not reader.response("POST").closes


@pytest.mark.parametrize("size", [AHEAD + 1, 10**9])
def test_one_that_is_too_long_ends_the_connection(serve, loop, size):
    """RFC 9112 9.3: the client learns of it with the answer, and nothing waits for the rest."""

    async def app(scope, receive, send):
        await answer(send)

    client = serve(app, **LIMITS).connect()
    reader = client_of(client)
    reader.send(sized(size), b"x" * 100)
    assert reader.response("POST").closes
    reader.closed()
    loop.advance(10)
    assert client.lost


def test_an_endless_body_is_thrown_away_for_a_while_only(serve, loop):
    async def app(scope, receive, send):
        await answer(send)

    client = serve(app, **LIMITS).connect()
    client.send(CHUNKED)
    for _ in range(100):
        client.send(*[chunk(b"x" * 10_000)] * 10)
        loop.advance(0.1)
    assert client.lost
    assert client.delivered < 3 << 20


def test_an_upload_behind_a_slow_request_waits_for_it(serve, loop):
    reading = Reading()
    client = serve(reading, **LIMITS).connect()
    client.send(GET, sized(5000), *[b"x" * 500] * 10, GET)
    loop.settle()
    assert client.delivered <= len(GET) + 2 * AHEAD
    reading.gate.set()
    reader = client_of(client)
    assert [reader.response().body for _ in range(3)] == [b"0", b"5000", b"0"]


def test_a_body_that_is_taken_while_the_answer_goes_out(serve, loop):
    async def app(scope, receive, send):
        await send(start())
        more = True
        while more:
            message = await receive()
            more = message["more_body"]
            await send(body(message["body"], more))

    client = serve(app, **LIMITS).connect(room=500)
    data = bytes(range(256)) * 40
    pieces = [data[at : at + 100] for at in range(0, len(data), 100)]
    client.send(sized(len(data)), *pieces)
    loop.settle()
    assert client.delivered < 4 * AHEAD  # nobody reads the answer, so nobody takes the body
    client.take()
    assert client_of(client).response("POST").body == data


def test_trailers_and_extensions_count_nothing_as_a_body(serve, loop):
    reading = Reading()
    reading.gate.set()
    client = serve(reading, **LIMITS).connect()
    client.send(CHUNKED + b"3;a=b\r\nabc\r\n0\r\nX-A: b\r\n\r\n", GET)
    reader = client_of(client)
    assert reader.response("POST").body == b"3"
    assert reader.response().body == b"0"


def test_a_client_that_waits_for_100_is_asked_when_the_app_reads(serve, loop):
    reading = Reading()
    client = serve(reading, **LIMITS).connect()
    client.send(POST + b"Content-Length: 3\r\nExpect: 100-continue\r\n\r\n")
    loop.settle()
    assert not client.received
    reading.gate.set()
    loop.settle()
    assert client.received == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.send(b"abc")
    found = client_of(client).response("POST")
    assert (found.status, found.body) == (200, b"3")
