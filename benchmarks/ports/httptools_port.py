"""httptools' callbacks behind fastserve's parser port: `--http benchmarks.ports.httptools_port:…`.

`Httptools` is httptools itself, `LlhttpCallbacks` the class of the same shape from httpparser. They
cannot stop after a message, so what they find beyond it is kept for the next call. Upgrades are
not passed on: nothing here speaks another protocol.
"""

from typing import Any

import httptools

import httpparser
from httpparser import Limits, RequestHead

END = None


class CallbackPort:
    """One connection's requests through on_url, on_header and the other callbacks."""

    parser_class: Any

    def __init__(self, sink: Any, limits: Limits) -> None:
        self.sink = sink
        self.parser = self.parser_class(self)
        self.found: list[RequestHead | bytes | None] = []
        self.ahead = 0  # bytes of the next input that are parsed already
        self.url = b""
        self.headers: list[tuple[bytes, bytes]] = []

    def feed(self, data: bytes) -> int:
        """Hand over events up to the end of one message; 0 while others wait behind it."""
        fresh = data[self.ahead :] if self.ahead else data
        if fresh:
            try:
                self.parser.feed_data(fresh)
            except (httptools.HttpParserError, httpparser.HttpParserError) as error:
                raise httpparser.HttpParserError(str(error)) from None
        self.hand_over()
        self.ahead = len(data) if self.found else 0
        return 0 if self.found else len(data)

    def hand_over(self) -> None:
        found, self.found = self.found, []
        for at, event in enumerate(found):
            if event is END:
                self.found = found[at + 1 :]
                self.sink.end()
                return
            if isinstance(event, bytes):
                self.sink.body(event)
            else:
                self.sink.head(event)

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        parser = self.parser
        method, version = parser.get_method().decode("ascii"), parser.get_http_version()
        self.found.append(RequestHead(method, self.url, version, self.headers))
        self.url = b""
        self.headers = []

    def on_body(self, body: bytes) -> None:
        self.found.append(body)

    def on_message_complete(self) -> None:
        self.found.append(END)


class Httptools(CallbackPort):
    parser_class = httptools.HttpRequestParser


class LlhttpCallbacks(CallbackPort):
    parser_class = httpparser.HttpRequestParser
