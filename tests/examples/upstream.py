"""What stands behind the gateway in its tests."""

import asyncio

from apps import respond

arrived = asyncio.Event()  # the first part of a body
released = asyncio.Event()


async def app(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError
    path = scope["path"].removeprefix("/base")
    await PATHS.get(path, describe)(scope, receive, send)


async def describe(scope, receive, send):
    seen = {"target": (scope["raw_path"], scope["query_string"]), "headers": scope["headers"]}
    await respond(send, repr(seen).encode())


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


PATHS = {
    "/echo": echo,
    "/watched": echo,
    "/arrived": wait_arrived,
    "/halves": halves,
    "/release": release,
    "/cut": cut,
    "/fields": fields,
    "/silent": silent,
}
