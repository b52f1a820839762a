"""The smallest ASGI app: `fastserve examples.hello:app`."""


async def app(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError(f"this app does not support {scope['type']}")
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"14")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"Hello, world!\n"})
