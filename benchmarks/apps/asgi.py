"""The raw ASGI app: the path says what is answered."""

import asyncio
import os
from typing import Any

from benchmarks.apps.bodies import BODIES, FILES

TYPE = (b"content-type", b"text/plain")
HEADERS = {
    path: [TYPE, (b"content-length", str(len(body)).encode())] for path, body in BODIES.items()
}
CHUNK = b"x" * 1024
LETTER = b"x"


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    path = scope["path"]
    body = BODIES.get(path)
    if body is not None:
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS[path]})
        await send({"type": "http.response.body", "body": body})
    elif path == "/echo":
        await echo(receive, send)
    elif path == "/made":
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS["/100k"]})
        await send({"type": "http.response.body", "body": LETTER * 102400})
    elif path == "/file":
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS["/100k"]})
        await send({"type": "http.response.pathsend", "path": FILES["/100k"]})
    elif path == "/form":
        while (await receive()).get("more_body", False):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS["/"]})
        await send({"type": "http.response.body", "body": BODIES["/"]})
    elif path in ("/mark", "/sleep"):
        if path == "/sleep":
            await asyncio.sleep(0)
        else:
            os.getppid()  # here callgrind begins to count anew
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS["/"]})
        await send({"type": "http.response.body", "body": BODIES["/"]})
    elif path == "/stream":
        await send({"type": "http.response.start", "status": 200, "headers": [TYPE]})
        for _ in range(9):
            await send({"type": "http.response.body", "body": CHUNK, "more_body": True})
        await send({"type": "http.response.body", "body": CHUNK})
    else:
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body"})


async def echo(receive: Any, send: Any) -> None:
    chunks = []
    more = True
    while more:
        message = await receive()
        chunks.append(message.get("body", b""))
        more = message.get("more_body", False)
    body = b"".join(chunks)
    headers = [TYPE, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
