"""A file through the kernel to a client that reads slowly, not at all, or goes."""

import asyncio
import contextlib
import os
import socket

import pytest

from fastserve.asgi._files import File
from fastserve.errors import ClientDisconnected
from fastserve.http1.sendfile import Transfer, transmit

SIZE = 4 << 20  # more than the kernel holds for a socket


class Transport:
    def __init__(self, connection, sock):
        self.connection, self.sock = connection, sock

    def get_extra_info(self, name):
        return self.sock if name == "socket" else None

    def get_write_buffer_limits(self):
        return 1, 4

    def set_write_buffer_limits(self, high=None, low=None):
        pass

    def abort(self):
        self.connection.lose()


class Connection:
    def __init__(self, sock):
        self.gone, self.watcher = False, None
        self.transport = Transport(self, sock)

    async def wait_drained(self):
        pass

    def lose(self):
        self.gone = True
        if self.watcher is not None and not self.watcher.done():
            self.watcher.set_result(None)


@pytest.fixture
def sockets():
    server, client = socket.socketpair()
    server.setblocking(False)
    client.setblocking(False)
    with server, client:
        yield server, client


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(os.urandom(1024) * (SIZE // 1024))
    with path.open("r+b") as opened:
        yield opened


async def receive(sock, count):
    data = b""
    while len(data) < count:
        data += await asyncio.get_running_loop().sock_recv(sock, 65536)
    return data


async def watched(connection):
    """Return once the kernel takes no more."""
    while connection.watcher is None:
        await asyncio.sleep(0)


def send(sockets, file, meanwhile, timeout=0.0):
    async def main():
        connection = Connection(sockets[0])
        part = File(file.fileno(), 0, SIZE)
        sending = asyncio.ensure_future(transmit(connection, part, timeout))
        await watched(connection)
        other = await meanwhile(connection)
        await sending
        return other

    return asyncio.run(main())


def test_all_of_it_arrives_and_the_socket_is_watched_once(sockets, file, monkeypatch):
    waits = []
    wait = Transfer.wait
    monkeypatch.setattr(Transfer, "wait", lambda transfer: waits.append(1) or wait(transfer))

    async def read(connection):
        return await receive(sockets[1], SIZE)

    assert send(sockets, file, read, timeout=30.0) == os.pread(file.fileno(), SIZE, 0)
    assert waits == [1]


def test_a_file_that_becomes_shorter(sockets, file):
    async def cut(connection):
        os.ftruncate(file.fileno(), 0)
        with contextlib.suppress(BlockingIOError):
            while True:
                sockets[1].recv(65536)

    with pytest.raises(RuntimeError, match="shorter"):
        send(sockets, file, cut)


def test_a_connection_that_is_lost(sockets, file):
    async def lose(connection):
        connection.lose()

    with pytest.raises(ClientDisconnected):
        send(sockets, file, lose)


def test_a_client_that_closes(sockets, file):
    async def close(connection):
        sockets[1].close()

    with pytest.raises(ClientDisconnected):
        send(sockets, file, close)


def test_a_client_that_reads_nothing_is_dropped(sockets, file):
    async def read_nothing(connection):
        pass

    with pytest.raises(ClientDisconnected):
        send(sockets, file, read_nothing, timeout=0.01)


def test_a_cancelled_send_watches_no_more(sockets, file):
    async def main():
        connection = Connection(sockets[0])
        sending = asyncio.ensure_future(transmit(connection, File(file.fileno(), 0, SIZE), 30.0))
        await watched(connection)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert connection.watcher is None

    asyncio.run(main())
