"""One process: start, accept, drain, stop."""

import asyncio
import contextlib
import logging
import random
import signal
import socket
import ssl
import threading
from collections.abc import Coroutine, Iterator
from types import FrameType
from typing import Any

from . import importer, sockets
from .access_log import open_access_log
from .config import Config
from .errors import LifespanError
from .lifespan import Lifespan
from .listener import Listener
from .loops import loop_factory
from .service import Service, make_service
from .tls import server_context
from .types import ASGIApp

logger = logging.getLogger("fastserve")

# What calls of the app have to end once they are cancelled; those that ignore it are left.
ABORT_SECONDS = 5.0
SERVED_SECONDS = 0.5  # how often they are counted
# Turns of the loop from accept() to connection_made(): until then nobody knows of the client.
ACCEPT_TURNS = 5


class Server:
    """Serves one app until it is told to stop.

    `started` is set once clients are let in; `sockets` and `ports` then tell where. `run()` makes
    a loop, `await serve()` uses the running one. Both raise StartError.
    """

    stop_signals: tuple[signal.Signals, ...] = (signal.SIGINT, signal.SIGTERM)

    def __init__(self, config: Config) -> None:
        self.config = config
        self.started = asyncio.Event()
        self.sockets: list[socket.socket] = []
        self._stop = asyncio.Event()  # let nobody in and finish what is in progress
        self._abort = asyncio.Event()  # do not wait for it either
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped_early = False
        self._bound = False  # the sockets are those that the options name
        self._signals: list[int] = []

    @property
    def ports(self) -> list[int]:
        """The real port of each TCP socket, in the order of `sockets`."""
        inet = (socket.AF_INET, socket.AF_INET6)
        return [sock.getsockname()[1] for sock in self.sockets if sock.family in inet]

    def request_stop(self) -> None:
        """Stop cleanly; a second call aborts what is still in progress. Any thread may call."""
        if self._loop is None:
            self._stopped_early = True
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._on_stop)

    def _on_stop(self) -> None:
        (self._abort if self._stop.is_set() else self._stop).set()

    def run(self, listen_on: list[socket.socket] | None = None) -> None:
        """Serve in a loop of our own; a stop signal makes this return."""
        factory = loop_factory(self.config.loop)
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(self._serve(listen_on))

    async def serve(self, listen_on: list[socket.socket] | None = None) -> None:
        """Serve in the running loop, on the given bound sockets or on what the options name.

        The sockets are closed when the server stops. A stop signal is passed on after that, so
        that it also ends the program around the server.
        """
        try:
            await self._serve(listen_on)
        finally:
            for number in self._signals[:1]:
                signal.raise_signal(number)

    async def _serve(self, listen_on: list[socket.socket] | None) -> None:
        self._loop = asyncio.get_running_loop()
        if self._stopped_early:
            self._on_stop()
        app = importer.load(self.config)
        context = server_context(self.config)
        self._bound = listen_on is None
        self.sockets = sockets.bind(self.config) if listen_on is None else listen_on
        try:
            with self._signal_handlers():
                await self._serve_app(app, context)
        finally:
            self._close_sockets()

    def _close_sockets(self) -> None:
        sockets.close(self.sockets)
        if self._bound:
            sockets.unlink(self.config)

    async def _serve_app(self, app: ASGIApp, context: ssl.SSLContext | None) -> None:
        lifespan = Lifespan(app, self.config.lifespan)
        try:
            if not await first(lifespan.startup(), self._stop):
                logger.info("Stopped before the application had started")
                return
            try:
                await self._serve_clients(app, context, lifespan.state)
            finally:
                await self._shut_down(lifespan)
        finally:
            await lifespan.close()

    async def _serve_clients(
        self, app: ASGIApp, context: ssl.SSLContext | None, state: dict[str, Any]
    ) -> None:
        loop = asyncio.get_running_loop()
        access_log = open_access_log(self.config, loop)
        service = make_service(app, self.config, loop, state, access_log)
        listener = Listener(self.sockets, service, self.config, context)
        service.start()
        try:
            await listener.open()
            self._announce("http" if context is None else "https")
            self.started.set()
            await self._wait_for_stop(service)
            listener.close()
            self._close_sockets()  # or clients would queue in the kernel for nobody
            await self._drain(service)
        finally:
            listener.close()
            service.abort()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(service.wait_closed(), ABORT_SECONDS)
            service.stop()
            if access_log is not None:
                access_log.close()

    async def _wait_for_stop(self, service: Service) -> None:
        """Return once told to stop. A process that has served its number asks for it."""
        if limit := self.config.limit_max_requests:
            limit += random.randrange(limit // 10 + 1)  # or all workers would ask at once
            while service.served < limit:
                if not await first(asyncio.sleep(SERVED_SECONDS), self._stop):
                    return
            self._on_worn()
        await self._stop.wait()

    def _on_worn(self) -> None:
        logger.info("This process has served its number of requests")
        self._stop.set()  # not as a second stop, should a signal come in this very turn

    def _announce(self, scheme: str) -> None:
        for sock in self.sockets:
            url = sockets.url(sock, scheme)
            logger.info("fastserve running on %s (Press CTRL+C to quit)", url)

    async def _drain(self, service: Service) -> None:
        logger.info("Stopping")
        service.drain()
        for _ in range(ACCEPT_TURNS):
            await asyncio.sleep(0)
        if not service.idle:
            timeout = self.config.graceful_timeout
            if not await first(service.wait_closed(), self._abort, timeout):
                count = len(service.connections)
                logger.warning("Closing %d connections with requests in progress", count)

    async def _shut_down(self, lifespan: Lifespan) -> None:
        try:
            if not await first(lifespan.shutdown(), self._abort, self.config.graceful_timeout):
                logger.warning("The application's shutdown was cut off")
        except LifespanError as error:
            logger.error("%s", error)

    @contextlib.contextmanager
    def _signal_handlers(self) -> Iterator[None]:
        """Stop on a signal, and put back the handlers that were there."""
        if threading.current_thread() is not threading.main_thread():
            yield  # only the main thread may set handlers
            return
        previous = {number: signal.signal(number, self._on_signal) for number in self.stop_signals}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._signals.append(number)
        self.request_stop()


async def first(work: Coroutine[Any, Any, None], event: asyncio.Event, timeout: float = 0) -> bool:
    """Whether the work ends before the event is set and `timeout` seconds pass (0: no limit).

    Otherwise the work is cancelled.
    """
    task = asyncio.ensure_future(work)
    waiter = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait(
            [task, waiter], timeout=timeout or None, return_when=asyncio.FIRST_COMPLETED
        )
        if not task.done():
            return False
        task.result()
        return True
    finally:
        waiter.cancel()
        task.cancel()
