"""Apps that fail or are cancelled, in each phase of their answer, at once and after a suspension."""

import asyncio
import logging

import pytest

from fastserve import Config
from fastserve.importer import load
from fastserve.service import make_service

from .apps import GET, HANDSHAKE, answer, body, get, hello, read, sized, start
from .client import client_of
from .transport import Transport

LENGTH = (b"content-length", b"6")


async def nothing(receive, send):
    pass


async def received(receive, send):
    await read(receive)


async def started(receive, send):
    await send(start(201))


async def hinted(receive, send):
    await send({"type": "http.response.early_hint", "links": [b"</a>"]})


async def in_chunks(receive, send):
    await send(start(201))
    await send(body(b"abc", True))


async def in_length(receive, send):
    await send(start(201, LENGTH))
    await send(body(b"abc", True))


async def answered(receive, send):
    await answer(send, b"abc")


async def trailers_due(receive, send):
    await send({**start(201), "trailers": True})
    await send(body(b"abc"))


UNSENT = [nothing, received, started, hinted]  # nothing of the answer has gone out
SENT = [in_chunks, in_length]
FAILURES = [ValueError("no"), OSError("a file"), asyncio.CancelledError(), None]


def again(failure):
    """Another one like it: one that is kept would keep its traceback, and so the connections."""
    return type(failure)(*failure.args)


def failing(phase, failure, suspends):
    """An app that gets so far, and fails so; None: it returns."""

    async def app(scope, receive, send):
        app.calls += 1
        await phase(receive, send)
        if suspends:
            await asyncio.sleep(0.5)
        if failure is not None:
            raise again(failure)

    app.calls = 0
    return app


@pytest.fixture
def errors(caplog):
    """What is logged as an error."""
    return lambda: [record for record in caplog.records if record.levelno >= logging.ERROR]


def name(value):
    return getattr(value, "__name__", None) or type(value).__name__


@pytest.mark.parametrize("suspends", [False, True], ids=["at once", "later"])
@pytest.mark.parametrize("failure", FAILURES, ids=name)
@pytest.mark.parametrize("phase", UNSENT, ids=name)
def test_before_anything_was_sent_it_is_a_500(serve, loop, errors, phase, failure, suspends):
    app = failing(phase, failure, suspends)
    served = serve(app)
    client = served.connect()
    client.send(GET + GET)
    reader = client_of(client)
    response = reader.response()
    assert response.status == 500
    assert response.closes
    reader.closed()
    assert app.calls == 1
    assert served.service.active == 0
    assert len(errors()) == 1
    loop.advance(5)
    assert client.lost


@pytest.mark.parametrize("suspends", [False, True], ids=["at once", "later"])
@pytest.mark.parametrize("failure", FAILURES, ids=name)
@pytest.mark.parametrize("phase", SENT, ids=name)
def test_inside_the_body_the_client_can_tell(serve, loop, errors, phase, failure, suspends):
    """RFC 9112 8: an incomplete answer is not taken for whole."""
    app = failing(phase, failure, suspends)
    served = serve(app)
    client = served.connect()
    client.send(GET + GET)
    reader = client_of(client)
    head = reader.head()
    assert head.status == 201
    with pytest.raises(AssertionError, match="closed"):
        reader.body_of(head, "GET")
    assert app.calls == 1
    assert served.service.active == 0
    assert len(errors()) == 1
    assert client.ended
    client.send_end()
    loop.settle()
    assert client.lost


@pytest.mark.parametrize("suspends", [False, True], ids=["at once", "later"])
@pytest.mark.parametrize("failure", FAILURES, ids=name)
def test_behind_the_answer_nothing_changes(serve, loop, errors, failure, suspends):
    app = failing(answered, failure, suspends)
    served = serve(app)
    client = served.connect()
    client.send(GET + GET)
    reader = client_of(client)
    for _ in range(2):
        response = reader.response()
        assert response.body == b"abc"
        assert not response.closes
    loop.advance(1)
    assert served.service.active == 0
    assert len(errors()) == (0 if failure is None else 2)
    assert not client.lost


def test_trailers_that_do_not_come(serve, loop):
    app = failing(trailers_due, None, True)
    client = serve(app).connect()
    client.send(GET[:-2] + b"TE: trailers\r\n\r\n")
    with pytest.raises(AssertionError, match="closed in a line"):
        client_of(client).response()


@pytest.mark.parametrize("phase", [nothing, received, started, in_chunks, in_length], ids=name)
@pytest.mark.parametrize("how", ["reset", "leave"])
def test_a_failure_of_a_client_that_has_gone_is_logged_once(serve, loop, errors, phase, how):
    served = serve(failing(phase, ValueError("no"), True))
    client = served.connect()
    client.send(GET)
    loop.settle()
    getattr(client, how)()
    loop.advance(3)
    assert client.lost
    assert served.service.active == 0
    assert len(errors()) == 1


@pytest.mark.parametrize("how", ["reset", "leave"])
def test_what_only_says_that_the_client_has_gone_is_not_logged(serve, loop, errors, how):
    async def app(scope, receive, send):
        try:
            await send(start())
            while True:
                await send(body(b"x", True))
                await asyncio.sleep(0.1)
        except OSError as error:
            raise RuntimeError("wrapped") from error

    served = serve(app)
    client = served.connect()
    client.send(GET)
    loop.settle()
    getattr(client, how)()
    loop.advance(3)
    assert client.lost
    assert served.service.active == 0
    assert not errors()


@pytest.mark.parametrize("how", ["reset", "leave"])
def test_who_waits_in_receive_hears_it_before_send_fails_in_another_task(serve, loop, errors, how):
    """Task groups of frameworks end a stream so: the listener cancels the sender."""
    heard = []

    async def app(scope, receive, send):
        await receive()
        await send(start())

        async def stream():
            try:
                while True:
                    await send(body(b"x", True))
                    await asyncio.sleep(0.1)
            except BaseException as error:
                heard.append(type(error).__name__)
                raise

        sender = asyncio.ensure_future(stream())
        heard.append((await receive())["type"])
        sender.cancel()
        await asyncio.wait([sender])

    client = serve(app).connect()
    client.send(GET)
    loop.settle()
    getattr(client, how)()
    loop.advance(3)
    assert heard == ["http.disconnect", "CancelledError"]
    assert not errors()


@pytest.mark.parametrize("first", ["receive", "send"])
def test_who_sends_in_the_turn_of_the_loss_is_cancelled_where_it_waits_next(
    serve, loop, errors, first
):
    """anyio cancels a task that is about to go on only when it waits again."""
    heard = []
    timer = loop.create_future()

    async def app(scope, receive, send):
        await receive()
        await send(start())

        async def stream():
            try:
                await timer
                for _ in range(3):
                    await send(body(b"x", True))
                heard.append("sent")
                await asyncio.sleep(5)
            except BaseException as error:
                heard.append(type(error).__name__)
                raise

        sender = asyncio.ensure_future(stream())
        heard.append((await receive())["type"])
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        sender.cancel()
        await asyncio.wait([sender])
        with pytest.raises(OSError, match="disconnected"):
            await send(body(b"x", True))

    client = serve(app).connect()
    client.send(GET)
    loop.settle()
    client.reset()
    if first == "send":
        loop.call_soon(timer.set_result, None)
    else:
        loop.call_soon(loop.call_soon, timer.set_result, None)
    loop.settle()
    assert sorted(heard) == ["CancelledError", "http.disconnect", "sent"]
    assert not errors()


def test_who_goes_on_sending_learns_that_the_client_has_gone(serve, loop, errors):
    sent = []

    async def app(scope, receive, send):
        await receive()
        await send(start())

        async def stream():
            await gone.wait()
            while True:
                await send(body(b"x", True))
                sent.append(True)

        gone = asyncio.Event()
        sender = asyncio.ensure_future(stream())
        await receive()
        gone.set()
        with pytest.raises(OSError, match="disconnected"):
            await sender

    client = serve(app).connect()
    client.send(GET)
    loop.settle()
    client.reset()
    loop.settle()
    assert 0 < len(sent) < 20
    assert not errors()


def test_who_is_told_that_the_client_has_gone_cannot_send(serve, loop):
    failed = []

    async def app(scope, receive, send):
        await receive()
        assert (await receive())["type"] == "http.disconnect"
        try:
            await send(start())
        except OSError:
            failed.append(True)

    client = serve(app).connect()
    client.send(GET)
    loop.settle()
    client.reset()
    loop.settle()
    assert failed


# -- cancellation


PHASES = [nothing, received, started, in_chunks, in_length, answered]


@pytest.mark.parametrize("phase", PHASES, ids=name)
@pytest.mark.parametrize("waits", ["for an event", "in receive", "in send"])
def test_stopping_cancels_the_app_wherever_it_waits(serve, loop, phase, waits):
    async def app(scope, receive, send):
        try:
            await phase(receive, send)
            if waits == "in receive":
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        break
            elif waits == "in send" and phase in SENT:
                while True:
                    await send(body(b"", True))
                    await asyncio.sleep(1)
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ends.append("cancelled")
            raise
        except OSError:
            ends.append("lost")
            raise

    ends = []
    served = serve(app)
    client = served.connect(room=0)
    client.send(GET)
    loop.advance(2)
    served.service.abort()
    loop.advance(2)
    assert len(ends) == 1
    assert client.lost
    assert served.service.active == 0
    assert served.service.idle


def test_an_app_that_takes_a_cancel_is_left_alone(serve, loop):
    async def app(scope, receive, send):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            asyncio.current_task().uncancel()
        await asyncio.sleep(1)
        ends.append("done")

    ends = []
    served = serve(app)
    served.connect().send(GET)
    loop.settle()
    served.service.abort()
    loop.settle()
    assert served.service.active == 1
    loop.advance(2)
    assert ends == ["done"]
    assert served.service.active == 0


def test_a_cancel_of_ones_own_task_is_a_failure(serve, loop):
    async def app(scope, receive, send):
        asyncio.current_task().cancel()
        await asyncio.sleep(1)

    client = serve(app).connect()
    reader = client_of(client)
    reader.send(GET)
    assert reader.response().status == 500
    reader.closed()


def test_a_timeout_around_receive_and_then_an_answer(serve, loop):
    async def app(scope, receive, send):
        try:
            async with asyncio.timeout(1):
                await read(receive)
        except TimeoutError:
            await answer(send, b"late")

    client = serve(app).connect()
    reader = client_of(client)
    reader.send(sized(9, b"abc"))
    assert reader.response("POST").body == b"late"


def test_a_timeout_loses_no_part_of_the_body(serve, loop):
    async def app(scope, receive, send):
        parts = []
        while True:
            try:
                async with asyncio.timeout(0.3):
                    message = await receive()
            except TimeoutError:
                continue
            parts.append(message["body"])
            if not message["more_body"]:
                break
        await answer(send, b"".join(parts))

    client = serve(app).connect()
    client.send(sized(10))
    for number in range(10):
        loop.advance(0.25)
        client.send(b"%d" % number)
    assert client_of(client).response("POST").body == b"0123456789"


class Call:
    """What an app's call may return: an awaitable that is no coroutine."""

    def __init__(self, scope, receive, send):
        self.receive, self.send = receive, send

    def __await__(self):
        return self.answer().__await__()

    async def answer(self):
        await self.receive()
        await self.send({"type": "websocket.accept", "headers": [(b"x-app", b"a class")]})


def test_a_websocket_app_that_is_a_class(serve, loop):
    served = serve(Call)
    client = served.connect()
    client.send(HANDSHAKE)
    assert client_of(client).head().get(b"x-app") == b"a class"
    client.leave()
    loop.advance(5)
    assert served.service.idle


def test_a_websocket_app_that_returns_nothing_to_await(serve, loop, errors):
    served = serve(lambda scope, receive, send: None)
    client = served.connect()
    client.send(HANDSHAKE)
    assert client_of(client).response().status == 500
    loop.advance(5)
    assert served.service.idle
    assert len(errors()) == 1


@pytest.mark.parametrize("failure", FAILURES, ids=name)
def test_a_websocket_app_that_fails_before_it_accepts(serve, loop, failure):
    """RFC 6455 4.2.2: an HTTP answer, and the connection closes."""

    async def app(scope, receive, send):
        if failure is not None:
            raise again(failure)

    served = serve(app)
    client = served.connect()
    client.send(HANDSHAKE)
    reader = client_of(client)
    assert reader.response().status in (403, 500)
    reader.closed()
    loop.advance(5)
    assert client.lost
    assert served.service.idle


class Lines:
    """An access log that keeps what it is given."""

    timed = wants_headers = wants_response_headers = False

    def __init__(self):
        self.kept = []

    def record(self, entry):
        self.kept.append((entry.method, entry.path, entry.query, entry.version, entry.status))


@pytest.mark.parametrize(("root", "path"), [("", b"/a%20b"), ("/api", b"/api/a%20b")])
def test_the_access_log_has_the_path_that_the_app_has(loop, root, path):
    log = Lines()
    config = Config(hello, root_path=root)
    service = make_service(load(config), config, loop, {}, log)
    service.start()
    client = Transport(loop, service.connection())
    loop.settle()
    client.send(get(b"/a%20b?c"))
    assert client_of(client).response().status == 200
    assert log.kept == [("GET", path, b"c", "1.1", 200)]
    service.abort()
    loop.settle()
    service.stop()
