"""A client over Server-Sent Events (the HTML standard's EventSource): it only listens.

    GET /events?channels=lobby,news&user=ada&history=10&presence=1

The id of an event says where the client is in each channel: lobby=1764140363000-17&news=...
The browser sends it as Last-Event-ID when it comes back; a script can send it as `since`.
"""

import asyncio
import contextlib
import random

from examples.push.client import Client, TooSlow
from examples.push.hub import Hub
from examples.push.message import Invalid, Message, Position, checked_name, encode
from examples.push.settings import HEARTBEAT_SECONDS, HISTORY, MAX_CHANNELS
from examples.push.user import header_of, query_of, user_of

HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would wait for more
]


async def serve_events(scope, receive, send) -> None:
    """Raises Invalid and Unavailable before anything is sent."""
    hub: Hub = scope["state"]["hub"]
    query = query_of(scope)
    names = [checked_name(name) for name in query.get("channels", "").split(",")]
    if len(names) > MAX_CHANNELS:
        raise Invalid(f"a client may follow {MAX_CHANNELS} channels")
    history = query.get("history", "0")
    if not history.isdecimal() or int(history) > HISTORY:
        raise Invalid(f"history is a number from 0 to {HISTORY}")
    since = parse_positions(header_of(scope, b"last-event-id") or query.get("since", ""))
    client = Client(user_of(scope))
    client.reply(encode("welcome", user=client.user))
    hub.add(client)
    try:
        for name in names:
            begin, complete = await hub.subscribe(
                client,
                name,
                since=since.get(name),
                history=int(history),
                presence="presence" in query,
            )
            client.reply(encode("subscribed", channel=name, id=str(begin), complete=complete))
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        async with asyncio.TaskGroup() as group:
            writing = group.create_task(write(client, send))
            while (await receive())["type"] != "http.disconnect":
                pass
            writing.cancel()
        with contextlib.suppress(OSError):  # the server stops, or the client is gone
            await send({"type": "http.response.body"})
    finally:
        hub.remove(client)


async def write(client: Client, send) -> None:
    # Clients whose server went away come back within two seconds, not all at once.
    text = f"retry: {random.randrange(200, 2000)}\n\n"
    with contextlib.suppress(OSError, TooSlow):
        while True:
            body = {"type": "http.response.body", "body": text.encode(), "more_body": True}
            await send(body)
            try:
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    text = event(client, await client.next())
            except TimeoutError:
                text = ": still here\n\n"
    with contextlib.suppress(OSError):
        await send({"type": "http.response.body"})


def event(client: Client, item: str | Message) -> str:
    data = item.json if isinstance(item, Message) else item
    return f"id: {format_positions(client)}\ndata: {data}\n\n"  # JSON has no line breaks


def format_positions(client: Client) -> str:
    return "&".join(f"{channel.name}={at}" for channel, at in client.positions.items())


def parse_positions(text: str) -> dict[str, Position]:
    pairs = (pair.partition("=") for pair in text.split("&") if pair)
    return {checked_name(name): Position.parse(at) for name, _, at in pairs}
