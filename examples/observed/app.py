"""A small application, and the middlewares around it."""

import asyncio
import json
import logging

from . import logs
from .metrics import Metrics
from .request_id import RequestId, request_id
from .traces import Traces, note_failure, span

logger = logging.getLogger("observed")


async def api(scope, receive, send):
    """Your application."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
    elif scope["type"] != "http":
        raise NotImplementedError(f"this app does not support {scope['type']}")
    elif scope["path"] == "/":
        await answer(send, 200, {"hello": "world"})
    elif scope["path"] == "/work":
        await answer(send, 200, {"steps": await work()})
    elif scope["path"] == "/fail":
        raise RuntimeError("this path always fails")
    else:
        await answer(send, 404, {"error": "not found"})


async def work():
    logger.info("working", extra={"steps": 3})
    for number in range(3):
        with span(f"step {number}"):
            await asyncio.sleep(0.01)
    return 3


class Errors:
    """Logs what the app raises, and answers with the id by which it can be found in the log."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        started = False

        async def noting_send(message):
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, noting_send)
        except Exception as error:
            note_failure(error)
            logger.exception("%s %s failed", scope["method"], scope["path"])
            if started:
                raise  # the server breaks the response off
            content = {"error": "internal server error", "request_id": request_id.get()}
            await answer(send, 500, content)
        return None


async def answer(send, status, content):
    body = json.dumps(content).encode() + b"\n"
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


logs.configure()
# From the outside in: all that logs has the id, and the spans and counts see every answer.
app = RequestId(Traces(Metrics(Errors(api))))
