"""A chat over WebSocket: every client receives what any client sends.

    fastserve examples.chat:app

Each worker knows only its own clients; examples/push.py connects workers through Redis.
"""

import asyncio
import contextlib

BACKLOG = 100  # messages waiting for a slow client; it misses the oldest beyond that

PAGE = b"""<!doctype html><meta charset=utf-8><title>chat</title>
<form><input autofocus></form><pre></pre><script>
const [form, field, log] = ["form", "input", "pre"].map((tag) => document.querySelector(tag));
const socket = new WebSocket(location.origin.replace("http", "ws") + "/chat");
socket.onmessage = ({data}) => log.prepend(data + "\\n");
form.onsubmit = () => (socket.send(field.value), field.value = "", false);
</script>"""

queues = set()  # one per client, so that nobody waits for the slowest


async def app(scope, receive, send):
    if scope["type"] == "websocket":
        await chat(receive, send)
    elif scope["type"] == "http":
        headers = [(b"content-type", b"text/html"), (b"content-length", b"%d" % len(PAGE))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": PAGE})
    else:
        raise NotImplementedError(f"this app does not support {scope['type']}")


async def chat(receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    queue = asyncio.Queue(BACKLOG)
    queues.add(queue)
    writer = asyncio.create_task(write(queue, send))
    try:
        while (event := await receive())["type"] == "websocket.receive":
            say(event.get("text") or "")
    finally:
        queues.discard(queue)
        writer.cancel()


def say(text):
    for queue in queues:
        if queue.full():
            queue.get_nowait()
        queue.put_nowait(text)


async def write(queue, send):
    with contextlib.suppress(OSError):  # the client is gone; receive() says so too
        while True:
            await send({"type": "websocket.send", "text": await queue.get()})
