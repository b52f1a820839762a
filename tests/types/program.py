"""What a user may write, for type checkers: mypy and pyright accept it in their strict modes.

Each `type: ignore` marks a mistake that they must find. Nothing here runs.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, assert_type

import fastserve
import httpparser
from httpparser import (
    END,
    Chunk,
    HttpParserError,
    HttpRequestParser,
    HttpResponseParser,
    Leniency,
    Limits,
    RequestHead,
    RequestParser,
    ResponseHead,
    ResponseParser,
    Trailers,
    WholeRequest,
    WholeRequestParser,
    httptools,
)

Message = MutableMapping[str, Any]


# The server


async def app(
    scope: Message,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def serve() -> None:
    fastserve.run(app, port=8000)
    fastserve.run("module:app", workers=2, loop="asyncio")


async def embed() -> None:
    config = fastserve.Config(app, host="127.0.0.1", port=0, ssl_certfile=None)
    assert_type(config.port, int)
    config.port = 1  # type: ignore[misc]
    fastserve.Config(app, prot=0)  # type: ignore[call-arg]
    server = fastserve.Server(config)
    try:
        serving = asyncio.create_task(server.serve())
        assert_type(server.ports, list[int])
        server.request_stop()
        await serving
    except fastserve.ConfigError as error:
        print(error.option, error.problem)
    except fastserve.StartError as error:
        print(error)
    assert_type(fastserve.__version__, str)


# Whole heads


def requests(data: bytes | bytearray | memoryview) -> list[str]:
    parser = RequestParser(limits=Limits(body=1_000_000), lenient=Leniency.VERSION)
    paths: list[str] = []
    try:
        for event in parser.feed(data):
            if event is END:
                print(event.name)
            elif isinstance(event, Trailers):
                assert_type(event.headers, list[tuple[bytes, bytes]])
            elif isinstance(event, Chunk):
                assert_type(event.size, int)
            elif isinstance(event, bytes | memoryview):
                print(len(event))
            else:
                assert_type(event, RequestHead)
                paths.append(event.path)
    except HttpParserError as error:
        assert_type(error.status, int)
        assert_type(error.offset, int | None)
        print(error.code, error.events)
    parser.feed("text")  # type: ignore[arg-type]
    RequestParser(limits=10)  # type: ignore[arg-type]
    return paths


def whole_requests(data: bytes) -> bytes:
    parser = WholeRequestParser(limits=Limits(body=1_000_000))
    body = b""
    for request in parser.feed(data):
        assert_type(request, WholeRequest)
        assert_type(request.headers, list[tuple[bytes, bytes]])
        assert_type(request.trailer_fields, list[tuple[bytes, bytes]] | None)
        body += request.body
    assert_type(parser.expect_continue, bool)
    return body


def responses(data: bytes) -> int:
    parser = ResponseParser(method="HEAD")
    statuses = [event.status for event in parser.feed(data) if isinstance(event, ResponseHead)]
    parser.method = None
    parser.feed_eof()
    head = RequestHead("GET", b"/", "1.1", [(b"host", b"a")])
    assert_type(head.authority, bytes | None)
    head.path = "/"  # type: ignore[misc]
    assert_type(httpparser.write_response_head(200, head.headers), bytes)
    assert_type(httpparser.get_include(), str)
    return max(statuses)


# httptools' interface


class Protocol:
    def on_url(self, url: bytes) -> None:
        parsed = httpparser.parse_url(url)
        assert_type(parsed.path, bytes | None)
        assert_type(parsed.port, int | None)

    def on_header(self, name: bytes, value: bytes) -> None: ...


def callbacks(data: bytes) -> str:
    parser = HttpRequestParser(Protocol())
    parser.set_dangerous_leniencies(lenient_data_after_close=True)
    try:
        parser.feed_data(data)
    except httptools.HttpParserUpgrade as upgrade:
        print(upgrade.args[0])
    except httptools.parser.errors.HttpParserInvalidURLError:
        raise
    assert_type(parser.get_method(), bytes)
    assert_type(HttpResponseParser(Protocol()).get_status_code(), int)
    HttpRequestParser()  # type: ignore[call-arg]
    return parser.get_http_version()
