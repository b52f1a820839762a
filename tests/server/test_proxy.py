"""X-Forwarded-For and X-Forwarded-Proto: from trusted proxies only."""

import json

import pytest
from serving import without_stamps
from websockets.sync.client import connect

from fastserve import Config, ConfigError
from fastserve.proxy import Proxies

PROXY = ("10.0.0.1", 4000)


def told(allowed, *headers, scheme="http", client=PROXY):
    scope = {"scheme": scheme, "client": client, "headers": list(headers)}
    Proxies(allowed).apply(scope)
    return scope["scheme"], scope["client"]


def forwarded_for(value):
    return (b"x-forwarded-for", value)


@pytest.mark.parametrize(
    ("allowed", "client", "trusted"),
    [
        ("", PROXY, False),
        ("10.0.0.1", PROXY, True),
        ("10.0.0.2", PROXY, False),
        ("192.0.2.1, 10.0.0.0/8", PROXY, True),
        ("10.0.0.0/8", ("::ffff:10.1.2.3", 1), True),
        ("2001:db8::/32", ("2001:db8::7", 1), True),
        ("*", PROXY, True),
        ("*", None, True),
        ("unix", None, True),
        ("unix", ["/tmp/client", None], True),
        ("unix", PROXY, False),
        ("10.0.0.0/8", None, False),
        ("10.0.0.1", ("not an address", 0), False),
    ],
)
def test_who_is_trusted(allowed, client, trusted):
    assert Proxies(allowed).trust(client) is trusted


@pytest.mark.parametrize(
    ("allowed", "value", "client"),
    [
        ("10.0.0.1", b"192.0.2.7", ("192.0.2.7", 0)),
        ("10.0.0.1", b"192.0.2.7:5000", ("192.0.2.7", 5000)),
        ("10.0.0.1", b"2001:db8::1", ("2001:db8::1", 0)),
        ("10.0.0.1", b"[2001:db8::1]:99", ("2001:db8::1", 99)),
        ("10.0.0.1", b"[2001:db8::1]", ("2001:db8::1", 0)),
        ("10.0.0.1", b"6.6.6.6, 192.0.2.7", ("192.0.2.7", 0)),  # the client's own invention first
        ("10.0.0.0/8", b"6.6.6.6, 192.0.2.7, 10.9.9.9", ("192.0.2.7", 0)),
        ("10.0.0.0/8", b"10.1.1.1, 10.2.2.2", ("10.1.1.1", 0)),
        ("10.0.0.0/8", b"unknown, 10.2.2.2", ("10.2.2.2", 0)),
        ("*", b"6.6.6.6, 192.0.2.7", ("6.6.6.6", 0)),
        ("10.0.0.1", b"unknown", PROXY),
        ("10.0.0.1", b"", PROXY),
        ("10.0.0.1", b"192.0.2.7:http", ("192.0.2.7", 0)),
        ("10.0.0.1", b"192.0.2.7:999999", ("192.0.2.7", 0)),
        ("10.0.0.1", b"\xff\xfe", PROXY),
    ],
)
def test_the_client_is_the_nearest_that_is_not_a_proxy(allowed, value, client):
    assert told(allowed, forwarded_for(value)) == ("http", client)


def test_several_fields_are_one_list():
    fields = [forwarded_for(b"6.6.6.6"), forwarded_for(b"192.0.2.7"), forwarded_for(b"10.0.0.9")]
    assert told("10.0.0.0/8", *fields) == ("http", ("192.0.2.7", 0))


@pytest.mark.parametrize(
    ("value", "scheme"),
    [(b"https", "https"), (b"HTTPS", "https"), (b"wss", "https"), (b"http", "http"),
     (b"https, http", "http"), (b"ftp", "http"), (b"", "http")],
)  # fmt: skip
def test_the_scheme(value, scheme):
    assert told("10.0.0.1", (b"x-forwarded-proto", value)) == (scheme, PROXY)


@pytest.mark.parametrize("value", ["10.0.0.256", "10.0.0.1/8", "proxy.example"])
def test_an_invalid_address_is_an_error(value):
    with pytest.raises(ConfigError, match=value):
        Config("app:app", forwarded_allow_ips=value)


# -- over the wire --------------------------------------------------------------------------------


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        raise RuntimeError
    said = json.dumps([scope["type"], scope["scheme"], scope["client"][0]])
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": said})
        await send({"type": "websocket.close"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": said.encode()})


HEADERS = {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"}
GET = b"GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n\r\n"


@pytest.mark.parametrize(
    ("allowed", "said"),
    [
        ("", ["http", "http", "127.0.0.1"]),
        ("10.0.0.0/8", ["http", "http", "127.0.0.1"]),
        ("127.0.0.0/8", ["http", "https", "192.0.2.7"]),
    ],
)
def test_the_scope(live, allowed, said):
    with live(app, forwarded_allow_ips=allowed).connect() as client:
        for _ in range(2):
            client.send(GET)
            assert json.loads(client.response().body) == said
        client.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")  # nothing of the last request is left
        assert json.loads(client.response().body) == ["http", "http", "127.0.0.1"]


def test_a_websocket(live):
    port = live(app, forwarded_allow_ips="127.0.0.1").server.ports[0]
    with connect(f"ws://127.0.0.1:{port}/", additional_headers=HEADERS) as socket:
        assert json.loads(socket.recv()) == ["websocket", "wss", "192.0.2.7"]


def test_the_access_log_names_the_client(live, capfd):
    server = live(app, forwarded_allow_ips="127.0.0.1", access_log=True)
    with server.connect() as client:
        client.send(GET)
        client.response()
        client.send(b"GET /own HTTP/1.1\r\nHost: h\r\n\r\n")
        client.response()
    server.stop()
    first, second = without_stamps(capfd.readouterr().out.splitlines())
    assert first.startswith("192.0.2.7:0 ")
    assert second.startswith("127.0.0.1:")
