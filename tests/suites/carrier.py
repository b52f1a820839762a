"""Our connection with the methods and attributes by which uvicorn's tests drive its protocols."""

import asyncio
from collections import deque
from typing import Any

from fastserve.access_log import open_access_log
from fastserve.importer import load
from fastserve.service import Service, make_service

TURNS = 50  # of the loop, in which what was started by a test settles


class State:
    """What one server's protocols share."""

    def __init__(self) -> None:
        self.total_requests = 0
        self.connections: set[object] = set()
        self.tasks: set[asyncio.Future[None]] = set()


class Transport(asyncio.Transport):
    """All that a transport has, over the few methods that the tests' own transports have."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner = inner
        self.protocol: Any = None
        self.get_protocol = lambda: self.protocol
        self.write = inner.write
        self.is_closing = inner.is_closing
        self.pause_reading = inner.pause_reading
        self.resume_reading = inner.resume_reading

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        found = self.inner.get_extra_info(name)
        return default if found is None else found

    def writelines(self, list_of_data: Any) -> None:
        self.write(b"".join(list_of_data))

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def close(self) -> None:
        if not self.inner.is_closing():
            self.inner.close()

    abort = close

    def can_write_eof(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return 0, 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass


class Calls:
    """The app's calls, each held back until the test runs it: the tests' `protocol.loop`."""

    def __init__(self) -> None:
        self.held: deque[asyncio.Future[None]] = deque()
        self.running: deque[asyncio.Future[None]] = deque()
        self.service: Service | None = None

    async def hold(self) -> asyncio.Future[None]:
        """Return when the test says so; the future is to be set when the call has ended."""
        loop = asyncio.get_running_loop()
        turn, ended = loop.create_future(), loop.create_future()
        self.held.append(turn)
        self.running.append(ended)
        await turn
        return ended

    async def run_one(self) -> None:
        await settle()
        if self.held:
            self.held.popleft().set_result(None)
            await self.running.popleft()
        await settle()

    def run_later(self, with_delay: float) -> None:
        """Let so many seconds pass."""
        loop = asyncio.get_running_loop()
        time = loop.time
        loop.time = lambda: time() + with_delay  # type: ignore[method-assign]
        self.service.sweep()


class HttpProtocol:
    """An HTTP connection of ours over a transport of the tests."""

    http = "auto"
    holds_calls = True
    close_timeout = 10.0

    def __init__(
        self, config: Any, server_state: State, app_state: dict[str, Any], _loop: object = None
    ) -> None:
        self.config = config
        self.state = server_state
        self.app_state = app_state
        self.loop = Calls()
        self.scope: dict[str, Any] = {}

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.full = Transport(transport)
        config = self.config.with_options(http=self.http, ws_close_timeout=self.close_timeout)
        loop = asyncio.get_running_loop()
        log = open_access_log(config, loop)
        service = make_service(self.around(load(config)), config, loop, self.app_state, log)
        service.start()
        self.loop.service = service
        self.full.set_protocol(service.connection())
        self.full.protocol.connection_made(self.full)

    def around(self, app: Any) -> Any:
        """The app, with its calls among the tasks of the server's state."""

        async def call(scope: Any, receive: Any, send: Any, task: asyncio.Future[None]) -> Any:
            ended = await self.loop.hold() if self.holds_calls else None
            try:
                return await app(scope, receive, send)
            finally:
                self.state.tasks.discard(task)
                for future in (task, ended):
                    if future is not None:
                        future.set_result(None)

        def begin(scope: Any, receive: Any, send: Any) -> Any:
            self.scope = scope
            task = asyncio.get_running_loop().create_future()
            self.state.tasks.add(task)
            return call(scope, receive, send, task)

        return begin

    def data_received(self, data: bytes) -> None:
        self.full.protocol.data_received(data)

    def eof_received(self) -> None:
        self.full.protocol.eof_received()

    def connection_lost(self, error: Exception | None) -> None:
        self.full.protocol.connection_lost(error)

    def pause_writing(self) -> None:
        self.full.protocol.pause_writing()

    def resume_writing(self) -> None:
        self.full.protocol.resume_writing()

    def shutdown(self) -> None:
        self.loop.service.drain()


class HttpToolsProtocol(HttpProtocol):
    http = "llhttp"


class H11Protocol(HttpProtocol):
    http = "h11"


class WebSocketProtocol(HttpProtocol):
    """The same connection, which switches when the handshake arrives."""

    holds_calls = False

    @property
    def close_timer(self) -> object | None:
        """Set while the session waits for the client's close frame."""
        ended = not self.loop.service.websockets or self.transport.closed or self.state.tasks
        return None if ended else self


async def settle() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)
