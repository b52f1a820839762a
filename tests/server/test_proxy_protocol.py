"""The PROXY protocol: the header, and what the scope says of a connection that has one."""

import contextlib
import getpass
import ipaddress
import json
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from live import Live, client_context
from serving import HERE, Command
from websockets.sync.client import connect
from wire import WAIT, Client

from fastserve.proxy_protocol import SIGNATURE, NotProxyProtocol, ProxyHeader, parse

TLS = {
    "ssl_certfile": str(HERE / "tls" / "cert.pem"),
    "ssl_keyfile": str(HERE / "tls" / "key.pem"),
}
CLIENT, SERVER = ("192.0.2.7", 5000), ("198.51.100.1", 443)
CLIENT6, SERVER6 = ("2001:db8::7", 5000), ("2001:db8::1", 443)


def v1(client=CLIENT, server=SERVER):
    family = "TCP6" if ":" in client[0] else "TCP4"
    return f"PROXY {family} {client[0]} {server[0]} {client[1]} {server[1]}\r\n".encode()


def v2(addresses=b"", family=0x11, command=0x21, tail=b"", length=None):
    size = len(addresses + tail) if length is None else length
    return SIGNATURE + bytes([command, family]) + size.to_bytes(2, "big") + addresses + tail


def packed(client, server):
    hosts = b"".join(ipaddress.ip_address(host).packed for host, _ in (client, server))
    return hosts + b"".join(port.to_bytes(2, "big") for _, port in (client, server))


INET, INET6 = packed(CLIENT, SERVER), packed(CLIENT6, SERVER6)
GOOD = {
    "v1": (v1(), CLIENT, SERVER),
    "v1, IPv6": (v1(CLIENT6, SERVER6), CLIENT6, SERVER6),
    "v1, mapped": (v1(("::ffff:192.0.2.7", 1), SERVER6), ("192.0.2.7", 1), SERVER6),
    "v1, port 0": (v1(("192.0.2.7", 0)), ("192.0.2.7", 0), SERVER),
    "v1, unknown": (b"PROXY UNKNOWN\r\n", None, None),
    "v1, unknown, more words": (b"PROXY UNKNOWN a b c d e\r\n", None, None),
    "v1, the longest": (b"PROXY UNKNOWN " + b"x" * 91 + b"\r\n", None, None),
    "v2": (v2(INET), CLIENT, SERVER),
    "v2, IPv6": (v2(INET6, 0x21), CLIENT6, SERVER6),
    "v2, datagrams": (v2(INET, 0x12), CLIENT, SERVER),
    "v2, TLVs": (v2(INET, tail=b"\x04\0\x03abc"), CLIENT, SERVER),
    "v2, a Unix socket": (v2(bytes(216), 0x31), None, None),
    "v2, unspecified": (v2(b"", 0), None, None),
    "v2, unspecified, with more": (v2(b"whatever", 0), None, None),
}
BAD = {
    "HTTP": b"GET / HTTP/1.1\r\n\r\n",
    "TLS": b"\x16\x03\x01",
    "lower case": b"proxy TCP4",
    "another family": b"PROXY UDP4 192.0.2.7 192.0.2.8 1 2\r\n",
    "no words": b"PROXY \r\n",
    "two spaces": b"PROXY  TCP4 192.0.2.7 192.0.2.8 1 2\r\n",
    "a word too many": b"PROXY TCP4 192.0.2.7 192.0.2.8 1 2 3\r\n",
    "a word too few": b"PROXY TCP4 192.0.2.7 192.0.2.8 1\r\n",
    "bare LF": b"PROXY TCP4 192.0.2.7 192.0.2.8 1 2\n" + b"x" * 107,
    "leading zeros": b"PROXY TCP4 192.0.02.7 192.0.2.8 1 2\r\n",
    "the other family": b"PROXY TCP4 ::1 ::1 1 2\r\n",
    "the other family, 6": b"PROXY TCP6 192.0.2.7 192.0.2.8 1 2\r\n",
    "a zone": b"PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n",
    "a port too large": b"PROXY TCP4 192.0.2.7 192.0.2.8 1 65536\r\n",
    "a port of zeros": b"PROXY TCP4 192.0.2.7 192.0.2.8 00 2\r\n",
    "a signed port": b"PROXY TCP4 192.0.2.7 192.0.2.8 +1 2\r\n",
    "no end": b"PROXY TCP4 " + b"1" * 96,
    "version 3": v2(INET, command=0x31),
    "an unknown command": v2(INET, command=0x22),
    "an unknown family": v2(INET, family=0x41),
    "an unknown transport": v2(INET, family=0x13),
    "a length too small": v2(INET, length=11),
    "a length too small for IPv6": v2(INET6, 0x21, length=12),
    "a length too small for Unix": v2(bytes(216), 0x31, length=215),
    "another signature": b"\r\n\r\n\0\r\nQUIT\r" + bytes(4),
}


@pytest.mark.parametrize(("data", "client", "server"), GOOD.values(), ids=GOOD)
def test_a_header(data, client, server):
    wanted = ProxyHeader(len(data), False, client, server)
    assert parse(data) == wanted
    assert parse(data + b"GET / HTTP/1.1\r\n") == wanted


def test_a_proxy_that_speaks_for_itself():
    assert parse(v2(b"", 0, command=0x20)) == ProxyHeader(16, True)
    assert parse(v2(INET, command=0x20)) == ProxyHeader(28, True)


def test_the_size_counts_what_has_not_arrived():
    assert parse(v2(INET, length=65535)) == ProxyHeader(65551, False, CLIENT, SERVER)


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
def test_no_header(data):
    with pytest.raises(NotProxyProtocol):
        parse(data)


def outcome(data):
    try:
        return parse(data)
    except NotProxyProtocol:
        return "refused"


def is_same_in_pieces(data):
    """What a prefix says is never taken back."""
    whole = outcome(data)
    said = [outcome(data[:end]) for end in range(len(data))]
    decided = [each for each in said if each is not None]
    assert all(each == whole for each in decided)
    assert said[: len(said) - len(decided)] == [None] * (len(said) - len(decided))
    if isinstance(whole, ProxyHeader):
        assert whole.size <= 65551


@pytest.mark.parametrize("data", [*[row[0] for row in GOOD.values()], *BAD.values()])
def test_pieces(data):
    is_same_in_pieces(data)


STARTS = st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE, SIGNATURE + b"\x21\x11"])


@settings(deadline=None)
@given(STARTS, st.binary(max_size=260))
def test_any_bytes(start, rest):
    is_same_in_pieces(start + rest)


@settings(deadline=None)
@given(st.sampled_from(list(GOOD)), st.integers(0, 300), st.integers(0, 255))
def test_one_wrong_byte(name, at, byte):
    data = bytearray(GOOD[name][0])
    data[at % len(data)] = byte
    is_same_in_pieces(bytes(data))


# -- over the wire --------------------------------------------------------------------------------


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        raise RuntimeError
    said = {name: scope[name] for name in ("client", "server", "scheme", "http_version")}
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": json.dumps(said)})
        await send({"type": "websocket.close"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(said).encode()})


GET = b"GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n"


def addresses(client):
    """What the scope of the next response says."""
    said = json.loads(client.response().body)
    return tuple(said["client"] or ()), tuple(said["server"])


@pytest.mark.parametrize("header", [v1(), v2(INET), v2(INET, tail=bytes(60000))])
def test_the_scope(live, header):
    with live(app, proxy_protocol=True).connect() as client:
        client.send(header + GET + GET)
        assert [addresses(client), addresses(client)] == [(CLIENT, SERVER)] * 2
        client.send(GET)  # no second header is expected
        assert addresses(client) == (CLIENT, SERVER)


def test_byte_by_byte(live):
    with live(app, proxy_protocol=True).connect() as client:
        client.send_bytewise(v2(INET, tail=b"\x04\0\x03abc") + GET)
        assert addresses(client) == (CLIENT, SERVER)


def test_the_proxy_itself(live):
    with live(app, proxy_protocol=True).connect() as client:
        own = client.socket.getsockname(), client.socket.getpeername()
        client.send(v2(INET, command=0x20) + GET.replace(b"X-F", b"Y-F"))
        assert addresses(client) == own


def test_an_unknown_client(live):
    """Its X-Forwarded-For is not the proxy's."""
    with live(app, proxy_protocol=True, forwarded_allow_ips="unix,127.0.0.1").connect() as client:
        client.send(b"PROXY UNKNOWN\r\n" + GET)
        assert addresses(client) == ((), client.socket.getpeername())


def test_everyone_may_be_a_proxy_but_not_set_headers(live):
    with live(app, proxy_protocol=True, forwarded_allow_ips="*").connect() as client:
        client.send(v1() + GET)
        assert addresses(client) == (CLIENT, SERVER)


def test_a_proxy_behind_the_proxy(live):
    options = {"proxy_protocol": True, "forwarded_allow_ips": "127.0.0.1,192.0.2.0/24"}
    with live(app, **options).connect() as client:
        client.send(v1() + GET)
        assert addresses(client) == (("203.0.113.9", 0), SERVER)


def test_tls_after_it(live):
    server = live(app, proxy_protocol=True, **TLS)
    sock = socket.create_connection(("127.0.0.1", server.server.ports[0]), WAIT)
    sock.sendall(v1())
    with Client(client_context().wrap_socket(sock)) as client:
        client.send(GET)
        said = json.loads(client.response().body)
        assert (said["scheme"], tuple(said["client"])) == ("https", CLIENT)


def test_plain_http_on_the_tls_port(live):
    with live(app, proxy_protocol=True, **TLS).connect() as client:
        client.send(v1() + GET)
        assert client.response().status == 400
        client.closed()


def test_http2(live):
    h2 = pytest.importorskip("h2.connection")
    config = pytest.importorskip("h2.config").H2Configuration(header_encoding="utf-8")
    names = {":method": "GET", ":scheme": "http", ":path": "/", ":authority": "h"}
    with live(app, proxy_protocol=True).connect() as client:
        session = h2.H2Connection(config)
        session.initiate_connection()
        session.send_headers(
            1, [*names.items(), ("x-forwarded-for", "203.0.113.9")], end_stream=True
        )
        client.send(v1() + session.data_to_send())
        body = b""
        while not body.endswith(b"}"):
            for event in session.receive_data(client.socket.recv(65536)):
                body += getattr(event, "data", None) or b""
        said = json.loads(body)
        assert (said["http_version"], tuple(said["client"])) == ("2", CLIENT)


def test_a_websocket(live):
    port = live(app, proxy_protocol=True).server.ports[0]
    sock = socket.create_connection(("127.0.0.1", port), WAIT)
    sock.sendall(v2(INET6, 0x21))
    with connect("ws://localhost/", sock=sock) as session:
        assert tuple(json.loads(session.recv())["client"]) == CLIENT6


def test_a_unix_socket(combination, tmp_path):
    path = str(tmp_path / "socket")
    server = Live(app, uds=path, proxy_protocol=True, forwarded_allow_ips="unix", **combination)
    try:
        with server.connect() as client:
            client.send(v1() + GET)
            assert addresses(client) == (CLIENT, SERVER)
        with server.connect() as client:
            client.send(b"PROXY UNKNOWN\r\n" + GET)
            assert addresses(client) == ((), (path, None))
    finally:
        assert server.stop() is None


@pytest.mark.parametrize("data", [GET, b"PROXY TCP4 \r\n", v2(INET, length=3) + GET])
def test_without_a_header(live, data):
    with live(app, proxy_protocol=True).connect() as client:
        client.send(data)
        with contextlib.suppress(ConnectionError):
            client.closed()


def test_a_peer_that_is_not_trusted(live):
    server = live(app, proxy_protocol=True, forwarded_allow_ips="10.0.0.0/8")
    with server.connect() as client, contextlib.suppress(ConnectionError):
        client.send(v1() + GET)
        client.closed()


def test_a_unix_socket_that_is_not_trusted(tmp_path, caplog):
    server = Live(app, uds=str(tmp_path / "socket"), proxy_protocol=True)
    with server.connect() as client, contextlib.suppress(ConnectionError):
        client.send(v1() + GET)
        client.closed()
    assert server.stop() is None
    wanted = "a client of the Unix socket is not in forwarded_allow_ips; add unix"
    assert [line for line in caplog.messages if line.endswith(wanted)]


@pytest.mark.parametrize("sent", [b"", b"PROXY TCP4 ", v2(INET, length=40)])
def test_a_header_that_never_ends(live, sent):
    server = live(app, proxy_protocol=True, timeout_first_byte=0.05)
    # What arrives once the time is over is answered with a reset.
    with server.connect() as client, contextlib.suppress(ConnectionError):
        client.send(sent)
        client.closed()


def test_the_end_of_input(live):
    with live(app, proxy_protocol=True).connect() as client:
        client.send(b"PROXY TC")
        client.end()
        client.closed()


def test_the_log():
    with Command("apps:app", "--port", 0, "--proxy-protocol") as command:
        port = command.port()
        for data in (GET, v1() + GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")):
            with socket.create_connection(("127.0.0.1", port), WAIT) as sock:
                sock.sendall(data)
                with contextlib.suppress(ConnectionError):
                    while sock.recv(4096):
                        pass
        command.expect(r"WARNING: Refused a connection \(proxy_protocol\): 127.0.0.1 sent no PROXY")
        command.expect(r"192\.0\.2\.7:5000 - \"GET / HTTP/1.1\" 200", "stdout")


def test_headers_that_never_come_count_as_connections():
    options = "--proxy-protocol", "--limit-connections", "4", "--timeout-first-byte", "600"
    with Command("apps:app", "--port", 0, *options) as command, contextlib.ExitStack() as stack:
        port = command.port()
        for _ in range(10):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), WAIT))
        command.expect(r"WARNING: Accepting is paused: limit_connections \(4\) is reached")


# -- real proxies ---------------------------------------------------------------------------------

HAPROXY = """
defaults
    mode tcp
    timeout connect 30s
    timeout client 30s
    timeout server 30s
listen front
    bind fd@{fd}
    server back {back} {send}
"""
NGINX = """
user {user};
load_module {module};
daemon off;
pid {folder}/pid;
error_log stderr;
events {{}}
stream {{
    server {{
        listen 127.0.0.1:{port};
        proxy_pass {back};
        proxy_protocol on;
    }}
}}
"""
NGINX_STREAM = Path("/usr/lib/nginx/modules/ngx_stream_module.so")


@contextlib.contextmanager
def running(*command, **options):
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, **options) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait(WAIT)


@pytest.fixture(params=["tcp", "unix"])
def backend(request, tmp_path):
    """A server that wants the protocol; its address as HAProxy and nginx write it."""
    options = {} if request.param == "tcp" else {"uds": str(tmp_path / "socket")}
    server = Live(app, proxy_protocol=True, forwarded_allow_ips="unix,127.0.0.1", **options)
    if request.param == "tcp":
        address = f"127.0.0.1:{server.server.ports[0]}"
        yield address, address
    else:
        yield f"unix@{options['uds']}", f"unix:{options['uds']}"
    assert server.stop() is None


def asked_through(sock):
    """Ask; what the scope says is the client's address, and really is."""
    sock.settimeout(WAIT)
    with Client(sock) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert addresses(client) == (sock.getsockname(), sock.getpeername())


@pytest.mark.skipif(not shutil.which("haproxy"), reason="HAProxy is not installed")
@pytest.mark.parametrize("send", ["send-proxy", "send-proxy-v2"])
def test_haproxy(backend, send, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as front:
        fd, config = front.fileno(), tmp_path / "haproxy.cfg"
        config.write_text(HAPROXY.format(fd=fd, back=backend[0], send=send))
        with running("haproxy", "-q", "-db", "-f", str(config), pass_fds=[fd]):
            asked_through(socket.create_connection(front.getsockname(), WAIT))


@pytest.mark.skipif(
    not (shutil.which("nginx") and NGINX_STREAM.exists()),
    reason="nginx with its stream module is not installed",
)
def test_nginx(backend, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = tmp_path / "nginx.conf"
    config.write_text(
        NGINX.format(
            user=getpass.getuser(), module=NGINX_STREAM, folder=tmp_path, port=port, back=backend[1]
        )
    )
    with running("nginx", "-c", str(config), stderr=subprocess.DEVNULL) as process:
        while True:
            assert process.poll() is None
            with contextlib.suppress(ConnectionRefusedError):
                asked_through(socket.create_connection(("127.0.0.1", port), WAIT))
                break


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_curl():
    server = Live(app, proxy_protocol=True)
    url = f"http://127.0.0.1:{server.server.ports[0]}/"
    try:
        done = subprocess.run(
            ["curl", "--silent", "--haproxy-protocol", "--local-port", "20000-60000", url],
            capture_output=True, check=True,
        )  # fmt: skip
        assert json.loads(done.stdout)["client"][0] == "127.0.0.1"
    finally:
        assert server.stop() is None
