"""WebSocket: /echo sends each message back, /broadcast sends it to every client there is."""

import os
from collections.abc import Awaitable, Callable
from typing import Any

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

WORKER = b"%d" % os.getpid()  # clients of a broadcast see which of several processes they have
clients: set[Send] = set()


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept", "headers": [(b"x-worker", WORKER)]})
    await (broadcast if scope["path"] == "/broadcast" else echo)(receive, send)


async def echo(receive: Receive, send: Send) -> None:
    while (message := await receive())["type"] == "websocket.receive":
        await send(answer(message))


async def broadcast(receive: Receive, send: Send) -> None:
    clients.add(send)
    try:
        while (message := await receive())["type"] == "websocket.receive":
            for each in tuple(clients):
                await each(answer(message))
    finally:
        clients.discard(send)


def answer(message: dict[str, Any]) -> dict[str, Any]:
    text = message.get("text")
    if text is not None:
        return {"type": "websocket.send", "text": text}
    return {"type": "websocket.send", "bytes": message["bytes"]}
