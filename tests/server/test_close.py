"""A client that may still send loses nothing of what it has yet to read: RFC 9112 9.6.

Where a socket is closed in which bytes arrive later, the kernel resets the connection and forgets
what the client has not taken. Here the answers wait in the kernel, for the client's room is small.
"""

import asyncio
import contextlib
import re
import socket
import ssl
from pathlib import Path

import pytest
from live import client_context
from serving import HERE
from test_held import TARGET
from wire import WAIT

from fastserve import Config, transports
from fastserve.asgi._socket import Poller, SocketTransport
from fastserve.importer import load
from fastserve.service import make_service
from httpparser.http2 import ClientSession

pytestmark = pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="not on Linux")

LARGE = b"~" * 100_000
GET = b"GET /large HTTP/1.1\r\nhost: h\r\n\r\n"
OPTIONS = {"timeout_keep_alive": 5, "timeout_send": 30, "access_log": False}


async def app(scope, receive, send):
    kind = scope["path"][1:]
    fields = {"large": [], "close": [(b"connection", b"close")], "cut": [], "wait": []}.get(kind)
    if fields is None:
        raise ZeroDivisionError
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": LARGE, "more_body": kind in ("cut", "wait")})
    if kind == "wait":
        while (await receive())["type"] == "http.request":
            pass
    if kind == "cut":
        raise ZeroDivisionError


LAST = {
    "the server's 500": b"GET /fail HTTP/1.1\r\nhost: h\r\n\r\n",
    "the app's choice": b"GET /close HTTP/1.1\r\nhost: h\r\n\r\n",
    "cut off": b"GET /cut HTTP/1.1\r\nhost: h\r\n\r\n",
    "no length": b"GET /cut HTTP/1.0\r\nconnection: keep-alive\r\n\r\n",
}


class Play:
    """A client with little room, and the server's connection, both in this thread."""

    def __init__(self, loop, carrier, parser):
        self.loop, self.elapsed, began = loop, 0, loop.time()
        loop.time = lambda: began + self.elapsed  # no second passes by itself
        config = Config(app, http=parser, **OPTIONS)
        self.service = make_service(load(config), config, loop, {}, None)
        self.service.start()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.client = socket.socket()
            self.client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            self.client.settimeout(WAIT)
            self.client.connect(listener.getsockname())
            sock, (_, port) = listener.accept()
            self.name = f"{listener.getsockname()[1]:04X} 0100007F:{port:04X} "
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        self.poller = Poller(loop)
        self.tls = None
        if carrier == "TLS":
            self.shake_hands(sock)
        elif carrier == "fastserve":
            SocketTransport(self.poller, sock.detach(), self.service.connection()).begin()
        else:
            loop.run_until_complete(loop.connect_accepted_socket(self.service.connection, sock))

    def shake_hands(self, sock):
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = client_context().wrap_bio(self.incoming, self.outgoing)
        transports.prepare()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(HERE / "tls/cert.pem", HERE / "tls/key.pem")
        done = self.loop.create_future()
        above = transports.Direct().make(context, self.service.connection, done)
        SocketTransport(self.poller, sock.detach(), above).begin()
        while not done.done():
            with contextlib.suppress(ssl.SSLWantReadError):
                self.tls.do_handshake()
            self.send(b"")
            with contextlib.suppress(BlockingIOError):
                self.incoming.write(self.client.recv(4096, socket.MSG_DONTWAIT))

    def turn(self):
        """Everything that can be done is done."""

        async def rest():
            for _ in range(20):
                await asyncio.sleep(0)

        self.loop.run_until_complete(rest())

    def send(self, data):
        if self.tls is not None:
            if data:
                self.tls.write(data)
            data = self.outgoing.read()
        self.client.sendall(data)
        self.turn()

    def wait(self, seconds):
        """As if the time had passed, with a look at the deadlines in each second."""
        for _ in range(seconds):
            self.elapsed += 1
            self.service.sweep()
            self.turn()

    def read(self, count=1 << 20):
        """So many bytes, or until the end."""
        data = b""
        while len(data) < count:
            self.turn()
            with contextlib.suppress(BlockingIOError):
                part = self.client.recv(min(count - len(data), 4096), socket.MSG_DONTWAIT)
                if not part:
                    break
                data += part if self.tls is None else self.decrypt(part)
        return data

    def decrypt(self, part):
        """What the whole records hold."""
        data = b""
        self.incoming.write(part)
        with contextlib.suppress(ssl.SSLWantReadError):
            while more := self.tls.read(16384):
                data += more
        return data

    def queued(self):
        """proc_net_tcp(5): bytes that the client's kernel has not acknowledged."""
        table = Path("/proc/net/tcp").read_text()
        return int(re.search(rf":{self.name}\w\w (\w+):", table)[1], 16)

    def read_some(self):
        """As much as the kernel tells the server of."""
        data, before = b"", self.queued()
        while self.queued() >= before:
            data += self.read(1000)
        return data

    def read_all(self):
        data = self.read()
        while self.queued():
            pass
        return data

    @property
    def is_open(self):
        return bool(self.service.connections)

    def end(self):
        self.service.abort()
        self.turn()
        self.service.stop()
        self.poller.close()
        self.turn()
        self.client.close()


# A record is read whole, so TLS is left out where the client reads some bytes.
PLAIN = pytest.mark.parametrize("carrier", ["fastserve", "loop"], indirect=True)


@pytest.fixture(params=["fastserve", "loop", "TLS"])
def carrier(request):
    return request.param


@pytest.fixture(params=["llhttp", "h11"])
def play(request, loop, carrier):
    made = Play(loop, carrier, request.param)
    yield made
    made.end()


@pytest.mark.parametrize("last", LAST)
def test_a_request_after_the_last_answer(play, last):
    play.send(GET + LAST[last])
    play.send(GET)
    data = play.read()
    assert data.count(b"~") == len(LARGE) * (1 if "500" in last else 2)
    assert data.count(b"HTTP/1.1 ") == 2


def test_a_request_after_a_body_that_is_none(play):
    play.send(GET + b"POST /wait HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n")
    play.send(b"no chunk\r\n")
    play.send(GET)
    assert play.read().count(b"~") == 2 * len(LARGE)


def test_a_request_after_the_time_for_it(play):
    play.send(GET)
    play.wait(6)
    play.send(GET)
    assert play.read().count(b"~") == len(LARGE)


@PLAIN
def test_a_request_while_the_client_reads(play):
    """However long that takes: the rest has not arrived."""
    play.send(GET + LAST["the server's 500"])
    data = b""
    for _ in range(10):
        data += play.read_some()
        play.wait(20)
    play.send(GET)
    assert (data + play.read()).count(b"~") == len(LARGE)


def test_a_client_that_has_all_does_not_keep_the_connection(play):
    play.send(GET + LAST["the server's 500"])
    play.read_all()
    play.wait(1)
    assert play.is_open
    play.wait(3)
    assert not play.is_open


def test_nor_does_one_that_takes_nothing(play):
    play.send(GET + LAST["the server's 500"])
    play.wait(30)
    assert play.is_open
    play.wait(3)
    assert not play.is_open


def test_a_client_that_sends_no_more_is_not_waited_for(play):
    """RFC 9112 9.6: one that says close sends nothing after it."""
    play.send(GET[:-2] + b"connection: close\r\n\r\n")
    assert not play.is_open
    assert play.read().count(b"~") == len(LARGE)


@PLAIN
def test_an_idle_client_is_not_waited_for(play):
    play.send(GET)
    head = play.read(1000).index(b"~")
    play.read(head + len(LARGE) - 1000)
    while play.queued():
        pass
    play.wait(6)
    assert not play.is_open


@PLAIN
@pytest.mark.parametrize("play", ["auto"], indirect=True)
def test_http2_waits_for_a_client_that_reads(play):
    """RFC 9113 5.4.1: so that it learns from the GOAWAY why."""
    client = ClientSession()
    client.request([(b":method", b"GET"), *TARGET[:-1], (b":path", b"/large")])
    play.send(client.take())
    play.send(bytes(9))  # DATA of stream 0: a connection error
    data = b""
    for _ in range(5):
        data += play.read_some()
        play.wait(20)
    play.send(bytes(9))
    data += play.read_all()
    assert data.count(b"~") == 65535
    assert data.endswith(b"DATA: stream_id == 0")
    play.wait(4)
    assert not play.is_open
