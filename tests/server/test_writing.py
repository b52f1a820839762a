"""What apps send arrives once, in order, and at nobody else."""

import asyncio
import contextlib
import hashlib
import os
import random
import socket
import sys
import threading
import weakref

import pytest
from live import Live
from serving import one_loop
from wire import WAIT

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
)
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


@one_loop
@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_nothing_is_sent_once_a_transport_was_aborted(live_server, loop):
    app = Kept()
    server = live_server(app, loop=loop)
    with server.connect() as client:
        client.send(GET)
        assert app.called.wait(WAIT)
        asyncio.run_coroutine_threadsafe(abort_and_send(server, app), app.loop).result(WAIT)
        app.answered.set()
        with contextlib.suppress(ConnectionError):
            assert client.socket.recv(1) == b""


def of_all_loops(server, kind):
    return [each for service in server.server._serving.services for each in getattr(service, kind)]


async def abort_and_send(server, app):
    """All in one turn: nobody has told the connection yet."""
    (connection,) = of_all_loops(server, "connections")
    connection.transport.abort()
    with contextlib.suppress(OSError):
        await app.send({"type": "http.response.body", "body": b"too late"})


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_nothing_is_sent_once_it_was_aborted_within_a_read(live_server, loop):
    """The app runs while the transport gives what it has read."""

    async def app(scope, receive, send):
        (connection,) = of_all_loops(server, "connections")
        connection.abort()
        await send(OK)
        await send({"type": "http.response.body", "body": b"too late"})

    server = live_server(app, loop=loop)
    with server.connect() as client:
        client.send(GET)
        with contextlib.suppress(ConnectionError):
            assert client.socket.recv(1) == b""


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_no_message_is_sent_once_a_websocket_was_aborted_within_a_read(live_server, loop):
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        (session,) = of_all_loops(server, "websockets")
        session.abort()
        await send({"type": "websocket.send", "text": "too late"})

    server = live_server(app, loop=loop)
    with server.connect() as client:
        client.send(HANDSHAKE)
        assert client.socket.recv(4096).startswith(b"HTTP/1.1 101 ")
        client.send(b"\x81\x82\0\0\0\0Hi")
        with contextlib.suppress(ConnectionError):
            assert client.socket.recv(1) == b""


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


def test_what_an_app_keys_by_send_or_receive_is_not_another_requests(live_server):
    """Whoever has a weak reference to them hears that they are gone."""
    paths = weakref.WeakKeyDictionary()

    async def app(scope, receive, send):
        before = [paths.get(function) for function in (receive, send)]
        paths[receive if scope["path"] == "/receive" else send] = scope["path"]
        await send(OK)
        await send({"type": "http.response.body", "body": repr(before).encode()})

    with live_server(app).connect() as client:
        for path in (b"/send", b"/send", b"/receive", b"/receive"):
            client.send(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % path)
            assert client.response().body == b"[None, None]"


@pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors in /proc")
def test_a_file_whose_send_is_cancelled_before_it_waits_is_closed(live_server, tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"a" * 8_000_000)

    async def app(scope, receive, send):
        await send(OK)
        sending = asyncio.ensure_future(send({"type": "http.response.pathsend", "path": str(file)}))
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending

    server = live_server(app)
    with server.connect() as client:
        client.send(GET)
        with contextlib.suppress(ConnectionError):
            while client.socket.recv(1 << 20):
                pass
    assert str(file) not in names_of_descriptors()


def names_of_descriptors():
    names = []
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            names.append(os.readlink(f"/proc/self/fd/{number}"))
    return names
