"""Other people's clients, and other people's frameworks."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import websockets
import websockets.sync.client
import wsproto
from apps import echo
from fastapi import FastAPI
from harness import Config, Running, serving
from starlette.applications import Starlette
from starlette.endpoints import WebSocketEndpoint
from starlette.responses import PlainTextResponse
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from wire import Client
from wsproto import events as ws

MESSAGES: list[str | bytes] = [
    "",
    b"",
    "hello",
    "añ€𝄞",
    bytes(range(256)),
    "x" * 65535,
    b"y" * 65536,
    "añ€𝄞" * 50_000,
    bytes(1_000_000),
]


@pytest.fixture
def server(loop_name: str) -> Iterator[Running]:
    with serving(echo, loop=loop_name) as running:
        yield running


def connect(port: int, **options: Any) -> websockets.sync.client.ClientConnection:
    return websockets.sync.client.connect(f"ws://127.0.0.1:{port}/", max_size=None, **options)


@pytest.mark.parametrize("compression", ["deflate", None])
def test_websockets(server: Running, compression: str | None) -> None:
    with connect(server.port, compression=compression) as client:
        for message in MESSAGES:
            client.send(message)
            assert client.recv(timeout=10) == message
        assert client.ping().wait(10)
        client.send(["in ", "fragments ", "añ€𝄞"])
        assert client.recv(timeout=10) == "in fragments añ€𝄞"
    assert client.close_code == 1000


@pytest.mark.parametrize("server_bits", [9, 12, 15, None])
@pytest.mark.parametrize("client_bits", [8, 9, 15, True, None])
@pytest.mark.parametrize("takeover", [True, False])
def test_websockets_deflate(
    echo_server: Running, server_bits: int | None, client_bits: int | None, takeover: bool
) -> None:
    if client_bits == 8:
        client_bits = 9  # the client's zlib cannot
    offer = ClientPerMessageDeflateFactory(
        server_no_context_takeover=not takeover,
        client_no_context_takeover=not takeover,
        server_max_window_bits=server_bits,
        client_max_window_bits=client_bits,
    )
    with connect(echo_server.port, compression=None, extensions=[offer]) as client:
        assert len(client.protocol.extensions) == 1
        for n in range(5):
            message = f'{{"number": {n}, "text": "some text that comes again"}}' * 50
            client.send(message)
            assert client.recv(timeout=10) == message


def test_websockets_asyncio_many_in_flight(server: Running) -> None:
    async def talk() -> None:
        async with websockets.connect(f"ws://127.0.0.1:{server.port}/") as client:
            messages = [f"{n}" * (n % 90) for n in range(500)]
            for message in messages:
                await client.send(message)
            assert [await client.recv() for _ in messages] == messages

    asyncio.run(talk())


@pytest.mark.parametrize("extensions", [[], ["deflate"]], ids=["plain", "deflate"])
def test_wsproto(server: Running, extensions: list[str]) -> None:
    offered = [wsproto.extensions.PerMessageDeflate() for _ in extensions]
    protocol = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
    request = protocol.send(ws.Request(host="localhost", target="/", extensions=offered))
    with Client(server.port, request) as client:
        protocol.receive_data(client.response)
        (accepted,) = protocol.events()
        assert isinstance(accepted, ws.AcceptConnection)
        assert len(accepted.extensions) == len(extensions)

        def events() -> Iterator[Any]:
            while True:
                protocol.receive_data(client.socket.recv(1 << 16))
                yield from protocol.events()

        incoming = events()
        for message in MESSAGES[:7]:
            client.send(protocol.send(ws.Message(data=message)))
            data = None
            while True:
                event = next(incoming)
                data = event.data if data is None else data + event.data
                if event.message_finished:
                    break
            assert data == message
        client.send(protocol.send(ws.Ping(b"p")))
        assert next(incoming) == ws.Pong(b"p")
        client.send(protocol.send(ws.CloseConnection(1001, "bye")))
        assert next(incoming).code == 1001


# Frameworks


class Counter(WebSocketEndpoint):
    encoding = "json"

    async def on_connect(self, websocket: WebSocket) -> None:
        await websocket.accept(subprotocol="json", headers=[(b"x-own", b"1")])

    async def on_receive(self, websocket: WebSocket, data: Any) -> None:
        await websocket.send_json({"count": len(data)})

    async def on_disconnect(self, websocket: WebSocket, close_code: int) -> None:
        closed.append(close_code)
        done.set()


closed: list[int] = []
done = threading.Event()


async def refuse(websocket: WebSocket) -> None:
    await websocket.close()


async def deny(websocket: WebSocket) -> None:
    await websocket.send_denial_response(PlainTextResponse("not you", 401, {"x-why": "because"}))


async def fail(websocket: WebSocket) -> None:
    await websocket.accept()
    raise LookupError("oh")


async def both_ways(websocket: WebSocket) -> None:
    await websocket.accept()

    async def produce() -> None:
        for n in range(3):
            await websocket.send_text(str(n))

    producer = asyncio.create_task(produce())
    try:
        async for text in websocket.iter_text():
            await websocket.send_text(text.upper())
    finally:
        await producer


APP = Starlette(
    routes=[
        WebSocketRoute("/count", Counter),
        WebSocketRoute("/refuse", refuse),
        WebSocketRoute("/deny", deny),
        WebSocketRoute("/fail", fail),
        WebSocketRoute("/both", both_ways),
    ]
)


@pytest.fixture(scope="module")
def starlette(loop_name: str) -> Iterator[str]:
    with serving(APP, loop=loop_name) as running:
        yield f"ws://127.0.0.1:{running.port}"


def test_starlette_endpoint(starlette: str) -> None:
    done.clear()
    with websockets.sync.client.connect(starlette + "/count", subprotocols=["x", "json"]) as client:
        assert client.subprotocol == "json"
        assert client.response.headers["x-own"] == "1"
        client.send("[1, 2, 3]")
        assert client.recv(timeout=10) == '{"count":3}'
        client.close(4001, "enough")
    assert done.wait(10)
    assert closed[-1] == 4001


def test_starlette_json_that_is_not(starlette: str) -> None:
    with websockets.sync.client.connect(starlette + "/count", subprotocols=["json"]) as client:
        client.send("{")
        with pytest.raises(ConnectionClosedError) as error:
            client.recv(timeout=10)
    assert error.value.rcvd is not None
    assert error.value.rcvd.code == 1003


@pytest.mark.parametrize(("path", "status"), [("/refuse", 403), ("/deny", 401), ("/none", 403)])
def test_starlette_refusals(starlette: str, path: str, status: int) -> None:
    with pytest.raises(InvalidStatus) as error:
        websockets.sync.client.connect(starlette + path)
    response = error.value.response
    assert response.status_code == status
    if path == "/deny":
        assert response.headers["x-why"] == "because"
        assert response.body == b"not you"


def test_starlette_failure(starlette: str, caplog: pytest.LogCaptureFixture) -> None:
    with (
        websockets.sync.client.connect(starlette + "/fail") as client,
        pytest.raises(ConnectionClosedError) as error,
    ):
        client.recv(timeout=10)
    assert error.value.rcvd is not None
    assert error.value.rcvd.code == 1011
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[0] is LookupError


def test_starlette_both_ways(starlette: str) -> None:
    with websockets.sync.client.connect(starlette + "/both") as client:
        client.send("a")
        assert sorted(client.recv(timeout=10) for _ in range(4)) == ["0", "1", "2", "A"]


def test_fastapi_rooms(loop_name: str) -> None:
    app = FastAPI()
    rooms: set[WebSocket] = set()
    left = threading.Event()

    @app.websocket("/room/{name}")
    async def room(websocket: WebSocket, name: str, token: str = "") -> None:
        await websocket.accept()
        rooms.add(websocket)
        try:
            while True:
                text = await websocket.receive_text()
                for other in rooms:
                    await other.send_text(f"{name}{token}: {text}")
        except WebSocketDisconnect:
            rooms.discard(websocket)
            left.set()

    with serving(app, loop=loop_name) as running:
        url = f"ws://127.0.0.1:{running.port}/room/"
        with websockets.sync.client.connect(url + "a?token=1") as a:
            a.send("hi")
            assert a.recv(timeout=10) == "a1: hi"
            with websockets.sync.client.connect(url + "b") as b:
                b.send("hey")
                assert a.recv(timeout=10) == b.recv(timeout=10) == "b: hey"
            assert left.wait(10)
            a.send("alone")
            assert a.recv(timeout=10) == "a1: alone"


# The server's end


def test_shutdown_closes_with_1012(server: Running) -> None:
    with connect(server.port) as client:
        client.send("a")
        assert client.recv(timeout=10) == "a"
        server.call(lambda: [session.shutdown() for session in server.service.websockets])
        with pytest.raises(ConnectionClosedError) as error:
            client.recv(timeout=10)
        assert error.value.rcvd is not None
        assert error.value.rcvd.code == 1012


def test_a_peer_that_does_not_read_slows_the_app(loop_name: str) -> None:
    sent = 0

    async def flood(scope: Any, receive: Any, send: Any) -> None:
        nonlocal sent
        await receive()
        await send({"type": "websocket.accept"})
        for _ in range(2_000):
            await send({"type": "websocket.send", "bytes": bytes(50_000)})
            sent += 1

    with serving(flood, loop=loop_name) as running, Client(running.port) as client:
        client.frame()
        before = -1
        while before < sent:  # until a round trip through its loop finds it where it was
            before = sent
            for _ in range(100):
                running.call(lambda: None)
        assert sent < 1_000
        for _ in range(1_999):
            client.frame()
        assert client.frame()[0] == 8


def test_wss(loop_name: str, tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    server_side, client_side = tls
    with serving(echo, Config(), loop_name, ssl=server_side) as running:
        with websockets.sync.client.connect(
            f"wss://localhost:{running.port}/", ssl=client_side, max_size=None
        ) as client:
            for message in MESSAGES:
                client.send(message)
                assert client.recv(timeout=10) == message
        assert client.close_code == 1000
