"""Push over WebSocket: a message posted to any worker reaches the clients of all, through Redis.

    pip install redis
    REDIS_URL=redis://127.0.0.1:6379 fastserve examples.push:app --workers 2

    python -m websockets ws://127.0.0.1:8000/    # in one terminal or several
    curl -d 'Hello, all!' http://127.0.0.1:8000/publish

A client with QUEUE messages waiting is too slow and is closed with code 1013.
"""

import asyncio
import contextlib
import logging
import os

import redis.asyncio as redis

REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
CHANNEL = os.environ.get("CHANNEL", "push")
QUEUE = int(os.environ.get("QUEUE", "100"))
MAX_BODY = 64 * 1024
RETRY_SECONDS = 1.0

logger = logging.getLogger("fastserve.push")


class Hub:
    """The WebSocket clients of this worker, fed from one Redis subscription."""

    def __init__(self):
        # Two connections for any number of clients: one to listen, one to publish.
        pool = redis.BlockingConnectionPool.from_url(
            REDIS_URL, max_connections=2, timeout=5, decode_responses=True
        )
        self.redis = redis.Redis.from_pool(pool)
        self.subscription = self.redis.pubsub(ignore_subscribe_messages=True)
        self.clients = {}  # each client's queue, and the task that sends from it
        self.listening = None

    async def start(self):
        await self.subscription.subscribe(CHANNEL)
        self.listening = asyncio.create_task(self.listen())

    async def stop(self):
        if self.listening is not None:
            self.listening.cancel()
        await self.subscription.aclose()
        await self.redis.aclose()

    async def listen(self):
        while True:
            try:
                async for message in self.subscription.listen():
                    self.spread(message["data"])
            except redis.RedisError as error:
                logger.warning("Redis is unavailable: %s", error)
            await asyncio.sleep(RETRY_SECONDS)

    def spread(self, text):
        for queue, feeding in self.clients.items():
            if queue.full():
                feeding.cancel()
            else:
                queue.put_nowait(text)

    async def serve(self, receive, send):
        """Send to one client until it leaves or is too slow."""
        queue = asyncio.Queue(QUEUE)
        feeding = asyncio.create_task(feed(queue, send))
        leaving = asyncio.create_task(wait_disconnect(receive))
        self.clients[queue] = feeding
        try:
            await asyncio.wait({feeding, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self.clients[queue]
            feeding.cancel()
            leaving.cancel()
        if not leaving.done():
            await send({"type": "websocket.close", "code": 1013, "reason": "too slow"})


async def feed(queue, send):
    with contextlib.suppress(OSError):  # the client is gone
        while True:
            await send({"type": "websocket.send", "text": await queue.get()})


async def wait_disconnect(receive):
    while (await receive())["type"] != "websocket.disconnect":
        pass  # clients only listen


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await lifespan(scope, receive, send)
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await scope["state"]["hub"].serve(receive, send)
    elif scope["path"] != "/publish":
        await answer(send, 404)
    elif scope["method"] != "POST":
        await answer(send, 405, [(b"allow", b"POST")])
    else:
        await answer(send, await publish(scope["state"]["hub"], receive))


async def lifespan(scope, receive, send):
    await receive()
    hub = scope["state"]["hub"] = Hub()
    try:
        await hub.start()
    except redis.RedisError as error:
        await hub.stop()
        message = f"Redis is not reachable: {error}"
        await send({"type": "lifespan.startup.failed", "message": message})
        return
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await hub.stop()
    await send({"type": "lifespan.shutdown.complete"})


async def publish(hub, receive):
    """Publish the body; returns the status to answer with."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MAX_BODY:
            return 413
    try:
        await hub.redis.publish(CHANNEL, body.decode())
    except UnicodeDecodeError:
        return 400
    except redis.RedisError:
        return 503
    return 202


async def answer(send, status, headers=()):
    headers = [(b"content-length", b"0"), *headers]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body"})
