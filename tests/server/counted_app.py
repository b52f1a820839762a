"""What the tests of the metrics serve."""

import asyncio
import contextlib
from pathlib import Path

FILE = Path(__file__)


async def app(scope, receive, send):
    if scope["type"] == "websocket":
        return await converse(scope["path"], receive, send)
    assert scope["type"] == "http"
    path = scope["path"]
    if path == "/raise":
        raise ValueError
    if path == "/never":
        with contextlib.suppress(asyncio.CancelledError):
            while (await receive())["type"] != "http.disconnect":
                pass
        return None
    status = int(path[1:] or 200)
    while (await receive()).get("more_body"):
        pass
    if scope["query_string"] == b"file":
        headers = [(b"content-length", b"%d" % FILE.stat().st_size)]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        return await send({"type": "http.response.pathsend", "path": str(FILE)})
    # 100 KB in two pieces: larger ones take another way through the server.
    pieces = [bytes(50_000)] * 2 if scope["query_string"] == b"large" else [b"hello"]
    headers = [(b"content-length", b"%d" % sum(map(len, pieces)))] if status != 204 else []
    await send({"type": "http.response.start", "status": status, "headers": headers})
    for piece in pieces if status != 204 else []:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    return await send({"type": "http.response.body"})


async def converse(path, receive, send):
    await receive()
    if path == "/refuse":
        return await send({"type": "websocket.close"})
    if path == "/raise":
        raise ValueError
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})
    return None
