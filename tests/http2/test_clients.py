"""Other people's clients: over TLS, chosen by ALPN, and over cleartext by prior knowledge."""

import asyncio
import json
import shutil
import socket
import ssl
import subprocess
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import httpx
import pytest
from live import Live
from wire import WAIT

TLS = Path(__file__).parents[1] / "server" / "tls"
FILES = {"ssl_certfile": str(TLS / "cert.pem"), "ssl_keyfile": str(TLS / "key.pem")}
SCHEMES = {"http": {}, "https": FILES}
LARGE = bytes(range(256)) * 4096


async def app(scope, receive, send):
    """Answers with what it got: /version, /echo, /stream as it comes, /large, /trailers."""
    assert scope["type"] == "http", "no lifespan"
    path = scope["path"]
    if path == "/stream":
        await stream(receive, send)
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message["body"]
        more = message["more_body"]
    if path == "/version":
        body = json.dumps([scope["http_version"], scope["scheme"], scope["method"]]).encode()
    elif path == "/large":
        body = LARGE
    ends = path == "/trailers"
    start = {"type": "http.response.start", "status": 200, "trailers": ends}
    await send({**start, "headers": [(b"content-type", b"application/octet-stream")]})
    await send({"type": "http.response.body", "body": body})
    if ends:
        sums = [(b"x-sum", b"%d" % len(body))]
        await send({"type": "http.response.trailers", "headers": sums})


async def stream(receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    more = True
    while more:
        message = await receive()
        more = message["more_body"]
        await send({"type": "http.response.body", "body": message["body"], "more_body": more})


class Address:
    """A server that the clients talk to; `connections` counts those it has accepted."""

    def __init__(self, scheme, server):
        self.scheme = scheme
        self.server = server
        self.port = server.server.ports[0]
        self.url = f"{scheme}://localhost:{self.port}"


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def loop(request):
    return request.param


@pytest.fixture(scope="module", params=SCHEMES)
def address(request, loop):
    server = Live(app, loop=loop, **SCHEMES[request.param])
    yield Address(request.param, server)
    assert server.stop() is None


def need(program):
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, timeout=WAIT, **options)
    assert done.returncode == 0, (command, done.stdout[-500:], done.stderr[-500:])
    return done


# -- h2


class Talk:
    """A client on h2: it opens windows as it reads."""

    def __init__(self, address):
        self.socket = socket.create_connection(("localhost", address.port), WAIT)
        if address.scheme == "https":
            context = ssl.create_default_context(cafile=str(TLS / "cert.pem"))
            context.set_alpn_protocols(["h2", "http/1.1"])
            self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
            assert self.socket.selected_alpn_protocol() == "h2"
        self.scheme = address.scheme
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration())
        self.h2.initiate_connection()
        self.bodies = {}
        self.trailers = {}
        self.ended = set()
        self.flush()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.socket.close()

    def flush(self):
        self.socket.sendall(self.h2.data_to_send())

    def request(self, method, path, *, end=True):
        number = self.h2.get_next_available_stream_id()
        pseudo = [(":method", method), (":scheme", self.scheme), (":authority", "localhost")]
        self.h2.send_headers(number, [*pseudo, (":path", path), ("te", "trailers")], end)
        self.bodies[number] = b""
        self.flush()
        return number

    def read(self):
        data = self.socket.recv(65536)
        assert data, "the server has closed"
        for event in self.h2.receive_data(data):
            match event:
                case h2.events.DataReceived():
                    self.bodies[event.stream_id] += event.data
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                case h2.events.TrailersReceived():
                    self.trailers[event.stream_id] = event.headers
                case h2.events.StreamEnded():
                    self.ended.add(event.stream_id)
                case h2.events.StreamReset() | h2.events.ConnectionTerminated():
                    raise AssertionError(event)
        self.flush()

    def until(self, condition):
        while not condition():
            self.read()

    def send(self, number, data, *, end=False):
        """As the server's windows allow it."""
        while data or end:
            self.until(lambda: self.h2.local_flow_control_window(number) > 0)
            room = self.h2.local_flow_control_window(number)
            part = data[: min(room, self.h2.max_outbound_frame_size)]
            data = data[len(part) :]
            last = end and not data
            self.h2.send_data(number, part, end_stream=last)
            self.flush()
            if last:
                return

    def answer(self, number):
        self.until(lambda: number in self.ended)
        return self.bodies[number]


def test_h2_requests(address):
    with Talk(address) as talk:
        expected = json.dumps(["2", address.scheme, "GET"]).encode()
        assert talk.answer(talk.request("GET", "/version")) == expected
        assert talk.answer(talk.request("GET", "/large")) == LARGE
        numbers = [talk.request("GET", "/version") for _ in range(50)]
        assert [talk.answer(number) for number in numbers] == [expected] * 50


def test_h2_bodies(address):
    with Talk(address) as talk:
        first, second = (talk.request("POST", "/echo", end=False) for _ in range(2))
        talk.send(first, LARGE[:300_000])
        talk.send(second, LARGE, end=True)
        talk.send(first, LARGE[300_000:], end=True)
        assert talk.answer(second) == LARGE
        assert talk.answer(first) == LARGE


def test_h2_stream_in_turns(address):
    with Talk(address) as talk:
        number = talk.request("POST", "/stream", end=False)
        for turn in range(200):
            part = b"%d," % turn
            before = len(talk.bodies[number])
            talk.send(number, part)
            talk.until(lambda: len(talk.bodies[number]) == before + len(part))  # noqa: B023
        talk.send(number, b"", end=True)
        assert talk.answer(number) == b"".join(b"%d," % turn for turn in range(200))


def test_h2_trailers(address):
    with Talk(address) as talk:
        number = talk.request("GET", "/trailers")
        talk.answer(number)
        assert talk.trailers[number] == [(b"x-sum", b"0")]


def test_alpn_of_http1(loop):
    """A client that offers HTTP/1.1 alone, or nothing, gets it."""
    server = Live(app, loop=loop, **FILES)
    for offer in (["http/1.1"], None):
        context = ssl.create_default_context(cafile=str(TLS / "cert.pem"))
        if offer:
            context.set_alpn_protocols(offer)
        sock = socket.create_connection(("localhost", server.server.ports[0]), WAIT)
        with context.wrap_socket(sock, server_hostname="localhost") as client:
            assert client.selected_alpn_protocol() == (offer[0] if offer else None)
            client.sendall(b"GET /version HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: client.recv(65536), b""))
            assert b'["1.1", "https", "GET"]' in answer
    assert server.stop() is None


def test_no_http2(loop):
    """`http2=False`: ALPN does not offer it, and the preface is a bad request."""
    server = Live(app, loop=loop, http2=False)
    with socket.create_connection(("localhost", server.server.ports[0]), WAIT) as sock:
        sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert sock.recv(12)[:9] == b"HTTP/1.1 "
    assert server.stop() is None


# -- httpx


def options_of(address):
    context = ssl.create_default_context(cafile=str(TLS / "cert.pem"))
    return {
        "http1": False,
        "http2": True,
        "verify": context,
        "base_url": address.url,
        "timeout": WAIT,
    }


def test_httpx(address):
    with httpx.Client(**options_of(address)) as client:
        for _ in range(3):
            answer = client.get("/version")
            assert answer.http_version == "HTTP/2"
            assert answer.json() == ["2", address.scheme, "GET"]
        assert client.post("/echo", content=LARGE).content == LARGE
        assert client.get("/large").content == LARGE
        assert client.head("/version").content == b""
        assert client.post("/stream", content=iter([b"a", b"b" * 100_000])).content == (
            b"a" + b"b" * 100_000
        )


def test_httpx_tasks(address):
    """Several tasks share one connection."""

    async def work(client):
        for size in (0, 10, 100_000):
            answer = await client.post("/echo", content=LARGE[:size])
            assert answer.content == LARGE[:size]

    async def main():
        async with httpx.AsyncClient(**options_of(address)) as client:
            await asyncio.gather(*(work(client) for _ in range(8)))

    asyncio.run(main())


# -- curl


def curl(address, path, *options, **more):
    need("curl")
    how = "--http2-prior-knowledge" if address.scheme == "http" else "--http2"
    base = ["curl", "-sS", "--fail", "--max-time", str(WAIT), how]
    trust = ["--cacert", str(TLS / "cert.pem")]
    return run(*base, *trust, *options, address.url + path, **more).stdout


def test_curl(address):
    answer = curl(address, "/version", "-w", "\n%{http_version}")
    assert answer == json.dumps(["2", address.scheme, "GET"]).encode() + b"\n2"


def test_curl_upload(address):
    assert curl(address, "/echo", "--data-binary", "@-", input=LARGE) == LARGE
    assert curl(address, "/large") == LARGE


def test_curl_expect(address):
    expect = ["-H", "Expect: 100-continue", "--data-binary", "@-"]
    assert curl(address, "/echo", *expect, input=b"abc") == b"abc"


def test_curl_head(address):
    head = curl(address, "/version", "--head")
    assert head.startswith(b"HTTP/2 200")


def test_curl_parallel(address):
    if address.scheme == "http":
        pytest.skip("curl 7.88 cannot with prior knowledge, whatever the server")
    urls = [f"{address.url}/version"] * 30
    answer = curl(address, "/version", "--parallel", "--parallel-max", "30", *urls)
    assert answer.count(b'["2"') == 31


def test_curl_upgrade(loop):
    """RFC 9113 3.1: Upgrade: h2c is obsolete; the answer is HTTP/1.1."""
    need("curl")
    server = Live(app, loop=loop)
    url = f"http://localhost:{server.server.ports[0]}/version"
    answer = run("curl", "-sS", "--http2", "-w", "%{http_version}", url).stdout
    assert answer == b'["1.1", "http", "GET"]1.1'
    assert server.stop() is None


# -- nghttp2's programs


def test_nghttp(address):
    need("nghttp")
    url = address.url
    run("nghttp", "-n", "--no-dep", f"{url}/version", f"{url}/large", f"{url}/trailers")
    found = run("nghttp", "-v", "-n", "-H", "te: trailers", f"{url}/trailers").stdout
    assert b"x-sum" in found


def test_nghttp_upload(address, tmp_path):
    need("nghttp")
    body = tmp_path / "body"
    body.write_bytes(LARGE)
    assert run("nghttp", "-d", str(body), f"{address.url}/echo").stdout == LARGE


@pytest.mark.parametrize("streams", [1, 32])
def test_h2load(address, streams):
    need("h2load")
    found = run("h2load", "-n", "2000", "-c", "4", "-m", str(streams), f"{address.url}/version")
    assert b"2000 succeeded, 0 failed" in found.stdout


def test_h2load_windows(address):
    """The smallest windows that h2load can have, and large answers."""
    need("h2load")
    found = run("h2load", "-n", "20", "-c", "2", "-m", "10", "-w", "10", "-W", "12",
                f"{address.url}/large")  # fmt: skip
    assert b"20 succeeded, 0 failed" in found.stdout


# -- Node


NODE = """
const http2 = require('http2'), fs = require('fs');
const [url, ca] = process.argv.slice(1);
const client = http2.connect(url, {ca: fs.readFileSync(ca)});
const call = (path, body, head = {}) => new Promise((resolve, reject) => {
  const stream = client.request({':path': path, ':method': body ? 'POST' : 'GET', te: 'trailers',
                                 ...head});
  const found = {parts: [], trailers: {}};
  stream.on('response', (headers) => found.status = headers[':status']);
  stream.on('trailers', (headers) => found.trailers = headers);
  stream.on('data', (part) => found.parts.push(part));
  stream.on('error', reject);
  stream.on('end', () => resolve({...found, body: Buffer.concat(found.parts)}));
  stream.end(body);
});
const check = (right, what) => { if (!right) throw new Error(what); };
(async () => {
  const large = Buffer.alloc(1000000, 'x');
  check((await call('/version')).body.toString().startsWith('["2"'), 'version');
  check((await call('/echo', large)).body.equals(large), 'echo');
  check((await call('/trailers')).trailers['x-sum'] === '0', 'trailers');
  const all = await Promise.all([...Array(60)].map((_, n) => call('/echo', 'body ' + n)));
  check(all.every(({status, body}, n) => status === 200 && body == 'body ' + n), 'many');
  await new Promise((resolve, reject) => client.ping((error) => error ? reject(error) : resolve()));
  client.close(() => console.log('right'));
})().catch((error) => { console.error(error); process.exit(1); });
"""


def test_node(address):
    need("node")
    assert run("node", "-e", NODE, address.url, str(TLS / "cert.pem")).stdout == b"right\n"
