"""WebSocket applications that the tests of the command serve."""

import asyncio

go = asyncio.Event()
sent = 0


async def app(scope, receive, send):
    if scope["type"] == "http":
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})
        return
    assert scope["type"] == "websocket", "no lifespan"
    await receive()
    await send({"type": "websocket.accept"})
    await PATHS[scope["path"]](receive, send)


async def echo(receive, send):
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})


async def close(receive, send):
    await send({"type": "websocket.close", "code": 3000, "reason": "enough"})


async def late(receive, send):
    """Receives nothing until there is a /go; then counts up to an empty message."""
    await go.wait()
    size = 0
    while message := (await receive()).get("bytes"):
        size += len(message)
    await send({"type": "websocket.send", "text": str(size)})


async def start(receive, send):
    go.set()


async def flood(receive, send):
    """64 MiB."""
    global sent
    sent = 0
    while sent < 64:
        await send({"type": "websocket.send", "bytes": bytes(1 << 20)})
        sent += 1


async def progress(receive, send):
    while (await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": str(sent)})


PATHS = {
    "/": echo,
    "/close": close,
    "/late": late,
    "/go": start,
    "/flood": flood,
    "/progress": progress,
}
