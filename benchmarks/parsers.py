"""Every parser around the same job: a whole head (method, path, query, version, headers in lower
case) and the body, from the bytes of one complete message.

Each maker returns two functions: one parses a message into Python objects, and is what is timed;
the other makes `(method, path, headers, body)` of what that returned, for the check before it.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any
from urllib.parse import unquote

Parsed = tuple[str, str, list[tuple[bytes, bytes]], bytes]
Made = tuple[Callable[[bytes], Any], Callable[[Any], Parsed]]


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

    def parsed(self, _result: object) -> Parsed:
        return self.method, self.path, self.headers, self.body


def callbacks(module: str) -> Made:
    kept = CallbackHead(import_module(module))
    return kept.parser.feed_data, kept.parsed


def batch() -> Made:
    from httpparser import END, RequestParser

    def parsed(events: list[Any]) -> Parsed:
        head, *parts, end = events
        assert end is END
        return head.method, head.path, head.headers, b"".join(parts)

    return RequestParser().feed, parsed


def whole() -> Made:
    from httpparser import WholeRequestParser

    def parsed(requests: list[Any]) -> Parsed:
        (request,) = requests
        return request.method, request.path, request.headers, request.body

    return WholeRequestParser().feed, parsed


def h11() -> Made:
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

    return parse, tuple


def gunicorn_h1c() -> Made:
    """The callbacks and accessors that gunicorn's asgi worker uses."""
    from gunicorn_h1c import H1CProtocol

    bodies: list[bytes] = []
    parser = H1CProtocol(on_body=bodies.append)

    def parse(data: bytes) -> Parsed:
        parser.reset()
        bodies.clear()
        parser.feed(data)
        parser.should_keep_alive  # noqa: B018 - read, as a server does
        method, path = parser.method.decode("ascii"), parser.path.partition(b"?")[0].decode("ascii")
        return method, unquote(path), parser.asgi_headers, b"".join(bodies)

    return parse, tuple


class PortSink:
    """What a connection is to fastserve's parser port."""

    def head(self, head: Any) -> None:
        self.request, self.parts = head, b""

    def body(self, data: bytes) -> None:
        self.parts += data

    def end(self) -> None: ...


def port(module: str, name: str) -> Made:
    """A port as fastserve runs it: its own work belongs to the parser, not to the server."""
    from httpparser import Limits

    sink = PortSink()
    feed = getattr(import_module(f"benchmarks.ports.{module}"), name)(sink, Limits()).feed

    def parsed(_result: object) -> Parsed:
        return sink.request.method, sink.request.path, sink.request.headers, sink.parts

    return feed, parsed


MAKERS: dict[str, Callable[[], Made]] = {
    "httpparser batch": batch,
    "httpparser whole": whole,
    "httpparser callbacks": lambda: callbacks("httpparser"),
    "httptools": lambda: callbacks("httptools"),
    "gunicorn_h1c": gunicorn_h1c,
    "h11": h11,
    "port llhttp-callbacks": lambda: port("httptools_port", "LlhttpCallbacks"),
    "port httptools": lambda: port("httptools_port", "Httptools"),
    "port h11": lambda: port("h11_port", "H11"),
}
