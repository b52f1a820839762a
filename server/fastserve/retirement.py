"""Workers that are replaced for their age or their memory: each after its successor is ready."""

import os
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from .config import Config
from .errors import ConfigError
from .worker import Worker

CHECK_SECONDS = 2.0
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
MIB = 1024 * 1024
# Between two replacements for memory, if the workers grow too large soon after they are ready:
# the limit is too low then, and replacing them again and again would only take time.
BACKOFF = (0.0, 0.0, 0.0, 10.0, 30.0, 60.0, 120.0, 300.0)
SOON_SECONDS = 60.0


class Retirement:
    """Which workers have served for long enough. Raises ConfigError."""

    def __init__(self, config: Config) -> None:
        self._lifetime, self._jitter = config.worker_lifetime, config.worker_lifetime_jitter
        self._most = config.worker_max_memory
        self._too_soon = 0  # replacements for memory in a row
        self._memory_from = 0.0  # not before this time
        if self._most and memory_of(os.getpid()) is None:
            raise ConfigError("worker_max_memory", "needs /proc, which this system does not have")

    @property
    def interval(self) -> float | None:
        """Seconds between two looks; None when there is nothing to look for."""
        if not (self._lifetime or self._most):
            return None
        return min(CHECK_SECONDS, self._lifetime / 4 or CHECK_SECONDS)

    def due(self, workers: Sequence[Worker], now: float) -> Iterator[tuple[Worker, str, str]]:
        """The workers to replace from now on, and why, in a word and for the log; each once."""
        for worker in workers:
            if not worker.ready or worker.stopping or worker.worn:
                continue
            if worker.ready_at + self._lifetime_of(worker) <= now:
                age = now - worker.ready_at
                yield worker, "lifetime", f"has served for {age:.0f} s (worker_lifetime)"
            elif self._most and (memory := memory_of(worker.pid) or 0) > self._most:
                if worker.too_large_at is None:
                    worker.too_large_at = now
                if now >= self._memory_from:
                    yield worker, "memory", self._memory_reason(worker, memory, now)

    def _lifetime_of(self, worker: Worker) -> float:
        if not self._lifetime:
            return float("inf")
        if worker.extra_lifetime is None:
            worker.extra_lifetime = random.uniform(0, self._jitter)
        return self._lifetime + worker.extra_lifetime

    def _memory_reason(self, worker: Worker, memory: int, now: float) -> str:
        grew_in = (worker.too_large_at or now) - worker.ready_at
        soon = grew_in < SOON_SECONDS
        self._too_soon = self._too_soon + 1 if soon else 0
        wait = BACKOFF[min(self._too_soon, len(BACKOFF) - 1)]
        self._memory_from = now + wait
        most = f"worker_max_memory is {self._most / MIB:.0f} MiB"
        reason = f"uses {memory / MIB:.0f} MiB ({most})"
        if wait:
            reason += f" {grew_in:.0f} s after its start, as those before: is the limit too low? "
            reason += f"None is replaced for that in the next {wait:g} s"
        return reason


def memory_of(pid: int) -> int | None:
    """The resident memory of a process in bytes; None if it cannot be told."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES
    except (OSError, IndexError, ValueError):
        return None
