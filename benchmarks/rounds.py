"""Interleaved rounds: in each, every server is measured once under every load."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.h2load import Http2
from benchmarks.load import Load, LoadError, Messages
from benchmarks.process import Process
from benchmarks.results import Row, Table, figure

Work = Load | Http2
SATURATED = 0.93  # of its core; a server that had less waited for the client, or for the core


@dataclass(frozen=True)
class Plan:
    """How long and how often; `quick` measures fewer loads and contestants."""

    seconds: float = 0.35  # of a measurement
    rounds: int = 5
    warmup: float = 0.2  # before the first round
    quick: bool = False
    only: tuple[str, ...] = ()  # contestants, and loads, with one of these in their names; or all
    under: tuple[str, ...] = ()

    def wants(self, name: str) -> bool:
        return not self.only or any(part in name for part in self.only)

    def loads(self, loads: Sequence[Work], number: int = 1) -> list[Work]:
        """Those that are named; if none is, all in a full run and so many in a quick one."""
        if self.under:
            return [load for load in loads if any(part in load.title for part in self.under)]
        return list(loads[:number] if self.quick else loads)


@dataclass(frozen=True)
class Reading:
    """What one measurement of a server says; `busy` is its share of its core."""

    cpu_us: float
    rate: float
    busy: float
    errors: int


def compare(
    loads: Sequence[Work],
    servers: dict[str, Process],
    plan: Plan,
    baseline: str = "",
    unit: str = "request",
    takes_part: Callable[[Work, str], bool] = lambda load, name: True,
) -> list[Table]:
    """Measure all servers under each load, a table for each; the servers are left paused.

    Every round is of all servers under all loads: a machine that is slower for some minutes is so
    for a round or two of each, not for all rounds of one. `takes_part` says whether a server, by
    its name, has what the load asks for.
    """
    contests = [
        Contest(
            load, {name: each for name, each in servers.items() if takes_part(load, name)}, plan
        )
        for load in loads
    ]
    for turn in range(plan.rounds):
        for contest in contests:
            contest.round(turn)
            print(f"  {contest.load.title}: round {turn + 1}", file=sys.stderr)
    return [contest.table(baseline, unit) for contest in contests]


class Contest:
    """The servers under one load, and the readings of each; a check and a warm-up come first."""

    def __init__(self, load: Work, servers: dict[str, Process], plan: Plan) -> None:
        self.load, self.servers, self.plan = load, servers, plan
        self.readings: dict[str, list[Reading]] = {name: [] for name in servers}
        self.failures: dict[str, str] = {}
        self.messages: dict[str, Messages | Http2] = {}
        for name, server in servers.items():
            server.resume()
            try:
                self.messages[name] = load.checked(server.port)
                measure(self.messages[name], server, plan.warmup)
            except LoadError as error:
                self.failures[name] = f"left out: {error}"
                server.restart()  # it may have died of it; the other loads find it as it was
            server.pause()

    def round(self, turn: int) -> None:
        """Measure each server that can be; the order shifts by one in every round."""
        names = [name for name in self.servers if name not in self.failures]
        at = turn % len(names) if names else 0
        for name in names[at:] + names[:at]:
            server = self.servers[name]
            server.resume()
            try:
                reading = measure(self.messages[name], server, self.plan.seconds)
                self.readings[name].append(reading)
            except LoadError as error:
                self.failures[name] = f"left out: {error}"
            server.pause()

    def table(self, baseline: str, unit: str) -> Table:
        base = [] if baseline in self.failures else self.readings.get(baseline, [])
        rows = [
            Row(name, note=self.failures[name])
            if name in self.failures
            else summary(name, taken, base)
            for name, taken in self.readings.items()
        ]
        return Table(self.load.title, rows, unit, baseline)


def measure(messages: Messages | Http2, server: Process, seconds: float) -> Reading:
    """Run once over new connections, each of which has had one answer before."""
    with messages.open(server.port) as session:
        first = session.run(0)
        before = server.cpu_seconds()
        seen = session.run(seconds)
        used = server.cpu_seconds() - before
    if not seen.requests:
        raise LoadError("nothing was answered")
    each = used / seen.requests * 1e6
    rate, busy = seen.requests / seen.seconds, used / seen.seconds
    return Reading(each, rate, busy, first.errors + seen.errors)


def summary(name: str, taken: list[Reading], base: list[Reading]) -> Row:
    """Medians with their range; the ratio is of the two readings of the same round."""
    if errors := sum(one.errors for one in taken):
        return Row(name, note=f"refused: {errors} errors")
    row = Row(name, {"cpu_us": figure(one.cpu_us for one in taken)})
    if base:
        pairs = zip(base, taken, strict=True)
        row.figures["ratio"] = figure(theirs.cpu_us / ours.cpu_us for theirs, ours in pairs)
    row.figures["rate"] = figure(one.rate for one in taken)
    if (busy := figure(one.busy for one in taken).median) < SATURATED:
        row.note = f"{busy:.0%} busy"
    return row
