"""What stands behind the gateway in its tests."""

import asyncio

from apps import respond

arrived = asyncio.Event()  # the first part of a body
released = asyncio.Event()
left = asyncio.Event()  # the client of /endless
taken = asyncio.Event()  # what /slow may begin with
counts = {}


async def app(scope, receive, send):
    if scope["type"] == "websocket":
        await WEBSOCKETS.get(scope["path"], echo_messages)(scope, receive, send)
        return
    if scope["type"] != "http":
        raise NotImplementedError
    counts[scope["path"]] = counts.get(scope["path"], 0) + 1
    await PATHS.get(scope["path"], describe)(scope, receive, send)


async def describe(scope, receive, send):
    seen = {"target": (scope["raw_path"], scope["query_string"]), "headers": scope["headers"]}
    await respond(send, repr(seen).encode())


async def healthz(scope, receive, send):
    await respond(send, b"ok")


async def echo(scope, receive, send):
    await send({"type": "http.response.start", "status": 201, "headers": []})
    more = True
    while more:
        message = await receive()
        if scope["path"].endswith("/watched"):
            arrived.set()
        more = message["more_body"]
        part = {"body": message["body"], "more_body": more}
        await send({"type": "http.response.body", **part})


async def wait_arrived(scope, receive, send):
    await arrived.wait()
    await respond(send, b"")


async def halves(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"first", "more_body": True})
    await released.wait()
    await send({"type": "http.response.body", "body": b"second"})


async def release(scope, receive, send):
    released.set()
    await respond(send, b"")


async def cut(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"half", "more_body": True})
    raise RuntimeError("on purpose")


async def fields(scope, receive, send):
    headers = [
        (b"connection", b"x-hop"),
        (b"x-hop", b"1"),
        (b"keep-alive", b"timeout=5"),
        (b"set-cookie", b"a=1"),
        (b"set-cookie", b"b=2"),
    ]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body"})


async def silent(scope, receive, send):
    while (await receive())["type"] != "http.disconnect":
        pass


async def endless(scope, receive, send):
    """One part, then nothing until the client has gone."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"first", "more_body": True})
    await silent(scope, receive, send)
    left.set()


async def wait_left(scope, receive, send):
    await left.wait()
    await respond(send, b"")


async def count(scope, receive, send):
    """How often each path was asked for."""
    await respond(send, repr(counts).encode())


async def flood(scope, receive, send):
    """64 MiB, as fast as they are taken. Says how much has been when asked."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for number in range(1024):
        counts["flooded"] = number + 1
        part = {"body": b"x" * 65536, "more_body": number < 1023}
        await send({"type": "http.response.body", **part})


async def slow(scope, receive, send):
    """Takes nothing of the body until /take; then counts it."""
    await taken.wait()
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message["body"])
        more = message["more_body"]
    await respond(send, b"%d" % size)


async def take(scope, receive, send):
    taken.set()
    await respond(send, b"")


async def early(scope, receive, send):
    """An answer before the body has been read."""
    await respond(send, b"too large", 413)


async def echo_messages(scope, receive, send):
    await receive()
    subprotocol = next(iter(scope["subprotocols"]), None)
    await send({"type": "websocket.accept", "subprotocol": subprotocol})
    await send({"type": "websocket.send", "text": repr(scope["headers"])})
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})
    counts["code"] = message["code"], message.get("reason")


async def say_bye(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    await receive()
    await send({"type": "websocket.close", "code": 4001, "reason": "bye"})


async def no_websocket(scope, receive, send):
    await receive()
    headers = [(b"location", b"/elsewhere"), (b"content-length", b"5")]
    start = {"type": "websocket.http.response.start", "status": 307, "headers": headers}
    await send(start)
    await send({"type": "websocket.http.response.body", "body": b"there"})


async def pour(scope, receive, send):
    """64 MiB of messages, as fast as they are taken."""
    await receive()
    await send({"type": "websocket.accept"})
    for number in range(1024):
        counts["poured"] = number + 1
        await send({"type": "websocket.send", "bytes": b"x" * 65536})
    await send({"type": "websocket.close"})


PATHS = {
    "/healthz": healthz,
    "/echo": echo,
    "/watched": echo,
    "/arrived": wait_arrived,
    "/halves": halves,
    "/release": release,
    "/cut": cut,
    "/fields": fields,
    "/silent": silent,
    "/endless": endless,
    "/left": wait_left,
    "/count": count,
    "/flood": flood,
    "/slow": slow,
    "/take": take,
    "/early": early,
}
WEBSOCKETS = {"/bye": say_bye, "/refused": no_websocket, "/pour": pour}
