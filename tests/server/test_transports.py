"""TLS with OpenSSL directly and over the loop: the same to clients; and which of them is chosen."""

import contextlib
import hashlib
import logging
import os
import shutil
import socket
import ssl
import subprocess

import pytest
from live import Live, client_context
from serving import HERE

from fastserve import Config, ConfigError, openssl
from fastserve.transports import uses_direct

FILES = {
    "ssl_certfile": str(HERE / "tls" / "cert.pem"),
    "ssl_keyfile": str(HERE / "tls" / "key.pem"),
}
GET = b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n"
MEGABYTE = 1 << 20


async def app(scope, receive, send):
    """The path says how many bytes are answered; a body is answered by its digest."""
    if scope["type"] == "lifespan":
        raise RuntimeError
    digest, more = hashlib.sha256(), scope["method"] == "POST"
    body = b"x" * int(scope["path"][1:] or 0)
    while more:
        message = await receive()
        digest.update(message.get("body", b""))
        more = message.get("more_body", False)
        body = digest.hexdigest().encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def loop(request):
    return request.param


@pytest.fixture(scope="module", params=["direct", "loop"])
def serve(request, loop):
    """Starts one server for the same options: `serve(**options)`."""
    servers = {}

    def start(**options):
        key = tuple(options.items())
        if key not in servers:
            servers[key] = Live(app, loop=loop, ssl_transport=request.param, **FILES, **options)
        return servers[key]

    yield start
    for server in servers.values():
        assert server.stop() is None


@pytest.fixture
def errors(caplog):
    """What is logged as a warning or worse until the end of the test: nothing."""
    yield
    records = caplog.get_records("call")
    assert [record for record in records if record.levelno >= logging.WARNING] == []


@pytest.fixture
def connect(serve, errors):
    def start(**options):
        return serve(**options).connect(client_context())

    return start


@pytest.mark.parametrize("size", [0, 1, 16384, 16385, 65536, 100_000, 3 * MEGABYTE])
def test_a_body_of_any_size(connect, size):
    with connect() as client:
        for _ in range(3):
            client.send(GET % size)
            assert client.response().body == b"x" * size


def test_pipelined_large_answers(connect):
    """The client reads none of them before it has sent all requests."""
    with connect() as client:
        client.send(GET % MEGABYTE * 8)
        for _ in range(8):
            assert len(client.response().body) == MEGABYTE


@pytest.mark.parametrize("size", [1, 16384, 65536, 262_144, 262_145, 5 * MEGABYTE])
def test_an_upload_of_any_size(connect, size):
    """Of the larger ones reading pauses."""
    body = os.urandom(1024) * (size // 1024 + 1)
    head = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % size
    with connect() as client:
        for _ in range(3):
            client.send(head, body[:size])
            expected = hashlib.sha256(body[:size]).hexdigest().encode()
            assert client.response().body == expected


def test_the_server_says_close_notify(connect):
    with connect() as client:
        client.send(b"GET /5 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        assert client.response().body == b"xxxxx"
        assert client.socket.recv(1) == b""  # without close_notify it raises


def test_a_client_that_ends_its_session_still_gets_its_answer(connect):
    with connect() as client:
        client.send(GET % 5)
        assert client.response().body == b"xxxxx"
        with contextlib.suppress(ssl.SSLError):
            client.socket.unwrap()


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\x16",
        b"\x16\x03\x01\x00\x05hello",
        b"\x16\x03\x01\x40\x00",
        b"\x15\x03\x01\x00\x02\x02\x28",
        b"\x80" * 100,
    ],
    ids=["nothing", "one-byte", "not-a-hello", "part", "alert", "other"],
)
@pytest.mark.parametrize("how", ["end", "reset"])
def test_a_failed_handshake_costs_a_debug_line(serve, errors, sent, how):
    server = serve(timeout_tls_handshake=5.0)
    for _ in range(3):
        with server.connect() as client:
            client.send(sent)
            server.turn()
            with contextlib.suppress(OSError):
                getattr(client, how)()
                while client.socket.recv(4096):
                    pass
    with server.connect(client_context()) as client:
        client.send(GET % 1)
        assert client.response().body == b"x"


def test_a_client_that_leaves_within_a_hello(serve, errors):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = client_context().wrap_bio(incoming, outgoing)
    with pytest.raises(ssl.SSLWantReadError):
        session.do_handshake()
    hello = outgoing.read()
    server = serve()
    for count in (1, 5, len(hello) - 1, len(hello)):
        with server.connect() as client:
            client.send(hello[:count])
            server.turn()
            client.end()
            with contextlib.suppress(OSError):
                while client.socket.recv(4096):
                    pass


def test_a_reset_while_a_large_answer_waits(connect, serve):
    client = connect()
    client.send(GET % (3 * MEGABYTE))
    client.socket.recv(1)
    client.reset()
    with connect() as other:
        other.send(GET % 1)
        assert other.response().body == b"x"


def test_the_server_forgets_connections(connect, serve):
    with connect() as client:
        client.send(GET % 1)
        client.response()
    forgotten(serve())


def forgotten(server):
    """Turn until the server has no connection."""
    services = server.server._serving.services
    while any(each.open_connections for each in services):
        server.turn()


@pytest.mark.parametrize("sent", [b"", GET % 5, GET % MEGABYTE, b"POST / HTTP/1.1\r\n"])
def test_clients_that_reset_at_once(connect, serve, sent):
    """The bytes and the error may come in one event, which uvloop reports once."""
    server = serve()
    for _ in range(100):
        client = connect()
        client.send(sent)
        client.reset()
    with connect() as client:  # those before have been accepted
        client.send(GET % 1)
        client.response()
    forgotten(server)


def test_the_parts_of_a_record_one_by_one(serve, errors):
    """Each byte of the handshake and of a request is a read of its own."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = client_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    server = serve()

    def send():
        for byte in outgoing.read():
            client.send(bytes([byte]))
            server.turn()

    with server.connect() as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for step in (session.do_handshake, lambda: session.read(4096)):
            while True:
                try:
                    done = step()
                    break
                except ssl.SSLWantReadError:
                    send()
                    incoming.write(client.socket.recv(65536))
            if done is None:
                session.write(GET % 5)
        assert done.startswith(b"HTTP/1.1 200")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl command")
@pytest.mark.parametrize("command", ["k", "K"])
def test_a_client_that_changes_its_keys(serve, errors, command):
    """RFC 8446 4.6.3: `K` asks for new keys of the server too."""
    address = f"127.0.0.1:{serve().server.ports[0]}"
    client = subprocess.Popen(
        ["openssl", "s_client", "-tls1_3", "-connect", address],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        bufsize=0,
    )
    with client:
        output = b""
        for count in range(1, 4):
            client.stdin.write(f"{command}\n".encode())
            while output.count(b"KEYUPDATE") < count:
                output += client.stdout.read(4096)
            client.stdin.write(GET % 7)
            while output.count(b"xxxxxxx") < count:
                more = client.stdout.read(4096)
                assert more, output
                output += more
        client.kill()


@pytest.mark.parametrize(
    "options",
    [
        {"ssl_sni": (f"a.example={FILES['ssl_certfile']},{FILES['ssl_keyfile']}",)},
        {"ssl_cert_reqs": "optional", "ssl_ca_certs": FILES["ssl_certfile"]},
        {"ssl_context": "a:b"},
        {"ssl_context_factory": lambda config, make: make()},
    ],
    ids=["sni", "cert-reqs", "context", "factory"],
)
def test_the_loop_carries_what_needs_the_ssl_module(options):
    assert uses_direct(Config(app, **FILES))
    assert not uses_direct(Config(app, **FILES, **options))
    with pytest.raises(ConfigError, match="direct cannot be combined with"):
        Config(app, ssl_transport="direct", **FILES, **options)


def test_the_loop_carries_what_is_not_tls():
    assert not uses_direct(Config(app, ssl_transport="direct"))


def hide(name):
    """As if OpenSSL did not show this function."""
    found = openssl.library()

    class Library:
        def __getattr__(self, wanted):
            if wanted == name:
                raise AttributeError(f"undefined symbol: {name}")
            return getattr(found, wanted)

    return Library


@pytest.mark.parametrize("name", ["SSL_read", "BIO_meth_new", "ERR_clear_error"])
def test_an_openssl_that_hides_its_functions(monkeypatch, caplog, name):
    monkeypatch.setattr(openssl, "library", hide(name))
    assert not uses_direct(Config(app, **FILES))
    assert "The event loop carries TLS" in caplog.text
    with pytest.raises(ConfigError, match=f"direct cannot be used.*{name}"):
        uses_direct(Config(app, ssl_transport="direct", **FILES))
    assert not uses_direct(Config(app, ssl_transport="loop", **FILES))


def test_a_context_that_is_laid_out_in_another_way(monkeypatch):
    monkeypatch.setattr(openssl, "read_memory", lambda address, count: bytes(count))
    with pytest.raises(ConfigError, match="laid out in another way"):
        uses_direct(Config(app, ssl_transport="direct", **FILES))
