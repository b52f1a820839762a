"""examples/parser, each started as its docstring says, with clients and servers of others."""

import contextlib
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from raw_upstream import CLOSE, RawUpstream, response
from serving import WAIT, Command
from websockets.sync.client import connect

PARSER = Path(__file__).parents[2] / "examples" / "parser"
PYTHON = (sys.executable, "-W", "error")


@contextlib.contextmanager
def running(*command):
    """The program, with its `url`."""
    with Command(PARSER / command[0], *command[1:], start=PYTHON) as program:
        program.url = program.expect(r"(http://\S+)", "stdout")[1]
        program.address = "127.0.0.1", int(program.url.rpartition(":")[2])
        yield program
        assert program.process.poll() is None
        assert program.stderr == []


@pytest.fixture(scope="module")
def server():
    with running("server.py", 0) as server:
        yield server


def converse(program, data):
    """All that comes back for these bytes."""
    with socket.create_connection(program.address, timeout=WAIT) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


# The server


def test_the_server_with_httpx(server):
    with httpx.Client(base_url=server.url, timeout=WAIT, trust_env=False) as client:
        for _ in range(3):
            assert client.get("/hello%20you?a").text == "GET /hello you with a body of 0 bytes\n"
        assert client.post("/", content=b"abc").text == "POST / with a body of 3 bytes\n"
        chunks = client.post("/", content=iter([b"x" * 70_000, b"y"]))
        assert chunks.text == "POST / with a body of 70001 bytes\n"
        head = client.head("/")
        assert (head.content, head.headers["content-length"]) == (b"", "30")
        assert client.post("/", content=b"x" * 1_000_001).status_code == 413


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_the_server_with_curl(server):
    body = "x" * 900_000
    command = [
        "curl",
        "-sS",
        "--noproxy",
        "*",
        "-H",
        "Expect: 100-continue",
        "-d",
        "@-",
        server.url,
    ]
    done = subprocess.run(command, input=body, capture_output=True, text=True, check=True)
    assert done.stdout == "POST / with a body of 900000 bytes\n"


def test_pipelined_requests_and_one_that_is_wrong(server):
    get = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"
    answer = converse(server, get % 1 + get % 2 + b"GET / HTTP/1.1\r\n\r\n" + get % 3)
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200", b"200", b"400"]
    assert b"GET /1 with" in answer
    assert b"GET /2 with" in answer


@pytest.mark.parametrize("version", [b"1.0", b"1.1\r\nConnection: close"])
def test_the_server_closes_when_asked(server, version):
    with socket.create_connection(server.address, timeout=WAIT) as connection:
        connection.sendall(b"GET / HTTP/%b\r\nHost: a\r\n\r\n" % version)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert b"connection: close\r\n" in answer


def test_a_large_body_on_the_last_request_and_trailers(server):
    chunk = b"%x\r\n%b\r\n" % (200_000, b"x" * 200_000)
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    answer = converse(server, head + chunk * 2 + b"0\r\nA: b\r\n\r\n")
    assert answer.endswith(b"POST / with a body of 400000 bytes\n")


# The client


@pytest.mark.parametrize(
    ("answer", "out"),
    [
        (response(b"hello"), "hello"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\nA: b\r\n\r\n", "hello"),
        ([b"HTTP/1.0 200 OK\r\n\r\nhello", CLOSE], "hello"),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n" + response(b"hello"), "hello"),
        (response(status=b"404 Not Found"), ""),
    ],
)  # fmt: skip
def test_the_client(answer, out):
    last = answer[0] if isinstance(answer, list) else answer
    with RawUpstream([last, CLOSE]) as upstream:
        command = [*PYTHON, PARSER / "client.py", f"{upstream.url}/a?b"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=WAIT)
        assert done.stdout == out
        assert re.search(r"^(200 OK|404 Not Found)$", done.stderr, re.MULTILINE)
        assert upstream.requests[0].startswith(b"GET /a?b HTTP/1.1\r\nHost: 127.0.0.1:")


def test_the_client_with_the_server(server):
    command = [*PYTHON, PARSER / "client.py", f"{server.url}/x"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=WAIT)
    assert done.stdout == "GET /x with a body of 0 bytes\n"


def test_the_client_says_when_a_response_is_cut_off():
    with RawUpstream([b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", CLOSE]) as upstream:
        command = [*PYTHON, PARSER / "client.py", upstream.url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT)
    assert done.returncode == 1
    assert "IncompleteMessage" in done.stderr


# The proxy


def test_the_proxy_with_httpx(server):
    with running("proxy.py", 0, *server.address) as proxy:
        with httpx.Client(base_url=proxy.url, timeout=WAIT, trust_env=False) as client:
            client.get("/a?b")
            client.head("/c")
            client.post("/d", content=iter([b"x" * 70_000, b"y"]))
        proxy.expect(r"^GET /a\?b -> 200, 0 bytes up, 30 down, [\d.]+ ms$", "stdout")
        proxy.expect(r"^HEAD /c -> 200, 0 bytes up, 0 down, ", "stdout")
        proxy.expect(r"^POST /d -> 200, 70001 bytes up, 35 down, ", "stdout")


def test_the_proxy_with_pipelined_requests(server):
    data = b"".join(b"%b / HTTP/1.1\r\nHost: a\r\n\r\n" % each for each in (b"GET", b"HEAD") * 3)
    with running("proxy.py", 0, *server.address) as proxy:
        assert converse(proxy, data).count(b"HTTP/1.1 200") == 6
        for method in ("GET", "HEAD") * 3:
            proxy.expect(f"^{method} / -> 200", "stdout")


def test_the_proxy_with_a_response_that_ends_with_the_connection():
    with (
        RawUpstream([b"HTTP/1.0 200 OK\r\n\r\nhello", CLOSE]) as upstream,
        running("proxy.py", 0, *upstream.server_address) as proxy,
    ):
        assert httpx.get(proxy.url, timeout=WAIT, trust_env=False).text == "hello"
        proxy.expect("^GET / -> 200, 0 bytes up, 5 down", "stdout")


def test_the_proxy_with_a_websocket(serve):
    upstream = serve("upstream:app")
    with running("proxy.py", 0, *upstream.url.removeprefix("http://").split(":")) as proxy:
        with connect(proxy.url.replace("http", "ws", 1) + "/chat", proxy=None) as client:
            client.recv(WAIT)
            client.send("hello")
            assert client.recv(WAIT) == "hello"
        proxy.expect("^GET /chat -> 101, ", "stdout")
        proxy.expect("^no longer logged: from here on another protocol", "stdout")


def test_what_is_not_http_passes():
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        running("proxy.py", 0, *listener.getsockname()) as proxy,
    ):
        with socket.create_connection(proxy.address, timeout=WAIT) as client:
            upstream, _ = listener.accept()
            with upstream:
                upstream.settimeout(WAIT)
                client.sendall(b"\x00\x01")
                assert upstream.recv(10) == b"\x00\x01"
                upstream.sendall(b"\x02")
                assert client.recv(10) == b"\x02"
        proxy.expect("^no longer logged: ", "stdout")


def test_the_proxy_without_an_upstream():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
    with running("proxy.py", 0, *address) as proxy:
        assert converse(proxy, b"") == b""
        proxy.expect("^cannot connect to ", "stdout")
