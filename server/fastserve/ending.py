"""The end of a worker: it is asked to stop, then not to wait any longer, then killed."""

import logging
from collections.abc import Callable, Container

from .config import Config
from .serving import ABORT_SECONDS
from .worker import Worker, patience

logger = logging.getLogger("fastserve")

STARTING_SECONDS = 5.0  # what a worker has to stop that has not started yet
DUMP_SECONDS = 2.0  # what a worker that hangs has to write down where

Later = Callable[..., object]


class Ending:
    """Ends workers, each in time. `running` has those that have not ended yet."""

    def __init__(self, config: Config, running: Container[Worker], later: Later) -> None:
        self._config = config
        self._running = running
        self._later = later

    def stop(self, worker: Worker) -> None:
        """Ask it to stop; kill it when it hangs instead."""
        worker.stop()
        if worker.ready:
            self._limit_stop(worker)
        else:
            self._later(STARTING_SECONDS, self._kill_unready, worker)

    def on_ready(self, worker: Worker) -> None:
        """It was asked to as it began to serve: its clients have their time."""
        self._limit_stop(worker)

    def abort(self, worker: Worker) -> None:
        """Have it stop without waiting for what is in progress; kill it when it hangs."""
        if worker in self._running:
            worker.abort()
            self._later(2 * ABORT_SECONDS, self._kill_hanging, worker)

    def dump_and_kill(self, worker: Worker, problem: str) -> None:
        """For the log, what is wrong; it writes down where its threads are."""
        logger.error("Worker %d %s; killing it", worker.pid, problem)
        worker.dump()
        self._later(DUMP_SECONDS, self._kill, worker)

    def _limit_stop(self, worker: Worker) -> None:
        if seconds := patience(self._config):
            self._later(seconds, self._kill_hanging, worker)

    def _kill_unready(self, worker: Worker) -> None:
        if not worker.ready:
            self._kill_hanging(worker)

    def _kill_hanging(self, worker: Worker) -> None:
        if worker in self._running and not worker.killed:
            self.dump_and_kill(worker, "does not stop")

    def _kill(self, worker: Worker) -> None:
        if worker in self._running:
            worker.kill()
