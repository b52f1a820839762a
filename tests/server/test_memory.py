"""What passes through a server does not stay in it: the peak of its resident memory."""

import re
from pathlib import Path

import pytest
from serving import Command
from wire import Client, socket

MIB = 1 << 20
SIZE = 64 * MIB
PIECE = bytes(MIB)


@pytest.fixture
def command(combination):
    options = (f"--{name}={value}" for name, value in combination.items())
    with Command("apps:swallow", "--port=0", "--no-access-log", *options) as command:
        yield command


def peak(command):
    status = Path(f"/proc/{command.process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024


@pytest.mark.parametrize("coding", ["content-length", "chunked"])
def test_uploads_do_not_stay(command, coding):
    sock = socket.create_connection(("127.0.0.1", command.port()))
    with Client(sock) as client:
        before = None
        for size in (MIB, SIZE):
            head = b"POST / HTTP/1.1\r\nHost: h\r\n"
            if coding == "chunked":
                client.send(head + b"Transfer-Encoding: chunked\r\n\r\n")
                for _ in range(size // MIB):
                    client.send(b"%x\r\n" % MIB, PIECE, b"\r\n")
                client.send(b"0\r\n\r\n")
            else:
                client.send(head + b"Content-Length: %d\r\n\r\n" % size)
                for _ in range(size // MIB):
                    client.send(PIECE)
            assert client.response().body == b"%d" % size
            before = before or peak(command)
    assert peak(command) - before < 12 * MIB  # without the GIL malloc takes 7 for h11


def test_downloads_do_not_stay(command):
    sock = socket.create_connection(("127.0.0.1", command.port()))
    with Client(sock) as client:
        client.send(b"GET /?%d HTTP/1.1\r\nHost: h\r\n\r\n" % MIB)
        assert client.response().body == PIECE
        before = peak(command)
        client.send(b"GET /?%d HTTP/1.1\r\nHost: h\r\n\r\n" % SIZE)
        client.head()
        left = SIZE
        while left:
            left -= len(client.take(min(left, 65536)))
    assert peak(command) - before < 8 * MIB
