"""What has arrived is read where all connections of a loop have theirs: none reads another's."""

import asyncio
import contextlib
import logging
import threading

import pytest
from live import Live, client_context
from serving import HERE, one_loop
from websocket.cases import BINARY, frame
from websocket.client import head
from wire import WAIT

from fastserve.http1.h11 import H11Port

B, C = b"b" * 5000, b"c" * 5000
FLOOD = b"POST /flood HTTP/1.1\r\nhost: h\r\ncontent-length: 60000\r\n\r\n" + b"z" * 60_000
FILES = {"ssl_certfile": str(HERE / "tls/cert.pem"), "ssl_keyfile": str(HERE / "tls/key.pem")}


class App:
    """`/wait`, and a WebSocket after its first message, wait until all of a flood was received."""

    def __init__(self):
        self.flooded = False
        self.waiting = None
        self.on_wait = self.wait

    async def __call__(self, scope, receive, send):
        if scope["type"] == "websocket":
            await self.websocket(receive, send)
        elif scope["type"] == "http":
            await self.http(scope["path"], receive, send)

    async def http(self, path, receive, send):
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        if path == "/wait":
            await self.on_wait()
        elif path == "/flood":
            self.flooded = True
            if self.waiting is not None:
                self.waiting.set()
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def websocket(self, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        await self.on_wait()
        for _ in range(2):
            message = await receive()
            await send({"type": "websocket.send", "bytes": message["bytes"]})
        await receive()

    async def wait(self):
        self.waiting = asyncio.Event()
        await self.waiting.wait()


@contextlib.contextmanager
def nested_loop():
    """The loop of the current task, which may be run, as nest_asyncio does it."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    asyncio.tasks._leave_task(loop, task)
    yield loop
    asyncio.tasks._enter_task(loop, task)
    for _ in range(100):
        loop.call_soon(int)  # the turn around it has counted what was ready, and will take as many


def run_nested(app):
    """The loop, until all of a flood was received."""
    with nested_loop() as loop:
        while not app.flooded:
            loop._run_once()


class Handover:
    """One thread uses the clients at a time: the test's, the app's, then the test's again."""

    def __init__(self):
        self.to_app, self.to_test = threading.Event(), threading.Event()

    def __enter__(self):
        assert self.to_app.wait(WAIT)

    def __exit__(self, *error):
        self.to_test.set()

    def let_app(self):
        self.to_app.set()
        assert self.to_test.wait(WAIT)


def post(body):
    return b"POST /echo HTTP/1.1\r\nhost: h\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


def echoed(client):
    """The frame of a message of 5,000 bytes."""
    assert client.take(4) == b"\x82\x7e" + (5000).to_bytes(2, "big")
    return client.take(5000)


@pytest.fixture(params=["plain", "TLS"])
def connect(request, combination):
    """`connect(app, *options)`: a server, and what makes clients of it."""
    servers = []

    def serve(app):
        secure = request.param == "TLS"
        server = Live(app, **combination, **(FILES if secure else {}))
        servers.append(server)
        return server, lambda: server.connect(client_context() if secure else None)

    yield serve
    for server in servers:
        assert server.stop() is None


@pytest.fixture
def nestable(combination):
    if combination["loop"] != "asyncio":
        pytest.skip("uvloop cannot run within itself")


@one_loop
@pytest.mark.parametrize("cut", [0, 1, 2600])
def test_requests_that_wait(connect, cut):
    app = App()
    server, client = connect(app)
    requests = b"GET /wait HTTP/1.1\r\nhost: h\r\n\r\n" + post(B) + post(C)
    with client() as first, client() as second:
        first.send(requests[: len(requests) - cut])
        server.turn()
        second.send(FLOOD)
        assert second.response("POST").body == b"z" * 60_000
        first.send(requests[len(requests) - cut :])
        assert [first.response(method).body for method in ("GET", "POST", "POST")] == [b"", B, C]


@one_loop
@pytest.mark.parametrize("cut", [0, 1, 2600, 5005])
def test_messages_that_wait(connect, cut):
    app = App()
    server, client = connect(app)
    with client() as first, client() as second:
        first.send(head())
        assert first.head().status == 101
        frames = frame(BINARY, b"a") + frame(BINARY, B) + frame(BINARY, C)
        first.send(frames[: len(frames) - cut])
        server.turn()
        second.send(FLOOD)
        assert second.response("POST").body == b"z" * 60_000
        first.send(frames[len(frames) - cut :])
        assert [echoed(first), echoed(first)] == [B, C]


@one_loop
@pytest.mark.parametrize("kind", ["requests", "messages"])
def test_an_app_that_runs_a_nested_loop(connect, nestable, kind):
    """The flood is read while what came behind the app's message has yet to be."""
    app = App()
    _, client = connect(app)
    with client() as first, client() as second:

        async def nest():
            second.send(FLOOD)
            run_nested(app)

        app.on_wait = nest
        if kind == "requests":
            first.send(b"GET /wait HTTP/1.1\r\nhost: h\r\n\r\n" + post(B) + post(C))
            answers = [first.response(method).body for method in ("GET", "POST", "POST")]
            assert answers == [b"", B, C]
        else:
            first.send(head())
            assert first.head().status == 101
            first.send(frame(BINARY, b"a") + frame(BINARY, B) + frame(BINARY, C))
            assert [echoed(first), echoed(first)] == [B, C]
        assert second.response("POST").body == b"z" * 60_000


@one_loop
@pytest.mark.parametrize("kind", ["requests", "messages"])
def test_what_comes_while_an_app_runs_a_nested_loop(connect, nestable, kind):
    """All before it was read."""
    app = App()
    _, client = connect(app)
    with client() as first, client() as second:
        more, handover = [], Handover()

        async def nest():
            with handover:
                for piece in more:
                    app.flooded = False
                    first.send(piece)
                    second.send(FLOOD)
                    run_nested(app)

        app.on_wait = nest
        if kind == "requests":
            data = post(B) + post(C)
            more += [data[:5005], data[5005:5100], data[5100:]]
            first.send(b"GET /wait HTTP/1.1\r\nhost: h\r\n\r\n")
            handover.let_app()
            answers = [first.response(method).body for method in ("GET", "POST", "POST")]
            assert answers == [b"", B, C]
        else:
            data = frame(BINARY, B) + frame(BINARY, C)
            more += [data[:5005], data[5005:5100], data[5100:]]
            first.send(head())
            assert first.head().status == 101
            first.send(frame(BINARY, b"a"))
            handover.let_app()
            assert [echoed(first), echoed(first)] == [B, C]
        for _ in more:
            assert second.response("POST").body == b"z" * 60_000


@one_loop
def test_requests_that_wait_while_an_app_runs_a_nested_loop(connect, nestable):
    """All of them in tasks that the loop steps."""
    app = App()
    _, client = connect(app)
    with client() as first, client() as second:

        async def nest():
            await asyncio.sleep(0.001)
            second.send(b"GET /wait HTTP/1.1\r\nhost: h\r\n\r\n" + FLOOD)
            app.on_wait = lambda: asyncio.sleep(0.001)
            run_nested(app)

        app.on_wait = nest
        first.send(b"GET /wait HTTP/1.1\r\nhost: h\r\n\r\n")
        assert first.response().body == b""
        assert second.response().body == b""
        assert second.response("POST").body == b"z" * 60_000


@one_loop
@pytest.mark.parametrize("kind", ["requests", "messages"])
def test_a_client_that_leaves_while_an_app_runs_a_nested_loop(connect, nestable, kind):
    """Nobody else keeps its connection, which goes on when the app returns: see `make asan`."""
    app = App()
    _, client = connect(app)
    first, handover = client(), Handover()
    with client() as second:

        async def nest():
            with handover:
                first.reset()
                second.send(FLOOD)
                run_nested(app)

        app.on_wait = nest
        if kind == "requests":
            first.send(b"GET /wait HTTP/1.1\r\nhost: h\r\n\r\n" + post(B))
        else:
            first.send(head())
            assert first.head().status == 101
            first.send(frame(BINARY, b"a") + frame(BINARY, B))
        handover.let_app()
        assert second.response("POST").body == b"z" * 60_000


class Stops(logging.Handler):
    def handle(self, record):
        raise SystemExit("the log ends the server")


@one_loop
def test_what_a_websocket_receives_whose_accept_has_failed(combination):
    """The access log has the server stop between the 101 and the app's first message."""
    logger, handler = logging.getLogger("fastserve.access"), Stops()
    logger.addHandler(handler)
    try:
        server = Live(App(), **combination, access_log=True)
        with server.connect() as client:
            client.send(head() + frame(BINARY, b"early"))
            assert client.head().status == 101
            assert client.take(4) == b"\x88\x10\x03\xf3"  # 1011
            assert isinstance(server.wait(), SystemExit)
    finally:
        logger.removeHandler(handler)


class Greedy(H11Port):
    """A port that is wrong."""

    def feed(self, data):
        return super().feed(data) + 1000


@one_loop
def test_a_port_that_consumes_more_than_there_is(caplog):
    server = Live(App(), http=f"{__name__}:Greedy")
    with server.connect() as client:
        client.send(post(B))
        assert not client.more()
    assert server.stop() is None
    assert "has consumed" in caplog.text
