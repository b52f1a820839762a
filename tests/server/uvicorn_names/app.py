"""An application that answers with what it was told; for the commands."""

import json
import os

STARTED = []


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    elif scope["type"] == "websocket":
        await echo(receive, send)
    elif scope["path"].endswith("/hang"):
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
    else:
        await answer(scope, send)


async def lifespan(receive, send):
    await receive()
    STARTED.append(True)
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def echo(receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


async def answer(scope, send):
    told = {
        "client": scope["client"] and scope["client"][0],
        "started": bool(STARTED),
        "in a worker": os.environ.get("NAMES_MAIN", "") == str(os.getppid()),
        "variable": os.environ.get("NAMES_VARIABLE"),
        **{name: scope[name] for name in ("scheme", "path", "root_path", "http_version")},
    }
    content = json.dumps(told).encode()
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-length", b"%d" % len(content))],
        }
    )
    await send({"type": "http.response.body", "body": content})


def make():
    return app


def asgi2(scope):
    async def call(receive, send):
        await app(scope, receive, send)

    return call


def wsgi(environ, start_response):
    start_response("200 OK", [("content-length", "2")])
    return [b"{}"]


async def fails(scope, receive, send):
    assert scope["type"] == "lifespan"
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database"})
