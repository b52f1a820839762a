"""httpparser in place of httptools, in processes of their own."""

import http.client
import subprocess
import sys
import textwrap
from contextlib import closing
from importlib.metadata import version

import pytest

import httpparser
from httpparser import httptools as ours

MODULES = """
    import httpparser
    httpparser.install_as_httptools()
    httpparser.install_as_httptools()

    import importlib.util
    import httptools
    import httptools.parser.errors as errors
    import httptools.parser.parser
    import httptools.parser.protocol
    import httptools.parser.url_parser
    from httptools import HttpRequestParser, parser, parse_url
    from httptools.parser import HttpParserError, errors as also_errors, url_parser

    assert httptools is httpparser.httptools
    assert errors is also_errors is httptools.parser.errors is httpparser.errors
    assert errors.HttpParserError is HttpParserError is httptools.HttpParserError
    assert url_parser is httptools.parser.url_parser
    assert url_parser.URL is type(parse_url(b"/"))
    assert httptools.parser.parser.HttpRequestParser is HttpRequestParser
    assert httptools.parser.protocol.HTTPProtocol is httptools.HTTPProtocol
    assert importlib.util.find_spec("httptools") is not None
"""

SOCKET = """
    import socket, sys
    import httpparser
    httpparser.install_as_httptools()
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    print(listener.getsockname()[1], flush=True)
    import httptools
    who = httptools.HttpRequestParser.__module__
"""

UVICORN = """
    import uvicorn

    async def app(scope, receive, send):
        body = (await receive())["body"]
        await send({"type": "http.response.start", "status": 200})
        seen = f"{who} {scope['method']} {scope['path']} {scope['query_string'].decode()} "
        await send({"type": "http.response.body", "body": seen.encode() + body})
"""

RUN_UVICORN = """
    config = uvicorn.Config(app, http="httptools", lifespan="{lifespan}", log_level="error")
    uvicorn.Server(config).run(sockets=[listener])
"""

BLACKSHEEP = """
    import blacksheep, uvicorn

    app = blacksheep.Application()

    @app.router.route("/hello", methods=["GET", "POST"])
    async def hello(request: blacksheep.Request) -> blacksheep.Response:
        body = (await request.read() or b"").decode()
        url = request.url
        query = (url.query or b"").decode()
        text = f"{who} {request.method} {url.path.decode()} {query} "
        return blacksheep.text(text + body)
"""

SANIC = """
    import logging, sanic
    import sanic.response

    logging.disable()
    app = sanic.Sanic("hello")

    @app.route("/hello", methods=["GET", "POST"])
    async def hello(request):
        text = f"{who} {request.method} {request.path} {request.query_string} "
        return sanic.response.text(text + request.body.decode())

    app.run(sock=listener, single_process=True, motd=False, access_log=False)
"""

WHO = "httpparser.httptools._parser"
APPS = {
    "uvicorn": UVICORN + RUN_UVICORN.format(lifespan="off"),
    "blacksheep": BLACKSHEEP + RUN_UVICORN.format(lifespan="on"),
    "sanic": SANIC,
}


def test_every_module_is_found_by_its_name() -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", textwrap.dedent(MODULES)], check=True)


def test_the_package_is_the_same_under_another_name() -> None:
    import httptools

    for name in httptools.__all__:
        assert hasattr(ours, name)
    assert set(ours.parser.__all__) == set(httptools.parser.__all__)
    for name in ("errors", "parser", "protocol", "url_parser"):
        for inner in getattr(getattr(httptools.parser, name), "__all__", ["HTTPProtocol"]):
            assert hasattr(getattr(ours.parser, name), inner)


def test_exports() -> None:
    assert set(httptools_all()) <= set(ours.__all__)
    assert set(ours.__all__) - {"parser"} <= set(httpparser.__all__)
    for name in set(ours.__all__) - {"parser"}:
        assert getattr(ours, name) is getattr(httpparser, name)


def httptools_all() -> tuple[str, ...]:
    import httptools

    return httptools.__all__


def test_version() -> None:
    assert httpparser.__version__ == version("fastserve-asgi")


def answer(client: http.client.HTTPConnection, method: str, target: str, body: str = "") -> str:
    client.request(method, target, body)
    response = client.getresponse()
    return response.read().decode()


@pytest.mark.parametrize("name", APPS)
def test_apps_run_on_it(name: str) -> None:
    program = textwrap.dedent(SOCKET) + textwrap.dedent(APPS[name])
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            with closing(http.client.HTTPConnection("127.0.0.1", port)) as client:
                for _ in range(2):  # on one connection
                    assert answer(client, "GET", "/hello?a=b") == f"{WHO} GET /hello a=b "
                    posted = answer(client, "POST", "/hello", "x" * 256)
                    assert posted == f"{WHO} POST /hello  " + "x" * 256
        finally:
            server.terminate()
