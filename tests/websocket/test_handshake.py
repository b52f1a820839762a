"""The opening handshake, clause by clause: on the head, and over sockets."""

from typing import Any

import pytest

from fastserve.websocket import Refusal, Request, accept, negotiate, read
from fastserve.websocket.handshake import extensions

from .apps import echo
from .cases import HI
from .client import KEY, Client, head

Headers = list[tuple[bytes, bytes]]

GOOD = {
    "host": ["localhost"],
    "upgrade": ["websocket"],
    "connection": ["Upgrade"],
    "sec-websocket-version": ["13"],
    "sec-websocket-key": [KEY],
}


def headers(changes: dict[str, list[str]]) -> Headers:
    fields = GOOD | changes
    return [(n.encode(), v.encode()) for n, values in fields.items() for v in values]


ACCEPTED: dict[str, dict[str, list[str]]] = {
    "4.2.1-as-in-the-rfc": {},
    "4.2.1-upgrade-in-capitals": {"upgrade": ["WebSocket"]},
    "4.2.1-upgrade-among-others": {"upgrade": ["h2c, websocket"]},
    "4.2.1-connection-among-others": {"connection": ["keep-alive, Upgrade"]},
    "4.2.1-connection-in-two-fields": {"connection": ["keep-alive", "UPGRADE"]},
    "4.2.1-connection-with-empty-elements": {"connection": [", ,upgrade,"]},
    "4.2.1-origin": {"origin": ["https://example.org"]},
    "4.2.1-content-length-0": {"content-length": ["0"]},
    "4.2.1-other-fields": {"cookie": ["a=b"], "authorization": ["Basic eA=="]},
    "9.1-unknown-extension": {"sec-websocket-extensions": ["x-wonder; a=1; b"]},
    "9.1-quoted-parameter": {"sec-websocket-extensions": ['x-wonder; a="1"']},
    "9.1-empty-extensions": {"sec-websocket-extensions": [""]},
}

REFUSED: dict[str, tuple[int, dict[str, list[str]]]] = {
    "4.2.1-no-host": (400, {"host": []}),
    "4.2.1-two-hosts": (400, {"host": ["a", "b"]}),
    "4.2.1-no-upgrade": (400, {"upgrade": []}),
    "4.2.1-other-upgrade": (400, {"upgrade": ["h2c"]}),
    "4.2.1-upgrade-inside-a-word": (400, {"upgrade": ["websockets"]}),
    "4.2.1-no-connection": (400, {"connection": []}),
    "4.2.1-connection-keep-alive": (400, {"connection": ["keep-alive"]}),
    "4.2.1-connection-inside-a-word": (400, {"connection": ["upgraded"]}),
    "4.2.1-no-key": (400, {"sec-websocket-key": []}),
    "4.2.1-empty-key": (400, {"sec-websocket-key": [""]}),
    "4.2.1-two-keys": (400, {"sec-websocket-key": [KEY, KEY]}),
    "4.2.1-short-key": (400, {"sec-websocket-key": ["dGhlIHNhbXBsZQ=="]}),
    "4.2.1-long-key": (400, {"sec-websocket-key": ["dGhlIHNhbXBsZSBub25jZSE="]}),
    "4.2.1-key-not-base64": (400, {"sec-websocket-key": ["dGhlIHNhbXBsZSBub25j*Q=="]}),
    "4.2.1-key-without-padding": (400, {"sec-websocket-key": [KEY.rstrip("=")]}),
    "4.2.1-key-with-a-space": (400, {"sec-websocket-key": [KEY[:8] + " " + KEY[8:]]}),
    "4.2.1-body": (400, {"content-length": ["5"]}),
    "4.2.1-chunked-body": (400, {"transfer-encoding": ["chunked"]}),
    "4.4-no-version": (426, {"sec-websocket-version": []}),
    "4.4-version-8": (426, {"sec-websocket-version": ["8"]}),
    "4.4-version-7-among-others": (426, {"sec-websocket-version": ["13, 8"]}),
    "4.4-version-twice": (426, {"sec-websocket-version": ["13", "13"]}),
    "4.4-version-with-zero": (426, {"sec-websocket-version": ["013"]}),
    "4.1-subprotocol-twice": (400, {"sec-websocket-protocol": ["chat, chat"]}),
    "4.1-subprotocol-not-a-token": (400, {"sec-websocket-protocol": ["a b"]}),
    "9.1-extension-not-a-token": (400, {"sec-websocket-extensions": ["a b"]}),
    "9.1-extension-without-a-name": (400, {"sec-websocket-extensions": ["; a=1"]}),
    "9.1-parameter-without-a-name": (400, {"sec-websocket-extensions": ["a; =1"]}),
    "9.1-parameter-without-a-value": (400, {"sec-websocket-extensions": ["a; b="]}),
    "9.1-quote-open": (400, {"sec-websocket-extensions": ['a; b="1']}),
    "9.1-quoted-not-a-token": (400, {"sec-websocket-extensions": ['a; b="1 2"']}),
}


@pytest.mark.parametrize("changes", ACCEPTED.values(), ids=ACCEPTED)
def test_accepted(changes: dict[str, list[str]]) -> None:
    assert read("GET", "1.1", headers(changes)).key == KEY.encode()
    assert read(b"GET", "1.1", headers(changes)).key == KEY.encode()


# RFC 6455 4.4 and RFC 9110 15.5.22
UPGRADE = [
    (b"sec-websocket-version", b"13"),
    (b"upgrade", b"websocket"),
    (b"connection", b"upgrade"),
]


@pytest.mark.parametrize(("status", "changes"), REFUSED.values(), ids=REFUSED)
def test_refused(status: int, changes: dict[str, list[str]]) -> None:
    with pytest.raises(Refusal) as refusal:
        read("GET", "1.1", headers(changes))
    assert refusal.value.status == status
    assert list(refusal.value.headers) == (UPGRADE if status == 426 else [])


@pytest.mark.parametrize("method", ["POST", "HEAD", "get", "CONNECT"])
def test_4_1_the_method_is_get(method: str) -> None:
    with pytest.raises(Refusal) as refusal:
        read(method, "1.1", headers({}))
    assert refusal.value.status == 400


def test_rfc_8441_5_over_http_2_there_is_no_key() -> None:
    fields = [(b"host", b"h"), (b"sec-websocket-version", b"13"), (b"sec-websocket-protocol", b"a")]
    request = read("CONNECT", "2", fields)
    assert request.key is None
    assert request.subprotocols == ["a"]
    assert accept(request, "a", None, []) == [(b"sec-websocket-protocol", b"a")]
    with pytest.raises(Refusal) as refusal:
        read("CONNECT", "2", fields[:1])
    assert refusal.value.status == 400
    assert refusal.value.headers == ((b"sec-websocket-version", b"13"),)


@pytest.mark.parametrize("version", ["1.0", "3", "1.2"])
def test_4_1_the_version_is_http_1_1(version: str) -> None:
    with pytest.raises(Refusal) as refusal:
        read("GET", version, headers({}))
    assert refusal.value.status == 400


def test_4_1_subprotocols_are_in_the_client_s_order() -> None:
    fields = headers({"sec-websocket-protocol": ["chat, superchat", "v10.stomp"]})
    assert read("GET", "1.1", fields).subprotocols == ["chat", "superchat", "v10.stomp"]


def test_9_1_extensions_are_in_the_client_s_order() -> None:
    value = 'foo, bar; baz=2;on , foo; q="x"'
    fields = headers({"sec-websocket-extensions": [value]})
    assert read("GET", "1.1", fields).extensions == [
        ("foo", []),
        ("bar", [("baz", "2"), ("on", None)]),
        ("foo", [("q", "x")]),
    ]


# What the server answers

REQUEST = Request(KEY.encode(), ["chat", "superchat"], [])


def test_4_2_2_accept_is_the_rfc_s_example() -> None:
    assert accept(REQUEST, "chat", "x-ext; a=1", [(b"X-Own", b"1")]) == [
        (b"sec-websocket-accept", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        (b"sec-websocket-protocol", b"chat"),
        (b"sec-websocket-extensions", b"x-ext; a=1"),
        (b"X-Own", b"1"),
    ]


@pytest.mark.parametrize(
    "name",
    [
        b"Connection",
        b"Upgrade",
        b"Sec-WebSocket-Accept",
        b"Sec-WebSocket-Protocol",
        b"Sec-WebSocket-Extensions",
        b"Content-Length",
        b"Transfer-Encoding",
    ],
)
def test_the_handshake_s_own_fields_are_not_the_app_s(name: bytes) -> None:
    with pytest.raises(ValueError, match=name.decode()):
        accept(REQUEST, None, None, [(name, b"x")])


def test_4_2_2_a_subprotocol_must_have_been_offered() -> None:
    with pytest.raises(ValueError, match="was not offered"):
        accept(REQUEST, "other", None, [])


# RFC 7692 7.1: what is agreed on

AGREED = {
    "7692-7-none": ("", None),
    "7692-7-other": ("x-webkit-deflate-frame", None),
    "7692-7-plain": ("permessage-deflate", "permessage-deflate"),
    "7692-7-after-others": ("x-other, permessage-deflate", "permessage-deflate"),
    "7692-7.1.1.1": ("permessage-deflate; server_no_context_takeover",) * 2,
    "7692-7.1.1.2": ("permessage-deflate; client_no_context_takeover",) * 2,
    "7692-7.1.2.1": (
        "permessage-deflate; server_max_window_bits=10",
        "permessage-deflate; server_max_window_bits=10",
    ),
    "7692-7.1.2.1-more-than-ours": (
        "permessage-deflate; server_max_window_bits=15",
        "permessage-deflate; server_max_window_bits=12",
    ),
    "7692-7.1.2.1-quoted": (
        'permessage-deflate; server_max_window_bits="9"',
        "permessage-deflate; server_max_window_bits=9",
    ),
    "7692-7.1.2.2-as-browsers": (
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; client_max_window_bits=12",
    ),
    "7692-7.1.2.2-with-a-value": (
        "permessage-deflate; client_max_window_bits=9",
        "permessage-deflate; client_max_window_bits=9",
    ),
    "7692-7.1.2.2-eight": (
        "permessage-deflate; client_max_window_bits=8",
        "permessage-deflate; client_max_window_bits=8",
    ),
    "7692-7.1-all": (
        "permessage-deflate; client_max_window_bits=11; server_max_window_bits=13; "
        "client_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
        "server_max_window_bits=12; client_max_window_bits=11",
    ),
    "7692-5.1-the-second-will-do": (
        "permessage-deflate; server_max_window_bits=8, permessage-deflate",
        "permessage-deflate",
    ),
    "7692-7.1.2.1-eight-is-not-zlib-s": ("permessage-deflate; server_max_window_bits=8", None),
    "7692-7.1.2.1-without-a-value": ("permessage-deflate; server_max_window_bits", None),
    "7692-7.1.2.1-too-small": ("permessage-deflate; server_max_window_bits=7", None),
    "7692-7.1.2.1-too-large": ("permessage-deflate; server_max_window_bits=16", None),
    "7692-7.1.2.1-leading-zero": ("permessage-deflate; server_max_window_bits=010", None),
    "7692-7.1.2.2-not-a-number": ("permessage-deflate; client_max_window_bits=x", None),
    "7692-7.1.1.1-with-a-value": ("permessage-deflate; server_no_context_takeover=1", None),
    "7692-7.1.1.2-with-a-value": ("permessage-deflate; client_no_context_takeover=0", None),
    "7692-7.1-unknown-parameter": ("permessage-deflate; x=1", None),
    "7692-7.1-twice": (
        "permessage-deflate; server_max_window_bits=10; server_max_window_bits=10",
        None,
    ),
}


@pytest.mark.parametrize(("offer", "answer"), AGREED.values(), ids=AGREED)
def test_agreed(offer: str, answer: str | None) -> None:
    agreed = negotiate(extensions(offer))
    assert (agreed and agreed[1]) == answer


# Over sockets


# what does not ask for a WebSocket is an HTTP request like any other (RFC 9110 7.8)
ASKING = {k: v for k, v in REFUSED.items() if not {"upgrade", "connection"} & v[1].keys()}


@pytest.mark.parametrize(("status", "changes"), ASKING.values(), ids=ASKING)
def test_refused_over_a_socket(live: Any, status: int, changes: dict[str, list[str]]) -> None:
    lines = b"".join(n + b": " + v + b"\r\n" for n, v in headers(changes))
    request = b"GET / HTTP/1.1\r\n" + lines + b"\r\n"
    with Client(live(echo), request) as client:
        assert client.status == status
        for name, value in UPGRADE:
            assert (b"\r\n%b: %b\r\n" % (name, value) in client.response) == (status == 426)
        client.rest()


@pytest.mark.parametrize("method", [b"POST", b"OPTIONS", b"PUT"])
def test_4_1_the_method_is_get_over_a_socket(live: Any, method: bytes) -> None:
    with Client(live(echo), head().replace(b"GET", method)) as client:
        assert client.status == 400
        assert b"GET" in client.rest()


def test_4_2_2_a_subprotocol_that_was_not_offered_is_500(
    live: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept", "subprotocol": "c"})

    with Client(live(app, lifespan="off"), head(sec_websocket_protocol="a, b")) as client:
        assert client.status == 500
    assert "was not offered" in caplog.text


def test_the_scope(live: Any) -> None:
    scopes = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            scope["state"]["shared"] = 1
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        scopes.append(scope)
        await receive()
        await send({"type": "websocket.accept"})

    request = head(path="/a%20b/%C3%A9?x=1&y=%20", sec_websocket_protocol="a, b")
    with Client(live(app), request) as client:
        client.close()
    (scope,) = scopes
    assert scope.pop("client")[0] == scope.pop("server")[0] == "127.0.0.1"
    assert (b"sec-websocket-key", KEY.encode()) in scope.pop("headers")
    assert scope.pop("asgi") == {"version": "3.0", "spec_version": "2.5"}
    assert scope == {
        "type": "websocket",
        "http_version": "1.1",
        "scheme": "ws",
        "path": "/a b/é",
        "raw_path": b"/a%20b/%C3%A9",
        "query_string": b"x=1&y=%20",
        "root_path": "",
        "subprotocols": ["a", "b"],
        "state": {"shared": 1},
        "extensions": {"websocket.http.response": {}},
    }


@pytest.mark.parametrize("changes", ACCEPTED.values(), ids=ACCEPTED)
def test_accepted_over_a_socket(live: Any, changes: dict[str, list[str]]) -> None:
    lines = b"".join(n + b": " + v + b"\r\n" for n, v in headers(changes))
    with Client(live(echo), b"GET / HTTP/1.1\r\n" + lines + b"\r\n") as client:
        assert client.status == 101
        assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in client.response
        client.close()


def test_what_comes_with_the_head_is_not_lost(live: Any) -> None:
    with Client(live(echo), head() + HI) as client:
        assert client.frame() == (1, b"Hi")
        client.close()
