"""Whether the server lives, and whether clients should be sent here: /live and /ready."""

import time
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from .asgi._counters import Counters
from .config import Config


class ServingProcess(Protocol):
    """A worker, or the server itself when there are no workers."""

    ready: bool
    stopping: bool
    started_at: float  # time.monotonic()

    @property
    def counters(self) -> Sequence[Counters]: ...  # of each event loop, or none
    @property
    def pid(self) -> int: ...


class Health:
    """`processes` are those that serve now. A problem is one line of text; None: all is well."""

    def __init__(self, config: Config, processes: Callable[[], Collection[ServingProcess]]) -> None:
        self._processes = processes
        self._hang = config.timeout_worker_healthcheck
        self._threads = config.threads
        self.draining = False  # --drain-delay: new clients should go elsewhere
        self.stopping = False
        self._was_ready = False

    def problem_of_life(self) -> str | None:
        """A restart would help: every process has an event loop that hangs."""
        ready = [process for process in self._processes() if process.ready]
        if ready and all(map(self._hangs, ready)):
            which = "no event loop has" if self._threads == 1 else "an event loop has not"
            return f"{which} run for {self._hang:g} s"
        return None

    def problem_of_service(self) -> str | None:
        """Why no client should be sent here now."""
        if self.stopping:
            return "stopping"
        if self.draining:
            return "draining"
        for process in self._processes():
            if process.ready and not process.stopping and not self._hangs(process):
                self._was_ready = True
                return None
        otherwise = "no worker is ready" if self._was_ready else "starting"
        return self.problem_of_life() or otherwise

    def _hangs(self, process: ServingProcess) -> bool:
        """Whether an event loop of it has not run for longer than timeout_worker_healthcheck."""
        if not self._hang or not process.counters:
            return False
        beats = [counters.read()["levels"]["beat_ns"] for counters in process.counters]
        beat: float = min(beats) / 1e9
        return time.monotonic() - max(beat, process.started_at) > self._hang
