"""One process: start, accept, drain, stop."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterator
from types import FrameType
from typing import Any

from . import importer, logs, sockets
from .access_log import open_access_log
from .config import Config
from .errors import ConfigError, LifespanError
from .lifespan import Lifespan
from .listener import Listener
from .loops import choose_loop, loop_factory
from .service import Service, make_service
from .tls import server_context
from .types import ASGIApp

logger = logging.getLogger("fastserve")

# What calls of the app have to end once they are cancelled; those that ignore it are left.
ABORT_SECONDS = 5.0
WARN_SECONDS = 5.0  # what they have before that, once they are told (http.disconnect)
SERVED_SECONDS = 0.5  # how often they are counted
# Turns of the loop from accept() to connection_made(): until then the service has no connection.
ACCEPT_TURNS = 5
HANDSHAKE_SECONDS = 1.0  # what TLS handshakes in progress have at a stop
QUIET_SECONDS = 1.0  # a stop that takes no longer needs no explanation


class Server:
    """Serves one app until it is told to stop.

    `started` is set once clients are accepted; `sockets` and `ports` then tell where. `run()` makes
    a loop, `await serve()` uses the running one. Both raise StartError.
    """

    stop_signals: tuple[signal.Signals, ...] = (signal.SIGINT, signal.SIGTERM)

    def __init__(self, config: Config) -> None:
        self.config = config
        self.started = asyncio.Event()
        self.sockets: list[socket.socket] = []
        self._stop = asyncio.Event()  # accept nobody and finish what is in progress
        self._abort = asyncio.Event()  # do not wait for it either
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped_early = False
        self._signals: list[int] = []
        self._listener: Listener | None = None
        self._terminal = Terminal()

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
        logs.open_standard_descriptors()
        factory = loop_factory(choose_loop(self.config.loop))
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
        self.sockets = sockets.bind(self.config) if listen_on is None else listen_on
        try:
            with self._signal_handlers():
                await self._serve_app(app, context)
        finally:
            sockets.close(self.sockets)

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
        listener = self._listener = Listener(self.sockets, service, self.config, context)
        service.start()
        try:
            with loop_errors_go_first_to(listener.on_loop_error):
                await listener.open()
                self._on_listening("http" if context is None else "https")
                self.started.set()
                await self._wait_for_stop(service)
                listener.close()
                sockets.close(self.sockets)  # or clients would queue in the kernel for nobody
                await self._drain(service, listener)
        finally:
            self._listener = None
            listener.close()
            listener.abort()
            service.abort()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(service.wait_closed(), ABORT_SECONDS)
            service.stop()
            if access_log is not None:
                access_log.close()

    async def _wait_for_stop(self, service: Service) -> None:
        """Return once told to stop, or when limit_max_requests is reached."""
        if limit := self.config.limit_max_requests:
            import random  # needed here alone, and slow to import

            limit += random.randrange(limit // 10 + 1)  # or all workers would restart at once
            while service.served < limit:
                if not await first(asyncio.sleep(SERVED_SECONDS), self._stop):
                    return
            self._on_max_requests()
        await self._stop.wait()

    def _on_max_requests(self) -> None:
        logger.info("limit_max_requests reached, stopping")
        self._stop.set()  # not as a second stop, should a signal come in this very turn

    def _on_listening(self, scheme: str) -> None:
        for sock in self.sockets:
            url = sockets.url(sock, scheme)
            logger.info("fastserve running on %s (Press CTRL+C to quit)", url)

    async def _drain(self, service: Service, listener: Listener) -> None:
        """Finish what is in progress, as far as `timeout_graceful_shutdown` allows."""
        logger.info("Stopping")
        service.drain()
        for _ in range(ACCEPT_TURNS):
            await asyncio.sleep(0)
        if service.idle and not listener.handshakes:
            return
        loop = asyncio.get_running_loop()
        timeout = self.config.timeout_graceful_shutdown
        timers = [
            loop.call_later(QUIET_SECONDS, self._say_what_is_left, service),
            loop.call_later(HANDSHAKE_SECONDS, listener.abort),
        ]
        if timeout:
            timers.append(loop.call_later(max(timeout - WARN_SECONDS, timeout / 2), service.warn))
        closing = loop.create_task(listener.end_tls())
        try:
            if not await first(self._finish(service, listener), self._abort, timeout):
                logger.warning("Closing %s", what_is_left(service))
        finally:
            closing.cancel()
            for timer in timers:
                timer.cancel()

    async def _finish(self, service: Service, listener: Listener) -> None:
        while not service.idle or listener.handshakes:
            await listener.wait_handshakes()
            await service.wait_closed()

    def _say_what_is_left(self, service: Service) -> None:
        timeout = self.config.timeout_graceful_shutdown
        limit = f"up to {timeout:g} s" if timeout else "without a limit"
        logger.info("Waiting %s for %s; %s", limit, what_is_left(service), self._how_to_force())

    def _how_to_force(self) -> str:
        return "press CTRL+C again to close them now"

    async def _shut_down(self, lifespan: Lifespan) -> None:
        try:
            limit = self.config.timeout_graceful_shutdown
            if not await first(lifespan.shutdown(), self._abort, limit):
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
        # A program around the server, and nohup, have their own idea of it.
        if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
            previous[signal.SIGHUP] = signal.signal(signal.SIGHUP, self._on_hangup)
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._signals.append(number)
        self.request_stop()

    def _on_hangup(self, number: int, frame: FrameType | None) -> None:
        if self._terminal.is_gone():
            self._on_signal(number, frame)
        elif self._loop is not None:
            self._loop.call_soon_threadsafe(self._reload)

    def _reload(self) -> None:
        """Take up the files that may have changed: certificates, and logs that were moved."""
        logs.reopen()
        logger.info("Reopened the log files")
        if self._listener is None or self._listener.context is None:
            return
        try:
            self._listener.replace_context(server_context(self.config))
        except ConfigError as error:
            logger.error("%s; going on with the old certificate", error)
        else:
            logger.info("Loaded the certificate; connections from now on get it")


class Terminal:
    """The terminal that the program was started from, if it was."""

    def __init__(self) -> None:
        self._descriptors = [fd for fd in (0, 1, 2) if os.isatty(fd)]

    def is_gone(self) -> bool:
        """Whether SIGHUP has its old meaning: its window was closed."""
        return bool(self._descriptors) and not any(map(os.isatty, self._descriptors))


def what_is_left(service: Service) -> str:
    """As a person would say it, for the log."""
    counts = (len(service.connections), "connection"), (len(service.websockets), "WebSocket")
    parts = [f"{count} {name}{'s' * (count != 1)}" for count, name in counts if count]
    return " and ".join(parts) or "calls of the application"


@contextlib.contextmanager
def loop_errors_go_first_to(handler: Callable[[dict[str, Any]], bool]) -> Iterator[None]:
    """Ask this handler about errors of the running loop before the one that was there."""
    loop = asyncio.get_running_loop()
    previous = loop.get_exception_handler()

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if handler(context):
            return
        if previous is None:
            loop.default_exception_handler(context)
        else:
            previous(loop, context)

    loop.set_exception_handler(handle)
    try:
        yield
    finally:
        loop.set_exception_handler(previous)


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
