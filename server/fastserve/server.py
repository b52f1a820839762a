"""One process: start, accept, drain, stop."""

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import ssl
import threading
import types
from collections.abc import Awaitable, Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any

from . import importer, logs, renewal
from .banner import announce
from .config import Config
from .draining import QUIET_SECONDS, first, say_what_is_left, what_is_left
from .errors import ConfigError, StartError
from .formatters import TRACE
from .loops import choose_loop, loop_factory
from .main_process import UPGRADE_SIGNAL, MainProcess
from .monitor import Monitor
from .serving import Serving
from .signals import handled
from .sockets import close, url_of
from .terminal import Terminal
from .tls import server_context
from .trace import traced
from .types import ASGIApp

if TYPE_CHECKING:
    from .threads import ThreadedServing

logger = logging.getLogger("fastserve")

SERVED_SECONDS = 0.5  # how often they are counted
FEW_FROZEN = 1000  # objects; Python 3.12 itself freezes 375 when it starts


class Server:
    """Serves one app until it is told to stop.

    `started` is true once clients are accepted; `sockets` and `ports` then tell where. `run()`
    makes a loop, `await serve()` uses the running one; `startup`, `main_loop` and `shutdown` are
    its parts. All raise StartError. The names are uvicorn's, so that programs which embed the
    server or derive from it go on working.
    """

    stop_signals: tuple[signal.Signals, ...] = (signal.SIGINT, signal.SIGTERM)
    is_worker = False  # with a supervisor, which is the main process

    def __init__(self, config: Config) -> None:
        self.config = config
        self.started = False
        self.sockets: list[socket.socket] = []
        self._should_exit = self._force_exit = False
        self._must_upgrade = False  # the signal came before there was a loop
        self._stop = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._signals: list[int] = []
        self._passes_signals_on = True
        self.owns_process = False  # nobody else's objects are in it
        self._app: ASGIApp | None = None
        self._serving: Serving | ThreadedServing | None = None
        self._failure: BaseException | None = None  # what has ended one of the threads
        self._undo: contextlib.AsyncExitStack | None = None  # of what startup() has made
        self._main: MainProcess | None = None  # unless this is a worker
        self._context: ssl.SSLContext | None = None  # if it had to be made before the start
        self._terminal = Terminal()
        self._monitor = Monitor(config)

    @property
    def ports(self) -> list[int]:
        """The real port of each TCP socket, in the order of `sockets`."""
        inet = (socket.AF_INET, socket.AF_INET6)
        return [sock.getsockname()[1] for sock in self.sockets if sock.family in inet]

    @property
    def servers(self) -> list[Any]:
        """As in uvicorn: `server.servers[0].sockets[0].getsockname()`."""
        return [types.SimpleNamespace(sockets=tuple(self.sockets))] if self.started else []

    # Stopping

    @property
    def should_exit(self) -> bool:
        """Set it to stop cleanly. Any thread may."""
        return self._should_exit

    @should_exit.setter
    def should_exit(self, value: bool) -> None:
        self._should_exit = value
        self._call_soon(self._set_events)

    @property
    def force_exit(self) -> bool:
        """Set it to abort what is still in progress at a stop. Any thread may."""
        return self._force_exit

    @force_exit.setter
    def force_exit(self, value: bool) -> None:
        self._force_exit = value
        self._call_soon(self._set_events)

    def request_stop(self) -> None:
        """Stop cleanly; a second call aborts what is still in progress. Any thread may call."""
        if self._should_exit:
            self.force_exit = True
        else:
            self.should_exit = True

    def _call_soon(self, action: Callable[[], None]) -> None:
        """In the loop, if there is one; startup() looks at what was set before."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(action)

    def _set_events(self) -> None:
        if self._should_exit:
            self._stop.set()
        else:
            self._stop.clear()
        if self._serving is not None:
            self._serving.tell(self._should_exit, self._force_exit)

    # Serving

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve in a loop of our own; a stop signal makes this return."""
        logs.configure(self.config)
        self._passes_signals_on = False
        self.owns_process = threading.current_thread() is threading.main_thread()
        if not self.is_worker:
            self._main = MainProcess(self.config, embedded=not self.owns_process)
        with self.capture_signals():  # from here to the end: no signal may find us without
            # A module may run a loop of its own when it is imported.
            self._app = importer.load(self.config)
            with asyncio.Runner(loop_factory=loop_factory(choose_loop(self.config.loop))) as runner:
                runner.run(self.serve(sockets))

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve in the running loop, on the given bound sockets or on what the options name.

        The sockets are closed when the server stops. A stop signal is passed on after that, so
        that it also ends the program around the server.
        """
        self._signals.clear()
        try:
            with self.capture_signals():
                await self._serve(sockets)
        except StartError as error:
            if self._passes_signals_on:  # the caller of run() says it
                logger.error("%s", error)
            raise
        finally:
            if self._passes_signals_on:
                for number in self._signals[:1]:
                    signal.raise_signal(number)

    async def _serve(self, sockets: list[socket.socket] | None) -> None:
        await self.startup(sockets)
        try:
            await self.main_loop()
        except BaseException:
            await self._end()
            raise
        await self.shutdown()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Import the app, start it and accept clients; nothing, if told to stop meanwhile."""
        self._loop = asyncio.get_running_loop()
        self._set_events()
        if self._must_upgrade:
            self._must_upgrade = False
            self._loop.call_soon(self._upgrade)
        logs.configure(self.config)
        async with contextlib.AsyncExitStack() as undo:
            app = self._app = self._app or importer.load(self.config)
            if logs.level_of(self.config) <= TRACE:
                app = traced(app)
            context = self._context or server_context(self.config)
            self._bind(sockets, undo)
            undo.enter_context(self._monitor.open(self._main))
            serving = self._serving = self._make_serving(app, context)
            undo.push_async_callback(serving.end)
            serving.tell(self._should_exit, self._force_exit)
            if not await serving.start():
                logger.info("Stopped before the application had started")
                return
            # What somebody else has frozen is theirs: unfreeze() would take that, too.
            is_ours = self.owns_process and gc.get_freeze_count() < FEW_FROZEN
            if is_ours and self.config.gc_freeze:
                gc.collect()  # or its garbage would stay
                gc.freeze()
                undo.callback(gc.unfreeze)
            await self._accept_clients(serving, undo)
            self.started = True
            self._undo = undo.pop_all()

    def load_certificate(self) -> None:
        """Now, not when it starts. Raises ConfigError."""
        self._context = server_context(self.config)

    def _bind(self, sockets: list[socket.socket] | None, undo: contextlib.AsyncExitStack) -> None:
        """Bind, unless there are sockets, and say to others which process serves them."""
        if self.is_worker:
            self.sockets = sockets or []
            undo.callback(close, self.sockets)
            return
        if self.config.user is not None or self.config.group is not None:
            name = "user" if self.config.user is not None else "group"
            raise ConfigError(name, "needs fastserve.run(), which starts workers with it")
        if self._passes_signals_on or self._main is None:
            self._main = MainProcess(self.config, embedded=True)
        main = self._main
        undo.callback(main.close)
        self.sockets = main.bind() if sockets is None else sockets
        undo.callback(close, self.sockets)
        main.write_pid_file()

    def _make_serving(
        self, app: ASGIApp, context: ssl.SSLContext | None
    ) -> "Serving | ThreadedServing":
        counters = self._monitor.counters
        if self.config.threads == 1:
            return Serving(app, self.config, context, *counters)
        from .threads import ThreadedServing

        return ThreadedServing(app, self.config, context, counters, self._on_failure)

    async def _accept_clients(
        self, serving: "Serving | ThreadedServing", undo: contextlib.AsyncExitStack
    ) -> None:
        loop = asyncio.get_running_loop()
        await serving.open(self.sockets)
        if serving.context is not None:
            undo.callback(loop.create_task(renewal.renew(self.config, serving)).cancel)
        self._monitor.on_ready()
        self._on_listening("http" if serving.context is None else "https")
        if self._main is not None:
            self._main.on_serving(self.sockets, loop, serving.runs)
            self._main.on_complete()
        self._monitor.on_complete()

    async def main_loop(self) -> None:
        """Return once told to stop, or when limit_max_requests is reached."""
        notify = self.config.callback_notify
        notifying = asyncio.ensure_future(self._notify(notify)) if notify is not None else None
        try:
            if self._undo is not None:
                await self._wait_for_stop()
        finally:
            if notifying is not None:
                notifying.cancel()

    async def _notify(self, callback: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await callback()
            except Exception:
                logger.exception("callback_notify failed")
            await asyncio.sleep(self.config.timeout_notify)

    async def _wait_for_stop(self) -> None:
        if limit := self.config.limit_max_requests:
            import random  # needed here alone, and slow to import

            limit += random.randrange(self.config.limit_max_requests_jitter + 1)
            while self._served() < limit:
                if not await first(asyncio.sleep(SERVED_SECONDS), self._stop):
                    break
            else:
                self._on_max_requests()
        await self._stop.wait()
        if self._failure is not None:
            raise self._failure

    def _served(self) -> int:
        """How many requests, in all threads."""
        services = [] if self._serving is None else self._serving.services
        return sum(service.served for service in services)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish what is in progress, stop the app and close the sockets."""
        if self._main is not None:
            self._main.on_stopping()
        self._monitor.on_stop()
        try:
            if self._serving is not None and self._serving.services:
                self._serving.stop_accepting()
                close(self.sockets)
                logger.info("Stopping")
                await self._drain(self._serving)
        finally:
            await self._end()

    async def _drain(self, serving: "Serving | ThreadedServing") -> None:
        services, limit = serving.services, self.config.timeout_graceful_shutdown
        saying = asyncio.get_running_loop().call_later(
            QUIET_SECONDS, say_what_is_left, services, limit, self._how_to_force()
        )
        try:
            if not await serving.drain():
                logger.warning("Closing %s", what_is_left(services))
        finally:
            saying.cancel()

    async def _end(self) -> None:
        undo, self._undo = self._undo, None
        if undo is not None:
            await undo.aclose()

    def _on_max_requests(self) -> None:
        logger.info("limit_max_requests reached, stopping")
        self._should_exit = True
        self._stop.set()

    def _on_failure(self, error: BaseException) -> None:
        """A thread has ended."""
        self._failure = error
        self._should_exit = self._force_exit = True
        self._set_events()

    def _on_listening(self, scheme: str) -> None:
        announce(self.config, [url_of(sock, self.config) for sock in self.sockets])

    def _how_to_force(self) -> str:
        return "press CTRL+C again to close them now"

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on a signal, and put back the handlers that were there."""
        if threading.current_thread() is not threading.main_thread():
            yield  # only the main thread may set handlers
            return
        always = dict.fromkeys(self.stop_signals, self.handle_exit)
        # A program around the server, and nohup, have their own idea of these.
        otherwise = {signal.SIGHUP: self._on_hangup, signal.SIGUSR1: logs.reopen_on_signal}
        if self._main is not None:
            otherwise[UPGRADE_SIGNAL] = self._on_upgrade
        with handled(always, otherwise):
            yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A stop signal has come."""
        self._signals.append(sig)
        if sig == signal.SIGTERM and self._loop is not None and self._monitor.delays_stop():
            self._call_soon(self._begin_delay)
        else:
            self.request_stop()

    def _begin_delay(self) -> None:
        self._monitor.begin_delay(asyncio.get_running_loop().call_later, self._stop_after_delay)

    def _stop_after_delay(self) -> None:
        self.should_exit = True

    def _on_hangup(self, number: int, frame: FrameType | None) -> None:
        if self._terminal.is_gone():
            self.handle_exit(number, frame)
        elif self._loop is not None:
            self._call_soon(self._reload)
        else:  # the app is being imported; all other files are read after that
            logs.reopen()

    def _on_upgrade(self, number: int, frame: FrameType | None) -> None:
        self._must_upgrade = self._loop is None
        self._call_soon(self._upgrade)

    def _upgrade(self) -> None:
        if self._main is None or self._loop is None:
            return

        def end() -> None:
            self._monitor.hand_over()
            self.request_stop()

        more = [] if self._serving is None else self._serving.more_sockets
        sockets = [*self.sockets, *more, *self._monitor.sockets]
        self._main.upgrade(sockets, self._loop, end)

    def _reload(self) -> None:
        """Take up the files that may have changed: certificates, and logs that were moved."""
        if self._main is None:
            return self._reload_files()
        self._main.on_reload()
        self._reload_files()
        return self._main.on_reloaded()

    def _reload_files(self) -> None:
        logs.reopen()
        logger.info("Reopened the log files")
        if self._serving is None or self._serving.context is None:
            return
        renewal.reload(self.config, self._serving)
