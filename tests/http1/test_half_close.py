"""Clients that end their side, or go: RFC 9112 9.6."""

import asyncio

import pytest

from .apps import CHUNKED, GET, OLD, POST, Gated, answer, body, get, hello, read, sized, start
from .client import client_of


def test_between_requests_it_closes(serve, loop):
    client = serve(hello).connect()
    reader = client_of(client)
    reader.send(GET)
    reader.response()
    client.send_end()
    loop.settle()
    assert client.lost


def test_before_the_first_byte_it_closes(serve, loop):
    client = serve(hello).connect()
    client.send_end()
    loop.settle()
    assert client.lost
    assert not client.received


@pytest.mark.parametrize("point", range(1, len(GET)))
def test_inside_a_head_nothing_is_called(serve, loop, point):
    gated = Gated()
    client = serve(gated).connect()
    client.send(GET[:point])
    client.send_end()
    loop.settle()
    assert client.lost
    assert not gated.calls


@pytest.mark.parametrize("count", [1, 2, 3])
def test_requests_that_are_there_are_answered(serve, loop, count):
    gated = Gated()
    client = serve(gated).connect()
    paths = [b"/%d" % number for number in range(count)]
    client.send(b"".join(map(get, paths)))
    client.send_end()
    loop.settle()
    assert not client.lost
    gated.gate.set()
    reader = client_of(client)
    for path in paths:
        assert reader.response().body == path
    reader.closed()
    assert client.lost


def test_the_end_may_come_before_the_answer_is_read(serve, loop):
    async def app(scope, receive, send):
        await answer(send, b"x" * 100_000)

    client = serve(app, write_high_water=1000).connect(room=0)
    client.send(GET)
    client.send_end()
    loop.settle()
    assert not client.lost
    reader = client_of(client)
    assert reader.response().body == b"x" * 100_000
    reader.closed()


@pytest.mark.parametrize(
    "request_", [sized(9, b"abc"), CHUNKED + b"9\r\nabc", CHUNKED + b"3\r\nabc\r\n"]
)
def test_a_body_that_ends_early_is_no_body(serve, loop, request_):
    async def app(scope, receive, send):
        bodies.append(await read(receive))

    bodies = []
    client = serve(app).connect()
    client.send(request_)
    loop.settle()
    client.send_end()
    loop.settle()
    assert bodies == [None]
    assert client.lost


def test_an_app_may_still_answer_such_a_request(serve, loop):
    async def app(scope, receive, send):
        assert await read(receive) is None
        await answer(send, b"too short")

    client = serve(app).connect()
    client.send(sized(9, b"abc"))
    client.send_end()
    reader = client_of(client)
    assert reader.response("POST").body == b"too short"
    reader.closed()


def test_one_whose_answer_is_complete_closes_at_once(serve, loop):
    client = serve(hello).connect()
    reader = client_of(client)
    reader.send(sized(9, b"abc"))
    assert reader.response("POST").body == b"ok"
    client.send_end()
    loop.settle()
    assert client.lost


def test_an_app_that_listens_learns_of_it(serve, loop):
    """A moment later: a client that has gone, and not one that only has nothing more to say."""

    async def app(scope, receive, send):
        await receive()
        messages.append(await receive())

    messages = []
    client = serve(app).connect()
    client.send(GET)
    client.send_end()
    loop.settle()
    assert not messages
    loop.advance(2)
    assert messages == [{"type": "http.disconnect"}]
    assert client.lost


@pytest.mark.parametrize("how", ["leave", "reset"])
def test_an_app_that_listens_learns_of_a_client_that_goes(serve, loop, how):
    async def app(scope, receive, send):
        await receive()
        messages.append(await receive())
        messages.append(await receive())

    messages = []
    client = serve(app).connect()
    client.send(GET)
    loop.settle()
    getattr(client, how)()
    loop.advance(2)
    assert messages == [{"type": "http.disconnect"}] * 2
    assert client.lost


@pytest.mark.parametrize("how", ["leave", "reset"])
def test_an_app_that_streams_gets_an_error(serve, loop, how):
    async def app(scope, receive, send):
        await send(start())
        try:
            while True:
                await send(body(b"x", True))
                await asyncio.sleep(0.1)
        except OSError as error:
            errors.append(error)

    errors = []
    served = serve(app)
    client = served.connect()
    client.send(GET)
    loop.advance(1)
    assert not errors
    getattr(client, how)()
    loop.advance(2)
    assert len(errors) == 1
    assert client.lost
    assert served.service.active == 0


def test_a_reset_between_the_segments_of_a_body(serve, loop):
    gated = Gated()
    client = serve(gated).connect()
    client.send(sized(9, b"abc"))
    loop.settle()
    client.reset()
    loop.settle()
    gated.gate.set()
    loop.settle()
    assert client.lost
    assert gated.ends == ["ClientDisconnected"]


def test_a_reset_drops_what_was_read_ahead(serve, loop):
    gated = Gated()
    client = serve(gated).connect()
    client.send(get(b"/1") + get(b"/2"))
    loop.settle()
    client.reset()
    gated.gate.set()
    loop.settle()
    assert gated.calls == ["/1"]


def test_http_1_0_ends_with_its_answer(serve, loop):
    client = serve(hello).connect()
    reader = client_of(client)
    reader.send(OLD)
    assert reader.response().closes
    reader.closed()
    assert client.lost


def test_a_refused_upload_is_read_on_so_that_the_answer_arrives(serve, loop):
    client = serve(hello).connect()
    reader = client_of(client)
    reader.send(POST + b"no colon\r\n\r\n", *[b"x" * 1000] * 100)
    assert reader.response("POST").status == 400
    reader.closed()
    assert not client.lost
    assert not client.backlog
    client.send_end()
    loop.settle()
    assert client.lost
    assert not client.cut_off


def test_nothing_is_written_behind_a_refusal(serve, loop):
    client = serve(hello).connect()
    client.send(GET + b"bad\r\n\r\n" + GET, GET)
    reader = client_of(client)
    assert reader.response().status == 200
    assert reader.response().status == 400
    reader.closed()
