"""An HTTP/1.1 connection to an upstream, on httpparser: one request at a time.

    connection = await Connection.open("127.0.0.1", 9000)
    connection.begin("GET", b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
    head = await connection.read_head()
    while (part := await connection.read()) is not None:
        ...

Reading pauses while 256 KiB wait here, and drain() waits while the upstream does not read.
"""

import asyncio
from collections import deque
from math import inf

from httpparser import END, HttpParserError, ResponseParser, Trailers

HIGH_WATER = 256 * 1024


class UpstreamError(Exception):
    """The upstream did not answer, or not with a whole response."""

    status = 502
    unsent = False  # True: it has seen nothing of the request


class Unreachable(UpstreamError):
    unsent = True


class TimedOut(UpstreamError):
    status = 504


class Connection(asyncio.Protocol):
    @classmethod
    async def open(cls, host, port, ssl=None):
        loop = asyncio.get_running_loop()
        try:
            return (await loop.create_connection(cls, host, port, ssl=ssl))[1]
        except OSError as error:
            raise Unreachable(f"cannot connect: {error}") from None

    def __init__(self):
        self.loop = asyncio.get_running_loop()
        self.parser = ResponseParser()
        self.transport = None
        self.events = deque()  # parsed, and not read yet
        self.waiting_bytes = 0  # received since `events` was last empty
        self.error = None  # why nothing more will come
        self.reusable = False  # the last response was complete, and let the connection open
        self.idle_since = 0.0  # loop.time() when the pool got it
        self.deadline = inf  # loop.time() when the gateway closes it
        self.waits_for = ""  # until then
        self._reader = None  # a future: read() waits for an event
        self._writer = None  # a future: drain() waits for room
        self._head = None

    # What the transport calls

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        if self.reusable:  # nobody asked: RFC 9112 9.2
            self.close()
            return
        try:
            self.events += self.parser.feed(data)
        except HttpParserError as error:
            self.events += error.events
            self._fail(UpstreamError(f"malformed response: {error}"))
            self.transport.abort()
            return
        self.waiting_bytes += len(data)
        if self.waiting_bytes > HIGH_WATER:
            self.transport.pause_reading()
        self._wake_reader()

    def eof_received(self):
        try:
            self.events += self.parser.feed_eof()  # may end a body without a length
            self._fail(UpstreamError("the upstream closed the connection"))
        except HttpParserError as error:
            self._fail(UpstreamError(f"incomplete response: {error}"))

    def connection_lost(self, error):
        self._fail(UpstreamError(f"the connection was lost: {error or 'closed'}"))

    def pause_writing(self):
        self._writer = self.loop.create_future()

    def resume_writing(self):
        writer, self._writer = self._writer, None
        if writer is not None and not writer.done():
            writer.set_result(None)

    def _fail(self, error):
        self.error = self.error or error
        self._wake_reader()
        self.resume_writing()

    def _wake_reader(self):
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    # What the gateway calls

    def expect(self, what, deadline):
        """Close the connection at the deadline, if this has not come or something else is expected.

        A timer for each wait would cost more than parsing the response: see `Upstreams.sweep`.
        """
        self.waits_for, self.deadline = what, deadline

    @property
    def usable(self):
        """In the pool: it can take another request."""
        return self.reusable and self.error is None

    def begin(self, method, data):
        """Write the head of a request, or more of it."""
        self.reusable = False
        self.parser.method = method  # RFC 9110 9.3.2: no body follows the head in answer to HEAD
        self.transport.write(data)

    def write(self, data):
        """More of its body."""
        self.transport.write(data)

    async def drain(self):
        if self._writer is not None:
            await self._writer
        if self.error is not None:
            raise self.error

    async def read_head(self):
        """The head of the final response."""
        while True:
            head = await self._next_event()
            if head.status >= 200:
                break
            if head.status == 101:
                raise UpstreamError("an upgrade that was not asked for")
            await self._next_event()  # END of an interim response: RFC 9110 15.2
        codings = [value.lower() for name, value in head.headers if name == b"transfer-encoding"]
        if codings not in ([], [b"chunked"]):
            raise UpstreamError("a transfer coding that was not asked for")  # RFC 9112 7
        self._head = head
        return head

    async def read(self):
        """A part of the body, None after the last."""
        while True:
            event = await self._next_event()
            if event is END:
                # An upstream that sends more than a response cannot be trusted with a second.
                self.reusable = self._head.keep_alive and not self.events and self.error is None
                return None
            if not isinstance(event, Trailers):  # RFC 9110 6.5.1: they may be dropped
                return bytes(event)

    async def readable(self):
        """Until there is an event, or will be none."""
        while not self.events and self.error is None:
            self._reader = self.loop.create_future()
            await self._reader

    async def _next_event(self):
        await self.readable()
        if not self.events:
            raise self.error
        event = self.events.popleft()
        if not self.events:
            if self.waiting_bytes > HIGH_WATER and self.error is None:
                self.transport.resume_reading()
            self.waiting_bytes = 0
        return event

    def close(self, error=None):
        self._fail(error or UpstreamError("closed here"))
        if self.transport is not None:
            self.transport.abort()
