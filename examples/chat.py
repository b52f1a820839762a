"""A chat over WebSocket: everybody receives what anybody says.

    fastserve examples.chat:app

Each worker knows its own clients only. With Redis between them, which needs `pip install redis`,
any number of workers and machines are one chat:

    REDIS_URL=redis://localhost fastserve examples.chat:app --workers 4
"""

import asyncio
import contextlib
import os

URL = os.environ.get("REDIS_URL")
CHANNEL = "chat"
BEHIND = 100  # messages that a client may be behind; of more it misses the oldest

PAGE = b"""<!doctype html><meta charset=utf-8><title>chat</title>
<form><input autofocus></form><pre></pre><script>
const [form, field, log] = ["form", "input", "pre"].map((tag) => document.querySelector(tag));
const socket = new WebSocket(location.origin.replace("http", "ws") + "/chat");
socket.onmessage = ({data}) => log.prepend(data + "\\n");
form.onsubmit = () => (socket.send(field.value), field.value = "", false);
</script>"""


class Room:
    """The clients of this process, a queue for each; nobody waits for the slowest."""

    def __init__(self):
        self.queues = set()
        self.redis = None

    async def say(self, text):
        """To everybody, wherever connected."""
        if self.redis is None:
            self.deliver(text)
        else:
            await self.redis.publish(CHANNEL, text)

    def deliver(self, text):
        """To the clients of this process."""
        for queue in self.queues:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(text)

    async def connect(self, url):
        """From now on the rooms of all processes are one."""
        from redis.asyncio import Redis

        self.redis = Redis.from_url(url, decode_responses=True)
        self.channel = self.redis.pubsub()
        await self.channel.subscribe(CHANNEL)
        self.listener = asyncio.create_task(self.listen())

    async def listen(self):
        async for message in self.channel.listen():
            if message["type"] == "message":
                self.deliver(message["data"])

    async def disconnect(self):
        self.listener.cancel()
        await self.channel.aclose()
        await self.redis.aclose()


room = Room()


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    elif scope["type"] == "websocket":
        await chat(receive, send)
    else:
        headers = [(b"content-type", b"text/html"), (b"content-length", b"%d" % len(PAGE))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": PAGE})


async def lifespan(receive, send):
    await receive()
    try:
        if URL:
            await room.connect(URL)
    except Exception as error:
        await send({"type": "lifespan.startup.failed", "message": f"{URL}: {error}"})
        return
    await send({"type": "lifespan.startup.complete"})
    await receive()
    if URL:
        await room.disconnect()
    await send({"type": "lifespan.shutdown.complete"})


async def chat(receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    queue = asyncio.Queue(BEHIND)
    room.queues.add(queue)
    writer = asyncio.create_task(write(queue, send))
    try:
        while (event := await receive())["type"] == "websocket.receive":
            await room.say(event.get("text") or "")
    finally:
        room.queues.discard(queue)
        writer.cancel()


async def write(queue, send):
    with contextlib.suppress(OSError):  # the client has gone; receive() says so too
        while True:
            await send({"type": "websocket.send", "text": await queue.get()})
