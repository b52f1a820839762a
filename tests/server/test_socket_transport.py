"""The transport of plain bytes by itself: one end of a connection is ours, a protocol is played."""

import asyncio
import contextlib
import enum
import gc
import os
import random
import socket
import struct
import sys
import weakref

import pytest
import uvloop
from wire import WAIT

from fastserve.asgi._socket import HAS_EPOLL, Poller, SocketTransport

MEGABYTE = 1 << 20
MOST_EVENTS = 128  # sockets that are served before the loop goes on


@pytest.fixture(params=["epoll", "epoll, held", "loop"])
def poller(request, loop):
    """What is written in a turn is held, or not; or the loop watches each socket."""
    if request.param != "loop" and not HAS_EPOLL:
        pytest.skip("there is no epoll")
    made = Poller(loop, request.param != "loop", hold=request.param == "epoll, held")
    yield made
    for transport in tuple(made.transports):
        transport.abort()
    made.close()
    turn(loop)
    assert not made.transports


@pytest.fixture(params=["TCP", "Unix"])
def over(request):
    return request.param


@pytest.fixture
def connect(poller, over):
    """Makes a protocol with a transport, and the socket of its client."""
    with contextlib.ExitStack() as undo:

        def start(**handlers):
            client, sock = pair(over)
            undo.enter_context(client)
            protocol = Protocol(**handlers)
            SocketTransport(poller, sock.detach(), protocol).begin()
            return protocol, client

        yield start


def pair(over):
    if over == "Unix":
        client, sock = socket.socketpair()
    else:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client = socket.create_connection(listener.getsockname(), WAIT)
            sock, _ = listener.accept()
        for each in (client, sock):  # as the server does
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setblocking(False)
    client.settimeout(None)  # with one, Python waits even where MSG_DONTWAIT says not to
    return client, sock


class Protocol:
    """Notes what it is told; `on_data` and others are called with it first."""

    def __init__(self, on_data=None, on_eof=lambda protocol: True, on_lost=None):
        self.on_data, self.on_eof, self.on_lost = on_data, on_eof, on_lost
        self.received = bytearray()
        self.reads = []
        self.calls = []
        self.error = None

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.received += data
        self.reads.append(len(data))
        if self.on_data is not None:
            self.on_data(self)

    def eof_received(self):
        self.calls.append("eof")
        return self.on_eof(self)

    def pause_writing(self):
        self.calls.append("pause")

    def resume_writing(self):
        self.calls.append("resume")

    def connection_lost(self, error):
        self.calls.append("lost")
        self.error = error
        if self.on_lost is not None:
            self.on_lost(self)


def turn(loop, count=5):
    for _ in range(count):
        loop.run_until_complete(asyncio.sleep(0))


def until(loop, condition):
    """Turn until it holds."""

    async def wait():
        async with asyncio.timeout(WAIT):
            while not condition():
                await asyncio.sleep(0)

    loop.run_until_complete(wait())


def read(loop, client, count):
    """So many bytes, while the loop runs."""
    received = bytearray()

    def enough():
        with contextlib.suppress(BlockingIOError):
            received.extend(client.recv(MEGABYTE, socket.MSG_DONTWAIT))
        return len(received) >= count

    until(loop, enough)
    return bytes(received)


def rest(client):
    """What comes until the end; b"" is also a reset."""
    client.settimeout(WAIT)
    received = bytearray()
    with contextlib.suppress(ConnectionError):
        while data := client.recv(MEGABYTE):
            received += data
    return bytes(received)


def reset(client):
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def is_quiet(loop):
    """Whether nothing is ready: a socket that is watched in vain would keep the loop busy."""
    turn(loop)
    return not loop._selector.select(0)


@pytest.mark.parametrize("size", [1, 1000, 65535, 65536, 65537, 400_000, 5 * MEGABYTE])
def test_bytes_arrive(loop, connect, size):
    protocol, client = connect()
    data = random.Random(size).randbytes(size)
    sending = loop.run_in_executor(None, client.sendall, data)
    until(loop, lambda: len(protocol.received) == size)
    assert protocol.received == data
    loop.run_until_complete(sending)


def test_one_that_sends_much_is_read_in_turn_with_others(loop, connect):
    much, sender = connect()
    little, other = connect()
    other.setblocking(True)
    sending = loop.run_in_executor(None, sender.sendall, bytes(20 * MEGABYTE))
    until(loop, lambda: len(much.received) > MEGABYTE)
    before = len(much.reads)
    other.sendall(b"a")
    until(loop, lambda: little.received)
    assert len(much.reads) < before + 40
    assert max(much.reads) <= 262_144
    until(loop, lambda: len(much.received) == 20 * MEGABYTE)
    loop.run_until_complete(sending)


@pytest.mark.parametrize("seed", range(3))
def test_what_the_socket_does_not_take_waits_in_order(loop, connect, seed):
    protocol, client = connect()
    chance = random.Random(seed)
    sizes = [1, 100, 20_000, 300_000, 2_000_000]
    pieces = [chance.randbytes(chance.choice(sizes)) for _ in range(40)]
    pieces.append(bytes(4_000_000))
    left = list(pieces)
    while left:
        if chance.random() < 0.5:
            protocol.transport.write(left.pop(0))
        else:
            count = chance.randrange(0, 25)
            protocol.transport.writelines([bytearray(piece) for piece in left[:count]])
            del left[:count]
    total = sum(map(len, pieces))
    assert 0 < protocol.transport.get_write_buffer_size() < total
    assert protocol.calls == ["pause"]
    assert read(loop, client, total) == b"".join(pieces)
    until(loop, lambda: protocol.calls == ["pause", "resume"])
    assert protocol.transport.get_write_buffer_size() == 0
    protocol.transport.write(b"after")
    assert read(loop, client, 5) == b"after"


def test_nothing_overtakes_what_waits(loop, connect):
    """The client reads, but the loop has yet to hear of it when the next piece is written."""
    protocol, client = connect()
    protocol.transport.write(b"x" * 8_000_000)
    assert protocol.transport.get_write_buffer_size()
    received = client.recv(MEGABYTE)
    protocol.transport.write(b"y" * 10)
    received += read(loop, client, 8_000_010 - len(received))
    assert received == b"x" * 8_000_000 + b"y" * 10


def test_what_waits_is_not_copied(loop, connect):
    protocol, client = connect()
    data = bytes(8_000_000)
    before = sys.getrefcount(data)
    protocol.transport.write(data)
    protocol.transport.writelines([data, data])
    assert sys.getrefcount(data) == before + 3
    read(loop, client, 24_000_000)
    assert sys.getrefcount(data) == before


def test_the_marks_of_the_buffer(loop, connect):
    protocol, client = connect()
    transport = protocol.transport
    assert transport.get_write_buffer_limits() == (16384, 65536)
    transport.set_write_buffer_limits(high=20 * MEGABYTE)
    assert transport.get_write_buffer_limits() == (5 * MEGABYTE, 20 * MEGABYTE)
    transport.set_write_buffer_limits(low=10)
    assert transport.get_write_buffer_limits() == (10, 40)
    for high, low in ((1, 2), (-1, None), (5, -1)):
        with pytest.raises(ValueError, match="must be >="):
            transport.set_write_buffer_limits(high, low)
    transport.set_write_buffer_limits(high=20 * MEGABYTE, low=0)
    transport.write(bytes(10 * MEGABYTE))
    assert protocol.calls == []
    transport.set_write_buffer_limits(high=0)
    assert protocol.calls == ["pause"]
    read(loop, client, 10 * MEGABYTE)
    until(loop, lambda: protocol.calls == ["pause", "resume"])


def test_a_client_that_ends_its_side_still_gets_answers(loop, connect):
    protocol, client = connect()
    client.sendall(b"last")
    client.shutdown(socket.SHUT_WR)
    until(loop, lambda: protocol.calls)
    assert (protocol.received, protocol.calls) == (b"last", ["eof"])
    assert not protocol.transport.is_reading()
    protocol.transport.write(bytes(8_000_000))
    protocol.transport.close()
    assert len(read(loop, client, 8_000_000)) == 8_000_000
    until(loop, lambda: "lost" in protocol.calls)
    assert rest(client) == b""
    assert protocol.error is None


def test_an_end_of_input_may_close(loop, connect):
    protocol, client = connect(on_eof=lambda protocol: None)
    client.shutdown(socket.SHUT_WR)
    until(loop, lambda: protocol.calls == ["eof", "lost"])
    assert rest(client) == b""


def test_our_end_comes_after_what_waits(loop, connect):
    protocol, client = connect()
    protocol.transport.write(bytes(8_000_000))
    protocol.transport.write_eof()
    protocol.transport.write(b"too late")
    protocol.transport.writelines([b"too late"])
    assert len(read(loop, client, 8_000_000)) == 8_000_000
    turn(loop)
    assert client.recv(1, socket.MSG_DONTWAIT) == b""
    client.sendall(b"still heard")
    until(loop, lambda: protocol.received == b"still heard")


def test_close_sends_what_waits(loop, connect):
    protocol, client = connect()
    protocol.transport.write(bytes(8_000_000))
    protocol.transport.close()
    protocol.transport.write(b"too late")
    assert protocol.transport.is_closing()
    assert read(loop, client, 8_000_000) == bytes(8_000_000)
    until(loop, lambda: protocol.calls[-1] == "lost")
    assert rest(client) == b""
    assert protocol.error is None


def test_nothing_is_read_once_closed(loop, connect):
    protocol, client = connect()
    protocol.transport.write(bytes(8_000_000))
    protocol.transport.close()
    client.sendall(b"not read")
    turn(loop)
    assert not protocol.received


def test_abort_drops_what_waits(loop, connect):
    protocol, client = connect()
    protocol.transport.write(bytes(8_000_000))
    protocol.transport.abort()
    protocol.transport.abort()
    protocol.transport.close()
    assert protocol.transport.get_write_buffer_size() == 0
    assert "lost" not in protocol.calls  # in the next turn
    turn(loop)
    assert protocol.calls == ["pause", "lost"]
    assert len(rest(client)) < 8_000_000


def test_abort_between_two_parts_of_a_write(loop, connect):
    """Nothing is kept for a socket that is about to be closed, nor is it watched again."""
    protocol, client = connect()
    transport = protocol.transport
    protocol.pause_writing = transport.abort
    transport.writelines([bytes(8_000_000)] * 3)
    assert transport.get_write_buffer_size() == 0
    turn(loop)
    assert protocol.calls == ["lost"]
    assert len(rest(client)) < 8_000_000


@pytest.mark.parametrize("sent", [b"", b"a", bytes(100_000)])
@pytest.mark.parametrize("writes", [0, 10, 8_000_000])
def test_a_client_that_resets(loop, connect, over, sent, writes):
    """The bytes and the error may come in one event. A Unix socket may just end."""
    protocol, client = connect(on_eof=lambda protocol: over == "TCP")
    protocol.transport.write(bytes(writes))
    client.sendall(sent)
    reset(client)
    until(loop, lambda: protocol.calls and protocol.calls[-1] == "lost")
    if over == "TCP":
        assert isinstance(protocol.error, ConnectionError)
        protocol.transport.write(b"too late")


def test_a_write_to_a_client_that_is_gone(loop, connect):
    protocol, client = connect()
    protocol.transport.pause_reading()
    turn(loop)
    reset(client)
    for _ in range(3):
        protocol.transport.write(b"a" * 1000)
        protocol.transport.writelines([b"a", b"b"])
        protocol.transport.write_eof()
    until(loop, lambda: protocol.calls == ["lost"])
    assert isinstance(protocol.error, OSError)


def test_reading_pauses(loop, connect):
    protocol, client = connect()
    protocol.transport.pause_reading()
    protocol.transport.pause_reading()
    assert not protocol.transport.is_reading()
    client.sendall(b"a" * 1000)
    turn(loop)
    assert not protocol.received
    protocol.transport.resume_reading()
    protocol.transport.resume_reading()
    assert protocol.transport.is_reading()
    until(loop, lambda: len(protocol.received) == 1000)
    protocol.transport.pause_reading()
    protocol.transport.resume_reading()
    client.sendall(b"b")
    until(loop, lambda: len(protocol.received) == 1001)


@pytest.mark.parametrize("what", ["bytes", "end", "reset"])
@pytest.mark.parametrize("how", ["paused", "ended", "closing"])
def test_what_nobody_wants_keeps_no_loop_busy(loop, connect, what, how):
    if not isinstance(loop, asyncio.SelectorEventLoop):
        pytest.skip("uvloop does not tell what is ready")
    protocol, client = connect()
    if how == "paused":
        protocol.transport.pause_reading()
    elif how == "ended":
        client.shutdown(socket.SHUT_WR)
        until(loop, lambda: protocol.calls == ["eof"])
    else:
        protocol.transport.write(bytes(8_000_000))
        protocol.transport.close()
    with contextlib.suppress(OSError):
        if what == "bytes":
            client.sendall(b"a" * 1000)
        elif what == "end":
            client.shutdown(socket.SHUT_WR)
        else:
            reset(client)
    assert is_quiet(loop)
    assert not protocol.received


def test_a_protocol_that_fails_ends_its_connection_alone(loop, connect):
    def fail(protocol):
        raise ZeroDivisionError

    bad, sender = connect(on_data=fail)
    good, other = connect()
    sender.sendall(b"a")
    other.sendall(b"b")
    until(loop, lambda: bad.calls and good.received)
    assert bad.calls == ["lost"]
    assert isinstance(bad.error, ZeroDivisionError)
    (context,) = loop.errors
    loop.errors.clear()
    assert context["exception"] is bad.error
    assert context["protocol"] is bad
    other.sendall(b"b")
    until(loop, lambda: good.received == b"bb")


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_ends_the_loop_and_loses_nothing(loop, connect, kind):
    def interrupt(protocol):
        raise kind

    protocols = [connect(on_data=interrupt if index == 1 else None) for index in range(4)]
    for _, client in protocols:
        client.sendall(b"a")
    interrupted = 0
    while not all(protocol.received for protocol, _ in protocols):
        try:
            turn(loop)
        except kind:
            interrupted += 1
    assert interrupted == 1
    assert [protocol.calls for protocol, _ in protocols] == [[]] * 4


def test_one_may_close_another_that_is_ready_too(loop, connect):
    """Both are in what epoll has told."""
    protocols = []

    def abort_others(protocol):
        for other, _ in protocols:
            if other is not protocol:
                other.transport.abort()

    protocols += [connect(on_data=abort_others) for _ in range(5)]
    for _, client in protocols:
        client.sendall(b"a")
    until(loop, lambda: sum(protocol.calls == ["lost"] for protocol, _ in protocols) == 4)
    assert sum(bool(protocol.received) for protocol, _ in protocols) == 1


def test_an_app_may_run_a_nested_loop(loop, poller, connect):
    """The others are served, and end, within the call of one that is read before them."""

    def run_nested(protocol):
        if not within:
            within.append(protocol)
            poller.poll()
            nested.extend(bytes(each.received) for each, _ in protocols)
            for other, _ in protocols:
                if other is not protocol:
                    other.transport.abort()

    protocols, within, nested = [], [], []
    if poller.epoll < 0:
        pytest.skip("the loop watches each socket")
    protocols += [connect(on_data=run_nested) for _ in range(5)]
    for _, client in protocols:
        client.sendall(b"a")
    until(loop, lambda: nested)
    turn(loop)
    assert nested == [b"a"] * 5
    assert sum(protocol.calls == ["lost"] for protocol, _ in protocols) == 4


def test_a_nested_loop_serves_the_others(loop, connect):
    """As nest_asyncio does: run the loop's callbacks within one of them."""
    if not isinstance(loop, asyncio.SelectorEventLoop):
        pytest.skip("uvloop cannot run within itself")

    def nest(protocol):
        protocol.on_data = None
        second.sendall(b"b")
        for _ in range(3):
            loop._run_once()
        seen.append(bytes(other.received))

    seen = []
    _, first = connect(on_data=nest)
    other, second = connect()
    first.sendall(b"a")
    until(loop, lambda: seen)
    assert seen == [b"b"]


def test_a_descriptor_that_was_closed_by_the_app(loop, poller, connect, over):
    """The connection is lost all the same, and the next that has the number is not."""
    if poller.epoll < 0:
        pytest.skip("libuv itself aborts the process")
    protocol, _ = connect()
    number = protocol.transport.get_extra_info("socket").fileno()
    kept = os.dup(number)  # so that epoll knows of it
    client, sock = pair(over)
    after = Protocol()

    async def confuse():
        os.dup2(sock.detach(), number)
        new = socket.socket(fileno=number)
        new.setblocking(False)
        SocketTransport(poller, new.detach(), after).begin()
        protocol.transport.abort()
        for _ in range(3):
            await asyncio.sleep(0)
        assert (protocol.calls, after.calls) == (["lost"], [])
        after.transport.abort()
        for _ in range(3):
            await asyncio.sleep(0)

    loop.run_until_complete(confuse())
    assert after.calls == ["lost"]
    os.close(kept)
    client.close()


def test_small_pieces_that_wait_are_charged_what_they_cost(loop, connect):
    protocol, client = connect()
    transport = protocol.transport
    transport.set_write_buffer_limits(high=8_000_000)
    transport.write(bytes(8_000_000))
    before = transport.get_write_buffer_size()
    transport.set_write_buffer_limits(high=before + 65536)
    while not protocol.calls:
        transport.write(b"a")
    assert transport.get_write_buffer_size() - before < 1100
    transport.write(b"")
    read(loop, client, 8_000_000)


def test_more_are_served_than_one_call_of_epoll_tells(loop, connect, over):
    protocols = [connect() for _ in range(MOST_EVENTS * 2 + 5)]
    for _, client in protocols:
        client.sendall(b"a")
    until(loop, lambda: all(protocol.received == b"a" for protocol, _ in protocols))


def test_the_rest_of_the_interface(loop, connect, over):
    protocol, client = connect()
    transport = protocol.transport
    assert transport.can_write_eof()
    sock = transport.get_extra_info("socket")
    assert transport.get_extra_info("peername") == client.getsockname()
    assert transport.get_extra_info("sockname") == client.getpeername()
    assert transport.get_extra_info("ssl_object") is None
    assert transport.get_extra_info("sslcontext", 5) == 5
    assert transport.get_extra_info(None, 6) == 6
    name = enum.StrEnum("Name", {"PEER": "peername"}).PEER
    assert transport.get_extra_info(name) == client.getsockname()
    assert transport.get_protocol() is protocol
    other = Protocol()
    transport.set_protocol(other)
    client.sendall(b"a")
    until(loop, lambda: other.received == b"a")
    transport.close()
    until(loop, lambda: other.calls == ["lost"])
    assert sock.fileno() == -1
    assert transport.get_extra_info("peername", 3) == 3
    assert transport.get_protocol() is None
    transport.write(b"too late")
    transport.write_eof()
    transport.close()
    transport.abort()
    transport.resume_reading()
    with pytest.raises(TypeError):
        transport.write("text")


def test_a_protocol_that_fails_at_once(loop, poller, over):
    client, sock = pair(over)
    protocol = Protocol()
    protocol.connection_made = lambda transport: 1 // 0
    transport = SocketTransport(poller, sock.detach(), protocol)
    with pytest.raises(ZeroDivisionError):
        transport.begin()
    turn(loop)
    assert rest(client) == b""
    client.close()


@pytest.fixture(params=["IPv4", "IPv6", "Unix", "abstract"])
def listener(request, tmp_path):
    if request.param in ("IPv4", "IPv6"):
        if request.param == "IPv6" and not socket.has_dualstack_ipv6():
            pytest.skip("there is no IPv6")
        host, family = ("127.0.0.1", socket.AF_INET)
        if request.param == "IPv6":
            host, family = ("::1", socket.AF_INET6)
        made = socket.create_server((host, 0), family=family)
    else:
        made = socket.socket(socket.AF_UNIX)
        name = str(tmp_path / "s") if request.param == "Unix" else f"\0fastserve-{os.getpid()}"
        made.bind(name)
        made.listen()
    made.setblocking(False)
    with made:
        yield made


def test_accepted_clients(loop, poller, listener):
    """Their addresses are those that Python's sockets have."""
    assert poller.accept(listener.fileno()) == -1
    with socket.socket(listener.family) as one, socket.socket(listener.family) as two:
        for client in (one, two):
            client.connect(listener.getsockname())
        made = [Protocol(), Protocol()]
        descriptors = [poller.accept(listener.fileno()) for _ in made]
        for fd, protocol in zip(descriptors, made, strict=True):  # the first is not the last
            poller.serve(fd, lambda protocol=protocol: protocol, False)
        for client, protocol in zip((one, two), made, strict=True):
            info = protocol.transport.get_extra_info
            assert info("peername") == client.getsockname() == info("socket").getpeername()
            assert info("sockname") == client.getpeername() == info("socket").getsockname()
            client.sendall(b"a")
            until(loop, lambda protocol=protocol: protocol.received == b"a")
            protocol.transport.close()
            until(loop, lambda protocol=protocol: protocol.calls == ["lost"])
            assert info("peername") is None


@pytest.mark.skipif(not HAS_EPOLL, reason="there is no epoll")
def test_addresses_need_no_socket_object(loop, listener):
    """Whoever has one is served in the slower way: nothing is held."""
    poller = Poller(loop, hold=True)
    with socket.socket(listener.family) as client:
        if listener.family == socket.AF_UNIX:
            client.bind("")  # it has a name
        client.connect(listener.getsockname())
        protocol = Protocol()
        poller.serve(poller.accept(listener.fileno()), lambda: protocol, False)
        info = protocol.transport.get_extra_info
        for _ in range(2):
            assert info("peername") == client.getsockname()
            assert info("sockname") == listener.getsockname()
        protocol.transport.write(b"answer")
        with pytest.raises(BlockingIOError):
            client.recv(6, socket.MSG_DONTWAIT)
        poller.turn()
        assert client.recv(6) == b"answer"
        protocol.transport.abort()
        poller.turn()
        assert rest(client) == b""
        poller.close()


def test_what_cannot_accept(poller):
    with socket.socket() as sock, pytest.raises(OSError, match="Invalid argument"):
        poller.accept(sock.fileno())


def test_what_came_with_a_client_is_read_at_once(poller, listener):
    """One who wants no more is gone in the same turn, and was never watched."""

    def close(protocol):
        protocol.transport.write(b"answer")
        protocol.transport.close()

    with socket.socket(listener.family) as client:
        client.connect(listener.getsockname())
        client.sendall(b"a")
        protocol = Protocol(close)
        poller.serve(poller.accept(listener.fileno()), lambda: protocol, True)
        assert protocol.received == b"a"
        poller.turn()
        assert protocol.calls == ["lost"]
        assert rest(client) == b"answer"


def test_a_client_without_a_protocol_is_let_go(poller, listener):
    with socket.socket(listener.family) as client:
        client.connect(listener.getsockname())
        with pytest.raises(ZeroDivisionError):
            poller.serve(poller.accept(listener.fileno()), lambda: 1 // 0, True)
        assert rest(client) == b""


def test_a_protocol_that_fails_in_the_end_keeps_nobody(loop, connect):
    def fail(protocol):
        raise RuntimeError("in the end")

    ends = [connect(on_lost=handler)[0] for handler in (None, fail, None, None)]
    for protocol in ends:
        protocol.transport.abort()
    turn(loop)
    assert [protocol.calls for protocol in ends] == [["lost"]] * 4
    assert [str(error["exception"]) for error in loop.errors] == ["in the end"]
    loop.errors.clear()


@pytest.mark.skipif(not HAS_EPOLL, reason="there is no epoll")
def test_a_poller_that_is_closed_waits_for_its_last_connection(loop):
    before = len(os.listdir("/proc/self/fd"))
    poller = Poller(loop)
    client, sock = pair("TCP")
    protocol = Protocol()
    SocketTransport(poller, sock.detach(), protocol).begin()
    poller.close()
    client.sendall(b"a")
    until(loop, lambda: protocol.received == b"a")
    protocol.transport.close()
    until(loop, lambda: protocol.calls == ["lost"])
    client.close()
    assert len(os.listdir("/proc/self/fd")) == before
    late, sock = pair("TCP")  # a handshake that was in progress
    protocol = Protocol()
    SocketTransport(poller, sock.detach(), protocol).begin()
    late.sendall(b"b")
    until(loop, lambda: protocol.received == b"b")
    reset(late)
    until(loop, lambda: protocol.calls == ["lost"])


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_what_belongs_to_a_loop_that_was_closed_is_freed():
    before = len(os.listdir("/proc/self/fd"))
    for new_loop in (uvloop.new_event_loop, asyncio.new_event_loop):
        loop = new_loop()
        client, sock = pair("TCP")
        protocol = Protocol()
        SocketTransport(Poller(loop), sock.detach(), protocol).begin()
        client.sendall(b"a")
        until(loop, lambda protocol=protocol: protocol.received)
        gone = weakref.ref(protocol)
        loop.close()
        del loop, protocol, sock
        gc.collect()
        assert gone() is None
        assert rest(client) == b""
        client.close()
    assert len(os.listdir("/proc/self/fd")) == before
