"""Applications of every kind, as they are written, and the frameworks on top of them."""

import functools

from .cases import Play

GET = b"GET /a%20b?c=d HTTP/1.1\r\nHost: h\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"


async def answer(send, body):
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def serve(scope, receive, send):
    if scope["type"] == "lifespan":
        raise RuntimeError("no lifespan")
    body = (await receive())["body"]
    await answer(send, scope["path"].encode() + body)


def plain(scope, receive, send):
    """A def that returns an awaitable."""
    return serve(scope, receive, send)


class Awaitable:
    """An awaitable that is no coroutine."""

    def __init__(self, *call):
        self.call = call

    def __await__(self):
        return serve(*self.call).__await__()


def custom(scope, receive, send):
    return Awaitable(scope, receive, send)


class Callable:
    async def __call__(self, scope, receive, send):
        await serve(scope, receive, send)


class Methods:
    async def app(self, scope, receive, send):
        await serve(scope, receive, send)


def double(scope):
    """ASGI 2: called twice."""

    async def instance(receive, send):
        await serve(scope, receive, send)

    return instance


class DoubleClass:
    def __init__(self, scope):
        self.scope = scope

    async def __call__(self, receive, send):
        await serve(self.scope, receive, send)


def wsgi(environ, start_response):
    body = environ["PATH_INFO"].encode() + environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", str(len(body))), ("X-A", "b")])
    return [body]


def wsgi_stream(environ, start_response):
    start_response("200 OK", [])
    return (part for part in (b"/a", b" ", b"b"))


async def wrapped(extra, scope, receive, send):
    assert extra == "extra"
    await serve(scope, receive, send)


partial = functools.partial(wrapped, "extra")
called, method = Callable(), Methods().app


@functools.cache
def starlette():
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse, StreamingResponse
    from starlette.routing import Route

    async def hello(request):
        return PlainTextResponse(request.url.path.encode() + await request.body())

    async def stream(request):
        return StreamingResponse(iter([b"/a", b" ", b"b"]))

    methods = ["GET", "POST"]
    routes = [Route("/stream", stream), Route("/{rest:path}", hello, methods=methods)]
    return Starlette(routes=routes)


@functools.cache
def fastapi():
    from fastapi import FastAPI, Request
    from fastapi.responses import PlainTextResponse

    app = FastAPI()

    async def hello(request: Request):
        return PlainTextResponse(request.scope["path"].encode() + await request.body())

    app.add_api_route("/{rest:path}", hello, methods=["GET", "POST"])
    return app


@functools.cache
def django():
    import django
    from django.conf import settings
    from django.core.asgi import get_asgi_application
    from django.http import HttpResponse
    from django.urls import re_path

    async def hello(request):
        return HttpResponse(request.path.encode() + request.body)

    if not settings.configured:
        settings.configure(
            ALLOWED_HOSTS=["*"], SECRET_KEY="x", ROOT_URLCONF=(re_path("", hello),), USE_TZ=True
        )
        django.setup()
    return get_asgi_application()


def replies(get):
    """GET and POST over one connection."""

    def steps(peer):
        with peer.serve(get()).connect() as client:
            for request, body in ((GET, b"/a b"), (POST, b"/abc"), (GET, b"/a b")):
                client.send(request)
                response = client.response()
                assert response.status == 200, response
                assert response.body in (body, b"/a%20b")

    return steps


def kind(name, asks, get):
    return Play(id=f"asgi-app-{name}", asks=asks, steps=replies(get), local=True)


def streams(get, path):
    def steps(peer):
        with peer.serve(get()).connect() as client:
            client.send(b"GET " + path + b" HTTP/1.1\r\nHost: h\r\n\r\n")
            response = client.response()
            assert response.framing == "chunked"
            assert response.body == b"/a b"

    return steps


def given(app):
    return lambda: app


KINDS = {
    "async-def": ("an async def", serve),
    "plain-def": ("a def that returns a coroutine", plain),
    "awaitable": ("a def that returns an awaitable of its own", custom),
    "object": ("an object with __call__", called),
    "method": ("a method", method),
    "partial": ("a partial", partial),
    "asgi2-def": ("an ASGI 2 function", double),
    "asgi2-class": ("an ASGI 2 class", DoubleClass),
    "wsgi": ("a WSGI application, through a2wsgi", wsgi),
}
FRAMEWORKS = {"starlette": starlette, "fastapi": fastapi, "django": django}

CASES = [
    *(kind(name, asks, given(app)) for name, (asks, app) in KINDS.items()),
    *(kind(name, f"{name}, unmodified", get) for name, get in FRAMEWORKS.items()),
    Play(id="asgi-app-wsgi-stream", asks="a WSGI application that yields parts", local=True,
         steps=streams(given(wsgi_stream), b"/")),
    Play(id="asgi-app-starlette-stream", asks="Starlette's StreamingResponse", local=True,
         steps=streams(starlette, b"/stream")),
]  # fmt: skip
