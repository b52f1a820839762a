"""ASGI applications for these tests."""

from typing import Any


async def echo(scope: Any, receive: Any, send: Any) -> None:
    assert scope["type"] == "websocket", "no lifespan"
    assert await receive() == {"type": "websocket.connect"}
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})
