"""Applications that the faults happen to."""

import asyncio
import contextlib
import functools
import hashlib
import os
import sys
import time
from pathlib import Path

FRAME = bytes(65536)
begun = 0  # requests for /bytes and /pieces
leaked = []
sent = 0  # messages that send() took of the WebSockets of this process


@functools.cache
def zeros(size):
    """The same object for all, so that only copies of it cost memory."""
    return bytes(size)


async def respond(send, body, status=200):
    headers = [(b"content-length", b"%d" % len(body)), (b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def app(scope, receive, send):
    """Answers with what its path asks for."""
    global begun
    if scope["type"] == "lifespan":
        await live(receive, send)
        return
    if scope["type"] == "websocket":
        await websocket(scope, receive, send)
        return
    name = scope["path"].strip("/")
    if name == "events":
        await events(receive, send)
    elif name == "pid":
        await respond(send, b"%d" % os.getpid())
    elif name == "open":
        with contextlib.ExitStack() as files:  # as an app does that has files and a database
            for _ in range(16):
                files.enter_context(open(os.devnull))
        await respond(send, b"opened")
    elif name == "hang":
        time.sleep(600)
    elif name.startswith("bytes/"):
        begun += 1
        await respond(send, zeros(int(name.removeprefix("bytes/"))))
    elif name.startswith("pieces/"):
        begun += 1
        await pieces(int(name.removeprefix("pieces/")), send)
    elif name == "begun":
        await respond(send, b"%d" % begun)
    elif name == "messages":
        await messages(receive, send)
    elif name == "busy":
        work()
        await respond(send, b"hello")
    elif name == "late":
        await asyncio.sleep(0.5)
        await respond(send, b"hello")
    elif name == "grow":  # as an app that leaks
        leaked.append(bytearray(b"x") * (64 << 20))
        await respond(send, b"%d" % os.getpid())
    elif name == "never":
        await asyncio.sleep(600)
    elif name == "upload":
        while (await receive()).get("more_body"):
            pass
        await respond(send, b"hello")
    elif name == "digest":
        await digest(receive, send)
    elif name.startswith("say/"):
        await respond(send, name.removeprefix("say/").encode())
    elif name.startswith("count/"):
        await count(*name.split("/")[1:], send)
    elif name == "sent":
        await respond(send, b"%d" % sent)
    else:
        await respond(send, b"hello")


def work():
    """A millisecond of it."""
    end = time.perf_counter() + 0.001
    while time.perf_counter() < end:
        pass


async def pieces(count, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(count):
        await send({"type": "http.response.body", "body": FRAME, "more_body": True})
    await send({"type": "http.response.body"})


async def count(lines, text, send):
    """Numbered lines, ten in a second."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for number in range(int(lines)):
        line = f"{text} {number}\n".encode()
        await send({"type": "http.response.body", "body": line, "more_body": True})
        await asyncio.sleep(0.1)
    await send({"type": "http.response.body"})


async def digest(receive, send):
    """The SHA-256 of what was uploaded."""
    found, more = hashlib.sha256(), True
    while more:
        message = await receive()
        found.update(message.get("body", b""))
        more = message.get("more_body", False)
    await respond(send, found.hexdigest().encode())


async def messages(receive, send):
    """Sends each message back, whatever pieces they come in; a message is framed as in gRPC."""
    headers = [(b"content-type", b"application/grpc")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    data, more = b"", True
    while more:
        received = await receive()
        data += received.get("body", b"")
        more = received.get("more_body", False)
        while len(data) >= 5 and len(data) >= (size := 5 + int.from_bytes(data[1:5])):
            await send({"type": "http.response.body", "body": data[:size], "more_body": True})
            data = data[size:]
    await send({"type": "http.response.body"})


async def websocket(scope, receive, send):
    """Sends 800 large messages; works on each message until one says that it is the last; echoes."""
    global sent
    await receive()
    await send({"type": "websocket.accept"})
    if scope["path"] == "/busy":
        while (await receive()).get("text") == "x":
            work()
        await send({"type": "websocket.send", "text": "worked"})
        await receive()
        return
    if scope["path"] == "/echo":
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})
        return
    with contextlib.suppress(OSError):
        for _ in range(800):
            await send({"type": "websocket.send", "bytes": FRAME})
            sent += 1


async def live(receive, send):
    while True:
        message = await receive()
        if (
            message["type"] == "lifespan.startup"
            and Path(os.environ.get("HANG_WHEN", "-")).exists()
        ):
            Path(os.environ["HANG_WHEN"]).with_name(f"hangs-{os.getpid()}").touch()
            time.sleep(600)
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def events(receive, send):
    """Server-sent events until the client is gone, or the server says so."""
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})

    async def listen():
        while (await receive())["type"] != "http.disconnect":
            pass

    gone = asyncio.ensure_future(listen())
    try:
        while not gone.done():
            await send({"type": "http.response.body", "body": b"data: x\n\n", "more_body": True})
            await asyncio.wait([gone], timeout=0.1)
        print("told", file=sys.stderr, flush=True)
    except asyncio.CancelledError:
        print("cancelled", file=sys.stderr, flush=True)
        raise
    finally:
        gone.cancel()
