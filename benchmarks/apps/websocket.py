"""WebSocket: /echo sends each message back, /broadcast sends it to every client there is."""

from typing import Any

clients: set[Any] = set()


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    await (broadcast if scope["path"] == "/broadcast" else echo)(receive, send)


async def echo(receive: Any, send: Any) -> None:
    while (message := await receive())["type"] == "websocket.receive":
        await send(answer(message))


async def broadcast(receive: Any, send: Any) -> None:
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
