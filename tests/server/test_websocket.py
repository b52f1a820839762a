"""WebSockets of the real command: its options, its memory, its end, and what HTTP leaves behind."""

import select
import signal
import zlib
from contextlib import contextmanager
from types import SimpleNamespace

import gil
import pytest
from serving import Command, one_loop
from test_memory import peak
from websocket.cases import BINARY, CLOSE, CONT, HI, PING, PONG, TEXT, frame, part, squeezed
from websocket.client import Client, head

MIB = 1 << 20
PIECE = frame(BINARY, bytes(MIB))
DEFLATE = "permessage-deflate"


@pytest.fixture(params=[("llhttp", "uvloop"), ("h11", "asyncio")], ids="-".join)
def serve(request):
    """`with serve("--option=1") as command`: its `client(path)` is a WebSocket."""

    @contextmanager
    def serving(*options):
        chosen = [f"--http={request.param[0]}", f"--loop={request.param[1]}"]
        with Command("websocket_apps:app", "--port=0", *chosen, *options) as command:
            command.server = SimpleNamespace(ports=[command.port()])
            command.client = lambda path="/", extension="": Client(
                command, head(extension, path=path)
            )
            yield command

    return serving


def code(found):
    """The code of a Close frame."""
    opcode, payload = found
    assert opcode == CLOSE
    return int.from_bytes(payload[:2], "big")


# The options


def test_a_message_past_max_size(serve):
    with serve("--ws-max-size=100") as command, command.client() as client:
        client.send(frame(TEXT, b"x" * 100), frame(TEXT, b"x" * 101))
        assert client.frame() == (TEXT, b"x" * 100)
        assert code(client.frame()) == 1009


def test_a_message_past_max_fragments(serve):
    with serve("--ws-max-fragments=2") as command, command.client() as client:
        client.send(part(TEXT, b"a") + frame(CONT, b"b"))
        assert client.frame() == (TEXT, b"ab")
        client.send(part(TEXT, b"a") + part(CONT, b"b") + frame(CONT, b"c"))
        assert code(client.frame()) == 1009


def test_without_deflate(serve):
    with serve("--no-ws-per-message-deflate") as command, command.client("/", DEFLATE) as client:
        assert b"sec-websocket-extensions" not in client.response
        client.send(squeezed(b"\0"))
        assert code(client.frame()) == 1002


def test_deadlines(serve):
    seconds = [f"--timeout-{name}=1" for name in ("first-byte", "head", "body", "keep-alive")]
    seconds += ["--ws-ping-interval=2", "--ws-ping-timeout=1", "--ws-close-timeout=1"]
    with (
        serve(*seconds) as command,
        command.client() as alive,
        command.client() as silent,
        command.client("/close") as deaf,
    ):
        # a Close that is not answered
        assert deaf.frame() == (CLOSE, b"\x0b\xb8enough")
        assert deaf.rest() == b""
        # the first to come, after twice the deadlines of HTTP
        opcode, payload = alive.frame()
        assert opcode == PING
        alive.send(frame(PONG, payload), HI)
        assert alive.frame() == (TEXT, b"Hi")
        # a Ping that is not answered
        assert silent.frame()[0] == PING
        assert code(silent.frame()) == 1011
        assert silent.rest() == b""


@one_loop
def test_websockets_are_connections_too(serve):
    with (
        serve("--limit-connections=2") as command,
        command.client() as first,
        command.client() as second,
        Client(command, b"") as third,
    ):
        third.send(head())
        for _ in range(20):
            second.send(HI)
            assert second.frame() == (TEXT, b"Hi")
        assert select.select([third.socket], [], [], 0)[0] == []
        first.close()
        assert b" 101 " in third.until(b"\r\n\r\n")


# Memory


def fill(client, data, times):
    """Send `data` so often, or until the server has read nothing for a while; what is left."""
    rest = memoryview(data * times)
    client.socket.setblocking(False)
    while rest and select.select([], [client.socket], [], 0.5)[1]:
        rest = rest[client.socket.send(rest[:MIB]) :]
    client.socket.settimeout(30)
    return rest


def test_an_app_that_does_not_receive(serve):
    with serve() as command, command.client("/late") as client:
        with command.client() as other:  # what a server makes once is not counted
            other.send(PIECE)
            assert len(other.frame()[1]) == MIB
        before = peak(command)
        rest = fill(client, PIECE, 64)
        assert len(rest) > 32 * MIB
        assert peak(command) - before < 6 * MIB
        command.client("/go").close()
        client.send(rest, frame(BINARY))
        assert client.frame() == (TEXT, b"%d" % (64 * MIB))
        if not gil.FREE_THREADED:  # whose allocator uses a freed block again much later
            assert peak(command) - before < 6 * MIB


def test_a_client_that_does_not_read(serve):
    with serve() as command, command.client("/progress") as other:
        before = peak(command)
        with command.client("/flood") as client:
            assert client.frame() == (BINARY, bytes(MIB))
            seen = -1
            while seen < (now := progress(other)):
                seen = now
            assert now < 32
            assert peak(command) - before < 8 * MIB
            for _ in range(63):
                client.frame()
            assert code(client.frame()) == 1000
        if not gil.FREE_THREADED:
            assert peak(command) - before < 8 * MIB


def progress(client):
    """How far /flood is after many turns of the loop."""
    for _ in range(50):
        client.send(HI)
        found = int(client.frame()[1])
    return found


def test_a_bomb_is_closed_before_it_is_inflated(serve):
    stream = zlib.compressobj(9, zlib.DEFLATED, -12)
    bomb = b"".join(stream.compress(bytes(MIB)) for _ in range(128)) + stream.flush()
    with serve(f"--ws-max-size={MIB}") as command:
        with command.client("/", DEFLATE) as client:
            client.send(squeezed(b"\0"))
            assert client.frame() == (TEXT, b"")
            before = peak(command)
            client.send(squeezed(bomb + b"\0"))
            assert code(client.frame()) == 1009
        assert peak(command) - before < 5 * MIB


# What HTTP leaves behind

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"


def test_a_connection_that_had_requests_before(serve):
    with serve() as command, Client(command, GET) as client:
        assert client.take(2) == b"ok"
        client.send(GET + GET + head() + HI)
        for status in (b" 200 ", b" 200 ", b" 101 "):
            assert status in client.until(b"\r\n\r\n")
            if status == b" 200 ":
                assert client.take(2) == b"ok"
        assert client.frame() == (TEXT, b"Hi")
        assert client.close() == [(CLOSE, b"\x03\xe8")]


# The end


@pytest.mark.parametrize("workers", [1, 2])
def test_sigterm_closes_with_1012(serve, workers):
    with serve(f"--workers={workers}") as command:
        clients = [command.client() for _ in range(6)]
        command.signal(signal.SIGTERM)
        for client in clients:
            assert code(client.frame()) == 1012
            assert client.close(1012) == []
        assert command.wait() == 0


def test_sigterm_does_not_wait_long_for_those_who_do_not_answer(serve):
    with serve("--ws-close-timeout=1") as command, command.client() as client:
        command.signal(signal.SIGTERM)
        assert code(client.frame()) == 1012
        assert client.rest() == b""
        assert command.wait() == 0


def test_a_second_sigterm_does_not_wait_at_all(serve):
    options = ("--ws-close-timeout=1000", "--timeout-graceful-shutdown=1000")
    with serve(*options) as command, command.client() as client:
        command.signal(signal.SIGTERM)
        assert code(client.frame()) == 1012
        command.signal(signal.SIGTERM)
        assert command.wait() == 0
