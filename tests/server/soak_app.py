"""The application of the soak: every answer follows from its request, so that each can be checked."""

import asyncio
import hashlib
import random

TABLE = random.Random(17).randbytes(65536 + 1024 * 1024)
SMALL_PAUSE = 0.005


def content(seed, size):
    """Up to 1 MiB, other bytes for each seed below 65,536."""
    return TABLE[seed : seed + size]


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await live(receive, send)
    elif scope["type"] == "websocket":
        await echo_messages(receive, send)
    else:
        name, *numbers = scope["path"].strip("/").split("/")
        await ANSWERS[name](Request(scope["path"].encode(), receive, send), *map(int, numbers))


async def wrong_app(scope, receive, send):
    """As `app`, but one answer in 50 has a wrong byte: the soak must notice."""

    async def spoil(message):
        if message.get("body") and random.random() < 0.02:
            message = {**message, "body": b"\0" + message["body"][1:]}
        await send(message)

    await app(scope, receive, spoil)


async def live(receive, send):
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return


class Request:
    """What the answers below need of a request."""

    def __init__(self, path, receive, send):
        self.path, self.receive, self.send = path, receive, send

    async def start(self, length=None):
        headers = [(b"x-path", self.path)]
        if length is not None:
            headers.append((b"content-length", b"%d" % length))
        await self.send({"type": "http.response.start", "status": 200, "headers": headers})

    async def body(self, data, more=False):
        await self.send({"type": "http.response.body", "body": data, "more_body": more})

    async def answer(self, data):
        await self.start(len(data))
        await self.body(data)


async def answer_bytes(request, seed, size):
    await request.answer(content(seed, size))


async def answer_later(request, seed, size):
    await asyncio.sleep(SMALL_PAUSE)
    await request.answer(content(seed, size))


async def answer_in_parts(request, seed, size, count):
    await request.start()
    for number in range(count):
        await request.body(content(seed + number, size), True)
        await asyncio.sleep(SMALL_PAUSE * (number % 2))
    await request.body(b"")


async def answer_digest(request):
    digest, more = hashlib.sha256(), True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            return
        digest.update(message["body"])
        more = message["more_body"]
    await request.answer(digest.hexdigest().encode())


async def echo(request):
    # The body is asked for first: only that tells the client to go on (RFC 9110 10.1.1).
    message = await request.receive()
    await request.start()
    while message["type"] == "http.request":
        await request.body(message["body"], message["more_body"])
        if not message["more_body"]:
            return
        message = await request.receive()


async def leave_unread(request):
    await request.answer(b"unread")


async def fail(request):
    raise ValueError("the soak's app fails")


ANSWERS = {
    "bytes": answer_bytes,
    "later": answer_later,
    "parts": answer_in_parts,
    "digest": answer_digest,
    "echo": echo,
    "unread": leave_unread,
    "fail": fail,
}


async def echo_messages(receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        kind = "text" if message.get("text") is not None else "bytes"
        await send({"type": "websocket.send", kind: message[kind]})
