"""A request from its arrival to its log line."""

import asyncio
from contextlib import AsyncExitStack
from time import perf_counter

from . import observe
from .cache import Cache, may_keep
from .connection import UpstreamError
from .forward import Forwarder
from .pages import page
from .rate_limit import RateLimit
from .request import ClientGone, Request
from .settings import Settings
from .stores import MemoryStore, RedisLink, RedisStore
from .upstream import Upstreams
from .websocket import pass_on


class Gateway:
    """What the requests of a process share."""

    def __init__(self, settings):
        self.settings = settings
        self.link = RedisLink(settings.redis) if settings.redis else None
        self.limit = RateLimit(settings, self.link)
        self.upstreams = Upstreams(settings)
        self.forwarder = Forwarder(self.upstreams, settings)
        store = RedisStore(self.link) if self.link else MemoryStore(settings.cache_bytes)
        self.cache = Cache(store, settings) if settings.cache_bytes else None

    async def run(self, receive, send):
        """From startup to shutdown."""
        async with AsyncExitStack() as stack:
            if self.link:
                stack.push_async_callback(self.link.close)
            await stack.enter_async_context(self.upstreams.watched())
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})


class Exchange:
    """A request and its response."""

    def __init__(self, gateway, scope, receive, send):
        self.gateway = gateway
        self.request = Request(scope, receive)
        self.receive = receive
        self._send = send
        self.status = None  # of the response that has begun
        self.cached = None  # what the cache had: hit, miss, stale
        self.problem = ""  # for the log

    async def run(self):
        start = perf_counter()
        try:
            try:
                await self.answer()
            except UpstreamError as error:
                await self.fail(error.status, REASONS[error.status], str(error))
        except (ClientGone, OSError):  # ASGI: send raises OSError once the client has gone
            self.problem = "the client has gone"
        seconds = perf_counter() - start
        observe.SECONDS.observe(seconds)
        observe.REQUESTS.labels(self.status or 499).inc()
        if self.cached:
            observe.CACHE.labels(self.cached).inc()
        if self.gateway.settings.log:
            observe.log_request(
                self.request, self.status or 499, seconds, self.cached, self.problem
            )

    async def answer(self):
        gateway, request = self.gateway, self.request
        if wait := await gateway.limit.take(request.client):
            headers, body = page(request, 429, "Too many requests from your address.")
            headers.append((b"retry-after", b"%d" % -(-wait // 1)))  # RFC 9110 10.2.3
            await self.send(429, headers, body)
        elif request.method == "CONNECT":
            await self.fail(501, "This is not a forward proxy.")
        elif gateway.cache:
            await self.answer_through_cache(gateway.cache)
        else:
            await self.pass_response()

    async def answer_through_cache(self, cache):
        request = self.request
        entry = await cache.find(request)
        if entry and entry.is_fresh_for(request):
            self.cached = "hit"
            await self.send(*entry.answer_to(request))
            return
        self.cached = "stale" if entry else "miss" if request.method == "GET" else None
        conditions = entry.conditions() if entry and request.method == "GET" else ()
        response = await self.gateway.forwarder.forward(request, conditions)
        try:
            if conditions and response.status == 304:
                entry = await cache.refresh(request, entry, response.headers)
                await self.send(*entry.answer_to(request))
                return
            await cache.invalidate(request, response.status)
            kept = may_keep(request, response.status, response.headers)
            await self.send_response(response, cache if kept else None)
        finally:
            response.close()

    async def pass_response(self):
        response = await self.gateway.forwarder.forward(self.request)
        try:
            await self.send_response(response)
        finally:
            response.close()

    async def send_response(self, response, cache=None):
        """Pass it on as it comes. It is in the cache before the client has all of it."""
        request, status, headers = self.request, response.status, response.headers
        if response.body is not None:
            if cache:
                await cache.keep(request, status, headers, response.body)
            await self.send(status, headers, response.body)
            return
        await self.start(status, headers)
        kept, size = [], 0
        watch = asyncio.create_task(self.close_when_gone(response))
        try:
            async for part in response.parts():
                size += len(part)
                if cache and size <= cache.limit:
                    kept.append(part)
                await self._send({"type": "http.response.body", "body": part, "more_body": True})
        finally:
            watch.cancel()
        if cache and size <= cache.limit:
            await cache.keep(request, status, headers, b"".join(kept))
        await self._send({"type": "http.response.body"})

    async def close_when_gone(self, response):
        """A client that leaves an endless stream must not keep the upstream at it."""
        if response.upload is not None:  # it reads `receive`
            await asyncio.wait({response.upload})
        while (await self.receive())["type"] != "http.disconnect":
            pass
        response.connection.close(ClientGone())

    async def start(self, status, headers):
        self.status = status
        headers = [field for field in headers if field[0] != b"x-request-id"]
        headers.append((b"x-request-id", self.request.id.encode()))
        if self.cached:  # RFC 9211
            value = b"hit" if self.cached == "hit" else b"fwd=%b" % self.cached.encode()
            headers.append((b"cache-status", b"gateway; " + value))
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def send(self, status, headers, body):
        await self.start(status, headers)
        await self._send({"type": "http.response.body", "body": body})

    async def fail(self, status, detail, problem=""):
        """An error page; once the response has begun, returning early makes the server abort it."""
        self.problem = problem
        if self.status is None:
            await self.send(status, *page(self.request, status, detail))


REASONS = {
    502: "The service behind this gateway did not give a valid answer.",
    503: "No service behind this gateway is available. Try again in a moment.",
    504: "The service behind this gateway did not answer in time.",
}


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await live(scope, receive, send)
        return
    gateway = scope["state"]["gateway"]
    if scope["type"] == "websocket":
        await pass_on(gateway, scope, receive, send)
    elif scope["path"] == "/healthz":
        available = any(each.available for each in gateway.upstreams.all)
        await answer(send, 200 if available else 503, b"ok\n" if available else b"no upstream\n")
    elif scope["path"] == "/metrics":
        await answer(send, 200, *observe.metrics())
    else:
        await Exchange(gateway, scope, receive, send).run()


async def live(scope, receive, send):
    await receive()
    try:
        gateway = scope["state"]["gateway"] = Gateway(Settings.load())
    except (ValueError, OSError) as error:
        await send({"type": "lifespan.startup.failed", "message": str(error)})
        return
    observe.set_up_logging(gateway.settings.log)
    await gateway.run(receive, send)


async def answer(send, status, body, content_type=b"text/plain"):
    headers = [
        (b"content-type", content_type),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
