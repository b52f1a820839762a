"""A client over WebSocket: JSON objects both ways, one per message.

The `type` of a command, what else it has (what it may have), and the answer:

    subscribe    channel (since, history, presence)    subscribed: id, complete
    unsubscribe  channel                               unsubscribed
    publish      channel, text (key)                   published: id, key
    ping         (id)                                  pong: id

Besides, the server sends `welcome` first, `message` and `presence`, and `error` for what cannot be
done. `since` is the id of the last message that the client has; `complete` is false where some of
those after it are no longer kept. A message that is published again with the same `key`, by a
client that did not see the answer, is not a second one.

Close codes: 1012 the server restarts, 1013 too slow or Redis is away; either way
come back, a little later and not all at once.
"""

import asyncio
import contextlib
import json

from examples.push.client import Client, TooSlow
from examples.push.hub import Hub
from examples.push.message import (
    Invalid,
    Message,
    Position,
    Unavailable,
    checked_name,
    checked_text,
    encode,
)
from examples.push.settings import HISTORY
from examples.push.user import is_same_origin, user_of

TOO_SLOW = {"type": "websocket.close", "code": 1013, "reason": "too slow"}


async def serve_websocket(scope, receive, send) -> None:
    hub: Hub = scope["state"]["hub"]
    await receive()
    try:
        client = Client(user_of(scope))
    except Invalid:
        client = None
    if client is None or not is_same_origin(scope):
        await send({"type": "websocket.close"})  # before accepting it: 403
        return
    await send({"type": "websocket.accept"})
    client.reply(encode("welcome", user=client.user))
    hub.add(client)
    try:
        async with asyncio.TaskGroup() as group:
            writing = group.create_task(write(client, send))
            await read(hub, client, receive, send)
            writing.cancel()
    finally:
        hub.remove(client)


async def write(client: Client, send) -> None:
    with contextlib.suppress(OSError):  # the client is gone; receive() says so too
        try:
            while True:
                item = await client.next()
                text = item.json if isinstance(item, Message) else item
                await send({"type": "websocket.send", "text": text})
        except TooSlow:
            await send(TOO_SLOW)


async def read(hub: Hub, client: Client, receive, send) -> None:
    while (event := await receive())["type"] == "websocket.receive":
        if client.too_slow:  # and what is sent to it waits for it to read
            with contextlib.suppress(OSError):
                await send(TOO_SLOW)
            return
        try:
            await obey(hub, client, parse(event))
        except Invalid as error:
            client.reply(encode("error", reason=str(error)))
        except Unavailable:
            with contextlib.suppress(OSError):
                await send({"type": "websocket.close", "code": 1013, "reason": "try again later"})


def parse(event) -> dict[str, object]:
    try:
        command = json.loads(event.get("text") or "")
    except (ValueError, RecursionError):
        command = None
    if not isinstance(command, dict):
        raise Invalid("a command is a JSON object")
    return command


async def obey(hub: Hub, client: Client, command: dict[str, object]) -> None:
    kind = command.get("type")
    if kind == "ping":
        client.reply(encode("pong", id=short(command.get("id"))))
        return
    name = checked_name(command.get("channel"))
    if kind == "subscribe":
        since, history = command.get("since"), command.get("history", 0)
        if type(history) is not int or not 0 <= history <= HISTORY:
            raise Invalid(f"history is a number from 0 to {HISTORY}")
        begin, complete = await hub.subscribe(
            client,
            name,
            since=None if since is None else Position.parse(since),
            history=history,
            presence=command.get("presence") is True,
        )
        client.reply(encode("subscribed", channel=name, id=str(begin), complete=complete))
    elif kind == "unsubscribe":
        hub.unsubscribe(client, name)
        client.reply(encode("unsubscribed", channel=name))
    elif kind == "publish":
        text, key = checked_text(command.get("text")), short(command.get("key"))
        position = await hub.store.publish(
            name, client.user, text, None if key is None else str(key)
        )
        client.reply(encode("published", channel=name, id=str(position), key=key))
    else:
        raise Invalid("the type is subscribe, unsubscribe, publish or ping")


def short(value: object) -> str | int | None:
    """What a client wants back, or what it calls its message."""
    if value is None or type(value) is int or (isinstance(value, str) and len(value) <= 64):
        return value
    raise Invalid("an id or key is a number or a text of at most 64 characters")
