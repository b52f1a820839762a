"""The server of the HTTP/2 page. It reports to standard output, connections included."""

import asyncio
import json
from pathlib import Path
from typing import Any

PAGE = (Path(__file__).parent / "http2.html").read_bytes()
CLIENTS: dict[int, int] = {}  # port of the client, its requests
CANCELLED = asyncio.Event()


async def app(scope: Any, receive: Any, send: Any) -> None:
    assert scope["type"] in ("http", "websocket"), "no lifespan"
    assert scope["http_version"] == "2", scope["http_version"]
    port = scope["client"][1]
    CLIENTS[port] = CLIENTS.get(port, 0) + 1
    path = scope["path"]
    if scope["type"] == "websocket":
        return await echo(receive, send)
    if path == "/endless":
        return await endless(receive, send)
    body, more = b"", True
    while more:
        message = await receive()
        body += message["body"]
        more = message["more_body"]
    if path == "/report":
        await CANCELLED.wait()
        print("outcome", body.decode(), flush=True)
        print("clients", json.dumps(list(CLIENTS.values())), flush=True)
    await start(send, b"text/html" if path == "/" else b"text/plain")
    if path == "/stream":
        for _ in range(100):
            await send({"type": "http.response.body", "body": b"y" * 10_000, "more_body": True})
            await asyncio.sleep(0)
    answer = b""
    if path == "/":
        answer = PAGE
    elif path == "/echo":
        answer = body
    elif path.startswith("/resource/"):
        answer = f"resource {path.removeprefix('/resource/')} ".encode() * 100
    return await send({"type": "http.response.body", "body": answer})


async def start(send: Any, kind: bytes) -> None:
    headers = [(b"content-type", kind)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})


async def endless(receive: Any, send: Any) -> None:
    """Until the page cancels it."""
    await start(send, b"text/plain")
    try:
        while True:
            await send({"type": "http.response.body", "body": b"z" * 1000, "more_body": True})
            await asyncio.sleep(0)
    except OSError:
        CANCELLED.set()


async def echo(receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept", "subprotocol": "chat"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})
