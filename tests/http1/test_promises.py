"""What a client or an app may do to the server, and what it must not bring about.

Each of these once held memory, time or a connection without end.
"""

import asyncio
import contextlib
import tracemalloc
from time import perf_counter

import pytest

from fastserve.websocket import encode

from .apps import CHUNKED, GET, HANDSHAKE, Flood, Gated, answer, body, chunk, get, sized, start
from .client import client_of

KIB = 1024
TURN = 256  # requests that one connection may have answered while others wait


# -- a client that does not read


def test_no_request_is_started_while_nobody_reads_the_answers(serve, loop):
    """Whatever is pipelined, one answer waits for its reader, and the rest of what was read."""

    async def app(scope, receive, send):
        calls.append(scope["path"])
        await answer(send, b"x" * 100_000)

    calls = []
    client = serve(app).connect(room=0)
    client.send(*[GET * 10] * 20)
    loop.settle()
    assert len(calls) == 1
    assert len(client.unsent) < 101_000
    client.take(90_000)
    loop.settle()
    assert len(calls) == 2
    reader = client_of(client)
    for _ in range(100):
        assert len(reader.response().body) == 100_000


def test_nor_one_that_comes_in_a_later_segment(serve, loop):
    async def app(scope, receive, send):
        calls.append(scope["path"])
        await answer(send, b"x" * 100_000)

    calls = []
    client = serve(app).connect(room=0)
    for number in range(3):
        client.send(get(b"/%d" % number))
        loop.settle()
    assert calls == ["/0"]
    client.take()
    loop.settle()
    assert calls == ["/0", "/1", "/2"]


@pytest.mark.parametrize("joined", [True, False], ids=["one segment", "two segments"])
def test_no_websocket_begins_while_the_answer_before_it_waits(serve, loop, joined):
    async def app(scope, receive, send):
        if scope["type"] == "http":
            return await answer(send, b"x" * 1_000_000)
        await receive()
        await send({"type": "websocket.accept"})
        for _ in range(20):
            await send({"type": "websocket.send", "bytes": b"x" * 64 * KIB})
            sent.append(1)
        return None

    sent = []
    client = serve(app, timeout_send=5.0).connect(room=0)
    client.send(*([GET + HANDSHAKE] if joined else [GET, HANDSHAKE]))
    loop.settle()
    assert not sent
    assert len(client.unsent) < 1_100_000
    loop.advance(10)
    assert client.lost  # after timeout_send


def test_a_websocket_begins_once_it_was_read(serve, loop):
    async def app(scope, receive, send):
        if scope["type"] == "http":
            return await answer(send, b"x" * 1_000_000)
        await receive()
        return await send({"type": "websocket.accept"})

    client = serve(app).connect(room=0)
    client.send(GET + HANDSHAKE)
    loop.settle()
    client.take()
    reader = client_of(client)
    assert len(reader.response().body) == 1_000_000
    assert reader.response().status == 101


# -- a client that sends


def test_one_connection_gives_the_loop_back(serve, loop):
    """Others wait for so many requests of it, and not for all that it has pipelined."""

    async def app(scope, receive, send):
        turns.append(turn)
        await answer(send)

    turns = []
    client = serve(app, pipeline_bytes=1 << 20).connect()
    client.send(GET * 4000)
    for turn in range(5000):  # noqa: B007
        loop.turn()
    assert len(turns) == 4000
    assert max(map(turns.count, set(turns))) <= TURN


def test_one_websocket_gives_the_loop_back(serve, loop):
    """However many messages a client sends at once, others have turns between them."""

    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] == "websocket.receive":
            turns.append(turn)
            end = perf_counter() + 0.001
            while perf_counter() < end:
                pass

    turns = []
    turn = 0
    client = serve(app).connect()
    client.send(HANDSHAKE)
    loop.settle()
    client.send(encode(1, b"x", key=b"mask") * 100)
    for turn in range(1000):  # noqa: B007
        loop.turn()
    assert len(turns) == 100
    assert len(set(turns)) > 3


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_an_upload_whose_answer_does_not_wait_for_it_ends(serve, loop, framing):
    """Reading was paused for an app that did not read: its answer must not leave it so."""

    async def app(scope, receive, send):
        await gate.wait()
        await answer(send)

    gate = asyncio.Event()
    client = serve(app, write_high_water=1000, drain_body=1000, timeout_body=5.0).connect()
    if framing == "length":
        client.send(sized(10_000), *[b"x" * 500] * 10)
    else:
        client.send(CHUNKED, *[chunk(b"x" * 500)] * 10)
    loop.settle()
    assert not client.is_reading()
    gate.set()
    loop.settle()
    assert client_of(client).response("POST").status == 200
    loop.advance(20)
    assert client.lost


def test_an_upload_that_fits_is_skipped_although_reading_was_paused(serve, loop):
    async def app(scope, receive, send):
        if scope["method"] == "POST":
            await gate.wait()
        await answer(send)

    gate = asyncio.Event()
    client = serve(app, write_high_water=1000, drain_body=100_000).connect()
    client.send(CHUNKED, *[chunk(b"x" * 500)] * 10, b"0\r\n\r\n", GET)
    loop.settle()
    assert not client.is_reading()
    gate.set()
    reader = client_of(client)
    assert reader.response("POST").status == 200
    assert reader.response().status == 200


@pytest.mark.parametrize("size", [1, 2, 10, 100])
def test_pieces_of_a_body_are_charged_what_they_cost(serve, loop, size):
    """64 KiB of two-byte chunks are more than two megabytes of objects."""
    client = serve(Gated()).connect()
    client.send(CHUNKED)
    loop.settle()
    segment = chunk(b"x" * size) * (64 * KIB // len(chunk(b"x" * size)))
    tracemalloc.start()
    try:
        client.send(*[segment] * 7)
        loop.settle()
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert not client.is_reading()
    assert held < 4 * 64 * KIB, f"{held} bytes"


@pytest.mark.parametrize("line", [b"\r\n", b"\r\n\r\n"])
def test_blank_lines_are_no_request(serve, loop, line):
    """RFC 9112 2.2 lets a server skip at least one; it is not kept busy by them."""
    client = serve(Gated(), timeout_first_byte=5.0, timeout_head=5.0).connect()
    for _ in range(30):
        client.send(line)
        loop.advance(1)
    assert client.ended


def test_so_many_of_them_are_refused(serve, loop):
    client = serve(Gated()).connect()
    client.send(*[b"\r\n" * 1000] * 100)
    loop.settle()
    assert client.ended
    assert client.received.startswith(b"HTTP/1.1 400 ")


def test_blank_lines_between_requests_are_no_request_either(serve, loop):
    async def app(scope, receive, send):
        await answer(send)

    client = serve(app, timeout_keep_alive=5.0, timeout_head=5.0).connect()
    client.send(GET)
    for _ in range(30):
        client.send(b"\r\n")
        loop.advance(1)
    assert client.ended


# -- a client that goes


def test_a_handshake_behind_a_slow_request_of_a_client_that_has_ended(serve, loop):
    """A half-closed client gets its answer; it can not speak WebSocket."""

    async def app(scope, receive, send):
        types.append(scope["type"])
        if scope["type"] == "http":
            await gate.wait()
            return await answer(send)
        while (await receive())["type"] != "websocket.disconnect":
            await send({"type": "websocket.accept"})
        return None

    gate = asyncio.Event()
    types = []
    served = serve(app)
    client = served.connect()
    client.send(GET + HANDSHAKE)
    client.send_end()
    loop.settle()
    gate.set()
    loop.advance(3)
    assert client_of(client).response().status == 200
    assert client.lost
    assert served.service.idle


@pytest.mark.parametrize("stream", [sized(10**9), sized(10**9) + GET], ids=["alone", "more"])
def test_the_end_of_an_answer_after_a_reset_that_was_not_seen_yet(serve, loop, stream):
    """`write_eof()` fails then: that ends the connection, and nothing else."""

    async def app(scope, receive, send):
        await gate.wait()
        await answer(send)

    gate = asyncio.Event()
    client = serve(app).connect()
    client.send(stream)
    loop.settle()
    gate.set()
    loop.turn()
    client.vanish()
    loop.settle()
    client.reset()
    loop.settle()
    assert client.lost
    assert not loop.failures


@pytest.mark.parametrize("turns", range(5))
def test_a_reset_at_any_moment_of_an_answer_that_ends_the_connection(serve, loop, turns):
    async def app(scope, receive, send):
        await gate.wait()
        await answer(send)

    gate = asyncio.Event()
    served = serve(app)
    client = served.connect()
    client.send(sized(10**9))
    loop.settle()
    gate.set()
    for _ in range(turns):
        loop.turn()
    client.vanish()
    loop.settle()
    client.reset()
    loop.settle()
    assert client.lost
    assert not loop.failures
    assert served.service.idle


def test_the_end_of_a_body_that_is_too_long_of_a_client_that_has_gone(serve, loop):
    async def app(scope, receive, send):
        await answer(send)

    served = serve(app, drain_body=1000)
    client = served.connect()
    client.send(CHUNKED + chunk(b"x"))
    loop.settle()
    assert client_of(client).response("POST").status == 200
    client.vanish()
    client.send(chunk(b"x" * 2000))  # was on the way before it went
    loop.settle()
    client.reset()
    loop.advance(5)
    assert not loop.failures
    assert client.lost
    assert served.service.idle


@pytest.mark.parametrize("turns", range(4))
def test_a_stop_while_a_handshake_is_answered(serve, loop, turns):
    """The server refuses it, or the app answers it: not one after the other."""

    async def app(scope, receive, send):
        calls.append(scope["type"])
        await receive()
        await send({"type": "websocket.accept"})
        await receive()

    calls = []
    served = serve(app, ws_close_timeout=1.0)
    client = served.connect()
    client.send(HANDSHAKE)
    for _ in range(turns):
        loop.turn()
    served.service.drain()
    loop.advance(5)
    assert client.lost
    assert served.service.idle
    if calls:
        assert client.received.startswith(b"HTTP/1.1 101 ")


# -- an app that runs the loop from within its step, as nest_asyncio lets it


@pytest.mark.parametrize("phase", ["start", "body"])
@pytest.mark.parametrize("fails", [False, True], ids=["answers", "fails"])
def test_bytes_of_one_answer_never_go_to_another_client(serve, loop, phase, fails):
    async def app(scope, receive, send):
        path = scope["path"].encode()
        await send(start(200, (b"x-path", path)))
        if phase == "body":
            await send(body(path, True))
        if path == b"/outer":
            inner.protocol.data_received(get(b"/inner"))
            if fails:
                raise ValueError("the app fails")
        await send(body(path * 2))

    served = serve(app)
    outer, inner = served.connect(), served.connect(peername=("127.0.0.1", 50001))
    outer.send(get(b"/outer"))
    loop.settle()
    assert b"inner" not in outer.received
    assert b"outer" not in inner.received
    reader = client_of(inner)
    response = reader.response()
    assert response.get(b"x-path") == b"/inner"
    assert response.body.endswith(b"/inner" * 2)
    if not fails:
        assert client_of(outer).response().body.endswith(b"/outer" * 2)


def test_nor_is_a_request_lost_or_begun_twice_by_it(serve, loop):
    async def app(scope, receive, send):
        calls.append(scope["path"])
        if scope["path"] == "/outer":
            for number, other in enumerate(others):
                other.protocol.data_received(get(b"/%d" % number))
        await asyncio.sleep(0)
        await answer(send, scope["path"].encode())

    calls = []
    served = serve(app)
    outer, *others = (served.connect(peername=("127.0.0.1", port)) for port in range(4))
    outer.send(get(b"/outer"))
    loop.settle()
    assert calls == ["/outer", "/0", "/1", "/2"]
    assert client_of(outer).response().body == b"/outer"
    for number, other in enumerate(others):
        assert client_of(other).response().body == b"/%d" % number
    assert served.service.active == 0


def test_what_it_lets_in_on_its_own_connection_comes_after_it(serve, loop):
    async def app(scope, receive, send):
        calls.append(scope["path"])
        await send(start())
        if scope["path"] == "/1":
            client.protocol.data_received(get(b"/2"))
        await send(body(scope["path"].encode()))

    calls = []
    client = serve(app).connect()
    client.send(get(b"/1"))
    loop.settle()
    assert calls == ["/1", "/2"]
    reader = client_of(client)
    assert [reader.response().body for _ in calls] == [b"/1", b"/2"]


# -- what requests share


def test_nothing_in_a_scope_is_shared(serve, loop):
    async def app(scope, receive, send):
        for table in (scope["asgi"], scope["extensions"], *scope["extensions"].values()):
            assert "spoilt" not in table
            with contextlib.suppress(TypeError):  # for what is shared may be kept from change
                table["spoilt"] = True
        await answer(send)

    reader = client_of(serve(app).connect())
    for _ in range(2):
        reader.send(GET)
        assert reader.response().status == 200


def test_nor_is_the_address_of_a_unix_socket(serve, loop):
    async def app(scope, receive, send):
        assert list(scope["server"]) == ["/run/socket", None]
        with contextlib.suppress(TypeError):
            scope["server"][0] = "spoilt"
        await answer(send)

    served = serve(app)
    for _ in range(2):
        reader = client_of(served.connect(peername="", sockname="/run/socket"))
        reader.send(GET)
        assert reader.response().status == 200


# -- several of it at once


def test_a_thousand_clients_that_do_not_read(serve, loop):
    served = serve(Flood(100, 64 * KIB), timeout_send=5.0)
    clients = [served.connect(room=0) for _ in range(1000)]
    for client in clients:
        client.send(GET * 100)
    loop.settle()
    assert max(len(client.unsent) for client in clients) < 3 * 64 * KIB
    loop.advance(20)
    assert all(client.lost for client in clients)
    assert served.service.idle
