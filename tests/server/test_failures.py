"""What is logged of the app's failures, and what is not the app's failure."""

import logging
import threading

import pytest
from starlette.applications import Starlette
from starlette.responses import StreamingResponse
from starlette.routing import Route

GET = b"GET /path HTTP/1.1\r\nHost: h\r\nTE: trailers\r\nConnection: TE\r\n\r\n"
BODY = {"type": "http.response.body", "body": bytes(1 << 20), "more_body": True}
CALLS = []


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        raise RuntimeError
    function, ended = CALLS[-1]
    try:
        await function(scope, receive, send)
    finally:
        ended.set()


@pytest.fixture
def play(live, caplog):
    """Run one call of a function as the app; the records that it leaves."""
    caplog.set_level(logging.INFO, "fastserve")

    def run(function, reset=False):
        ended = threading.Event()
        CALLS.append((function, ended))
        server = live(app)
        with server.connect() as client:
            client.send(GET)
            if reset:
                client.head()
                client.reset()
            else:
                client.rest() if function is not fine else client.response()
            assert ended.wait(30)
            server.turn()
        return [record for record in caplog.records if record.name == "fastserve"]

    return run


async def start(send):
    await send({"type": "http.response.start", "status": 200, "headers": []})


async def fine(scope, receive, send):
    await start(send)
    await send({"type": "http.response.body", "body": b""})


async def fails(scope, receive, send):
    raise ValueError("mine")


async def fails_inside(scope, receive, send):
    await start(send)
    await send(BODY)
    raise ValueError("mine")


async def returns_early(scope, receive, send):
    await start(send)


async def sends_until_lost(scope, receive, send):
    await start(send)
    while True:
        await send(BODY)


async def hints_until_lost(scope, receive, send):
    while True:
        await send({"type": "http.response.early_hint", "links": [b"</style.css>; rel=preload"]})


async def trailers_until_lost(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [], "trailers": True})
    await send({"type": "http.response.body", "body": b""})
    part = {"type": "http.response.trailers", "headers": [(b"a", b"b")], "more_trailers": True}
    while True:
        await send(part)


async def sends_and_wraps(scope, receive, send):
    """As frameworks do."""
    await start(send)
    try:
        while True:
            await send(BODY)
    except OSError as error:
        raise ValueError("the client has gone") from error


async def fails_after_disconnect(scope, receive, send):
    await start(send)
    await send({**BODY, "body": b"little"})  # a large body may have to wait, and learn it first
    while (await receive())["type"] != "http.disconnect":
        pass
    raise ValueError("mine")


async def endless():
    while True:
        yield bytes(1 << 20)


async def stream(request):
    return StreamingResponse(endless())


async def starlette(scope, receive, send):
    await Starlette(routes=[Route("/path", stream)])(scope, receive, send)


def test_nothing_is_logged_of_what_is_fine(play):
    assert play(fine) == []


@pytest.mark.parametrize("function", [fails, fails_inside])
def test_a_failure_is_logged_once_with_its_traceback(play, function):
    (record,) = play(function)
    assert record.levelno == logging.ERROR
    assert record.getMessage() == "the app failed in GET /path"
    assert str(record.exc_info[1]) == "mine"


def test_an_app_that_says_too_little_has_failed(play):
    (record,) = play(returns_early)
    assert "before its response was complete" in str(record.exc_info[1])


@pytest.mark.parametrize(
    "function",
    [sends_until_lost, hints_until_lost, trailers_until_lost, sends_and_wraps, starlette],
)
def test_a_client_that_goes_is_not_the_apps_failure(play, function):
    assert play(function, reset=True) == []


def test_a_failure_after_the_disconnect_is_one(play):
    (record,) = play(fails_after_disconnect, reset=True)
    assert str(record.exc_info[1]) == "mine"
