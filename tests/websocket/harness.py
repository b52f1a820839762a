"""A minimal server around Session, until one test fixture starts the real one.

It reads the request head with h11, as the HTTP side does with its own parser, and hands over.
"""

import asyncio
import contextvars
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import h11

from fastserve.websocket import Refusal, Session, read, refuse

LOG = logging.getLogger("fastserve.test")


@dataclass
class Config:
    ws_max_size: int = 1 << 24
    ws_max_queue: int = 32
    ws_ping_interval: float | None = 20.0
    ws_ping_timeout: float | None = 20.0
    ws_per_message_deflate: bool = True
    ws_close_timeout: float = 10.0
    ws_max_fragments: int = 1024


@dataclass
class Service:
    app: Any
    loop: Any
    config: Config = field(default_factory=Config)
    context: contextvars.Context = field(default_factory=contextvars.copy_context)
    websockets: set[Any] = field(default_factory=set)
    logger: logging.Logger = LOG

    def default_headers(self) -> bytes:
        return b"server: fastserve\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"


class Handover(asyncio.Protocol):
    """Reads one request head, then makes way for a Session."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.parser = h11.Connection(h11.SERVER)

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.parser.receive_data(data)
        head = self.parser.next_event()
        if head is h11.NEED_DATA:
            return
        headers = [(bytes(name), bytes(value)) for name, value in head.headers]
        ready = self.service.default_headers()
        try:
            request = read(bytes(head.method), head.http_version.decode(), headers)
        except Refusal as no:
            self.transport.write(refuse(no.status, str(no), no.headers, ready))
            self.transport.close()
            return
        self.parser.next_event()
        leftover = self.parser.trailing_data[0]
        target, _, query = bytes(head.target).partition(b"?")
        scope = {
            "type": "websocket",
            "asgi": {"version": "3.0", "spec_version": "2.5"},
            "http_version": "1.1",
            "scheme": "ws",
            "path": target.decode(),
            "raw_path": target,
            "query_string": query,
            "root_path": "",
            "headers": headers,
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 1),
            "subprotocols": request.subprotocols,
            "state": {},
            "extensions": {"websocket.http.response": {}},
        }
        session = Session(self.service, self.transport, scope, request, leftover)
        self.transport.set_protocol(session)
        session.start()


@dataclass
class Running:
    """A server in a thread; `call` runs a function in its loop."""

    port: int
    service: Service

    def call(self, function: Callable[[], Any]) -> Any:
        async def run() -> Any:
            return function()

        return asyncio.run_coroutine_threadsafe(run(), self.service.loop).result(10)


@contextmanager
def serving(app: Any, config: Config | None = None, loop: str = "asyncio", **tls: Any) -> Iterator[Running]:
    """Serve `app` on a port of 127.0.0.1 until the block ends."""
    ready: asyncio.Future[int] | Any = threading.Event()
    box: dict[str, Any] = {}

    async def main() -> None:
        service = Service(app, asyncio.get_running_loop(), config or Config())
        server = await service.loop.create_server(lambda: Handover(service), "127.0.0.1", 0, **tls)
        box.update(
            running=Running(server.sockets[0].getsockname()[1], service), stop=asyncio.Event()
        )
        ready.set()
        await box["stop"].wait()
        server.close()
        for session in list(service.websockets):
            session.abort()
        while service.websockets:
            await asyncio.sleep(0)

    def run() -> None:
        if loop == "uvloop":
            import uvloop

            factory = uvloop.new_event_loop
        else:
            factory = asyncio.new_event_loop
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(main())

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait(10)
    try:
        yield box["running"]
    finally:
        box["running"].service.loop.call_soon_threadsafe(box["stop"].set)
        thread.join(10)
        assert not thread.is_alive()
