"""An API gateway: a reverse proxy that streams, with a rate limit and a health check.

    pip install httpx
    UPSTREAM=http://127.0.0.1:9000 fastserve examples.gateway:app

    curl -i http://127.0.0.1:8000/any/path    # the upstream's answer
    curl -i http://127.0.0.1:8000/healthz     # the gateway's own

UPSTREAM_TIMEOUT is the number of seconds to wait for the upstream. RATE and BURST are those of
rate_limit.py. WebSockets are refused.
"""

import os
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from examples.rate_limit import RateLimit

UPSTREAM = httpx.URL(os.environ.get("UPSTREAM", "http://127.0.0.1:9000"))
BASE = UPSTREAM.raw_path.rstrip(b"/")
UPSTREAM_TIMEOUT = float(os.environ.get("UPSTREAM_TIMEOUT", "30"))

# RFC 9110 7.6.1: fields for the next hop only, in addition to those that Connection names.
HOP_BY_HOP = {
    *(b"connection", b"proxy-connection", b"keep-alive"),
    *(b"te", b"transfer-encoding", b"upgrade"),
}
# The gateway is the edge: it replaces these fields instead of trusting the client.
REPLACED = {b"host", b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"}


class ClientDisconnected(Exception):
    """The client no longer waits for the response."""


async def gateway(scope, receive, send):
    if scope["type"] == "lifespan":
        await lifespan(scope, receive, send)
    elif scope["type"] == "websocket":
        await send({"type": "websocket.close"})  # before accepting it: 403
    elif scope["path"] == "/healthz":
        await answer(send, 200, "ok")
    else:
        await forward(scope, receive, send)


async def lifespan(scope, receive, send):
    await receive()
    no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))  # cookies belong to the clients
    async with httpx.AsyncClient(
        timeout=UPSTREAM_TIMEOUT, cookies=no_cookies, trust_env=False
    ) as client:
        scope["state"]["client"] = client
        await send({"type": "lifespan.startup.complete"})
        await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def forward(scope, receive, send):
    try:
        request = upstream_request(scope, receive)
        response = await scope["state"]["client"].send(request, stream=True)
    except ClientDisconnected:
        return
    except httpx.InvalidURL:
        await answer(send, 400, "the upstream cannot serve this path")
    except httpx.TimeoutException:
        await answer(send, 504, "the upstream did not answer in time")
    except httpx.TransportError:
        await answer(send, 502, "the upstream cannot be reached")
    else:
        try:
            await send_response(response, send)
        finally:
            await response.aclose()


async def send_response(response, send):
    """Stream the response. If the upstream fails midway, the server aborts the response."""
    headers = end_to_end((name.lower(), value) for name, value in response.headers.raw)
    start = {"type": "http.response.start", "status": response.status_code, "headers": headers}
    await send(start)
    async for chunk in response.aiter_raw():
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body"})


def upstream_request(scope, receive):
    query = b"?" + scope["query_string"] if scope["query_string"] else b""
    url = UPSTREAM.copy_with(raw_path=BASE + scope["raw_path"] + query)
    if not url.raw_path.startswith(BASE + b"/"):  # "*", or ".." that leaves it
        raise httpx.InvalidURL("not below UPSTREAM")
    headers = dict(scope["headers"])
    has_body = b"content-length" in headers or b"transfer-encoding" in headers
    return httpx.Request(
        scope["method"],
        url,
        headers=[
            *(field for field in end_to_end(scope["headers"]) if field[0] not in REPLACED),
            (b"via", b"%s gateway" % scope["http_version"].encode()),
            (b"x-forwarded-for", scope["client"][0].encode() if scope["client"] else b"unknown"),
            (b"x-forwarded-proto", scope["scheme"].encode()),
            (b"x-forwarded-host", headers.get(b"host", b"")),
        ],
        content=request_body(receive) if has_body else None,
    )


def end_to_end(headers):
    """The fields without those that are for one hop only."""
    headers = list(headers)
    named = b",".join(value.lower() for name, value in headers if name == b"connection")
    dropped = HOP_BY_HOP | {name.strip() for name in named.split(b",")}
    return [field for field in headers if field[0] not in dropped]


async def request_body(receive):
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        yield message.get("body", b"")
        more = message.get("more_body", False)


async def answer(send, status, text):
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % (len(text) + 1))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode() + b"\n"})


app = RateLimit(gateway, free={"/healthz"})
