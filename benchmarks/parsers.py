"""Every parser around the same job: a whole head (method, path, query, version, headers in lower
case) and the body, from the bytes of one complete message.

Each maker returns a function that parses one message and returns (method, path, headers, body),
so that a check can compare them; what a parser builds besides is its own affair.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any
from urllib.parse import unquote

Parsed = tuple[str, str, list[tuple[bytes, bytes]], bytes]
Parse = Callable[[bytes], Parsed]


class CallbackHead:
    """What a server keeps of a request that arrives through httptools' callbacks."""

    def __init__(self, module: Any) -> None:
        self.parser = module.HttpRequestParser(self)
        self.parse_url = module.parse_url

    def on_message_begin(self) -> None:
        self.url = self.body = b""
        self.headers: list[tuple[bytes, bytes]] = []

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        parser = self.parser
        self.version = parser.get_http_version()
        self.method = parser.get_method().decode("ascii")
        url = self.parse_url(self.url)
        path = url.path.decode("ascii")
        self.path = unquote(path) if "%" in path else path
        self.query = url.query or b""
        self.keep_alive = parser.should_keep_alive()

    def on_body(self, body: bytes) -> None:
        self.body += body

    def parse(self, data: bytes) -> Parsed:
        self.parser.feed_data(data)
        return self.method, self.path, self.headers, self.body


def callbacks(module: str) -> Parse:
    return CallbackHead(import_module(module)).parse


def batch() -> Parse:
    from httpparser import END, RequestParser

    feed = RequestParser().feed

    def parse(data: bytes) -> Parsed:
        head, *parts = feed(data)
        assert parts[-1] is END
        body = parts[0] if len(parts) == 2 else b"".join(parts[:-1])
        return head.method, head.path, head.headers, body

    return parse


def h11() -> Parse:
    """A new Connection for each message: h11 begins the next one only after a response."""
    import h11

    end, pieces, start = h11.EndOfMessage, h11.Data, h11.Request

    def parse(data: bytes) -> Parsed:
        connection = h11.Connection(h11.SERVER)
        connection.receive_data(data)
        head: Any = None
        body = b""
        while type(event := connection.next_event()) is not end:
            if type(event) is start:
                head = event
            elif type(event) is pieces:
                body += event.data
        path, _, _query = head.target.partition(b"?")
        return head.method.decode("ascii"), unquote(path.decode("ascii")), list(head.headers), body

    return parse


def aiohttp() -> Parse:
    """aiohttp's C parser; its heads hold a URL object and a multidict as well as raw headers."""
    import asyncio

    from aiohttp.base_protocol import BaseProtocol
    from aiohttp.http_parser import HttpRequestParserC
    from aiohttp.streams import EMPTY_PAYLOAD

    loop = asyncio.new_event_loop()
    parser = HttpRequestParserC(BaseProtocol(loop), loop, 2**16)

    def parse(data: bytes) -> Parsed:
        messages, _upgraded, _tail = parser.feed_data(data)
        message, payload = messages[0]
        body = b"" if payload is EMPTY_PAYLOAD else payload.read_nowait()
        headers = [(name.lower(), value) for name, value in message.raw_headers]
        return message.method, message.url.path, headers, body

    return parse


def zttp() -> Parse:
    """A new Connection for each message: the next one begins only after a response."""
    import zttp

    need = zttp.NEED_DATA

    def parse(data: bytes) -> Parsed:
        connection = zttp.Connection(zttp.SERVER)
        event: Any = connection.receive_event(data)
        head, body = event, b""
        while event is not need and type(event) is not zttp.EndOfMessage and not head.end_stream:
            if type(event) is zttp.Data:
                body += event.data
            event = connection.next_event()
        headers = head.headers.to_list(lowercase_names=True)
        return head.method.decode("ascii"), unquote(head.path.decode("ascii")), headers, body

    return parse


def gunicorn_h1c() -> Parse:
    """The callbacks and accessors that gunicorn's asgi worker uses."""
    from gunicorn_h1c import H1CProtocol

    bodies: list[bytes] = []
    parser = H1CProtocol(on_body=bodies.append)

    def parse(data: bytes) -> Parsed:
        parser.reset()
        bodies.clear()
        parser.feed(data)
        path, _, _query = parser.path.partition(b"?")
        parser.should_keep_alive  # noqa: B018 - read, as a server does
        return (
            parser.method.decode("ascii"),
            unquote(path.decode("ascii")),
            parser.asgi_headers,
            b"".join(bodies),
        )

    return parse


class PortSink:
    """What a connection is to fastserve's parser port."""

    def head(self, head: Any) -> None:
        self.request, self.parts = head, b""

    def body(self, data: bytes) -> None:
        self.parts += data

    def end(self) -> None: ...


def port(module: str, name: str) -> Parse:
    """A port as fastserve runs it: its own work belongs to the parser, not to the server."""
    from httpparser import Limits

    sink = PortSink()
    feed = getattr(import_module(f"benchmarks.ports.{module}"), name)(sink, Limits()).feed

    def parse(data: bytes) -> Parsed:
        feed(data)
        return sink.request.method, sink.request.path, sink.request.headers, sink.parts

    return parse


MAKERS: dict[str, Callable[[], Parse]] = {
    "httpparser batch": batch,
    "httpparser callbacks": lambda: callbacks("httpparser"),
    "httptools": lambda: callbacks("httptools"),
    "gunicorn_h1c": gunicorn_h1c,
    "zttp": zttp,
    "aiohttp": aiohttp,
    "h11": h11,
    "port llhttp-callbacks": lambda: port("httptools_port", "LlhttpCallbacks"),
    "port httptools": lambda: port("httptools_port", "Httptools"),
    "port h11": lambda: port("h11_port", "H11"),
}
