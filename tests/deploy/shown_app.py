"""Shows what reaches an application through a balancer."""

import asyncio
import json

more = asyncio.Semaphore(0)  # a word of the client: the next event


async def app(scope, receive, send):
    if scope["type"] == "websocket":
        await echo(scope, receive, send)
    elif scope["path"] == "/events":
        await events(send)
    else:
        if scope["path"] == "/next":
            more.release()
        await show(scope, send)


async def echo(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": scope["client"][0]})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


async def events(send):
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for number in range(3):
        event = b"data: %d\n\n" % number
        await send({"type": "http.response.body", "body": event, "more_body": True})
        await more.acquire()
    await send({"type": "http.response.body"})


async def show(scope, send):
    seen = {
        "client": scope["client"][0],
        "scheme": scope["scheme"],
        "http_version": scope["http_version"],
        "host": dict(scope["headers"])[b"host"].decode(),
    }
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(seen).encode()})
