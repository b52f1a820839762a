"""Other people's clients, and other people's frameworks."""

import asyncio
import queue
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import websockets
import websockets.sync.client
import wsproto
from dicts import SHAPES
from fastapi import FastAPI
from live import Live
from starlette.applications import Starlette
from starlette.endpoints import WebSocketEndpoint
from starlette.responses import PlainTextResponse
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.sync.client import ClientConnection
from wsproto import events as ws

from .apps import echo
from .client import Client

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


def connect(server: Any, path: str = "/", **options: Any) -> ClientConnection:
    (port,) = server.server.ports
    return websockets.sync.client.connect(f"ws://127.0.0.1:{port}{path}", max_size=None, **options)


@pytest.mark.parametrize("compression", ["deflate", None])
def test_websockets(live: Any, compression: str | None) -> None:
    with connect(live(echo), compression=compression) as client:
        for message in MESSAGES:
            client.send(message)
            assert client.recv(timeout=10) == message
        assert client.ping().wait(10)
        client.send(["in ", "fragments ", "añ€𝄞"])
        assert client.recv(timeout=10) == "in fragments añ€𝄞"
    assert client.close_code == 1000


def test_a_message_is_any_mapping(live: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            for make in SHAPES.values():
                for key, content in (("text", "text"), ("bytes", b"bytes")):
                    await send(make([("type", "websocket.send"), (key, content)]))
            for make in SHAPES.values():
                await receive()
                await send(make([("text", "text"), ("type", "websocket.send"), ("bytes", None)]))

    with connect(live(app)) as client:
        for _ in SHAPES:
            assert (client.recv(timeout=10), client.recv(timeout=10)) == ("text", b"bytes")
        for _ in SHAPES:
            client.send("next")
            assert client.recv(timeout=10) == "text"


@pytest.mark.parametrize("server_bits", [9, 12, 15, None])
@pytest.mark.parametrize("client_bits", [8, 9, 15, True, None])
@pytest.mark.parametrize("takeover", [True, False])
def test_websockets_deflate(
    echo_server: Any, server_bits: int | None, client_bits: int | None, takeover: bool
) -> None:
    if client_bits == 8:
        client_bits = 9  # the client's zlib cannot
    offer = ClientPerMessageDeflateFactory(
        server_no_context_takeover=not takeover,
        client_no_context_takeover=not takeover,
        server_max_window_bits=server_bits,
        client_max_window_bits=client_bits,
    )
    with connect(echo_server, compression=None, extensions=[offer]) as client:
        assert len(client.protocol.extensions) == 1
        for n in range(5):
            message = f'{{"number": {n}, "text": "some text that comes again"}}' * 50
            client.send(message)
            assert client.recv(timeout=10) == message


def test_websockets_asyncio_many_in_flight(live: Any) -> None:
    (port,) = live(echo).server.ports

    async def talk() -> None:
        async with websockets.connect(f"ws://127.0.0.1:{port}/") as client:
            messages = [f"{n}" * (n % 90) for n in range(500)]
            for message in messages:
                await client.send(message)
            assert [await client.recv() for _ in messages] == messages

    asyncio.run(talk())


@pytest.mark.parametrize("extensions", [[], ["deflate"]], ids=["plain", "deflate"])
def test_wsproto(live: Any, extensions: list[str]) -> None:
    offered = [wsproto.extensions.PerMessageDeflate() for _ in extensions]
    protocol = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
    request = protocol.send(ws.Request(host="localhost", target="/", extensions=offered))
    with Client(live(echo), request) as client:
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


@pytest.fixture
def starlette(live: Any) -> Any:
    return live(APP)


def test_starlette_endpoint(starlette: Any) -> None:
    done.clear()
    with connect(starlette, "/count", subprotocols=["x", "json"]) as client:
        assert client.subprotocol == "json"
        assert client.response.headers["x-own"] == "1"
        client.send("[1, 2, 3]")
        assert client.recv(timeout=10) == '{"count":3}'
        client.close(4001, "enough")
    assert done.wait(10)
    assert closed[-1] == 4001


def test_starlette_json_that_is_not(starlette: Any) -> None:
    with connect(starlette, "/count", subprotocols=["json"]) as client:
        client.send("{")
        with pytest.raises(ConnectionClosedError) as error:
            client.recv(timeout=10)
    assert error.value.rcvd is not None
    assert error.value.rcvd.code == 1003


@pytest.mark.parametrize(("path", "status"), [("/refuse", 403), ("/deny", 401), ("/none", 403)])
def test_starlette_refusals(starlette: Any, path: str, status: int) -> None:
    with pytest.raises(InvalidStatus) as error:
        connect(starlette, path)
    response = error.value.response
    assert response.status_code == status
    if path == "/deny":
        assert response.headers["x-why"] == "because"
        assert response.body == b"not you"


def test_starlette_failure(starlette: Any, caplog: pytest.LogCaptureFixture) -> None:
    with (
        connect(starlette, "/fail") as client,
        pytest.raises(ConnectionClosedError) as error,
    ):
        client.recv(timeout=10)
    assert error.value.rcvd is not None
    assert error.value.rcvd.code == 1011
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[0] is LookupError


def test_starlette_both_ways(starlette: Any) -> None:
    with connect(starlette, "/both") as client:
        client.send("a")
        assert sorted(client.recv(timeout=10) for _ in range(4)) == ["0", "1", "2", "A"]


FASTAPI = FastAPI()
rooms: set[WebSocket] = set()
left = threading.Event()


@FASTAPI.websocket("/room/{name}")
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


def test_fastapi_rooms(live: Any) -> None:
    left.clear()
    server = live(FASTAPI)
    with connect(server, "/room/a?token=1") as a:
        a.send("hi")
        assert a.recv(timeout=10) == "a1: hi"
        with connect(server, "/room/b") as b:
            b.send("hey")
            assert a.recv(timeout=10) == b.recv(timeout=10) == "b: hey"
        assert left.wait(10)
        left.clear()
        a.send("alone")
        assert a.recv(timeout=10) == "a1: alone"
    assert left.wait(10)


# The server's end


def test_shutdown_closes_with_1012(combination: dict[str, str]) -> None:
    server = Live(echo, **combination)
    with connect(server) as client:
        client.send("a")
        assert client.recv(timeout=10) == "a"
        server.server.request_stop()
        with pytest.raises(ConnectionClosedError) as error:
            client.recv(timeout=10)
        assert error.value.rcvd is not None
        assert error.value.rcvd.code == 1012
    assert server.wait() is None


sent = 0


async def flood(scope: Any, receive: Any, send: Any) -> None:
    global sent
    await receive()
    await send({"type": "websocket.accept"})
    sent = 0
    for _ in range(2_000):
        await send({"type": "websocket.send", "bytes": bytes(50_000)})
        sent += 1


def test_a_peer_that_does_not_read_slows_the_app(combination: dict[str, str]) -> None:
    server = Live(flood, lifespan="off", **combination)
    with Client(server) as client:
        client.frame()
        before = -1
        while before < sent:  # until many turns of its loop find it where it was
            before = sent
            for _ in range(100):
                server.turn()
        assert sent < 1_000
        for _ in range(1_999):
            client.frame()
        assert client.frame()[0] == 8
    assert server.stop() is None


def test_wss(
    combination: dict[str, str], tls_files: dict[str, str], tls_client: ssl.SSLContext
) -> None:
    server = Live(echo, **combination, **tls_files)
    (port,) = server.server.ports

    async def talk() -> None:
        """Not with websockets' other client: it uses a TLS socket in two threads at once."""
        async with websockets.connect(
            f"wss://localhost:{port}/", ssl=tls_client, max_size=None
        ) as client:
            for message in MESSAGES:
                await client.send(message)
                assert await asyncio.wait_for(client.recv(), 10) == message
        assert client.close_code == 1000

    asyncio.run(talk())
    assert server.stop() is None


@pytest.mark.parametrize("how", ["close", "reset"])
def test_send_after_the_client_has_gone_raises_oserror(live: Any, how: str) -> None:
    errors: queue.Queue[OSError] = queue.Queue()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        try:
            while True:
                await send({"type": "websocket.send", "text": "x" * 1000})
                await asyncio.sleep(0)
        except OSError as error:
            errors.put(error)
            raise

    with Client(live(app, lifespan="off")) as client:
        client.frame()
        if how == "close":
            assert client.close(1000)[-1][0] == 8
        else:
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert isinstance(errors.get(timeout=10), OSError)
