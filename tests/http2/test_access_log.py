"""Every stream has one line in the access log, however it ends; a WebSocket has two."""

import pytest
from http1.access_log import Log
from http1.apps import Gated, answer, body, read, start

from .peer import CANCEL, Peer, fixture_loop, fixture_serve

__all__ = ["fixture_loop", "fixture_serve"]

ROOT = "GET / HTTP/2"
CLOSE_1000 = b"\x88\x82\0\0\0\0\x03\xe8"


async def reader(scope, receive, send):
    if await read(receive) is not None:
        await answer(send)


REFUSALS = {
    "a lower-case method": ({"method": b"get"}, {}, "get /a?b HTTP/2", 501),
    "a tunnel": (
        {"method": b"CONNECT", "fields": ((b":protocol", b"other"),)},
        {},
        "CONNECT /a?b HTTP/2",
        501,
    ),
    "a large body": ({"method": b"POST", "data": b"a" * 99}, {"limit_body": 9}, "POST /a?b", 413),
    "large fields": ({"fields": ((b"a", b"a" * 2000),)}, {"limit_field": 1000}, "GET /a?b", 431),
    "a long target": ({}, {"limit_request_line": 64}, f"GET /{'a' * 100} HTTP/2", 414),
    "a longer target": ({"path": b"/" + b"a" * 9000}, {}, f"GET /{'a' * 251}", 414),
    "two hosts": ({"path": b"/a%00?b", "fields": ((b"host", b"x"),)}, {}, "GET /a%00?b", 400),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal(serve, name):
    request, options, line, status = REFUSALS[name]
    request = {**request}
    fields = request.pop("fields", ())
    path = request.pop("path", b"/" + b"a" * 100 if status == 414 else b"/a?b")
    log = Log()
    peer = Peer(serve(reader, log=log, **options))
    assert peer.get(path, *fields, **request).status == status
    ((logged, found),) = log.lines
    assert (logged[: len(line)], found) == (line, status)
    assert len(logged) <= 256  # as over HTTP/1
    assert log.entries[0].client == "127.0.0.1:50000"


def test_a_body_that_does_not_arrive_in_time(serve, loop):
    log = Log()
    peer = Peer(serve(reader, log=log, timeout_body=5))
    number = peer.request(method=b"POST", data=b"a", end=False)
    peer.settle()
    loop.advance(20)
    peer.settle()
    assert peer.answers[number].status == 408
    assert log.lines == [("POST / HTTP/2", 408)]


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("leave", ["stream", "connection"])
def test_a_client_that_left(serve, loop, leave, begun):
    async def app(scope, receive, send):
        await receive()
        if begun:
            await send(start(200))
            await send(body(b"abc", more=True))
        message = await receive()
        assert message["type"] == "http.disconnect"

    log = Log(timed=True)
    peer = Peer(serve(app, log=log))
    number = peer.request()
    peer.settle()
    if leave == "stream":
        peer.session.reset(number, CANCEL)
        peer.settle()
    else:
        peer.transport.reset()
        loop.settle()
    assert log.lines == [(ROOT, 499)]
    assert log.entries[0].length == (3 if begun else 0)
    assert log.entries[0].elapsed > 0


def test_a_client_that_left_and_an_app_that_goes_on(serve, loop):
    log = Log()
    app = Gated()
    peer = Peer(serve(app, log=log))
    number = peer.request()
    peer.settle()
    peer.session.reset(number, CANCEL)
    peer.settle()
    app.gate.set()
    peer.settle()
    assert log.lines == [(ROOT, 499)]


def test_too_many_requests(serve):
    log = Log()
    app = Gated()
    peer = Peer(serve(app, log=log, limit_concurrency=1))
    peer.request()
    peer.request(b"/more")
    peer.settle()
    assert log.lines == [("GET /more HTTP/2", 503)]
    app.gate.set()
    peer.settle()
    assert log.lines[1:] == [(ROOT, 200)]


def test_the_client_that_a_proxy_names(serve):
    log = Log()
    peer = Peer(serve(reader, log=log, forwarded_allow_ips="127.0.0.1"))
    peer.get(b"/", (b"x-forwarded-for", b"192.0.2.1"))
    peer.get(b"/")
    assert [entry.client for entry in log.entries] == ["192.0.2.1:0", "127.0.0.1:50000"]


async def echo(scope, receive, send):
    await receive()
    if scope["query_string"] == b"refuse":
        await send({"type": "websocket.close"})
        return
    await send({"type": "websocket.accept"})
    while (await receive())["type"] != "websocket.disconnect":
        pass


@pytest.mark.parametrize("end", ["close", "reset"])
def test_a_websocket(serve, loop, end):
    log = Log()
    peer = Peer(serve(echo, log=log))
    number = peer.websocket()
    peer.settle()
    if end == "close":
        peer.data(number, CLOSE_1000, end=True)
        peer.settle()
    else:
        peer.session.reset(number, CANCEL)
        peer.settle()
    loop.advance(20)
    code = 1000 if end == "close" else 1006
    assert log.lines == [("WebSocket / HTTP/2", 200), ("WebSocket / HTTP/2", code)]
    assert [entry.websocket for entry in log.entries] == ["accepted", "closed"]


def test_a_websocket_that_is_refused(serve):
    log = Log()
    peer = Peer(serve(echo, log=log))
    fields = (b":protocol", b"websocket"), (b"sec-websocket-version", b"13")
    answered = peer.get(b"/?refuse", *fields, method=b"CONNECT", end=False)
    assert answered.status == 403
    assert log.lines == [("CONNECT /?refuse HTTP/2", 403)]
