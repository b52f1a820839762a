"""Interleaved rounds: every contestant once in each, medians over them, refusals with reasons."""

import math
import statistics
import sys
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce

from benchmarks.load import Load, LoadError, Wrk
from benchmarks.machine import ROLES, Watch
from benchmarks.process import Process
from benchmarks.results import Figure, Row, Table
from benchmarks.slices import Sample, Slices, canary, cost, length, quiet_ones

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

    seconds: float = 0.5  # of a measurement, at least
    rounds: int = 5
    extra: int = 8  # further rounds for those whose spread is too wide
    most: int = 40  # rounds in all, for those that others disturb again and again
    warmup: float = 0.5  # before the first round
    spread: float = 0.1
    quiet: float = 0.2  # seconds in which the core was left alone that make a reading
    longest: float = 1.5  # of a measurement that waits for them; the next round adds the rest
    foreign: float = 0.15  # the share of a core that others may use before it does not count
    noisy: bool = False  # print what was measured while others used the cores
    quick: bool = False  # fewer loads
    own_client: bool = False  # instead of wrk


@dataclass(frozen=True)
class Reading:
    """What one measurement of a server says, or several together."""

    cpu_us: float  # over its quiet slices
    whole_us: float
    quiet: float  # seconds of these
    rate: float
    p50_us: float
    p99_us: float
    memory_mb: float
    errors: int
    server_busy: float
    client_busy: float
    foreign: float
    beside_us: float = 0  # the baseline's CPU just before and after; 0 without one


@dataclass
class Readings:
    """All of one server's: of the baseline several in each round, of others one at the most."""

    taken: list[Reading] = field(default_factory=list)
    rest: Reading | None = None  # a part of the next one
    measured: int = 0
    disturbed: int = 0  # measurements that were not enough for a reading, or did not count
    answer: float = 1  # bytes of one, about
    failure: str = ""

    def add(self, found: Reading | None, plan: Plan) -> None:
        """A measurement; with others before it a reading, once they were quiet for long enough."""
        self.measured += 1
        self.disturbed += found is None or found.quiet < plan.quiet
        if found is None:
            return
        if self.rest:
            found = together(self.rest, found)
        whole = found.quiet >= plan.quiet or plan.noisy or found.errors
        if whole:
            self.taken.append(found)
        self.rest = found if found.quiet and not whole else None


def together(one: Reading, other: Reading) -> Reading:
    """Two parts of a reading, each for as much as it was quiet."""
    quiet = one.quiet + other.quiet
    share = other.quiet / quiet if quiet else 0.5
    mixed = {
        name: (1 - share) * value + share * getattr(other, name)
        for name, value in vars(one).items()
    }
    if not (one.beside_us and other.beside_us):
        mixed["beside_us"] = one.beside_us + other.beside_us
    return Reading(**{**mixed, "quiet": quiet, "errors": one.errors + other.errors})


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
                made = contest.round(names)
                _progress(f"{contest.load.title}: round {turn + 1}, {made} of {len(names)} read")
    return [contest.table(unit) for contest in contests]


def is_wide(readings: Readings, plan: Plan) -> bool:
    """Whether further rounds could make a row printable whole that is not so yet."""
    taken = readings.taken
    if len(taken) < plan.rounds or 0 < with_baseline(taken) < plan.rounds:
        return True
    if len(taken) >= plan.rounds + plan.extra:
        return False
    # Where there is a ratio, a wide figure beside it only says that the machine's speed changed.
    figures = figures_of(taken)
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
                    seen = session.run(self.plan.warmup)
                if not seen.requests:
                    raise LoadError("nothing was answered")
                self.readings[name].answer = seen.bytes / seen.requests
            except LoadError as error:
                self.readings[name].failure = f"left out: {error}"
            server.pause()

    def table(self, unit: str) -> Table:
        rows = [
            summary(name, self.compared(name), self.plan, self.load.rate) for name in self.servers
        ]
        return Table(title=self.load.title, unit=unit, baseline=self.baseline, rows=rows)

    def compared(self, name: str) -> Readings:
        """Its readings; beside which the baseline was disturbed, with the median of all of its."""
        readings = self.readings[name]
        if self.baseline not in self.readings:
            return readings
        beside = self.readings[self.baseline].taken
        if name == self.baseline:
            taken = [replace(one, beside_us=one.cpu_us) for one in beside]
        elif len(beside) >= self.plan.rounds:
            usual = statistics.median(one.cpu_us for one in beside)
            taken = [replace(one, beside_us=one.beside_us or usual) for one in readings.taken]
        else:
            return readings
        return replace(readings, taken=taken)

    def round(self, names: list[str]) -> int:
        """Measure each, and the baseline before and after every few of them.

        A single baseline that wavers from second to second would move a whole table with it.
        Returns of how many there is a further reading.
        """
        had = {name: len(self.readings[name].taken) for name in names}
        others = [name for name in names if name != self.baseline]
        before = self._take_baseline()
        for at in range(0, len(others), BETWEEN):
            group = [(name, self._take(name)) for name in others[at : at + BETWEEN]]
            after = self._take_baseline()
            for name, reading in group:
                if reading is not None:
                    reading = replace(reading, beside_us=beside_us([before, after], self.plan))
                self.readings[name].add(reading, self.plan)
            before = after
        return sum(len(self.readings[name].taken) > count for name, count in had.items())

    def _take_baseline(self) -> Reading | None:
        if self.baseline not in self.able():
            return None
        reading = self._take(self.baseline)
        self.readings[self.baseline].add(reading, self.plan)
        return reading

    def _take(self, name: str) -> Reading | None:
        """One measurement; None when others used the cores, and, with a failure, on an error."""
        load, plan, server = self.load, self.plan, self.servers[name]
        answer = self.readings[name].answer
        try:
            if isinstance(load, Wrk) and (plan.own_client or load.rate):
                server.resume()
                load = load.for_own_client(server.port)
            reading = measure(load, server, plan, answer)
        except LoadError as error:
            self.readings[name].failure = f"left out: {error}"
            return None
        if plan.noisy:
            return reading
        if reading.foreign > plan.foreign or reading.quiet < plan.quiet / 2:
            ROLES.swap()  # what disturbs one core may leave the other alone
        return reading if reading.foreign <= plan.foreign else None


def beside_us(around: Iterable[Reading | None], plan: Plan) -> float:
    """The baseline's CPU around another reading; 0: it was hardly left alone there."""
    kept = [one for one in around if one and (one.quiet or plan.noisy or not plan.quiet)]
    found = reduce(together, kept) if kept else None
    return found.cpu_us if found and (plan.noisy or found.quiet >= plan.quiet / 2) else 0


def measure(load: Load, server: Process, plan: Plan, answer: float) -> Reading:
    """Wake the server, measure it, pause it again; `answer` is about how many bytes it sends."""
    ear = canary(ROLES.server)
    ear.forget()
    server.pin(ROLES.server)
    server.resume()
    try:
        with load.open(server.port) as session:
            clock = server.clock()
            slices = Slices(clock)

            def sampled(client: int) -> bool:
                slices.sample(client)
                ear.listen()
                found = slices.cut(answer, load.in_flight)
                return plan.noisy or length(quiet_ones(found, ear.is_quiet)) >= plan.quiet

            watch = Watch()
            before = clock()
            seen = session.run(plan.seconds, sampled, plan.longest)
            ended, used = time.monotonic(), clock() - before
            foreign = watch.foreign(used, seen.client_seconds)
            memory = server.memory_bytes()
    finally:
        server.pause()
    if not seen.requests:
        raise LoadError("nothing was answered")
    each = seen.bytes / seen.requests
    ear.listen()
    # The whole counts as one slice for a server so slow that its answers do not fill two.
    whole = (Sample(ended - seen.seconds, 0, 0), Sample(ended, used, seen.bytes))
    found = slices.cut(each, load.in_flight) or [whole]
    spent = cost(found, ear.is_quiet, each)
    return Reading(
        cpu_us=spent.seconds * 1e6,
        whole_us=used / seen.requests * 1e6,
        quiet=spent.quiet,
        rate=seen.requests / seen.seconds if load.rate else spent.rate,
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
    taken = readings.taken
    others = f"others disturbed {readings.disturbed} of {readings.measured} measurements"
    if readings.failure or not taken:
        return Row(name=name, refused=readings.failure or f"refused: {others}")
    figures = figures_of(taken)
    row = Row(name=name, figures=figures, notes=[others] if readings.disturbed else [])
    row.rounds = {key: [round(getattr(one, key), 3) for one in taken] for key in KEPT_WHOLE}
    row.refused = refusal(taken, figures, plan, paced)
    if len(taken) < plan.rounds and readings.disturbed:
        row.refused = row.refused or f"refused: {row.notes.pop(0)}"
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
