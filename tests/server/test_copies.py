"""Bodies that are sent again and again leave as copies in the kernel's memory, the same to clients."""

import asyncio
import contextlib
import errno
import os
import random
import resource
import socket
import sys

import pytest
import uvloop
from live import Live
from test_socket_transport import Protocol, pair, turn, until

from fastserve import Config
from fastserve.asgi._socket import Poller, SocketTransport

pytestmark = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="there are no memory files")

LEAST, MOST = 1 << 14, 1 << 20
OFTEN = 4
LONG_IDLE, SHORT_IDLE = 10, 2
HEAD = b"head"


@pytest.fixture(params=[uvloop.new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"])
def play(request):
    made = Play(request.param())
    yield made
    made.end()


class Play:
    """Connections of one poller that write."""

    def __init__(self, loop, most=1 << 22):
        self.loop = loop
        self.poller = Poller(loop, copies=most)
        self.copies = self.poller.copies
        self.clients = []

    def add(self, over="TCP"):
        protocol = Protocol()
        client, sock = pair(over)
        SocketTransport(self.poller, sock.detach(), protocol).begin()
        self.clients.append(client)
        return protocol.transport, client

    def send(self, transport, client, body, times=1):
        """As an answer leaves; it must arrive as it is."""
        for _ in range(times):
            transport.writelines([HEAD, body])
            assert self.read(client, len(HEAD) + len(body)) == HEAD + body

    def read(self, client, count):
        received = bytearray()

        def enough():
            with contextlib.suppress(BlockingIOError):
                received.extend(client.recv(1 << 16, socket.MSG_DONTWAIT))
            return len(received) >= count

        until(self.loop, enough)
        return bytes(received)

    def end(self):
        for transport in tuple(self.poller.transports):
            transport.abort()
        self.poller.close()
        turn(self.loop)
        self.loop.close()
        for client in self.clients:
            client.close()
        assert len(self.copies) == self.copies.size == 0


def memory_files():
    """How many this process has open."""
    count = 0
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            count += "memfd:fastserve" in os.readlink(f"/proc/self/fd/{name}")
    return count


def new(size=LEAST):
    return random.randbytes(size)


@pytest.mark.parametrize("over", ["TCP", "Unix"])
def test_what_is_sent_often_is_copied_and_sent_as_it_is(play, over):
    transport, client = play.add(over)
    body, before = new(100_000), memory_files()
    play.send(transport, client, body, OFTEN - 1)
    assert len(play.copies) == 0
    play.send(transport, client, body)
    assert (len(play.copies), play.copies.size, memory_files() - before) == (1, len(body), 1)
    play.send(transport, client, body, 20)
    assert len(play.copies) == 1


def test_the_kernel_sends_the_copy(play, monkeypatch):
    """Seen by what it holds: another text."""

    def write(fd, data, write=os.write):
        return write(fd, bytes(len(data)))

    monkeypatch.setattr(os, "write", write)
    transport, client = play.add()
    body = new()
    play.send(transport, client, body, OFTEN - 1)
    for _ in range(2):
        transport.writelines([HEAD, body])
        assert play.read(client, len(HEAD) + LEAST) == HEAD + bytes(LEAST)


def test_what_is_made_anew_each_time_is_not_copied(play):
    """The allocator gives each of them the place of the last."""
    transport, client = play.add()
    for _ in range(200):
        play.send(transport, client, new())
    assert len(play.copies) == 0


def test_who_sends_many_in_turn_has_them_copied(play):
    transport, client = play.add()
    bodies = [new() for _ in range(20)]
    for _ in range(200):
        for body in bodies:
            play.send(transport, client, body)
        if len(play.copies) == len(bodies):
            return
    raise AssertionError(len(play.copies))


@pytest.mark.parametrize("size", [LEAST, MOST])
def test_sizes(play, size):
    transport, client = play.add()
    outside = size - 1 if size == LEAST else size + 1
    play.send(transport, client, new(outside), 1)
    body = new(outside)
    play.send(transport, client, body, 3 * OFTEN)
    assert len(play.copies) == 0
    play.send(transport, client, new(size), 1)
    body = new(size)
    play.send(transport, client, body, OFTEN)
    assert len(play.copies) == 1


def test_the_memory_has_a_limit_and_who_is_idle_makes_room(play):
    transport, client = play.add()
    bodies = [new(MOST) for _ in range(5)]
    for body in bodies:
        play.send(transport, client, body, OFTEN)
    assert (len(play.copies), play.copies.size) == (4, 4 * MOST)
    for _ in range(SHORT_IDLE):
        play.copies.sweep()
        for body in bodies[1:4]:
            play.send(transport, client, body)
    play.send(transport, client, bodies[4], OFTEN)
    assert len(play.copies) == 4
    held = sys.getrefcount(bodies[0])
    play.send(transport, client, bodies[0], OFTEN)  # there is no room again
    assert (len(play.copies), sys.getrefcount(bodies[0])) == (4, held)


def test_descriptors_have_a_limit(play, monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda which: (64, 4096))
    few = Play(play.loop)
    transport, client = few.add()
    bodies = [new() for _ in range(6)]
    for body in bodies:
        few.send(transport, client, body, OFTEN)
    assert len(few.copies) == 64 // 16
    transport.abort()
    client.close()
    few.poller.close()
    turn(play.loop)


def test_what_nobody_sends_any_more_is_let_go(play):
    transport, client = play.add()
    body, before = new(), memory_files()
    play.send(transport, client, body, OFTEN)
    held = sys.getrefcount(body)
    for _ in range(LONG_IDLE - 1):
        play.copies.sweep()
    assert len(play.copies) == 1
    play.send(transport, client, body)
    for _ in range(LONG_IDLE):
        play.copies.sweep()
    assert (len(play.copies), memory_files(), sys.getrefcount(body)) == (0, before, held - 1)


@pytest.mark.skipif(hasattr(sys, "_is_gil_enabled"), reason="references are counted otherwise")
def test_what_the_app_has_dropped_is_let_go(play):
    transport, client = play.add()
    body = new()
    play.send(transport, client, body, OFTEN)
    del body
    play.copies.sweep()
    assert len(play.copies) == 0


def test_candidates_are_let_go(play):
    transport, client = play.add()
    bodies = [new() for _ in range(8)]
    before = list(map(sys.getrefcount, bodies))
    for number in range(len(bodies)):
        play.send(transport, client, bodies[number])
    assert sum(map(sys.getrefcount, bodies)) == sum(before) + 4
    until(play.loop, lambda: list(map(sys.getrefcount, bodies)) == before)  # by its timer


def test_a_client_that_reads_slowly_gets_all_in_order(play):
    transport, client = play.add()
    body = new(300_000)
    play.send(transport, client, body, OFTEN)
    expected = b""
    for number in range(40):
        transport.writelines([b"%d " % number, body])
        transport.write(b"and")
        expected += b"%d " % number + body + b"and"
    assert transport.get_write_buffer_size() > 0
    assert play.read(client, len(expected)) == expected
    assert len(play.copies) == 1


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOSYS, errno.EPERM])
def test_without_memory_files_all_is_sent_as_ever(play, monkeypatch, number):
    def fail(*args):
        raise OSError(number, "no")

    monkeypatch.setattr(os, "memfd_create", fail)
    transport, client = play.add()
    play.send(transport, client, new(), 1)
    play.send(transport, client, new(50_000), 5 * OFTEN)
    assert len(play.copies) == 0


@pytest.mark.parametrize("outcome", [OSError(errno.EFBIG, "no"), 100])
def test_a_copy_that_cannot_be_written_is_none(play, monkeypatch, outcome):
    def write(fd, data, write=os.write):
        if isinstance(outcome, OSError):
            raise outcome
        return write(fd, data[:outcome])

    transport, client = play.add()
    before = memory_files()
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write)
        body = new()
        for _ in range(2 * OFTEN):
            transport.writelines([HEAD, body])
    assert play.read(client, 2 * OFTEN * (4 + LEAST)) == (HEAD + body) * 2 * OFTEN
    assert (len(play.copies), memory_files()) == (0, before)


def test_a_client_that_has_gone_ends_its_connection_alone(play):
    transport, client = play.add()
    other, reader = play.add()
    body = new(200_000)
    play.send(other, reader, body, OFTEN)
    transport.writelines([HEAD, body])
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    for _ in range(3):
        transport.writelines([HEAD, body])
    turn(play.loop)
    assert transport.is_closing()
    play.send(other, reader, body)


def test_off():
    config = Config("app", body_copies=0)
    assert config.body_copies == 0
    assert Config("app", body_copies="2M").body_copies == 2 << 20
    made = Play(asyncio.new_event_loop(), 0)
    transport, client = made.add()
    body = new()
    held = sys.getrefcount(body)
    made.send(transport, client, body, 3 * OFTEN)
    assert (len(made.copies), sys.getrefcount(body)) == (0, held)
    made.end()


# -- behind the whole server ---------------------------------------------------------------------

CACHE = {size: new(size) for size in (LEAST - 1, LEAST, 40_000, 100_000, MOST, 3 * MOST)}


async def app(scope, receive, send):
    """/SIZE is the same each time, /new/SIZE is made, /parts/SIZE is sent with the end apart."""
    if scope["type"] == "lifespan":
        raise RuntimeError
    _, *kind, size = scope["path"].split("/")
    body = CACHE[int(size)]
    if kind == ["new"]:
        body = bytes(bytearray(body))
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if kind == ["parts"]:
        await send({"type": "http.response.body", "body": body, "more_body": True})
        body = b""
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def server(request):
    live = Live(app, loop=request.param)
    yield live
    live.stop()


@pytest.mark.parametrize("seed", range(5))
def test_many_clients_get_what_they_asked_for(server, seed):
    rng = random.Random(seed)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(8)]
        for _ in range(30):
            asked = []
            for client in clients:
                for _ in range(rng.choice([1, 1, 3])):
                    size = rng.choice([LEAST, 40_000, 100_000, *CACHE])
                    kind = rng.choice(["", "", "", "new/", "parts/"])
                    method = rng.choice(["GET", "GET", "GET", "HEAD"])
                    client.send(f"{method} /{kind}{size} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
                    asked.append((client, method, size))
            order = rng.sample(clients, len(clients))
            for client, method, size in sorted(asked, key=lambda each: order.index(each[0])):
                assert client.response(method).body == (CACHE[size] if method == "GET" else b"")


def test_at_the_end_no_file_is_left():
    before = memory_files()
    live = Live(app, loop="uvloop")
    try:
        with live.connect() as client:
            for _ in range(2 * OFTEN):
                client.send(b"GET /100000 HTTP/1.1\r\nHost: h\r\n\r\n")
                assert client.response().body == CACHE[100_000]
            assert memory_files() > before
    finally:
        live.stop()
    assert memory_files() == before
