"""Interleaved rounds: every contestant once in each, medians over them, refusals with reasons."""

import math
import statistics
import sys
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from benchmarks.load import Load, LoadError, Wrk
from benchmarks.machine import ROLES, Watch
from benchmarks.process import Process
from benchmarks.results import Figure, Row, Table
from benchmarks.slices import Sample, Slices, canary, cost

# A core is saturated from this share of its time on; a program's start and end take the rest.
SATURATED = 0.93
KEPT = 0.98  # of a wanted rate
FULL = 0.85  # of the client, which has its own start and end besides
JUDGED = ("ratio", "cpu_us")  # by their spread, the first that there is
CONFIDENCE = 0.9  # that the median of many more rounds lies within the spread
BETWEEN = 4  # contestants from one reading of the baseline to the next
KEPT_WHOLE = ("cpu_us", "whole_us", "quiet", "beside_us")  # in the JSON
FIGURES = ("cpu_us", "rate", "p50_us", "p99_us", "memory_mb")


@dataclass(frozen=True)
class Plan:
    """How long and how often; `spread` is the widest that is printed (see `Figure`)."""

    seconds: float = 0.5
    rounds: int = 5
    extra: int = 8  # further rounds for those whose spread is too wide
    most: int = 24  # rounds in all, for those that others disturb again and again
    warmup: float = 0.5  # before the first round
    spread: float = 0.1
    retries: int = 1  # of a measurement that others disturbed
    foreign: float = 0.15  # the share of a core that others may use before it is repeated
    quiet: float = 0.1  # the share of it in which the core must have been left alone
    noisy: bool = False  # print what was measured while others used the cores
    quick: bool = False  # fewer loads
    own_client: bool = False  # instead of wrk


@dataclass(frozen=True)
class Reading:
    """One measurement of one server."""

    cpu_us: float  # over its quiet slices
    whole_us: float
    quiet: float  # their share of the time
    rate: float
    p50_us: float
    p99_us: float
    memory_mb: float
    errors: int
    server_busy: float
    client_busy: float
    foreign: float
    beside_us: float = 0  # the baseline's CPU just before and after, their mean; 0 without one

    def disturbed(self, plan: Plan) -> bool:
        """Whether others used the cores, by the system's accounts or by the canary's."""
        return not plan.noisy and (self.foreign > plan.foreign or self.quiet < plan.quiet)


@dataclass
class Readings:
    """All of one server's: one in each round, of the baseline several."""

    taken: list[Reading] = field(default_factory=list)
    repeated: int = 0
    failure: str = ""

    def kept(self, plan: Plan) -> list[Reading]:
        """Without those during which others used the cores, if enough are left."""
        clean = [one for one in self.taken if not one.disturbed(plan)]
        return clean if len(clean) >= plan.rounds else self.taken


def compare(
    loads: Sequence[Load],
    servers: dict[str, Process],
    plan: Plan,
    baseline: str = "",
    unit: str = "request",
    unchecked: Collection[str] = (),
) -> list[Table]:
    """Measure all servers under each load, a table for each; the servers are left paused.

    Every round is of all servers under all loads: a machine that is slower for some minutes is so
    for a few rounds of each load, not for all rounds of one.
    """
    contests = [Contest(load, servers, plan, baseline) for load in loads]
    for contest in contests:
        contest.warm_up(unchecked)
    for turn in range(plan.most):
        for contest in contests:
            names = rotated(contest.able(), turn)
            if turn >= plan.rounds:
                wide = [name for name in names if is_wide(contest.compared(name), plan)]
                names = [name for name in names if name in wide or (name == baseline and wide)]
            if names:
                contest.round(names)
                _progress(f"{contest.load.title}: round {turn + 1}, {contest.clean(names)}")
    return [contest.table(unit) for contest in contests]


def is_wide(readings: Readings, plan: Plan) -> bool:
    """Whether further rounds could make a row printable whole that is not so yet."""
    taken = readings.kept(plan)
    figures = figures_of(taken)
    if 0 < with_baseline(taken) < plan.rounds or any(one.disturbed(plan) for one in taken):
        return True
    if len(taken) >= plan.rounds + plan.extra:
        return False
    # Where there is a ratio, a wide figure beside it only says that the machine's speed changed.
    judged = next(figures[key] for key in JUDGED if key in figures)
    return judged.spread > plan.spread


class Contest:
    """The servers under one load, and the readings of each."""

    def __init__(self, load: Load, servers: dict[str, Process], plan: Plan, baseline: str) -> None:
        self.load, self.servers, self.plan, self.baseline = load, servers, plan, baseline
        self.readings = {name: Readings() for name in servers}

    def able(self) -> list[str]:
        return [name for name in self.servers if not self.readings[name].failure]

    def warm_up(self, unchecked: Collection[str]) -> None:
        """Check each one's answer and let it run; note those that fail."""
        for name, server in self.servers.items():
            server.resume()
            try:
                if name not in unchecked:
                    self.load.check(server.port)
                with self.load.open(server.port) as session:
                    session.run(self.plan.warmup)
            except LoadError as error:
                self.readings[name].failure = f"left out: {error}"
            server.pause()

    def table(self, unit: str) -> Table:
        rows = [
            summary(name, self.compared(name), self.plan, self.load.rate) for name in self.servers
        ]
        return Table(title=self.load.title, unit=unit, baseline=self.baseline, rows=rows)

    def compared(self, name: str) -> Readings:
        """Readings beside which the baseline was disturbed, with its median of the others."""
        readings = self.readings[name]
        if self.baseline not in self.readings:
            return readings
        clean = [one for one in self.readings[self.baseline].taken if not one.disturbed(self.plan)]
        if len(clean) < self.plan.rounds:
            return readings
        usual = statistics.median(one.cpu_us for one in clean)
        taken = [replace(one, beside_us=one.beside_us or usual) for one in readings.taken]
        return replace(readings, taken=taken)

    def clean(self, names: list[str]) -> str:
        """How many of the last readings count."""
        last = [self.readings[name].taken[-1] for name in names if name in self.able()]
        count = sum(not one.disturbed(self.plan) for one in last)
        return f"{count} of {len(names)} undisturbed"

    def round(self, names: list[str]) -> None:
        """One reading of each, with the baseline before and after every few of them.

        A single baseline that wavers from second to second would move a whole table with it.
        """
        others = [name for name in names if name != self.baseline]
        before = self._take_baseline()
        for at in range(0, len(others), BETWEEN):
            group = [(name, self._take(name)) for name in others[at : at + BETWEEN]]
            after = self._take_baseline()
            for name, reading in group:
                if reading is not None:
                    beside = beside_us([before, after], self.plan)
                    self.readings[name].taken.append(replace(reading, beside_us=beside))
            before = after

    def _take_baseline(self) -> Reading | None:
        if self.baseline not in self.able():
            return None
        reading = self._take(self.baseline)
        if reading is not None:
            kept = replace(reading, beside_us=reading.cpu_us)
            self.readings[self.baseline].taken.append(kept)
        return reading

    def _take(self, name: str) -> Reading | None:
        """A reading, repeated if others disturb it; None, and a failure, on an error."""
        load, plan, server = self.load, self.plan, self.servers[name]
        try:
            if isinstance(load, Wrk) and (plan.own_client or load.rate):
                server.resume()
                load = load.for_own_client(server.port)
            reading = measure(load, server, plan)
            for _ in range(plan.retries):
                if not reading.disturbed(plan):
                    break
                self.readings[name].repeated += 1
                ROLES.swap()  # what disturbs one core may leave the other alone
                reading = measure(load, server, plan)
        except LoadError as error:
            self.readings[name].failure = f"left out: {error}"
            return None
        return reading


def beside_us(around: Iterable[Reading | None], plan: Plan) -> float:
    """The mean of the baseline's readings around another one, without disturbed ones; 0: none."""
    kept = [one.cpu_us for one in around if one and not one.disturbed(plan)]
    return statistics.fmean(kept) if kept else 0


def measure(load: Load, server: Process, plan: Plan) -> Reading:
    """Wake the server, measure it, pause it again."""
    canary(ROLES.server).listen()
    server.pin(ROLES.server)
    server.resume()
    try:
        with load.open(server.port) as session:
            clock = server.clock()
            slices = Slices(clock)
            watch = Watch()
            before = clock()
            seen = session.run(plan.seconds, slices.sample)
            ended, used = time.monotonic(), clock() - before
            foreign = watch.foreign(used, seen.client_seconds)
            memory = server.memory_bytes()
    finally:
        server.pause()
    if not seen.requests:
        raise LoadError("nothing was answered")
    each = seen.bytes / seen.requests
    canary(ROLES.server).listen()
    # The whole counts as one slice for a server so slow that its answers do not fill two.
    whole = (Sample(ended - seen.seconds, 0, 0), Sample(ended, used, seen.bytes))
    found = slices.cut(each, load.in_flight) or [whole]
    quiet = cost(found, canary(ROLES.server).is_quiet, each)
    return Reading(
        cpu_us=quiet.seconds * 1e6,
        whole_us=used / seen.requests * 1e6,
        quiet=quiet.quiet,
        rate=seen.requests / seen.seconds if load.rate else quiet.rate,
        p50_us=seen.p50_us,
        p99_us=seen.p99_us,
        memory_mb=memory / 1e6,
        errors=seen.errors,
        server_busy=used / seen.seconds,
        client_busy=seen.client_seconds / seen.seconds,
        foreign=foreign,
    )


def summary(name: str, readings: Readings, plan: Plan, paced: float = 0) -> Row:
    """Medians with their spread, and what must not be printed, with the reason."""
    if readings.failure or not readings.taken:
        return Row(name=name, refused=readings.failure or "left out: no reading")
    taken = readings.kept(plan)
    figures = figures_of(taken)
    row = Row(name=name, figures=figures, notes=[*_notes(taken, readings.repeated, plan)])
    row.rounds = {key: [round(getattr(one, key), 3) for one in taken] for key in KEPT_WHOLE}
    row.refused = refusal(taken, figures, plan, paced)
    if 0 < (beside := with_baseline(taken)) < min(plan.rounds, len(taken)):
        del figures["ratio"]
        row.notes.append(f"ratio refused: the baseline was undisturbed beside {beside} alone")
    if not row.refused and "ratio" in figures and figures["ratio"].spread > plan.spread:
        wide = figures["wide_ratio"] = figures.pop("ratio")
        row.notes.append(
            f"ratio refused: {wide.low:.3g} to {wide.high:.3g}, a spread of {wide.spread:.0%}"
        )
    if not figures["p99_us"].low:  # wrk does not time pipelined requests
        del figures["p50_us"], figures["p99_us"]
    rate = figures["rate"]
    if not paced and (bound := bottleneck(taken)):
        # The server's own time is still its own; how fast it could have answered is unknown.
        row.notes.append(bound)
        for key in ("rate", "p50_us", "p99_us"):
            figures.pop(key, None)
    elif rate.spread > plan.spread:
        row.notes.append(f"rate refused: a spread of {rate.spread:.0%}")
        del figures["rate"]
    return row


def refusal(taken: list[Reading], figures: dict[str, Figure], plan: Plan, paced: float = 0) -> str:
    """Why nothing of a row may be printed, or nothing."""
    # A machine that slows down slows all of a round alike, which leaves the ratio as it is; a
    # baseline that wavers spoils the ratio alone. Only where both are wide is nothing certain.
    what, judged = min(
        ((key, figures[key]) for key in JUDGED if key in figures), key=lambda pair: pair[1].spread
    )
    if errors := sum(one.errors for one in taken):
        return f"refused: {errors} errors"
    if bad := [one for one in taken if one.disturbed(plan)]:
        return f"refused: others disturbed {len(bad)} of {len(taken)} measurements"
    if judged.spread > plan.spread:
        return f"refused: {what} {judged.low:.3g} to {judged.high:.3g} ({judged.spread:.0%})"
    if paced and figures["rate"].median < KEPT * paced:
        return f"refused: {figures['rate'].median:,.0f} a second of {paced:,.0f} wanted"
    return ""


def bottleneck(taken: list[Reading]) -> str:
    """Why the rate is not the server's, or nothing: it had time left, whoever was to blame."""
    server = statistics.median(one.server_busy for one in taken)
    client = statistics.median(one.client_busy for one in taken)
    if server >= SATURATED:
        return ""
    who = "the client is the bottleneck" if client >= FULL else "neither side was saturated"
    return f"rate refused: {who} (client {client:.0%} busy, server {server:.0%})"


def _notes(taken: list[Reading], repeated: int, plan: Plan) -> Iterable[str]:
    if repeated:
        yield f"{repeated} repeated: others used the cores"
    if plan.noisy and (bad := [one for one in taken if one.disturbed(replace(plan, noisy=False))]):
        yield f"others disturbed {len(bad)} of {len(taken)} measurements"


def figures_of(taken: list[Reading]) -> dict[str, Figure]:
    """Every figure, and the ratio: the baseline's CPU beside each over its own."""
    figures = {key: figure([getattr(one, key) for one in taken]) for key in FIGURES}
    if ratios := [one.beside_us / one.cpu_us for one in taken if one.beside_us]:
        figures["ratio"] = figure(ratios)
    return figures


def with_baseline(taken: list[Reading]) -> int:
    """How many have an undisturbed reading of the baseline beside them."""
    return sum(one.beside_us > 0 for one in taken)


def figure(values: list[float]) -> Figure:
    """The median of the rounds, their range, and how well they tell the median."""
    median = statistics.median(values)
    low, high = median_interval(values)
    return Figure(median, min(values), max(values), (high - low) / median if median else 0.0)


def median_interval(values: list[float]) -> tuple[float, float]:
    """Where the median of many more rounds would lie, with CONFIDENCE; at least of all but few.

    Its ends are the values as many places from the least and the greatest as the binomial
    distribution allows, whatever the distribution of the values (David and Nagaraja, Order
    Statistics, 7.1). Five rounds allow none: the range. Nine allow one, thirteen three.
    """
    ordered, count = sorted(values), len(values)
    aside, beyond = 0, 1 / 2**count  # the chance that the median lies below the least value
    while 2 * (beyond + math.comb(count, aside + 1) / 2**count) <= 1 - CONFIDENCE:
        aside += 1
        beyond += math.comb(count, aside) / 2**count
    return ordered[aside], ordered[-1 - aside]


def rotated(names: list[str], turn: int) -> list[str]:
    """The order of one round: shifted each time, so that nobody always follows the same one."""
    shift = turn % len(names) if names else 0
    return names[shift:] + names[:shift]


def _progress(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)
