"""Sockets that are read without asking which are ready, while anything may happen to them."""

import asyncio
import contextlib
import os
import random
import select
import socket

import pytest
from test_held import Play, watched
from test_socket_transport import Protocol, pair, reset

from fastserve.asgi._socket import HAS_EPOLL, Poller, SocketTransport

pytestmark = pytest.mark.skipif(not HAS_EPOLL, reason="there is no epoll")

BUSY = 10
STREAM = random.Random(1).randbytes(1 << 20)
SIZES = [1, 10, 100, 1000]
LARGE = [65536, 100_000, 300_000]


@pytest.fixture
def busy(loop):
    """Clients that are known to be busy: in the next turns they are read, and nobody is asked."""
    made = Play(loop, hold=False, clock=lambda: 10**9)
    for _ in range(BUSY):
        made.add()
    for _ in range(2):
        made.poll()
    yield made
    made.end()


def test_an_idle_client_is_not_read_in_the_turns_without_asking(busy):
    """What the tests below rely on."""
    protocol, client = busy.add()
    client.sendall(b"a")
    busy.clients.remove(client)
    for _ in range(4):
        busy.poll()
        assert protocol.received == b""
    busy.poll()
    assert protocol.received == b"a"
    client.close()


def test_a_descriptor_that_an_app_has_closed_is_not_read(busy):
    """It may be the app's own socket by now, which epoll does not watch."""
    transport = busy.protocols[0].transport
    client = busy.clients.pop(0)
    fd = transport.get_extra_info("socket").fileno()
    transport.get_extra_info("socket").close()
    own, other = socket.socketpair()
    with own, other, client:
        assert fd in (own.fileno(), other.fileno())
        for sock in (own, other):
            sock.sendall(b"for the app")
        busy.poll()
        assert now(own) == now(other) == b"for the app"
        assert not transport.is_closing()


def test_a_descriptor_that_an_app_closes_in_the_same_turn_is_not_read(busy):
    transport = busy.protocols[1].transport
    owned = []

    def close(protocol):
        if not owned:
            transport.get_extra_info("socket").close()
            owned.extend(socket.socketpair())
            for sock in owned:
                sock.sendall(b"for the app")

    busy.protocols[0].on_data = close
    client = busy.clients[1]
    busy.poll()
    assert [now(sock) for sock in owned] == [b"for the app"] * 2
    busy.clients.remove(client)
    for sock in (*owned, client):
        sock.close()


def test_to_pause_and_to_resume_costs_nothing_while_nothing_comes(busy):
    """Nobody has said that there is something: the socket stays watched."""
    transport = busy.protocols[0].transport
    transport.pause_reading()
    busy.poller.poll()
    assert len(watched(busy.poller)) == BUSY
    transport.resume_reading()
    busy.clients[0].sendall(b"!")
    busy.turn()
    assert busy.protocols[0].received == b"??!"


def test_a_descriptor_that_is_used_again_is_read_once_in_a_turn(busy):
    """The one before is known as busy, and so is its successor in the same turn."""
    transport = busy.protocols[0].transport
    fd = transport.get_extra_info("socket").fileno()
    client, sock = pair("TCP")
    with busy.clients.pop(0):
        transport.abort()
        busy.poller.turn()
    os.dup2(sock.fileno(), fd)
    sock.close()
    protocol = Protocol(lambda protocol: client.sendall(b"more"))
    SocketTransport(busy.poller, fd, protocol).begin()
    busy.clients.insert(0, client)
    for count in range(4):
        assert len(protocol.reads) == count
        busy.poll()


def now(sock):
    return sock.recv(99, socket.MSG_DONTWAIT)


@pytest.mark.parametrize("clock", ["stands still", "runs"])
@pytest.mark.parametrize("seed", range(6))
def test_anything_in_any_order(loop, seed, clock):
    """No byte is lost, read twice or left, and in the end there is nothing to do."""
    clocks = {"clock": lambda: 10**9} if clock == "stands still" else {}
    party = Party(Poller(loop, hold=[False, True][seed % 2], **clocks), random.Random(seed))
    for _ in range([12, 40, 150][seed % 3]):
        party.add()
    for _ in range(60):
        party.play()
        if party.random.random() < 0.5:
            party.poll()
        else:
            turns(loop)
    party.end(loop)
    loop.errors = [each for each in loop.errors if type(each["exception"]) is not ZeroDivisionError]


def turns(loop):
    """A few of the loop, which has to run until it stops: uvloop ends with a KeyboardInterrupt."""
    with contextlib.suppress(KeyboardInterrupt, RuntimeError):
        loop.run_until_complete(asyncio.sleep(0))


class Party:
    """Connections of one poller whose clients and protocols do whatever they like."""

    def __init__(self, poller, chance):
        self.poller, self.random = poller, chance
        self.pairs = []
        self.depth = 0  # of nested loops
        self.wild = chance.choice([0, 0.02, 0.1])  # how likely is something unusual

    def add(self):
        client, sock = pair("Unix")
        client.setblocking(False)
        protocol = Protocol(self.act, on_eof=lambda protocol: self.random.random() < 0.5)
        protocol.written = 0
        SocketTransport(self.poller, sock.detach(), protocol).begin()
        self.pairs.append((protocol, Guest(client)))

    def poll(self):
        with contextlib.suppress(KeyboardInterrupt):
            self.poller.poll()

    def act(self, protocol):
        """As an app might, for what has come."""
        transport = protocol.transport
        if self.random.random() >= self.wild:
            return self.write(protocol, self.random.choice(SIZES))
        other, _ = self.random.choice(self.pairs)
        unusual = [
            lambda: self.write(protocol, self.random.choice(LARGE)),
            other.transport.pause_reading,
            transport.close,
            other.transport.abort,
            lambda: 1 // 0,
            lambda: transport.get_extra_info("socket"),
            self.run_nested,
            self.interrupt,
        ]
        return self.random.choice(unusual)()

    def write(self, protocol, size):
        if not protocol.transport.is_closing():
            protocol.transport.write(STREAM[protocol.written :][:size])
            protocol.written = min(protocol.written + size, len(STREAM))

    def run_nested(self):
        """What a nested loop would do."""
        if self.depth < 2:
            self.depth += 1
            try:
                for _ in range(3):
                    self.play()
                    self.poller.poll()
            finally:
                self.depth -= 1

    def interrupt(self):
        raise KeyboardInterrupt

    def play(self):
        """All do something, or half of them, or few."""
        count = max(1, len(self.pairs) // self.random.choice([1, 2, 8]))
        for protocol, guest in self.random.sample(self.pairs, count):
            guest.read()
            if self.random.random() >= self.wild:
                guest.send(self.random.choice(SIZES))
            else:
                self.do_unusual(protocol, guest)

    def do_unusual(self, protocol, guest):
        unusual = [
            lambda: guest.send(self.random.choice(LARGE)),
            guest.half_close,
            guest.leave,
            guest.reset,
            lambda: self.resume(protocol),
            self.add if not self.depth else guest.read,
        ]
        self.random.choice(unusual)()

    def resume(self, protocol):
        if "lost" not in protocol.calls:
            protocol.transport.resume_reading()

    def progress(self):
        return [(*protocol.calls, len(protocol.received), g.received) for protocol, g in self.pairs]

    def end(self, loop):
        """Everybody reads all that there is."""
        self.wild = 0
        before = None
        while before != (before := self.progress()):
            for protocol, _ in self.pairs:
                self.resume(protocol)
            for _ in range(8):
                turns(loop)
            for _, guest in self.pairs:
                guest.read()
        assert not select.select([self.poller.epoll], [], [], 0)[0]
        for protocol, guest in self.pairs:
            assert STREAM.startswith(protocol.received)
            if "lost" not in protocol.calls:
                assert len(protocol.received) == guest.sent
                assert ("eof" in protocol.calls) == guest.ended
                assert guest.gone or guest.received == protocol.written
            guest.sock.close()
        for transport in tuple(self.poller.transports):
            transport.abort()
        self.poller.close()
        turns(loop)
        turns(loop)
        assert all(protocol.calls.count("lost") == 1 for protocol, _ in self.pairs)


class Guest:
    """A client that never waits."""

    def __init__(self, sock):
        self.sock = sock
        self.sent = self.received = 0
        self.ended = self.gone = False

    def send(self, size):
        with contextlib.suppress(OSError):
            if not self.ended:
                self.sent += self.sock.send(STREAM[self.sent :][:size])

    def read(self):
        with contextlib.suppress(OSError):
            while data := self.sock.recv(1 << 18):
                assert STREAM.startswith(data, self.received)
                self.received += len(data)

    def half_close(self):
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)
            self.ended = True

    def leave(self):
        self.ended = self.gone = True
        self.sock.close()

    def reset(self):
        if not self.gone:
            self.ended = self.gone = True
            reset(self.sock)
