"""examples/gateway.py between a client and an upstream, all real."""

import ast
import socket

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect


@pytest.fixture(scope="module")
def upstream(serve):
    return serve("upstream:app")


@pytest.fixture(scope="module")
def gateway(serve, upstream):
    # Nobody is trusted, or the client could say that it is another.
    options = ("--no-proxy-headers",)
    return serve(
        "examples.gateway:app",
        *options,
        UPSTREAM=f"{upstream.url}/base/",
        BURST="1000",
        UPSTREAM_TIMEOUT="5",
    )


def unused_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


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
    assert seen["target"] == (b"/base/a%20b//c%2F", b"q=%2F&r")
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
    response = gateway.client.get("/fields")
    assert response.status_code == 204
    assert response.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert "x-hop" not in response.headers
    assert "keep-alive" not in response.headers
    gateway.client.cookies.clear()
    assert "cookie" not in gateway.client.get("/").text  # the gateway keeps none


@pytest.mark.parametrize(
    "content", [b"x" * 300_000, [b"x" * 100_000, b"y"]], ids=["whole", "parts"]
)
def test_a_body_and_back(gateway, content):
    response = gateway.client.post("/echo", content=content)
    assert response.status_code == 201
    assert response.content == b"".join(content if isinstance(content, list) else [content])


def test_the_request_streams(gateway, upstream):
    def body():
        yield b"first"
        upstream.client.get("/arrived")  # returns when the upstream has it
        yield b" second"

    assert gateway.client.post("/watched", content=body()).text == "first second"


def test_the_response_streams(gateway, upstream):
    with gateway.client.stream("GET", "/halves") as response:
        parts = response.iter_raw()
        assert next(parts) == b"first"
        upstream.client.get("/release")
        assert next(parts) == b"second"


def test_a_response_that_is_cut_off_stays_so(gateway):
    with pytest.raises(httpx.RemoteProtocolError):
        gateway.client.get("/cut")


@pytest.mark.parametrize("target", ["/../secret", "/a/../../secret", "*"])
def test_no_way_out_of_the_base(gateway, target):
    url = httpx.URL(gateway.url).join("/")
    request = httpx.Request("OPTIONS", url, extensions={"target": target.encode()})
    assert gateway.client.send(request).status_code == 400


def test_health_and_an_upstream_that_is_away(serve):
    gateway = serve("examples.gateway:app", UPSTREAM=f"http://127.0.0.1:{unused_port()}")
    assert gateway.client.get("/healthz").text == "ok\n"
    response = gateway.client.get("/")
    assert (response.status_code, response.text) == (502, "the upstream cannot be reached\n")


def test_an_upstream_that_is_silent(serve, upstream):
    gateway = serve("examples.gateway:app", UPSTREAM=upstream.url, UPSTREAM_TIMEOUT="0.1")
    response = gateway.client.get("/silent")
    assert (response.status_code, response.text) == (
        504,
        "the upstream did not answer in time\n",
    )


def test_the_limit_is_for_all_but_the_health_check(serve, upstream):
    gateway = serve("examples.gateway:app", UPSTREAM=upstream.url, RATE="0.001", BURST="2")
    assert [gateway.client.get("/").status_code for _ in range(3)] == [200, 200, 429]
    assert gateway.client.get("/healthz").status_code == 200
    assert 990 <= int(gateway.client.get("/").headers["retry-after"]) <= 1000


def test_websockets_are_refused(gateway):
    with pytest.raises(InvalidStatus) as refusal, connect(gateway.url.replace("http", "ws", 1)):
        pass
    assert refusal.value.response.status_code == 403
