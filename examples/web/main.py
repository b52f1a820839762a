"""A web application in a package of its own, as in a container. In the folder examples:

fastserve web.main:app --host 0.0.0.0 --port 8077 --loop uvloop --http h11

curl http://127.0.0.1:8077/          # says what answered
curl http://127.0.0.1:8077/healthz
"""

import asyncio
import json
import os


async def app(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError(f"this app does not support {scope['type']}")
    if scope["path"] == "/":
        loop = type(asyncio.get_running_loop()).__module__.partition(".")[0]
        answer = {"hello": "world", "http": scope["http_version"], "loop": loop, "pid": os.getpid()}
        await respond(send, 200, answer)
    elif scope["path"] == "/healthz":
        await respond(send, 200, {"status": "alive"})
    else:
        await respond(send, 404, {"error": "not found"})


async def respond(send, status, content):
    body = json.dumps(content).encode() + b"\n"
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
