"""A proxy that logs what passes: it parses both directions and lets the bytes through as they are.

    python examples/parser/proxy.py 8081 127.0.0.1 8000    # listen on 8081, pass on to port 8000

    curl http://127.0.0.1:8081/

It prints each request and its response, the bytes of the bodies, the time to the response's head:

    GET / -> 200, 0 bytes up, 14 down, 0.9 ms

What is not HTTP, or HTTP no longer (a WebSocket), passes too, and is no longer logged. The sockets'
own flow control passes through: a side that does not read stops the other.
"""

import asyncio
import contextlib
import sys
from collections import deque
from time import perf_counter

from httpparser import (
    END,
    HttpParserError,
    RequestHead,
    RequestParser,
    ResponseHead,
    ResponseParser,
)


class Log:
    """Of one connection. What was asked waits for its response."""

    def __init__(self):
        self.asked = deque()
        self.requests = RequestParser()
        self.responses = ResponseParser(pause=True)  # after each: the next may be to another method
        self.over = False

    def up(self, data):
        for event in self.parse(self.requests.feed, data):
            if isinstance(event, RequestHead):
                self.asked.append(Exchange(event))
                self.responses.method = self.asked[0].request.method
            elif isinstance(event, bytes | memoryview):
                self.asked[-1].up += len(event)

    def down(self, data):
        if not self.asked:
            self.stop("a response that nobody asked for")
        self.note(self.parse(self.responses.feed, data))
        while self.responses.paused and self.asked and not self.over:
            self.responses.method = self.asked[0].request.method
            self.note(self.parse(self.responses.resume))

    def note(self, events):
        for event in events:
            if isinstance(event, ResponseHead):
                self.asked[0].answer(event)
            elif isinstance(event, bytes | memoryview):
                self.asked[0].down += len(event)
            elif event is END and self.asked[0].is_answered:
                print(self.asked.popleft(), flush=True)
        if self.responses.switched:
            self.stop("from here on another protocol")

    def end(self):
        """The upstream has closed the connection, which may be the end of a response."""
        self.note(self.parse(self.responses.feed_eof))

    def parse(self, feed, *data):
        if self.over:
            return []
        try:
            return feed(*data)
        except HttpParserError as error:
            self.stop(error)
            return error.events

    def stop(self, reason):
        if not self.over:
            self.over = True
            print(f"no longer logged: {reason}", flush=True)


class Exchange:
    """A request and its response."""

    def __init__(self, request):
        self.request, self.response = request, None
        self.up = self.down = 0  # bytes of the bodies
        self.start, self.seconds = perf_counter(), 0.0

    def answer(self, response):
        self.response, self.seconds = response, perf_counter() - self.start

    @property
    def is_answered(self):
        """Not by an interim response (RFC 9110 15.2), of which 101 is the last all the same."""
        return self.response.status >= 200 or self.response.status == 101

    def __str__(self):
        request = f"{self.request.method} {self.request.target.decode('latin-1')}"
        sizes = f"{self.up} bytes up, {self.down} down"
        return f"{request} -> {self.response.status}, {sizes}, {self.seconds * 1000:.1f} ms"


async def copy(reader, writer, log, log_end):
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            log(data)
            writer.write(data)
            await writer.drain()
        log_end()
        writer.write_eof()


async def main(port, host, upstream_port):
    async def proxy(reader, writer):
        log = Log()
        with contextlib.closing(writer):
            try:
                up_reader, up_writer = await asyncio.open_connection(host, upstream_port)
            except OSError as error:
                print(f"cannot connect to {host}:{upstream_port}: {error}", flush=True)
                return
            with contextlib.closing(up_writer):
                await asyncio.gather(
                    copy(reader, up_writer, log.up, lambda: None),
                    copy(up_reader, writer, log.down, log.end),
                )

    server = await asyncio.start_server(proxy, "127.0.0.1", port)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
