"""What is asked of the main process from outside: metrics, health, and to stop after a while."""

import contextlib
import logging
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from . import sockets
from .config import Config

if TYPE_CHECKING:
    from .asgi._counters import Counters
    from .health import ServingProcess
    from .main_process import MainProcess
    from .metrics import Metrics, ThisProcess
    from .metrics_server import MetricsServer

logger = logging.getLogger("fastserve")

Later = Callable[[float, Callable[[], None]], object]


class Monitor:
    """Of the supervisor, or of the server itself. Does nothing unless the options ask for it.

    `counters` is where each event loop of a server without workers counts, or of a worker, which
    gives them; empty: it does not count.
    """

    def __init__(self, config: Config, counters: "Sequence[Counters]" = ()) -> None:
        self.counters = counters
        self._config = config
        self._serves = False
        self._was_delayed = False
        self._main: MainProcess | None = None
        self._metrics: Metrics | None = None
        self._process: ThisProcess | None = None
        self._server: MetricsServer | None = None

    @contextlib.contextmanager
    def open(self, main: "MainProcess | None", *, has_workers: bool = False) -> Iterator[None]:
        """Serve /metrics, /live and /ready. Raises ConfigError and BindError.

        In an upgrade the predecessor does so until this process is complete.
        """
        self._main = main
        if self._config.metrics is None:
            yield
            return
        from .metrics import Metrics, ThisProcess, private_counters
        from .metrics_server import MetricsServer

        self._metrics = Metrics(self._config, has_workers=has_workers)
        if not has_workers:
            self.counters = [private_counters() for _ in range(self._config.threads)]
            self._process = ThisProcess(self.counters)
            self._metrics.worker_started(self._process)
        bind = sockets.bind if main is None else main.bind_for
        self._server = MetricsServer(self._config.metrics, self._metrics, bind)
        with contextlib.closing(self._server):
            if main is None or not main.has_predecessor:
                self._server.start()
            yield

    @property
    def sockets(self) -> list[socket.socket]:
        """Where the metrics are served, for a process that takes over from this one."""
        return [] if self._server is None else self._server.sockets

    def hand_over(self) -> None:
        """Another process serves the metrics now, on these sockets."""
        if self._server is not None:
            self._server.hand_over()

    # What the process tells

    def on_ready(self) -> None:
        """Clients are accepted: by this process, or by its first worker."""
        self._serves = True
        if self._process is not None:
            self._process.ready = True

    def on_complete(self) -> None:
        """All workers are ready: the predecessor, if there is one, serves no metrics any more."""
        if self._server is not None:
            self._server.start()

    def on_stop(self) -> None:
        """The stop has begun."""
        self._serves = False
        if self._metrics is not None:
            self._metrics.health.stopping = True

    def worker_started(self, worker: "ServingProcess") -> None:
        if self._metrics is not None:
            self._metrics.worker_started(worker)

    def worker_ended(self, worker: "ServingProcess", reason: str) -> None:
        """`reason` is one of EXIT_REASONS."""
        if self._metrics is not None:
            self._metrics.worker_ended(worker, reason)

    # --drain-delay

    def delays_stop(self) -> bool:
        """Whether SIGTERM has to wait; true once, so that a second one ends it."""
        if self._was_delayed or not self._serves:
            return False
        self._was_delayed = bool(self._config.drain_delay)
        return self._was_delayed

    def stop(self, later: Later, stop: Callable[[], None]) -> None:
        """Call `stop` at SIGTERM: when its time has come."""
        if self.delays_stop():
            self.begin_delay(later, stop)
        else:
            stop()

    def begin_delay(self, later: Later, stop: Callable[[], None]) -> None:
        """Go on serving while load balancers learn from /ready that this server will stop."""

        def end() -> None:
            if self._serves:  # else it was stopped meanwhile
                stop()

        seconds = self._config.drain_delay
        if self._metrics is not None:
            self._metrics.health.draining = True
        logger.info("Serving for %g s more (drain_delay), then stopping", seconds)
        if self._main is not None:
            self._main.on_draining()
        later(seconds, end)
