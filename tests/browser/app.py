"""The server of the page: an echo, a close, a refusal. It reports to standard output."""

import json
from pathlib import Path
from typing import Any

PAGE = (Path(__file__).parent / "page.html").read_bytes()


async def app(scope: Any, receive: Any, send: Any) -> None:
    assert scope["type"] in ("http", "websocket"), "no lifespan"
    if scope["type"] == "http":
        await http(scope, receive, send)
    elif scope["path"] == "/echo":
        await echo(scope, receive, send)
    else:
        await receive()
        if scope["path"] == "/close":
            await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 4002, "reason": "früh"})


async def http(scope: Any, receive: Any, send: Any) -> None:
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message["body"]
        if not message["more_body"]:
            break
    if scope["method"] == "POST":
        print("outcome", body.decode(), flush=True)
    answer = PAGE if scope["path"] == "/" else b""
    headers = [(b"content-type", b"text/html"), (b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


async def echo(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept", "subprotocol": "chat"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})
    print("disconnect", json.dumps(message), scope["scheme"], flush=True)
