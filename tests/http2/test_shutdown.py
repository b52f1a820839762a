"""The server stops: GOAWAY in two steps, requests and WebSockets in progress. RFC 9113 6.8"""

import pytest
from http1.apps import Gated, hello, read

from .peer import END_HEADERS, END_STREAM, HEADERS, PING, Peer, fixture_loop, fixture_serve, frame

__all__ = ["fixture_loop", "fixture_serve"]

COARSE = 2
REFUSED_STREAM = 7
GET = b"\x82\x86\x84\x41\x01h"


def test_an_idle_connection(serve, loop):
    served = serve(hello)
    peer = Peer(served)
    assert peer.get().status == 200
    served.service.drain()
    peer.settle()
    assert peer.goaway == 0
    assert not peer.over
    loop.advance(1 + COARSE)
    assert peer.over
    peer.transport.send_end()
    loop.settle()
    assert peer.transport.lost
    assert served.service.idle


@pytest.mark.parametrize("since_sweep", [0.0, 0.5, 0.9])
def test_a_request_on_its_way_has_a_second(serve, loop, since_sweep):
    """However long ago the deadlines were looked at."""
    served = serve(hello)
    peer = Peer(served)
    loop.advance(since_sweep)
    served.service.drain()
    loop.advance(0.99)
    peer.transport.send(frame(HEADERS, END_STREAM | END_HEADERS, 1, GET))
    loop.settle()
    assert b"ok" in peer.transport.received


def test_a_client_that_does_not_close(serve, loop):
    served = serve(hello)
    peer = Peer(served)
    served.service.drain()
    loop.advance(6 + COARSE)
    assert peer.transport.lost


@pytest.mark.parametrize("first", [b"", b"PRI * HTTP/2.0\r\n"])
def test_a_connection_without_its_preface(serve, loop, first):
    served = serve(hello)
    transport = served.connect()
    transport.send(first)
    loop.settle()
    served.service.drain()
    loop.advance(6 + COARSE)
    assert transport.lost


def test_a_request_on_its_way(serve, loop):
    served = serve(hello)
    peer = Peer(served)
    served.service.drain()
    loop.settle()
    peer.transport.send(frame(HEADERS, END_STREAM | END_HEADERS, 1, GET))
    loop.settle()
    assert b"ok" in peer.transport.received


def test_a_request_after_the_last_goaway(serve, loop):
    gated = Gated()
    served = serve(gated)
    peer = Peer(served)
    number = peer.request(b"/gated")
    peer.settle()
    served.service.drain()
    loop.advance(1 + COARSE)
    peer.transport.send(frame(HEADERS, END_STREAM | END_HEADERS, number + 2, GET))
    loop.settle()
    assert gated.calls == ["/gated"]
    gated.gate.set()
    peer.settle()
    assert peer.answers[number].body == b"/gated"
    assert peer.over


def test_requests_in_progress(serve, loop):
    gated = Gated()
    served = serve(gated)
    peer = Peer(served)
    numbers = [peer.request() for _ in range(3)]
    peer.settle()
    served.service.drain()
    loop.advance(20)
    assert not peer.over
    gated.gate.set()
    peer.settle()
    assert [peer.answers[number].status for number in numbers] == [200] * 3
    assert peer.over


def test_an_app_is_told_before_it_is_cancelled(serve, loop):
    async def app(scope, receive, send):
        assert await read(receive) is not None
        told.append((await receive())["type"])
        await hello(scope, receive, send)

    told = []
    served = serve(app)
    peer = Peer(served)
    number = peer.request()
    peer.settle()
    served.service.drain()
    served.service.warn()
    peer.settle()
    assert told == ["http.disconnect"]
    assert peer.answers[number].status == 200


def test_an_abort(serve, loop):
    gated = Gated()
    served = serve(gated)
    peer = Peer(served)
    for _ in range(3):
        peer.request()
    peer.websocket()
    peer.settle()
    served.service.abort()
    loop.settle()
    assert peer.transport.lost
    assert gated.ends == ["CancelledError"] * 4
    assert served.service.idle


async def websocket(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        pass
    assert message["code"] == 1012


@pytest.mark.parametrize("answers", [True, False])
def test_a_websocket_in_progress(serve, loop, answers):
    served = serve(websocket)
    peer = Peer(served)
    number = peer.websocket()
    peer.settle()
    served.service.drain()
    peer.settle()
    assert b"\x88" in peer.answers[number].body
    if answers:
        peer.data(number, b"\x88\x82\0\0\0\0\x03\xe8", end=True)
        peer.settle()
        loop.advance(1 + COARSE)
        peer.settle()
    else:
        loop.advance(10 + 2 * COARSE)
        peer.settle()
        assert peer.answers[number].code is not None
    assert peer.over


def test_a_websocket_that_begins_meanwhile(serve, loop):
    """RFC 9113 8.7: the client may send it again, to another server."""
    served = serve(websocket)
    peer = Peer(served)
    number = peer.websocket()
    begun = peer.session.take()
    served.service.drain()
    peer.transport.send(begun)
    peer.settle()
    assert peer.answers[number].status is None
    assert peer.answers[number].code == REFUSED_STREAM


def test_a_websocket_whose_app_has_not_begun(serve, loop):
    """The stop comes in the turn of the handshake; nobody has acted on it, so it is no 503."""
    begun = []

    async def app(scope, receive, send):
        begun.append(scope)

    served = serve(app)
    peer = Peer(served)
    number = peer.websocket()
    peer.transport.send(peer.session.take())
    while not served.service.websockets:
        loop.turn()
    served.service.drain()
    peer.settle()
    assert peer.answers[number].status is None
    assert peer.answers[number].code == REFUSED_STREAM
    assert not begun


def test_a_drain_after_an_error_of_the_client_s(serve, loop):
    """The GOAWAY of the error waits: the client does not read."""
    gated = Gated()

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x" * 300_000})

    served = serve(app)
    peer = Peer(served, window=1 << 20, room=0)
    peer.request()
    peer.transport.send(peer.session.take() + frame(PING, payload=b"short"))
    loop.settle()
    served.service.drain()
    loop.advance(3)
    served.service.drain()
    peer.transport.take()
    loop.settle()
    assert peer.over
    gated.gate.set()


def test_half_closed_clients_get_their_answers(serve, loop):
    gated = Gated()
    served = serve(gated)
    peer = Peer(served)
    number = peer.request()
    peer.settle()
    peer.transport.send_end()
    loop.settle()
    gated.gate.set()
    peer.settle()
    assert peer.answers[number].status == 200
    assert peer.transport.lost


@pytest.mark.parametrize("congested", [False, True])
def test_a_half_closed_client_whose_body_never_ends(serve, loop, congested):
    ends = []

    async def app(scope, receive, send):
        if scope["method"] == "GET":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"x" * 300_000})
        else:
            ends.append(await read(receive))

    served = serve(app, timeout_body=0.0)
    peer = Peer(served, window=1 << 20, room=0 if congested else None)
    if congested:
        peer.request()
        peer.settle()
    peer.request(method=b"POST", data=b"abc", end=False)
    peer.send()
    peer.transport.send_end()
    loop.settle()
    peer.transport.take()
    peer.settle()
    assert ends == [None]
    peer.transport.reset()
    loop.settle()


def test_a_connection_that_ends_by_an_error_tells_its_apps_at_once(serve, loop):
    told = []

    async def app(scope, receive, send):
        await receive()
        told.append((await receive())["type"])

    peer = Peer(serve(app))
    peer.request()
    peer.settle()
    peer.transport.send(frame(PING, payload=b"short"))
    loop.settle()
    assert told == ["http.disconnect"]
    assert not peer.transport.lost
    loop.advance(5)


def test_limit_max_requests_counts_each_request(serve):
    served = serve(hello)
    peer = Peer(served)
    for _ in range(7):
        peer.get()
    peer.get(b"/", method=b"HEAD")
    assert served.service.served == 8
