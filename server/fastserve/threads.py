"""Several event loops in one process, each in a thread of its own: `--threads`.

The first is the server's own loop. Each loop has a Serving, all of which is called in that loop.
The app, the options and the TLS context are the same for all.
"""

import asyncio
import contextlib
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from . import gil
from .config import Config
from .draining import first
from .errors import WorkerError
from .loops import for_threads, loop_factory
from .service import Service
from .serving import ABORT_SECONDS, Serving
from .sockets import close
from .spreading import add_sockets, spread
from .types import ASGIApp

if TYPE_CHECKING:
    from .asgi._counters import Counters

logger = logging.getLogger("fastserve")

T = TypeVar("T")


class ThreadedServing:
    """What Serving is, for all loops at once; its methods are called in the first one.

    `counters` has those of each loop, or nothing. `on_failure` is called, in the first loop, with
    the error that has ended a thread. Raises ConfigError.
    """

    def __init__(
        self,
        app: ASGIApp,
        config: Config,
        context: ssl.SSLContext | None,
        counters: Sequence["Counters"],
        on_failure: Callable[[BaseException], None],
    ) -> None:
        gil.require_off()  # again: the app, which is imported by now, may have turned it on
        self.more_sockets: list[socket.socket] = []
        self._config = config
        self._own, *others = (
            Serving(app, config, context, *counters[place : place + 1])
            for place in range(config.threads)
        )
        # What "auto" stands for was chosen, and logged, when the first one was made.
        auto: Any = for_threads(type(asyncio.get_running_loop()))
        make_loop = auto if config.loop == "auto" else loop_factory(config.loop)
        self._threads = [
            ServingThread(number, serving, make_loop, on_failure)
            for number, serving in enumerate(others, 2)
        ]

    @property
    def services(self) -> list[Service]:
        several = self._own, *(thread.serving for thread in self._threads)
        return [service for serving in several for service in serving.services]

    def tell(self, stop: bool, abort: bool) -> None:
        self._own.tell(stop, abort)
        for thread in self._threads:
            thread.post(thread.serving.tell, stop, abort)

    def runs(self) -> bool:
        serving = [thread for thread in self._threads if not thread.is_over]
        if not all(thread.has_answered.is_set() for thread in serving):
            return False
        for thread in serving:
            thread.has_answered.clear()
            thread.post(thread.has_answered.set)
        return True

    def others_run(self, seconds: float) -> bool:
        return all(thread.runs_within(seconds) for thread in self._threads)

    async def start(self) -> bool:
        """In the first loop, then in all others at the same time.

        What an app makes when it is called for the first time is so made once, and a failure is
        told once.
        """
        if not await self._own.start():
            return False
        for thread in self._threads:
            thread.start()
        if self._config.lifespan_scope == "process":
            for thread in self._threads:
                thread.serving.state = self._own.state
            return True
        calls = await self._all(thread.call(thread.serving.start()) for thread in self._threads)
        return all(map(is_true, calls))

    async def open(self, sockets: Sequence[socket.socket]) -> None:
        self.more_sockets = add_sockets(sockets, self._config)
        own, *others = spread([*sockets, *self.more_sockets], self._config.threads)
        for thread, each in zip(self._threads, others, strict=True):
            thread.serving.sockets = each
        await self._own.open(own)
        await self._all(
            thread.call(thread.serving.open(thread.serving.sockets)) for thread in self._threads
        )
        gil.require_off()  # what TLS and the parser need is imported by now

    async def _all(self, works: Iterable[Coroutine[Any, Any, T]]) -> list[asyncio.Future[T]]:
        """Until they are done; if the server is to stop, no longer than a loop may take for it.

        Raises the error of one that fails, after all others have had as long to stop.
        """
        calls: list[asyncio.Future[T]] = [asyncio.ensure_future(work) for work in works]
        try:
            await first(finished(calls, asyncio.FIRST_EXCEPTION), self._own.stop)
        finally:
            if not all(call.done() for call in calls):
                self.tell(stop=True, abort=self._own.abort.is_set())
                await asyncio.wait(calls, timeout=2 * ABORT_SECONDS)
            for thread, call in zip(self._threads, calls, strict=True):
                thread.hangs = not call.done()
        for call in calls:
            if call.done():
                call.result()
        return calls

    @property
    def context(self) -> ssl.SSLContext | None:
        return self._own.context

    def replace_context(self, context: ssl.SSLContext | None) -> None:
        self._own.replace_context(context)
        for thread in self._threads:
            thread.post(thread.serving.replace_context, context)

    def stop_accepting(self) -> None:
        self._own.stop_accepting()
        for thread in self._threads:
            thread.post(thread.serving.stop_accepting)
        close(self.more_sockets)

    async def drain(self) -> bool:
        own = asyncio.ensure_future(self._own.drain())
        calls = [asyncio.ensure_future(each.call(each.serving.drain())) for each in self._threads]
        await self._wait([own, *calls], self._config.timeout_graceful_shutdown)
        for thread, call in zip(self._threads, calls, strict=True):
            thread.hangs = not call.done()
        return all(is_true(call) for call in [own, *calls])

    async def end(self) -> None:
        """The app is stopped in the first loop after all others."""
        for thread in self._threads:
            thread.end()
        limit = self._config.timeout_graceful_shutdown
        if limit is not None:  # what calls of the app have, then its shutdown
            limit = ABORT_SECONDS + (limit or ABORT_SECONDS)
        running = [thread for thread in self._threads if not thread.hangs]
        waits = [asyncio.ensure_future(thread.ended.wait()) for thread in running]
        try:
            if waits:
                await self._wait(waits, limit)
            for thread in self._threads:
                thread.join()
        finally:
            close(self.more_sockets)
            await self._own.end()

    async def _wait(self, calls: Sequence[asyncio.Future[Any]], limit: float | None) -> None:
        """Until they are done, but not for a loop that hangs: a while longer than it may take."""
        if not await first(finished(calls), self._own.abort, limit):
            await asyncio.wait(calls, timeout=2 * ABORT_SECONDS)


async def finished(
    calls: Iterable[asyncio.Future[Any]], until: str = asyncio.ALL_COMPLETED
) -> None:
    await asyncio.wait(calls, return_when=until)


def is_true(call: asyncio.Future[bool]) -> bool:
    """Whether it has returned true, by now."""
    return call.done() and not call.cancelled() and call.exception() is None and call.result()


class ServingThread:
    """A thread with a loop, and what it serves. The methods are called in another loop."""

    def __init__(
        self,
        number: int,
        serving: Serving,
        make_loop: Callable[[], asyncio.AbstractEventLoop],
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self.serving = serving
        self.ended = asyncio.Event()  # of the loop that calls: nothing is served here any more
        self.hangs = False  # it was waited for long enough
        self.is_over = False  # the loop closes
        self.has_answered = threading.Event()  # the last time that it was asked to
        self.has_answered.set()
        self._caller = asyncio.get_running_loop()
        self._on_failure = on_failure
        self._error: BaseException | None = None
        self._make_loop = make_loop
        self._loop: asyncio.AbstractEventLoop | None = None
        self._posting = threading.Lock()  # without the GIL a loop may not be closed meanwhile
        self._to_end = asyncio.Event()  # of the thread's loop
        self._thread = threading.Thread(
            target=self._run, name=f"fastserve loop {number}", daemon=True
        )

    def start(self) -> None:
        """Raises WorkerError."""
        self._loop = self._make_loop()
        try:
            self._thread.start()
        except RuntimeError as error:
            self._loop.close()
            self._loop = None
            raise WorkerError(f"cannot start a thread: {error}") from None

    def post(self, action: Callable[..., object], *args: object) -> None:
        """Have it done by the thread; at once before that has started, not after it has ended."""
        if self._loop is None:
            action(*args)
            return
        with self._posting:
            if not self.is_over:
                self._loop.call_soon_threadsafe(action, *args)

    async def call(self, work: Coroutine[Any, Any, T]) -> T:
        """What the work returns or raises; if the thread ends meanwhile, the error of that."""
        with self._posting:
            if self._error is not None or self._loop is None or self.is_over:
                work.close()
                raise self._error or RuntimeError("the thread does not run")
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            if self._error is not None:
                raise self._error from None
            raise

    def runs_within(self, seconds: float) -> bool:
        """Whether the loop does, or is over. Waits, so no loop may call this."""
        answered = threading.Event()
        self.post(answered.set)
        return self.is_over or answered.wait(seconds) or self.is_over

    def end(self) -> None:
        """Begin to; `ended` says when nothing is served any more."""
        if self._loop is None:
            self.ended.set()
        else:
            self.post(self._to_end.set)

    def join(self) -> None:
        if self._loop is None:
            return
        if not self.ended.is_set():
            logger.error("The thread %r hangs; ending without it", self._thread.name)
            return
        self._thread.join(ABORT_SECONDS)  # the loop closes, and waits for threads of the app

    def _run(self) -> None:
        assert self._loop is not None
        loop = self._loop
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            try:
                runner.run(self._until_end())
            except BaseException as error:  # as SystemExit, which a call of the app may raise
                self._error = error
                self._tell(self._on_failure, error)
            finally:
                try:
                    runner.run(self.serving.end())
                finally:
                    with self._posting:
                        self.is_over = True
                    self._tell(self.ended.set)

    async def _until_end(self) -> None:
        await self._to_end.wait()

    def _tell(self, action: Callable[..., object], *args: object) -> None:
        with contextlib.suppress(RuntimeError):  # nobody waits for it any more
            self._caller.call_soon_threadsafe(action, *args)
