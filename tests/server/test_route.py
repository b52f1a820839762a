"""Bytes go to the socket at once where that is right, and in order wherever they go."""

import asyncio
import hashlib
import os
import random
import socket
import threading

import pytest
from live import Live
from wire import WAIT

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
OK = {"type": "http.response.start", "status": 200, "headers": []}


@pytest.fixture
def live_server():
    """`live_server(app, **options)`: a server for one test."""
    servers = []

    def start(app, **options):
        servers.append(Live(app, lifespan="off", **options))
        return servers[-1]

    yield start
    for server in servers:
        assert server.stop() is None


def pieces(seed, count=40):
    """Small and large ones: below and above what is copied, and more than a socket takes."""
    chance = random.Random(seed)
    sizes = [1, 13, 1000, 15_000, 17_000, 80_000, 300_000]
    return [chance.randbytes(chance.choice(sizes)) for _ in range(count)]


@pytest.mark.parametrize("over", ["TCP", "a Unix socket"])
def test_pieces_arrive_in_order_at_a_client_that_reads_now_and_then(live, over, tmp_path):
    """What a socket does not take waits in the transport, and nothing overtakes it."""
    PIECES[:] = pieces(7)
    options = {} if over == "TCP" else {"uds": f"{tmp_path}/s"}
    chance, taken = random.Random(1), hashlib.sha256()
    with live(send_pieces, **options).connect() as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.send(GET)
        client.pause()
        response = client.response()
        taken.update(response.body)
        for _ in range(2):  # and afterwards the connection serves as before
            client.send(GET)
            client.socket.recv(chance.randrange(1, 100), socket.MSG_PEEK)
            assert client.response().body == b"".join(PIECES)
    assert taken.digest() == hashlib.sha256(b"".join(PIECES)).digest()


PIECES = []


async def send_pieces(scope, receive, send):
    await send(OK)
    for number, piece in enumerate(PIECES):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        if number % 3 == 0:
            await asyncio.sleep(0)
    await send({"type": "http.response.body"})


def test_many_answers_at_once_to_a_client_that_reads_late(live):
    PIECES[:] = pieces(3, 10)
    with live(send_pieces).connect() as client:
        client.send(GET * 12)
        client.pause()
        for _ in range(12):
            assert client.response().body == b"".join(PIECES)


class Kept:
    """An app that keeps its `send` and waits."""

    def __init__(self):
        self.called = threading.Event()
        self.answered = threading.Event()

    async def __call__(self, scope, receive, send):
        await send(OK)
        self.send, self.loop = send, asyncio.get_running_loop()
        self.called.set()
        await self.loop.run_in_executor(None, self.answered.wait, WAIT)


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_a_descriptor_that_has_a_new_owner_gets_nothing(live_server, loop):
    """A transport gives its descriptor back before it tells of it."""
    app = Kept()
    server = live_server(app, loop=loop)
    ours, theirs = socket.socketpair()
    with server.connect() as client, ours, theirs:
        client.send(GET)
        assert app.called.wait(WAIT)
        done = asyncio.run_coroutine_threadsafe(send_when_closed(server, app, theirs), app.loop)
        fd = done.result(WAIT)
        ours.setblocking(False)
        with pytest.raises(BlockingIOError):
            ours.recv(1)
        assert fd is not None
    app.answered.set()


async def send_when_closed(server, app, theirs):
    """Abort the transport, put another socket where its was, and send; all in one turn."""
    (connection,) = server.server._service.connections
    transport = connection.transport
    fd = transport.get_extra_info("socket").fileno()
    transport.abort()
    closed = not is_open(fd)  # asyncio closes it a turn later
    if closed:
        os.dup2(theirs.fileno(), fd)
    try:
        await app.send({"type": "http.response.body", "body": b"for somebody else"})
    except OSError:
        pass
    finally:
        if closed:
            os.close(fd)
    return fd


def is_open(fd):
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


@pytest.mark.parametrize("holds", ["send", "what it belongs to", "nothing"])
def test_a_send_that_was_kept_never_reaches_a_later_request(live_server, holds):
    """`send` and `receive` serve again, but not those that an app still has."""
    kept, told = [], []

    async def app(scope, receive, send):
        if kept:
            for late in kept:
                late = late if callable(late) else late.send
                with pytest.raises(RuntimeError) as raised:
                    await late({"type": "http.response.body", "body": b"late"})
                told.append(str(raised.value))
                assert late is not send
        if holds != "nothing":
            kept.append(send if holds == "send" else send.__self__)
        await send(OK)
        await send({"type": "http.response.body", "body": scope["path"].encode()})

    with live_server(app).connect() as client:
        for number in range(5):
            client.send(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number)
            assert client.response().body == b"/%d" % number
    assert told == ["the response is complete already"] * (10 if holds != "nothing" else 0)


def test_a_receive_that_was_kept_says_that_its_client_is_gone(live_server):
    kept = []

    async def app(scope, receive, send):
        for late in kept:
            assert await late() == {"type": "http.disconnect"}
        kept.append(receive)
        assert (await receive())["body"] == b"hi"
        await send(OK)
        await send({"type": "http.response.body", "body": b"%d" % len(kept)})

    with live_server(app).connect() as client:
        for number in range(1, 4):
            client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
            assert client.response().body == b"%d" % number
