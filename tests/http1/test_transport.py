"""The transport of these tests does what asyncio's does: each test runs on both."""

import asyncio
import socket

import pytest

from .transport import Transport

TURNS = 100_000


class Recorder(asyncio.Protocol):
    """Writes down what it is told."""

    def __init__(self, keeps=False):
        self.keeps = keeps  # the connection open behind the client's end
        self.told = []
        self.data = b""

    def connection_made(self, transport):
        self.told.append("made")

    def data_received(self, data):
        self.data += data

    def eof_received(self):
        self.told.append("end")
        return self.keeps

    def connection_lost(self, error):
        self.told.append("lost" if error is None else "lost by an error")

    def pause_writing(self):
        self.told.append("pause")

    def resume_writing(self):
        self.told.append("resume")


class Fake:
    """A client of the fake transport that reads when it is asked to."""

    def __init__(self, loop, protocol):
        self.loop = loop
        self.transport = Transport(loop, protocol, room=0)
        loop.settle()

    def wait_for(self, condition):
        self.loop.wait_for(condition)

    def send(self, data):
        self.transport.send(data)

    def end(self):
        self.transport.send_end()

    def reset(self):
        self.transport.reset()

    def read_all(self):
        self.transport.take()
        self.wait_for(lambda: self.transport.ended)
        return bytes(self.transport.received)

    def close(self):
        pass


class Real:
    """The same over a pair of sockets and asyncio's own loop."""

    def __init__(self, protocol):
        self.loop = asyncio.new_event_loop()
        self.sock, theirs = socket.socketpair()
        for sock in (self.sock, theirs):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.sock.setblocking(False)
        accepted = self.loop.connect_accepted_socket(lambda: protocol, theirs)
        self.transport = self.loop.run_until_complete(accepted)[0]
        self.received = b""

    def wait_for(self, condition):
        for _ in range(TURNS):
            if condition():
                return
            self.loop.run_until_complete(asyncio.sleep(0))
        raise AssertionError("what is waited for does not come")

    def send(self, data):
        self.sock.sendall(data)

    def end(self):
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self):
        self.sock.close()

    def read_all(self):
        def more():
            try:
                part = self.sock.recv(65536)
            except BlockingIOError:
                return False
            self.received += part
            return not part

        self.wait_for(more)
        return self.received

    def close(self):
        if not self.transport.is_closing():
            self.transport.abort()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.sock.close()
        self.loop.close()


@pytest.fixture(params=["fake", "asyncio"])
def connect(request, loop):
    """`connect(protocol)`: a client of it, on each kind."""
    clients = []

    def connect(protocol):
        clients.append(Fake(loop, protocol) if request.param == "fake" else Real(protocol))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


def test_data_and_its_end(connect):
    protocol = Recorder()
    client = connect(protocol)
    client.send(b"abc")
    client.end()
    client.wait_for(lambda: "lost" in protocol.told)
    assert protocol.data == b"abc"
    assert protocol.told == ["made", "end", "lost"]


def test_a_protocol_that_keeps_the_connection(connect):
    protocol = Recorder(keeps=True)
    client = connect(protocol)
    client.end()
    client.wait_for(lambda: "end" in protocol.told)
    client.transport.write(b"abc")
    client.transport.close()
    assert client.read_all() == b"abc"
    client.wait_for(lambda: "lost" in protocol.told)
    assert protocol.told == ["made", "end", "lost"]


def test_paused_reading(connect):
    protocol = Recorder()
    client = connect(protocol)
    client.transport.pause_reading()
    client.transport.pause_reading()
    assert not client.transport.is_reading()
    client.send(b"abc")
    client.wait_for(lambda: True)
    assert protocol.data == b""
    client.transport.resume_reading()
    assert client.transport.is_reading()
    client.wait_for(lambda: protocol.data == b"abc")


def test_marks(connect):
    transport = connect(Recorder()).transport
    transport.set_write_buffer_limits(high=1000)
    assert transport.get_write_buffer_limits() == (250, 1000)
    transport.set_write_buffer_limits(high=0)
    assert transport.get_write_buffer_limits() == (0, 0)
    transport.set_write_buffer_limits(high=1000, low=10)
    assert transport.get_write_buffer_limits() == (10, 1000)


@pytest.mark.parametrize("lines", [False, True], ids=["write", "writelines"])
def test_a_client_that_does_not_read(connect, lines):
    protocol = Recorder()
    client = connect(protocol)
    data = b"x" * 1_000_000
    if lines:
        client.transport.writelines([data[:10], data[10:]])
        client.transport.set_write_buffer_limits()  # asyncio's writelines() once forgot to look
    else:
        client.transport.write(data)
    assert protocol.told == ["made", "pause"]  # at once, and not in a later turn
    assert client.transport.get_write_buffer_size() > 65536
    client.transport.close()
    assert client.transport.is_closing()
    assert "lost" not in protocol.told
    assert client.read_all() == data
    client.wait_for(lambda: "lost" in protocol.told)
    assert protocol.told == ["made", "pause", "resume", "lost"]


def test_the_end_behind_what_is_written(connect):
    protocol = Recorder()
    client = connect(protocol)
    assert client.transport.can_write_eof()
    client.transport.write(b"x" * 1_000_000)
    client.transport.write_eof()
    with pytest.raises(RuntimeError):
        client.transport.write(b"more")
    assert client.read_all() == b"x" * 1_000_000
    client.send(b"abc")
    client.wait_for(lambda: protocol.data == b"abc")
    assert not client.transport.is_closing()


def test_abort(connect):
    protocol = Recorder()
    client = connect(protocol)
    client.transport.write(b"x" * 1_000_000)
    client.transport.abort()
    assert client.transport.get_write_buffer_size() == 0
    assert protocol.told == ["made", "pause"]  # the rest in a later turn
    client.wait_for(lambda: "lost" in protocol.told)
    assert protocol.told == ["made", "pause", "lost"]


def test_a_write_to_a_client_that_has_gone(connect):
    protocol = Recorder(keeps=True)
    client = connect(protocol)
    client.reset()
    client.transport.write(b"abc")
    client.wait_for(lambda: "lost" in "".join(protocol.told))
    assert client.transport.is_closing()
    client.transport.write(b"abc")
    assert protocol.told[-1].startswith("lost")
    assert sum(told.startswith("lost") for told in protocol.told) == 1


def test_another_protocol(connect):
    first, second = Recorder(), Recorder()
    client = connect(first)
    client.transport.set_protocol(second)
    assert client.transport.get_protocol() is second
    client.send(b"abc")
    client.wait_for(lambda: second.data == b"abc")
    assert first.data == b""
