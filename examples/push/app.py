"""The application: what is where."""

import contextlib
import json
import re
from pathlib import Path

from examples.push import settings
from examples.push.hub import Hub
from examples.push.memory_store import MemoryStore
from examples.push.message import Invalid, Unavailable, checked_name, checked_text
from examples.push.sse import serve_events
from examples.push.store import Store
from examples.push.user import header_of, is_same_origin, user_of
from examples.push.websocket import serve_websocket

PAGE = (Path(__file__).parent / "index.html").read_bytes()
CHANNEL = re.compile(r"/channels/([^/]+)/(messages|presence)")
LOADABLE = b"; ".join(
    [
        b"default-src 'none'",
        b"connect-src 'self'",
        b"img-src data:",
        b"script-src 'unsafe-inline'",
        b"style-src 'unsafe-inline'",
    ]
)


def make_store() -> Store:
    if settings.REDIS_URL is None:
        return MemoryStore()
    from examples.push.redis_store import RedisStore  # redis need not be installed otherwise

    return RedisStore(settings.REDIS_URL)


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await lifespan(scope, receive, send)
    elif scope["type"] == "websocket":
        await serve_websocket(scope, receive, send)
    else:
        await serve_http(scope, receive, send)


async def lifespan(scope, receive, send):
    await receive()
    hub = scope["state"]["hub"] = Hub(make_store())
    try:
        await hub.start()
    except Unavailable as error:
        await hub.stop()
        await send({"type": "lifespan.startup.failed", "message": str(error)})
        return
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await hub.stop()
    await send({"type": "lifespan.shutdown.complete"})


async def serve_http(scope, receive, send):
    method, path = scope["method"], scope["path"]
    try:
        if path == "/" and method in ("GET", "HEAD"):
            headers = [(b"content-security-policy", LOADABLE)]
            await answer(send, 200, PAGE, b"text/html; charset=utf-8", headers)
        elif path == "/events" and method == "GET":
            await serve_events(scope, receive, send)
        elif path == "/health" and method in ("GET", "HEAD"):
            await answer_health(scope["state"]["hub"], send)
        elif found := CHANNEL.fullmatch(path):
            await serve_channel(scope, receive, send, checked_name(found[1]), found[2])
        else:
            await answer_json(send, 404, error="there is nothing here")
    except Invalid as error:
        await answer_json(send, 400, error=str(error))
    except Unavailable as error:
        await answer_json(send, 503, [(b"retry-after", b"1")], error=str(error))


async def serve_channel(scope, receive, send, name, what):
    hub: Hub = scope["state"]["hub"]
    if what == "messages" and scope["method"] == "POST":
        if not is_same_origin(scope):
            await answer_json(send, 403, error="this is another site's page")
            return
        user = user_of(scope)
        text = checked_text(await read_text(receive))
        key = header_of(scope, b"idempotency-key")[:64] or None
        position = await hub.store.publish(name, user, text, key)
        await answer_json(send, 201, id=str(position))
    elif scope["method"] != "GET":
        allow = b"GET, POST" if what == "messages" else b"GET"
        await answer_json(send, 405, [(b"allow", allow)], error="use GET")
    elif what == "messages":
        messages = await hub.store.read(name)
        body = "[" + ",".join(message.json for message in messages) + "]"
        await answer(send, 200, body.encode(), b"application/json")
    else:
        found = await hub.store.sync_presence({}, [], [name])
        await answer_json(send, 200, count=found[name].count, users=found[name].users)


async def read_text(receive) -> str:
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Invalid("the client is gone")
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > settings.MAX_TEXT:
            raise Invalid(f"a message has at most {settings.MAX_TEXT} bytes")
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise Invalid("a message is UTF-8 text") from None


async def answer_health(hub: Hub, send):
    """Whether this server can do its work: Redis is reachable.

    A balancer that cuts off the clients of a server that is down (HAProxy's shutdown-sessions)
    should look at / instead: when Redis is away, all servers are unhealthy at once.
    """
    counts = {"clients": len(hub.clients), "channels": len(hub.channels)}
    try:
        await hub.store.ping()
    except Unavailable as error:
        await answer_json(send, 503, error=str(error), **counts)
    else:
        await answer_json(send, 200, store=type(hub.store).__name__, **counts)


async def answer_json(send, status, headers=(), **fields):
    await answer(send, status, json.dumps(fields).encode() + b"\n", b"application/json", headers)


async def answer(send, status, body, kind, headers=()):
    headers = [
        (b"content-type", kind),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        *headers,
    ]
    with contextlib.suppress(OSError):  # the client is gone
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
