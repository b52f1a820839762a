"""A measurement cut into slices, of which only those count in which the core was left alone.

Others on a shared machine make a server slower by up to a half for tenths of a second or for
minutes, by running on the same physical core; nothing that a virtual machine can read counts that.
So clients/canary.c runs beside the server, on its core, one hundredth of the time, and tells how
fast the core is. The server's clock and the bytes that the client has read are sampled meanwhile,
and the measurement is taken over the slices in which the canary was not slowed: a choice that does
not look at what the server did in them.
"""

import atexit
import contextlib
import os
import statistics
import subprocess
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from benchmarks.compiled import CLIENTS, compiled

STEP = 0.05  # seconds from one sample to the next
FEWEST = 15  # words of the canary that tell whether it was slowed
TURNS = 4  # answers to every connection that a slice holds at least
SLOWED = 1.1  # times what the canary's loop takes on a core left alone, on average
ALONE = 0.002  # the share of its loops that were so fast, or faster by chance
BUCKET = 100  # nanoseconds


@dataclass(frozen=True)
class Sample:
    """When it was taken, the server's clock in seconds, and the bytes that the client has read."""

    time: float
    clock: float
    read: int


Slice = tuple[Sample, Sample]  # its begin and its end


class Canary:
    """What clients/canary.c told, read from the pipe `words`."""

    def __init__(self, words: int) -> None:
        self._words = words
        self._rest = b""
        self._told: list[tuple[float, float]] = []
        self._all: Counter[int] = Counter()

    def forget(self) -> None:
        """What it told up to now; not how fast the core is."""
        self.listen()
        self._told.clear()

    def listen(self) -> None:
        """Take in what it told up to now."""
        told = []
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._words, 1 << 16):
                *lines, self._rest = (self._rest + data).split(b"\n")
                for line in lines:
                    moment, spent = map(float, line.split())
                    told.append((moment, spent))
        self._all.update(int(spent / BUCKET) for _, spent in told)
        self._told += told

    @property
    def alone(self) -> float:
        """Nanoseconds of its loop on a core left alone, as far as is known."""
        left = ALONE * self._all.total()
        for bucket in sorted(self._all):
            left -= self._all[bucket]
            if left <= 0:
                return (bucket + 1) * BUCKET
        return 0

    def is_quiet(self, begin: float, end: float) -> bool:
        """Whether the core was left alone; no, if `listen` took in too little."""
        told = self._between(begin, end)
        return len(told) >= FEWEST and self._is_fast(told)

    def is_slowed(self, begin: float, end: float) -> bool:
        """Whether it was not; no, if `listen` took in too little."""
        told = self._between(begin, end)
        return len(told) >= FEWEST and not self._is_fast(told)

    def _between(self, begin: float, end: float) -> list[float]:
        told = self._told
        return [spent for _, spent in told[bisect_left(told, (begin,)) : bisect_left(told, (end,))]]

    def _is_fast(self, told: list[float]) -> bool:
        return statistics.fmean(told) <= SLOWED * self.alone


@contextlib.contextmanager
def started(core: int) -> Iterator[Canary]:
    """The program, on this core."""
    command = ["taskset", "-c", str(core), compiled(CLIENTS / "canary.c")]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        assert process.stdout
        os.set_blocking(process.stdout.fileno(), False)
        try:
            yield Canary(process.stdout.fileno())
        finally:
            process.terminate()


@cache
def canary(core: int) -> Canary:
    """The one of this process on this core, which ends with it."""
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(started(core))


class Slices:
    """Samples of a server and of the client that speaks to it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.samples: list[Sample] = []

    def sample(self, client: int) -> None:
        """Called every STEP while the client with this process id runs."""
        with contextlib.suppress(OSError):  # it has just ended
            self.samples.append(Sample(time.monotonic(), self.clock(), bytes_read(client)))

    def cut(self, request_bytes: float, in_flight: int) -> list[Slice]:
        """Where slices begin and end; without the first, in which the client is set up.

        Each has several answers to every request in flight, so that none has a server's reading
        and another its writing.
        """
        slices = []
        begin = self.samples[0] if self.samples else None
        for end in self.samples:
            assert begin
            if end.read - begin.read >= TURNS * in_flight * request_bytes:
                slices.append((begin, end))
                begin = end
        return slices[1:]


@dataclass(frozen=True)
class Cost:
    """What was measured in the quiet slices, and how long they are together."""

    seconds: float  # of the server's CPU for each request
    rate: float  # requests a second
    quiet: float  # seconds


def cost(
    slices: list[Slice], is_quiet: Callable[[float, float], bool], request_bytes: float
) -> Cost:
    """Over the quiet ones, or over all when none is."""
    quiet = quiet_ones(slices, is_quiet)
    counted = quiet or slices
    read = sum(end.read - begin.read for begin, end in counted)
    clock = sum(end.clock - begin.clock for begin, end in counted)
    requests = read / request_bytes
    return Cost(clock / requests, requests / length(counted), length(quiet))


def quiet_ones(slices: list[Slice], is_quiet: Callable[[float, float], bool]) -> list[Slice]:
    return [(begin, end) for begin, end in slices if is_quiet(begin.time, end.time)]


def length(slices: list[Slice]) -> float:
    """Seconds, of all of them together."""
    return sum(end.time - begin.time for begin, end in slices)


def bytes_read(pid: int) -> int:
    """Bytes that a process got from read(2) so far, from sockets too."""
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("rchar:"))
