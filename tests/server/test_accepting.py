"""Accepting clients: errors, and those who wait when the server stops."""

import contextlib
import errno
import os
import socket
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest
from live import Live
from serving import one_loop
from wire import WAIT

from fastserve import listener
from fastserve.transports import Transports

GET = b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n"
OK = {"type": "http.response.start", "status": 200, "headers": []}


async def answer(send):
    await send(OK)
    await send({"type": "http.response.body", "body": b"hello"})


@pytest.fixture(params=["uvloop", "asyncio"])
def start(request):
    """`start(app, **options)`: a server for one test."""
    with contextlib.ExitStack() as undo:

        def make(app, **options):
            server = Live(app, lifespan="off", loop=request.param, **options)
            undo.callback(server.stop)
            return server

        yield make


@one_loop
@pytest.mark.parametrize(
    "number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EPROTO, errno.EPERM]
)
def test_an_error_of_accept_keeps_no_loop_busy(start, monkeypatch, number):
    """What is a client's affair costs nobody else anything; after all else accepting pauses."""

    async def app(scope, receive, send):
        await answer(send)

    class Failing(Transports):
        def __init__(self, *args):
            super().__init__(*args)
            self.accept_one, self.accept = self.accept, self.fail

        def fail(self, listener):
            calls.append(number)
            if len(calls) <= 3:
                raise OSError(number, os.strerror(number))
            return self.accept_one(listener)

    calls = []
    monkeypatch.setattr(listener, "Transports", Failing)
    server = start(app)
    with server.connect() as client:
        client.send(GET % b"/")
        assert client.response().body == b"hello"
    assert 3 < len(calls) < 10


def test_clients_have_the_options_of_the_listening_socket(start):
    """Their last packet does not wait for the acknowledgment of the one before."""

    async def app(scope, receive, send):
        await answer(send)

    server = start(app)
    with server.connect() as client:
        client.send(GET % b"/")
        assert client.response().body == b"hello"
        (sock,) = sockets_of(server)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert not sock.getblocking()
        assert not os.get_inheritable(sock.fileno())


def sockets_of(server):
    """Those of its clients."""
    services = server.server._serving.services
    connections = [each for service in services for each in service.connections]
    return [each.transport.get_extra_info("socket") for each in connections]


def test_so_have_clients_that_came_before_the_server(start):
    """To a socket of systemd's, or of a program that listens while it starts."""

    async def app(scope, receive, send):
        await answer(send)

    with contextlib.ExitStack() as undo:
        listening = undo.enter_context(socket.create_server(("127.0.0.1", 0)))
        address = listening.getsockname()
        early = [undo.enter_context(socket.create_connection(address, WAIT)) for _ in range(9)]
        server = start(app, fd=os.dup(listening.fileno()))
        late = undo.enter_context(socket.create_connection(address, WAIT))
        for client in (*early, late):
            client.sendall(GET % b"/")
            assert client.recv(1000)
        made = sockets_of(server)
        assert len(made) == 10
        assert all(each.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for each in made)
        assert not any(each.getblocking() for each in made)


@pytest.fixture
def without_proc(monkeypatch):
    """As in a chroot where it is not mounted; the os module that listener.py has."""

    def fail(path):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)

    found = SimpleNamespace(stat=fail, listdir=fail, dup=os.dup, close=os.close)
    monkeypatch.setattr(listener, "os", found)
    return found


def test_clients_are_accepted_without_proc(start, without_proc):
    async def app(scope, receive, send):
        await answer(send)

    server = start(app)
    for _ in range(20):  # descriptors are counted after every eighth
        with server.connect() as client:
            client.send(GET % b"/")
            assert client.response().body == b"hello"


@pytest.mark.parametrize(
    ("number", "count"), [(errno.EMFILE, sys.maxsize), (errno.EBADF, 0)], ids=["full", "unknown"]
)
def test_descriptors_are_not_counted_without_proc(without_proc, number, count):
    """The lowest that is free tells how many there are, if there is one."""
    free = os.dup(2)
    os.close(free)
    assert listener.count_descriptors() == free

    def fail(fd):
        raise OSError(number, os.strerror(number))

    without_proc.dup = fail
    assert listener.count_descriptors() == count


@one_loop
def test_those_who_wait_when_the_server_stops_are_answered(start):
    """They have connected, and the loop was too busy to accept them."""
    busy, go_on = threading.Event(), threading.Event()

    async def app(scope, receive, send):
        if scope["path"] == "/busy":
            busy.set()
            go_on.wait(WAIT)
        await answer(send)

    server = start(app)
    with contextlib.ExitStack() as undo:
        first = undo.enter_context(server.connect())
        first.send(GET % b"/busy")
        assert busy.wait(WAIT)
        clients = [undo.enter_context(server.connect()) for _ in range(40)]
        for client in clients:
            client.send(GET % b"/")
        server.server.request_stop()
        go_on.set()
        for client in (first, *clients):
            assert client.response().body == b"hello"


WAITING = """
import asyncio, socket, threading
from fastserve.asgi._socket import Poller

listener = socket.create_server(("127.0.0.1", 0))
poller, begun, found = Poller(asyncio.new_event_loop()), threading.Event(), []

def accept():
    begun.set()
    found.append(poller.accept(listener.fileno()))

thread = threading.Thread(target=accept)
thread.start()
begun.wait()
client = socket.create_connection(listener.getsockname())
thread.join()
assert found[0] >= 0
"""


def test_other_threads_go_on_while_one_waits_for_a_client():
    """A program may have made a socket of its own block."""
    subprocess.run([sys.executable, "-c", WAITING], timeout=WAIT, check=True)
