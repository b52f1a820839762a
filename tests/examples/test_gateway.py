"""examples/gateway between a client and an upstream, all real."""

import ast
import contextlib
import http.client
import json
import os
import re
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from raw_upstream import CLOSE, RawUpstream
from serving import WAIT, Command, fail_to_start
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK, InvalidStatus
from websockets.sync.client import connect

from examples.gateway.settings import Settings

ROOT = Path(__file__).parents[2]
OPTIONS = ("--no-proxy-headers", "--no-access-log")  # or the client could say that it is another


@pytest.fixture(scope="module")
def upstream(serve):
    return serve("upstream:app")


@pytest.fixture(scope="module")
def gateway(serve, upstream):
    return serve(
        "examples.gateway:app",
        *OPTIONS,
        GATEWAY_UPSTREAMS=upstream.url,
        GATEWAY_RATE="0",
        GATEWAY_FIRST_BYTE_TIMEOUT="30",
    )


def test_what_the_upstream_sees(gateway, upstream):
    headers = {
        "Connection": "keep-alive, X-Hop",
        "X-Hop": "1",
        "TE": "trailers",
        "Keep-Alive": "timeout=5",
        "X-Forwarded-For": "192.0.2.1",
        "Forwarded": "for=192.0.2.1",
        "X-Kept": "1",
    }
    text = gateway.client.get("/a%20b//c%2F?q=%2F&r", headers=headers).text
    seen = ast.literal_eval(text)
    assert seen["target"] == (b"/a%20b//c%2F", b"q=%2F&r")
    fields = dict(seen["headers"])
    assert len(fields) == len(seen["headers"])
    for name in ("x-hop", "te", "keep-alive", "forwarded"):
        assert name.encode() not in fields
    assert fields[b"x-kept"] == b"1"
    assert fields[b"x-forwarded-for"] == b"127.0.0.1"
    assert fields[b"x-forwarded-proto"] == b"http"
    assert fields[b"x-forwarded-host"].decode() == gateway.url.removeprefix("http://")
    assert fields[b"host"].decode() == upstream.url.removeprefix("http://")
    assert fields[b"via"] == b"1.1 gateway"


def test_what_the_client_sees(gateway):
    answer = gateway.client.get("/fields")
    assert answer.status_code == 204
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert "x-hop" not in answer.headers
    assert "keep-alive" not in answer.headers
    gateway.client.cookies.clear()
    assert "cookie" not in gateway.client.get("/").text  # the gateway keeps none


@pytest.mark.parametrize(
    "content",
    [b"", b"small", b"x" * 300_000, [b"x" * 100_000, b"y"], [b""]],
    ids=["empty", "small", "whole", "parts", "no parts"],
)
def test_a_body_and_back(gateway, content):
    answer = gateway.client.post("/echo", content=content)
    assert answer.status_code == 201
    assert answer.content == b"".join(content if isinstance(content, list) else [content])


@pytest.mark.parametrize("content", [None, b"small", b"x" * 300_000, [b"x" * 100_000, b"y"]])
def test_over_http2(gateway, content):
    with httpx.Client(http1=False, http2=True, timeout=WAIT, trust_env=False) as client:
        answer = client.post(f"{gateway.url}/echo", content=content)
        assert (answer.http_version, answer.status_code) == ("HTTP/2", 201)
        assert answer.content == b"".join(
            content if isinstance(content, list) else [content or b""]
        )
        assert b"2 gateway" in client.get(f"{gateway.url}/").content


def test_the_request_streams(gateway, upstream):
    def body():
        yield b"first"
        upstream.client.get("/arrived")  # returns when the upstream has it
        yield b" second"

    assert gateway.client.post("/watched", content=body()).text == "first second"


def test_the_response_streams(gateway, upstream):
    with gateway.client.stream("GET", "/halves") as answer:
        parts = answer.iter_raw()
        assert next(parts) == b"first"
        upstream.client.get("/release")
        assert next(parts) == b"second"


def test_a_client_that_leaves_a_stream_frees_the_upstream(gateway, upstream):
    with gateway.client.stream("GET", "/endless") as answer:
        assert next(answer.iter_raw()) == b"first"
    assert upstream.client.get("/left").status_code == 200
    assert gateway.expect("target=/endless status=200 .*the client has gone")


def test_an_answer_before_the_body_was_read(gateway):
    body = [b"x" * 65536] * 512
    answer = gateway.client.post("/early", content=body, headers={"Content-Length": str(1 << 25)})
    assert (answer.status_code, answer.text) == (413, "too large")


def test_a_response_is_taken_as_fast_as_the_client_takes_it(gateway, upstream):
    with gateway.client.stream("GET", "/flood") as answer:
        parts = answer.iter_raw()
        size = len(next(parts))
        sent = flooded(upstream)
        while (more := flooded(upstream)) != sent:  # until it has to wait
            sent = more
        assert sent < 512  # of 1024 parts
        assert size + sum(map(len, parts)) == 64 << 20


def test_a_body_is_taken_as_fast_as_the_upstream_takes_it(gateway, upstream):
    sent = []

    def body():
        for _ in range(1024):
            sent.append(1)
            yield b"x" * 65536

    with ThreadPoolExecutor() as pool:
        request = pool.submit(gateway.client.post, "/slow", content=body())
        before = -1
        while before != len(sent):  # until it has to wait
            before = len(sent)
            upstream.client.get("/count")
        assert len(sent) < 512
        upstream.client.get("/take")
        assert request.result().text == str(64 << 20)


def flooded(upstream):
    return ast.literal_eval(upstream.client.get("/count").text)["flooded"]


def test_a_response_that_is_cut_off(gateway):
    with pytest.raises(httpx.RemoteProtocolError):
        gateway.client.get("/cut")


@pytest.mark.parametrize("given", ["a-1.b:C_d", "x" * 128])
def test_a_request_id_is_passed_on(gateway, given):
    answer = gateway.client.get("/", headers={"X-Request-ID": given})
    assert answer.headers.get_list("x-request-id") == [given]
    assert dict(ast.literal_eval(answer.text)["headers"])[b"x-request-id"] == given.encode()
    assert gateway.expect(f"id={given} client=127.0.0.1 method=GET target=/ status=200 ")


@pytest.mark.parametrize("given", [None, "x" * 129, "a b", 'a"'])
def test_a_request_id_is_made(gateway, given):
    answer = gateway.client.get("/", headers={"X-Request-ID": given} if given else {})
    made = answer.headers["x-request-id"]
    assert re.fullmatch("[0-9a-f]{32}", made)
    assert dict(ast.literal_eval(answer.text)["headers"])[b"x-request-id"] == made.encode()


def test_head_has_no_body(gateway):
    answer = gateway.client.head("/")
    assert answer.status_code == 200
    assert int(answer.headers["content-length"]) > 0
    assert gateway.client.get("/").status_code == 200


def test_options_of_the_server(gateway):
    request = httpx.Request("OPTIONS", gateway.url, extensions={"target": b"*"})
    assert ast.literal_eval(gateway.client.send(request).text)["target"] == (b"*", b"")


def test_upstreams_over_tls(serve):
    tls = ROOT / "tests" / "server" / "tls"
    files = ("--ssl-certfile", tls / "cert.pem", "--ssl-keyfile", tls / "key.pem")
    secure = serve("upstream:app", *map(str, files))
    url = secure.url.replace("http://127.0.0.1", "https://localhost")
    settings = {"GATEWAY_UPSTREAMS": url, "GATEWAY_ATTEMPTS": "1"}
    trusting = serve("examples.gateway:app", SSL_CERT_FILE=str(tls / "cert.pem"), **settings)
    assert trusting.client.post("/echo", content=b"x" * 100_000).text == "x" * 100_000
    with open_socket(trusting, "/") as client:
        client.recv(WAIT)
    careful = serve("examples.gateway:app", **settings)
    assert careful.client.get("/").status_code == 502
    careful.expect("certificate verify failed")


def test_the_demo():
    """Three upstreams and the gateway, ended by one signal."""
    start = (sys.executable, "-W", "error", "-m", "examples.gateway.demo")
    environment = {**os.environ, "FASTSERVE_PORT": "0"}
    with Command(start=start, cwd=ROOT, env=environment) as demo:
        url = demo.expect(r"running on (http://\S+)")[1]
        ports = set()
        while len(ports) < 3:
            ports.add(httpx.get(url, timeout=WAIT, trust_env=False).text.rpartition(" ")[2])
        first = httpx.get(f"{url}/clock", timeout=WAIT, trust_env=False)
        assert first.headers["cache-status"] == "gateway; fwd=miss"
        demo.signal(signal.SIGTERM)
        assert demo.wait() == 0


# Pages


def test_error_pages(serve):
    with RawUpstream(CLOSE) as broken:
        settings = {"GATEWAY_UPSTREAMS": broken.url, "GATEWAY_BREAKER_FAILURES": "1000"}
        gateway = serve("examples.gateway:app", **settings)
        answer = gateway.client.get("/", headers={"Accept": "text/html,*/*;q=0.8"})
        assert answer.status_code == 502
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert answer.headers["cache-control"] == "no-store"
        assert "Bad Gateway" in answer.text
        assert answer.headers["x-request-id"] in answer.text
        for accept in ("*/*", "application/json, text/html"):
            answer = gateway.client.get("/", headers={"Accept": accept})
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json() == {
                "title": "Bad Gateway",
                "status": 502,
                "detail": "The service behind this gateway did not give a valid answer.",
                "request_id": answer.headers["x-request-id"],
            }
        assert gateway.client.head("/").content == b""


def test_metrics(gateway, upstream):
    gateway.client.get("/")
    text = gateway.client.get("/metrics").text
    name = upstream.url.removeprefix("http://")
    assert f'gateway_upstream_seconds_count{{upstream="{name}"}}' in text
    assert f'gateway_upstream_up{{upstream="{name}"}} 1.0' in text
    assert 'gateway_requests_total{status="200"}' in text


def test_metrics_of_all_workers(serve, upstream, tmp_path):
    gateway = serve(
        "examples.gateway:app",
        *("--workers", "2", "--no-access-log"),
        GATEWAY_UPSTREAMS=upstream.url,
        PROMETHEUS_MULTIPROC_DIR=str(tmp_path),
    )
    for _ in range(20):  # each on a connection of its own, to either worker
        assert httpx.get(gateway.url, timeout=WAIT, trust_env=False).status_code == 200
    for _ in range(3):
        text = httpx.get(f"{gateway.url}/metrics", timeout=WAIT, trust_env=False).text
        assert 'gateway_requests_total{status="200"} 20.0' in text


# WebSockets


def open_socket(gateway, path, **options):
    return connect(gateway.url.replace("http", "ws", 1) + path, proxy=None, **options)


def test_messages_pass(gateway):
    headers = {"Cookie": "a=1", "X-Request-ID": "ws-1", "Origin": "http://there.example"}
    with open_socket(
        gateway, "/?q", additional_headers=headers, subprotocols=["chat", "other"]
    ) as client:
        assert client.subprotocol == "chat"
        fields = dict(ast.literal_eval(client.recv(WAIT)))
        assert fields[b"cookie"] == b"a=1"
        assert fields[b"origin"] == b"http://there.example"
        assert fields[b"x-request-id"] == b"ws-1"
        assert fields[b"x-forwarded-for"] == b"127.0.0.1"
        for message in ("hello", "añ€𝄞", b"\x00\xff", "", b"", "x" * 300_000):
            client.send(message)
            assert client.recv(WAIT) == message
    assert gateway.expect("id=ws-1 .* status=101 ")


def test_close_codes_pass(gateway, upstream):
    with open_socket(gateway, "/bye") as client:
        client.send("?")
        with pytest.raises(ConnectionClosedError) as closed:
            client.recv(WAIT)
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4001, "bye")
    with open_socket(gateway, "/") as client:
        client.close(4002, "over")
    gateway.expect("target=/ status=101 ")
    while "code" not in (counts := ast.literal_eval(upstream.client.get("/count").text)):
        pass
    assert counts["code"] == (4002, "over")


def test_a_refused_handshake_passes(gateway):
    connection = http.client.HTTPConnection(gateway.client.base_url.netloc.decode(), timeout=WAIT)
    headers = {
        "Connection": "upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    with contextlib.closing(connection):
        connection.request("GET", "/refused", headers=headers)
        answer = connection.getresponse()
        assert (answer.status, answer.headers["location"]) == (307, "/elsewhere")
        assert answer.read() == b"there"


def test_another_upstream_takes_a_websocket(serve, upstream):
    with RawUpstream(CLOSE) as broken:
        urls = f"{broken.url} {upstream.url}"
        gateway = serve("examples.gateway:app", GATEWAY_UPSTREAMS=urls)
        for _ in range(4):
            with open_socket(gateway, "/") as client:
                client.recv(WAIT)


def test_no_upstream_for_a_websocket(serve):
    with RawUpstream(CLOSE) as broken:
        gateway = serve("examples.gateway:app", GATEWAY_UPSTREAMS=broken.url)
        with pytest.raises(InvalidStatus) as refusal, open_socket(gateway, "/"):
            pass
    assert refusal.value.response.status_code == 502
    assert json.loads(refusal.value.response.body)["status"] == 502


def test_messages_are_taken_as_fast_as_the_client_takes_them(gateway, upstream):
    with open_socket(gateway, "/pour", max_queue=1, compression=None) as client:
        size = len(client.recv(WAIT))
        sent = poured(upstream)
        while (more := poured(upstream)) != sent:
            sent = more
        assert sent < 512
        with pytest.raises(ConnectionClosedOK):
            while True:
                size += len(client.recv(WAIT))
        assert size == 64 << 20


def poured(upstream):
    return ast.literal_eval(upstream.client.get("/count").text)["poured"]


def test_a_lost_client_is_lost_to_the_upstream(gateway, upstream):
    with open_socket(gateway, "/endless") as client:
        client.recv(WAIT)
        client.socket.shutdown(2)
    assert gateway.expect("target=/endless status=101")


# Settings


def test_settings(tmp_path):
    file = tmp_path / "gateway.toml"
    file.write_text('upstreams = ["http://a:1", "http://b:2"]\nrate = 5\nlog = false\n')
    environment = {"GATEWAY_CONFIG": str(file), "GATEWAY_RATE": "6", "GATEWAY_ATTEMPTS": "2"}
    settings = Settings.load(environment)
    assert settings.upstreams == ("http://a:1", "http://b:2")
    assert (settings.rate, settings.attempts, settings.log) == (6.0, 2, False)
    assert Settings.load({"GATEWAY_UPSTREAMS": "http://a, http://b"}).upstreams == (
        "http://a",
        "http://b",
    )
    with pytest.raises(ValueError, match="rate: 'x' is not a number"):
        Settings.load({"GATEWAY_RATE": "x"})
    file.write_text("speed = 5\n")
    with pytest.raises(ValueError, match="unknown settings: speed"):
        Settings.load(environment)


@pytest.mark.parametrize("url", ["127.0.0.1:9000", "http://a/path", "ftp://a", ""])
def test_a_bad_upstream_is_told_at_the_start(url):
    environment = {**os.environ, "GATEWAY_UPSTREAMS": url}
    status, lines = fail_to_start("examples.gateway:app", "--port", "0", cwd=ROOT, env=environment)
    assert status != 0
    assert "upstreams" in "\n".join(lines)
