"""A small server over `httpparser.http2`, to play the cases against the session alone."""

import asyncio
import contextlib

from conformance.stage import STAGE
from http1.carrier import WRITTEN, ScriptRun
from http1.client import client_of
from http1.transport import Transport

from httpparser.http2 import Closed, Data, End, Refused, Request, ServerSession

from .stage import app


class Stream:
    """One call of the app: what it receives, and what it sends."""

    def __init__(self, connection, number, head):
        self.connection = connection
        self.number = number
        self.head = head
        self.events = asyncio.Queue()
        self.gone = self.answered = self.complete = False
        self.start = None

    def scope(self):
        head = self.head
        path, _, query = head.target.partition(b"?")
        return {
            "type": "http", "http_version": head.version, "method": head.method, "scheme": "http",
            "path": path.decode("latin-1"), "raw_path": path, "query_string": query,
            "headers": head.headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2),
        }  # fmt: skip

    async def run(self):
        try:
            await app(self.scope(), self.receive, self.send)
        except Exception:
            self.fail()
        else:
            self.fail()

    def fail(self):
        """The app has ended; if it has not answered, nor can it any more."""
        if self.gone or self.complete:
            return
        if self.answered:
            self.connection.session.reset(self.number, 2)
        else:
            self.connection.session.respond(self.number, 500, [], end=True)
        self.connection.flush()

    async def receive(self):
        if self.gone and self.events.empty():
            return {"type": "http.disconnect"}
        message = await self.events.get()
        if message.get("body"):
            self.connection.session.consume(self.number, len(message["body"]))
            self.connection.flush()
        return message

    async def send(self, message):
        session = self.connection.session
        if self.gone:
            raise OSError("the client has gone")
        if message["type"] == "http.response.start":
            self.start = message["status"], list(message.get("headers", ()))
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        none = self.head.method == "HEAD" or self.start[0] in (204, 304)
        if not self.answered:
            self.answered = True
            session.respond(self.number, *self.start, end=none)
        if not none:
            session.send_data(self.number, body, end=not more)
        self.complete = not more
        self.connection.flush()
        while not self.gone and session.unsent(self.number) > 65536:
            self.connection.room.clear()
            await self.connection.room.wait()
        if self.gone and not self.complete:
            raise OSError("the client has gone")


class Bridge(asyncio.Protocol):
    """The connection: bytes in, calls of the app, bytes out."""

    def connection_made(self, transport):
        self.transport = transport
        self.session = ServerSession()
        self.streams = {}
        self.room = asyncio.Event()
        self.tasks = set()
        self.flush()

    def data_received(self, data):
        if not self.session.over:
            self.see(self.session.feed(data))
            self.flush()

    def see(self, events):
        for event in events:
            match event:
                case Request():
                    stream = self.streams[event.stream_id] = Stream(
                        self, event.stream_id, event.head
                    )
                    task = asyncio.get_running_loop().create_task(stream.run())
                    self.tasks.add(task)
                    task.add_done_callback(self.tasks.discard)
                case Refused():
                    self.session.respond(event.stream_id, event.error.status, [], end=True)
                case Data() if event.stream_id in self.streams:
                    self.put(event.stream_id, event.data, True)
                case End() if event.stream_id in self.streams:
                    self.put(event.stream_id, b"", False)
                case Closed() if event.stream_id in self.streams:
                    stream = self.streams.pop(event.stream_id)
                    stream.gone = True
                    stream.events.put_nowait({"type": "http.disconnect"})
                    self.room.set()

    def put(self, number, body, more):
        message = {"type": "http.request", "body": body, "more_body": more}
        self.streams[number].events.put_nowait(message)

    def flush(self):
        data = self.session.take()
        if data and not self.transport.is_closing():
            self.transport.write(data)
        self.room.set()
        if self.session.over and self.transport.can_write_eof():
            self.see(self.session.lose())
            self.transport.write_eof()

    def eof_received(self):
        """The client has closed; until then what it sends is thrown away."""

    def connection_lost(self, error):
        with contextlib.suppress(Exception):
            self.see(self.session.lose())


class BridgePeer:
    """On a loop of the test."""

    def __init__(self, loop):
        self.loop = loop
        self.transports = []

    def begin(self, script):
        STAGE.run = ScriptRun(script, self.loop)
        return STAGE.run

    def connect(self):
        transport = Transport(self.loop, Bridge(), room=WRITTEN)
        self.transports.append(transport)
        self.loop.settle()
        return client_of(transport)

    def pause(self):
        self.loop.settle()
