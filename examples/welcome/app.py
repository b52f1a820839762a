"""The routes."""

import asyncio
import json
import os
import platform
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import fastserve
import httpparser
from examples.hello import app as hello
from httpparser import http2

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs"
PAGE = (HERE / "index.html").read_text()
POLICY = (
    b"default-src 'self'; connect-src 'self' ws: wss:; img-src data:; "
    b"style-src 'unsafe-inline'; script-src 'unsafe-inline'"
)
TICK_SECONDS = 1.0
MAX_PING = 64  # characters

started = time.time()


async def app(scope, receive, send):
    if scope["type"] == "websocket":
        return await live(scope, receive, send)
    if scope["type"] != "http":
        raise NotImplementedError(f"this app does not support {scope['type']}")
    path = scope["path"]
    if path == "/hello":
        return await hello(scope, receive, send)
    if path == "/":
        # In a script element: "<" could end it.
        about = json.dumps(about_request(scope)).replace("<", "\\u003c")
        page = PAGE.replace("{about}", about).encode()
        policy = (b"content-security-policy", POLICY)
        return await answer(send, 200, page, b"text/html; charset=utf-8", [policy])
    if path == "/about":
        body = json.dumps(about_request(scope), indent=2).encode() + b"\n"
        return await answer(send, 200, body, b"application/json")
    if (document := documents().get(path)) is not None:
        body = await asyncio.to_thread(document.read_bytes)
        return await answer(send, 200, body, b"text/plain; charset=utf-8")
    return await answer(send, 404, b"Not found\n")


def about_request(scope):
    """What is running, and how this request came."""
    return {
        "fastserve": fastserve.__version__,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "loop": loop_name(),
        "parser": parser_name(scope),
        "protocol": f"HTTP/{scope['http_version']}",
        "tls": tls_name(scope),
        "process": os.getpid(),
        "client": "{}:{}".format(*scope["client"]) if scope.get("client") else "a Unix socket",
        "started": started,
        "docs": sorted(documents()),
    }


def loop_name():
    package = type(asyncio.get_running_loop()).__module__.partition(".")[0]
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return package  # asyncio's own


def parser_name(scope):
    if scope["http_version"] == "2":
        return f"nghttp2 {http2.NGHTTP2_VERSION}"
    if "fastserve.http1.h11" in sys.modules:  # imported for --http h11 alone
        return f"h11 {version('h11')}"
    return f"llhttp {httpparser.LLHTTP_VERSION}"


def tls_name(scope):
    if scope["scheme"] != "https":
        return None
    number = scope.get("extensions", {}).get("tls", {}).get("tls_version")
    names = {0x0303: "TLS 1.2", 0x0304: "TLS 1.3"}
    return names.get(number, "TLS")


def documents():
    """The pages of the repository by their paths here; none where only the package is."""
    return {f"/docs/{file.name}": file for file in DOCS.glob("*.md")}


async def live(scope, receive, send):
    """The server's clock every second, and an answer to each ping."""
    await receive()
    if scope["path"] != "/live":
        return await send({"type": "websocket.close"})  # answered with 403
    await send({"type": "websocket.accept"})
    ticking = asyncio.create_task(tick(send))
    try:
        while (event := await receive())["type"] == "websocket.receive":
            ping = (event.get("text") or "")[:MAX_PING]
            await send({"type": "websocket.send", "text": json.dumps({"pong": ping})})
    except OSError:
        pass  # the client has left
    finally:
        ticking.cancel()
    return None


async def tick(send):
    try:
        while True:
            clock = {"clock": time.time(), "up": time.time() - started}
            await send({"type": "websocket.send", "text": json.dumps(clock)})
            await asyncio.sleep(TICK_SECONDS)
    except OSError:
        pass  # the client has left; receive() says so too


async def answer(send, status, body, content_type=b"text/plain", headers=()):
    headers = [
        (b"content-type", content_type),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        *headers,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
