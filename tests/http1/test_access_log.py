"""Every request has one line in the access log, however it ends; a WebSocket has two."""

import pytest

from .access_log import Log
from .apps import CHUNKED, GET, HANDSHAKE, Gated, answer, body, get, read, sized, start
from .client import client_of

ROOT = "GET / HTTP/1.1"
WS = "WebSocket /ws HTTP/1.1"
CLOSE_1000 = b"\x88\x82\0\0\0\0\x03\xe8"


async def reader(scope, receive, send):
    if scope["type"] == "http" and await read(receive) is not None:
        await answer(send)


REFUSALS = {
    "no HTTP": (b"\x16\x03\x01\0\xa5\x01\0\0\xa1\r\n\r\n", {}, r"\x16\x03\x01\x00\xa5", 400),
    "no host": (b"GET /a?b HTTP/1.1\r\n\r\n", {}, "GET /a?b HTTP/1.1", 400),
    "a bad field": (b"GET /a HTTP/1.1\r\nHost : h\r\n\r\n", {}, "GET /a HTTP/1.1", 400),
    "a bad target": (b"GET /\x01 HTTP/1.1\r\nHost: h\r\n\r\n", {}, r"GET /\x01 HTTP/1.1", 400),
    "a long target": (
        get(b"/" + b"a" * 9000),
        {},
        f"GET /{'a' * 251}",
        414,
    ),
    "large fields": (
        b"GET /a HTTP/1.1\r\nHost: h\r\nA: " + b"a" * 2000 + b"\r\n\r\n",
        {"limit_field": 1000},
        "GET /a HTTP/1.1",
        431,
    ),
    "an unknown method": (b"get / HTTP/1.1\r\nHost: h\r\n\r\n", {}, "get / HTTP/1.1", 501),
    "a tunnel": (b"CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n", {}, "CONNECT h:1 HTTP/1.1", 501),
    "a new version": (b"GET / HTTP/3.0\r\nHost: h\r\n\r\n", {}, "GET / HTTP/3.0", 505),
    "a large body": (sized(2000), {"limit_body": 1000}, "POST / HTTP/1.1", 413),
    "a broken body": (CHUNKED + b"x\r\n", {}, "POST / HTTP/1.1", 400),
    "a bad handshake": (
        HANDSHAKE.replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"?"),
        {},
        "GET /ws HTTP/1.1",
        400,
    ),
}


@pytest.mark.parametrize("pieces", ["whole", "byte by byte"])
@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal(serve, parser, name, pieces):
    data, options, line, status = REFUSALS[name]
    log = Log()
    served = serve(reader, log=log, **options)
    transport = served.connect()
    if pieces == "whole":
        transport.send(data)
    else:
        transport.send(*(data[i : i + 1] for i in range(len(data))))
    served.loop.settle()
    assert b" %d " % status in transport.received[:20]
    ((logged, found),) = log.lines
    assert found == status
    assert logged.startswith(line) or (pieces != "whole" and logged and line.startswith(logged))
    (entry,) = log.entries
    assert entry.client == "127.0.0.1:50000"
    assert entry.method.isalpha() or entry.method == "-"


def test_a_refusal_after_others_of_the_same_read(serve):
    log = Log()
    served = serve(reader, log=log)
    served.connect().send(GET + get(b"/a") + b"GET /b HTTP/1.1\r\n\r\n")
    served.loop.settle()
    assert log.lines == [(ROOT, 200), ("GET /a HTTP/1.1", 200), ("GET /b HTTP/1.1", 400)]


def test_a_head_that_does_not_arrive_in_time(serve, loop):
    log = Log()
    served = serve(reader, log=log, timeout_head=5)
    served.connect()
    served.connect().send(b"GET /slow?x HT")
    loop.advance(20)
    assert log.lines == [("GET /slow?x HT", 408)]
    (entry,) = log.entries
    assert (entry.method, entry.path, entry.query, entry.version) == ("GET", b"/slow", b"x", "-")


def test_a_body_that_does_not_arrive_in_time(serve, loop):
    log = Log()
    served = serve(reader, log=log, timeout_body=5)
    served.connect().send(sized(10, b"a"))
    loop.advance(20)
    assert log.lines == [("POST / HTTP/1.1", 408)]


def test_too_many_requests(serve, loop):
    log = Log()
    app = Gated()
    served = serve(app, log=log, limit_concurrency=1)
    served.connect().send(GET)
    loop.settle()
    served.connect().send(get(b"/more"))
    loop.settle()
    assert log.lines == [("GET /more HTTP/1.1", 503)]
    app.gate.set()
    loop.settle()
    assert log.lines[1:] == [(ROOT, 200)]


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("leave", ["leave", "reset"])
def test_a_client_that_left(serve, loop, leave, begun):
    async def app(scope, receive, send):
        await receive()
        if begun:
            await send(start(200))
            await send(body(b"abc", more=True))
        message = await receive()
        assert message["type"] == "http.disconnect"

    log = Log(timed=True)
    served = serve(app, log=log)
    transport = served.connect()
    transport.send(get(b"/left"))
    loop.settle()
    getattr(transport, leave)()
    loop.advance(3)
    assert log.lines == [("GET /left HTTP/1.1", 499)]
    (entry,) = log.entries
    assert entry.length == (3 if begun else 0)
    assert entry.elapsed > 0


def test_a_client_that_left_and_an_app_that_goes_on(serve, loop):
    """Its line is written when the client leaves, and once."""
    log = Log()
    app = Gated()
    served = serve(app, log=log)
    transport = served.connect()
    transport.send(GET)
    loop.settle()
    transport.reset()
    loop.settle()
    assert log.lines == [(ROOT, 499)]
    app.gate.set()
    loop.advance(3)
    assert log.lines == [(ROOT, 499)]
    assert served.service.served == 0


def test_an_app_that_fails(serve, loop):
    async def app(scope, receive, send):
        if scope["path"] == "/begun":
            await send(start(200))
            await send(body(b"abc", more=True))
        raise ValueError

    log = Log()
    served = serve(app, log=log)
    served.connect().send(GET)
    served.connect().send(get(b"/begun"))
    loop.settle()
    assert log.lines == [(ROOT, 500), ("GET /begun HTTP/1.1", 200)]


def test_response_fields_are_kept_when_asked_for(serve, loop):
    async def app(scope, receive, send):
        fields = ((name, b"1") for name in (b"X-A", b"x-b"))
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send(body(b"ok"))

    for log in (Log(), Log(wants_response_headers=True)):
        served = serve(app, log=log)
        transport = served.connect()
        transport.send(GET)
        assert client_of(transport).response().get(b"x-a") == b"1"
        kept = [(b"X-A", b"1"), (b"x-b", b"1")] if log.wants_response_headers else None
        assert log.entries[0].response_headers == kept
        assert (b"host", b"h") in log.entries[0].headers


def test_a_log_that_fails_breaks_nothing(serve, loop, caplog):
    class Broken(Log):
        def record(self, entry):
            raise ValueError

    served = serve(reader, log=Broken())
    transport = served.connect()
    transport.send(GET)
    assert client_of(transport).response().status == 200
    assert [record.message for record in caplog.records] == ["the access log failed"]


# WebSockets


async def echo(scope, receive, send):
    await receive()
    if scope["query_string"] == b"refuse":
        await send({"type": "websocket.close"})
        return
    if scope["query_string"] == b"fail":
        raise ValueError
    if scope["query_string"] == b"wait":
        assert (await receive())["type"] == "websocket.disconnect"
        return
    await send({"type": "websocket.accept"})
    if scope["query_string"] == b"close":
        await send({"type": "websocket.close", "code": 3000})
    while (await receive())["type"] != "websocket.disconnect":
        pass


def handshake(query=b""):
    return HANDSHAKE.replace(b"/ws", b"/ws?" + query if query else b"/ws")


def test_a_websocket(serve, loop):
    log = Log()
    served = serve(echo, log=log)
    transport = served.connect()
    transport.send(handshake())
    loop.settle()
    assert log.lines == [(WS, 101)]
    assert [entry.websocket for entry in log.entries] == ["accepted"]
    transport.send(CLOSE_1000)
    transport.send_end()
    loop.advance(3)
    assert log.lines == [(WS, 101), (WS, 1000)]
    assert log.entries[1].websocket == "closed"
    assert log.entries[1].elapsed >= 0
    assert log.entries[1].headers is None  # an open WebSocket holds no more than it needs


def test_a_websocket_whose_fields_are_logged(serve, loop):
    log = Log(wants_headers=True)
    served = serve(echo, log=log)
    transport = served.connect()
    transport.send(handshake())
    loop.settle()
    transport.reset()
    loop.settle()
    assert log.lines == [(WS, 101), (WS, 1006)]
    assert (b"host", b"h") in log.entries[1].headers


def test_a_websocket_that_the_app_closes(serve, loop):
    log = Log()
    served = serve(echo, log=log)
    transport = served.connect()
    transport.send(handshake(b"close"))
    loop.settle()
    transport.send_end()
    loop.advance(30)
    assert [status for _, status in log.lines] == [101, 3000]


@pytest.mark.parametrize(("query", "status"), [(b"refuse", 403), (b"fail", 500)])
def test_a_websocket_that_is_refused(serve, loop, query, status):
    log = Log()
    served = serve(echo, log=log)
    served.connect().send(handshake(query))
    loop.settle()
    assert log.lines == [(f"GET /ws?{query.decode()} HTTP/1.1", status)]


def test_a_websocket_whose_client_left_before(serve, loop):
    log = Log()
    served = serve(echo, log=log)
    transport = served.connect()
    transport.send(handshake(b"wait"))
    loop.settle()
    transport.reset()
    loop.settle()
    assert log.lines == [("GET /ws?wait HTTP/1.1", 499)]
