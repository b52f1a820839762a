"""The counts of all worker processes together, also of those that have ended.

Each worker counts in memory that it shares with the supervisor. When it ends, what it counted is
added to `_past`: no total ever goes back, and only workers that run take memory.
"""

import mmap
import os
import resource
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from .asgi._counters import COUNTERS_SIZE, Counters
from .config import Config
from .errors import ConfigError
from .health import Health, ServingProcess
from .procfs import cpu_seconds

# Why a worker has ended.
EXIT_REASONS = (
    "asked",  # a reload, fewer workers, a stop
    "crashed",
    "hung",  # its event loop, for longer than timeout_worker_healthcheck
    "not_started",  # in time: timeout_startup
    "max_requests",
    "lifetime",
    "memory",
)


def check_installed() -> None:
    """Raises ConfigError when prometheus_client cannot be imported."""
    try:
        import prometheus_client  # noqa: F401
    except ImportError:
        raise ConfigError(
            "metrics",
            "needs prometheus-client, which is not installed; "
            "pip install 'fastserve-asgi[metrics]'",
        ) from None


def shared_file(loops: int = 1) -> int:
    """The descriptor of a file without a name, in which a worker counts. Raises OSError.

    Each of its event loops has a page of its own: one thread writes it.
    """
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("fastserve counters")
    else:
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    os.ftruncate(fd, loops * mmap.ALLOCATIONGRANULARITY)
    return fd


def counters_in(fd: int, loop: int = 0) -> Counters:
    """The counters of a loop in such a file, which may be closed then."""
    return Counters(mmap.mmap(fd, COUNTERS_SIZE, offset=loop * mmap.ALLOCATIONGRANULARITY))


def all_counters_in(fd: int, loops: int) -> list[Counters]:
    """Those of so many loops."""
    return [counters_in(fd, loop) for loop in range(loops)]


def private_counters() -> Counters:
    """Counters of this process alone."""
    return Counters(mmap.mmap(-1, COUNTERS_SIZE))


@dataclass(eq=False)
class ThisProcess:
    """The server itself, where there are no workers."""

    counters: Sequence[Counters]
    ready: bool = False
    stopping: bool = False
    started_at: float = field(default_factory=time.monotonic)

    @property
    def pid(self) -> int:
        return os.getpid()


class Metrics:
    """Knows the processes that serve; the supervisor tells which. Any thread may read."""

    def __init__(self, config: Config, *, has_workers: bool) -> None:
        check_installed()
        self.health = Health(config, self.processes)
        self.has_workers = has_workers
        self.started_at = time.time()
        self.exits = dict.fromkeys(EXIT_REASONS, 0)
        self._numbers: dict[int, ServingProcess] = {}  # the smallest free one for each
        self._past = Counters(bytearray(COUNTERS_SIZE))
        self._lock = threading.Lock()
        self._cpu_seconds = 0.0

    def processes(self) -> list[ServingProcess]:
        return [process for _, process in self.numbered()]

    def numbered(self) -> list[tuple[int, ServingProcess]]:
        """The processes with their numbers, which are few: labels that do not become many."""
        with self._lock:
            return sorted(self._numbers.items())

    def worker_started(self, worker: ServingProcess) -> None:
        with self._lock:
            number = next(n for n in range(len(self._numbers) + 1) if n not in self._numbers)
            self._numbers[number] = worker

    def worker_ended(self, worker: ServingProcess, reason: str) -> None:
        """`reason` is one of EXIT_REASONS."""
        with self._lock:
            for number in [n for n, each in self._numbers.items() if each is worker]:
                del self._numbers[number]
                self.exits[reason] = self.exits.get(reason, 0) + 1
                for counters in worker.counters:
                    self._past.add_totals(counters)

    def totals(self) -> Counters:
        """All counts: those of the past, and of the processes that run."""
        result = Counters(bytearray(COUNTERS_SIZE))
        with self._lock:
            result.add_totals(self._past)
            for process in self._numbers.values():
                for counters in process.counters:
                    result.add(counters)
        return result

    def cpu_seconds(self) -> float:
        """CPU time of all processes, also of workers that have ended."""
        own = resource.getrusage(resource.RUSAGE_SELF)
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime
        seconds += sum(cpu_seconds(pid) or 0.0 for pid in self._worker_pids())
        # A worker may end between the two; its time then comes with the next look.
        self._cpu_seconds = max(self._cpu_seconds, seconds)
        return self._cpu_seconds

    def _worker_pids(self) -> Iterator[int]:
        return (each.pid for each in self.processes() if each.pid != os.getpid())
