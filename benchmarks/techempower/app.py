"""TechEmpower's plaintext and JSON tests as raw ASGI apps."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

Send = Callable[[dict[str, Any]], Awaitable[None]]

PLAINTEXT = b"Hello, World!"
TEXT_HEADERS = [(b"content-type", b"text/plain"), (b"content-length", b"13")]
JSON_HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"27")]


async def plaintext(scope: dict[str, Any], receive: Any, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": TEXT_HEADERS})
    await send({"type": "http.response.body", "body": PLAINTEXT})


async def as_json(scope: dict[str, Any], receive: Any, send: Send) -> None:
    """The rules want the object made and serialised for each request."""
    body = json.dumps({"message": "Hello, World!"}, separators=(",", ":")).encode()
    await send({"type": "http.response.start", "status": 200, "headers": JSON_HEADERS})
    await send({"type": "http.response.body", "body": body})


async def not_found(scope: dict[str, Any], receive: Any, send: Send) -> None:
    headers = [(b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 404, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


ROUTES = {"/plaintext": plaintext, "/json": as_json}


async def app(scope: dict[str, Any], receive: Any, send: Send) -> None:
    await ROUTES.get(scope["path"], not_found)(scope, receive, send)
