"""Applications that tell in which thread they are called."""

import asyncio
import contextlib
import socket
import sys
import threading

import apps
from apps import respond, say

HANGS, GO_ON = threading.Event(), threading.Event()  # a startup that holds up a whole loop


def thread():
    """The number of the loop: 1 is the server's own."""
    _, found, number = threading.current_thread().name.partition("fastserve loop ")
    return int(number) if found else 1


def block(port):
    """Hold up this loop until the test closes its end."""
    with contextlib.closing(socket.create_connection(("127.0.0.1", port))) as sock:
        sock.sendall(b"%d" % thread())
        sock.recv(1)


async def app(scope, receive, send):
    """Lifespan tells on standard output; the state has the thread in which it was made."""
    if scope["type"] == "lifespan":
        return await live(scope, receive, send)
    if scope["type"] == "websocket":
        return await echo(receive, send)
    path, query = scope["path"], scope["query_string"]
    if path == "/block":
        block(int(query))
    if path == "/exit":
        asyncio.get_running_loop().call_soon(sys.exit, 7)
        await asyncio.Event().wait()
    if path == "/hold":
        await apps.hold(int(query))
    if path == "/gil":
        return await respond(send, str(getattr(sys, "_is_gil_enabled", bool)()).encode())
    if path == "/length":
        return await respond(send, b"%d" % await length(receive))
    return await respond(send, b"%d %d" % (thread(), scope["state"]["made in"]))


async def live(scope, receive, send):
    assert (await receive())["type"] == "lifespan.startup"
    scope["state"]["made in"] = thread()
    say(f"startup {thread()}")
    await send({"type": "lifespan.startup.complete"})
    assert (await receive())["type"] == "lifespan.shutdown"
    say(f"shutdown {thread()}")
    await send({"type": "lifespan.shutdown.complete"})


async def length(receive):
    count, more = 0, True
    while more:
        message = await receive()
        count += len(message["body"])
        more = message["more_body"]
    return count


async def echo(receive, send):
    assert (await receive())["type"] == "websocket.connect"
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": f"{message['text']} {thread()}"})


async def fails_in_the_third(scope, receive, send):
    if scope["type"] == "lifespan" and thread() == 3:
        await receive()
        message = {"type": "lifespan.startup.failed", "message": "no more licences"}
        return await send(message)
    return await app(scope, receive, send)


async def starts_never_in_the_second(scope, receive, send):
    if scope["type"] == "lifespan" and thread() == 2:
        await receive()
        say("starting")
        await asyncio.Event().wait()
    return await app(scope, receive, send)


async def hangs_in_the_second(scope, receive, send):
    if scope["type"] == "lifespan" and thread() == 2:
        HANGS.set()
        GO_ON.wait()
    return await app(scope, receive, send)
