"""Interleaved rounds: every contestant once in each, medians over them, refusals with reasons."""

import statistics
import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from benchmarks.load import Load, LoadError, Wrk
from benchmarks.machine import Watch
from benchmarks.process import Process
from benchmarks.results import Figure, Row, Table

# A core is saturated from this share of its time on; a program's start and end take the rest.
SATURATED = 0.93
KEPT = 0.98  # of a wanted rate
FULL = 0.85  # of the client, which has its own start and end besides
FIGURES = ("cpu_us", "rate", "p50_us", "p99_us", "memory_mb")


@dataclass(frozen=True)
class Plan:
    """How long and how often; `spread` is the widest (max - min) / median that is printed."""

    seconds: float = 2
    rounds: int = 5
    warmup: float = 1
    spread: float = 0.25
    retries: int = 3  # of a measurement during which others used the cores
    foreign: float = 0.06  # the share of a core that others may use before it is repeated
    noisy: bool = False  # print what was measured while others used the cores
    quick: bool = False  # fewer loads
    own_client: bool = False  # instead of wrk, whose shortest run is a second


@dataclass(frozen=True)
class Reading:
    """One measurement of one server."""

    cpu_us: float
    rate: float
    p50_us: float
    p99_us: float
    memory_mb: float
    errors: int
    server_busy: float
    client_busy: float
    foreign: float


@dataclass
class Readings:
    """All of one server's, over the rounds."""

    taken: list[Reading] = field(default_factory=list)
    repeated: int = 0
    failure: str = ""


def compare(
    load: Load,
    servers: dict[str, Process],
    plan: Plan,
    baseline: str = "",
    unit: str = "request",
    unchecked: Collection[str] = (),
) -> Table:
    """Measure all servers under one load, interleaved; the servers are left paused."""
    readings = {name: Readings() for name in servers}
    for name, server in servers.items():
        server.resume()
        try:
            if name not in unchecked:
                load.check(server.port)
        except LoadError as error:
            readings[name].failure = f"left out: {error}"
        server.pause()
    for turn in range(plan.rounds):
        for name in rotated(list(servers), turn):
            if not readings[name].failure:
                _take(load, servers[name], plan, readings[name])
        _progress(f"{load.title}: round {turn + 1} of {plan.rounds}")
    base = readings[baseline].taken if baseline in readings else []
    rows = [summary(name, readings[name], plan, base, load.rate) for name in servers]
    return Table(title=load.title, unit=unit, baseline=baseline, rows=rows)


def _take(load: Load, server: Process, plan: Plan, readings: Readings) -> None:
    try:
        if isinstance(load, Wrk) and (plan.own_client or load.rate):
            server.resume()
            load = load.for_own_client(server.port)
        for attempt in range(plan.retries + 1):
            reading = measure(load, server, plan)
            if reading.foreign <= plan.foreign or attempt == plan.retries:
                readings.taken.append(reading)
                return
            readings.repeated += 1
    except LoadError as error:
        readings.failure = f"left out: {error}"


def measure(load: Load, server: Process, plan: Plan) -> Reading:
    """Wake the server, warm it up, measure it, pause it again."""
    server.resume()
    try:
        if isinstance(load, Wrk):  # which cannot run for less than a second
            with load.for_own_client(server.port).open(server.port) as first:
                first.run(plan.warmup)
        with load.open(server.port) as session:
            if not isinstance(load, Wrk):
                session.run(plan.warmup)
            watch = Watch()
            before = server.cpu_seconds()
            seen = session.run(plan.seconds)
            used = server.cpu_seconds() - before
            foreign = watch.foreign(used, seen.client_seconds)
            memory = server.memory_bytes()
    finally:
        server.pause()
    if not seen.requests:
        raise LoadError("nothing was answered")
    return Reading(
        cpu_us=used / seen.requests * 1e6,
        rate=seen.requests / seen.seconds,
        p50_us=seen.p50_us,
        p99_us=seen.p99_us,
        memory_mb=memory / 1e6,
        errors=seen.errors,
        server_busy=used / seen.seconds,
        client_busy=seen.client_seconds / seen.seconds,
        foreign=foreign,
    )


def summary(
    name: str, readings: Readings, plan: Plan, base: list[Reading], paced: float = 0
) -> Row:
    """Medians with their spread, and what must not be printed, with the reason."""
    if readings.failure or not readings.taken:
        return Row(name=name, refused=readings.failure or "left out: no reading")
    taken = readings.taken
    figures = {key: figure([getattr(one, key) for one in taken]) for key in FIGURES}
    if ratios := [one.cpu_us / other.cpu_us for one, other in zip(base, taken, strict=False)]:
        figures["ratio"] = figure(ratios)  # the baseline's CPU over this one's in the same round
    row = Row(name=name, figures=figures, notes=[*_notes(taken, readings.repeated, plan)])
    row.refused = refusal(taken, figures, plan, paced)
    rate = figures["rate"]
    if not paced and (bound := bottleneck(taken)):
        # The server's own time is still its own; how fast it could have answered is unknown.
        row.notes.append(bound)
        for key in ("rate", "p50_us", "p99_us"):
            del figures[key]
    elif rate.spread > plan.spread:
        row.notes.append(f"rate refused: a spread of {rate.spread:.0%}")
        del figures["rate"]
    return row


def refusal(taken: list[Reading], figures: dict[str, Figure], plan: Plan, paced: float = 0) -> str:
    """Why nothing of a row may be printed, or nothing."""
    # A machine that slows down slows all of a round alike: their ratios tell noise from drift.
    what, judged = next((key, figures[key]) for key in ("ratio", "cpu_us") if key in figures)
    others = max(one.foreign for one in taken)
    if errors := sum(one.errors for one in taken):
        return f"refused: {errors} errors"
    if others > plan.foreign and not plan.noisy:
        return f"refused: others used up to {others:.0%} of a core"
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
    if plan.noisy and (worst := max(one.foreign for one in taken)) > plan.foreign:
        yield f"others used up to {worst:.0%} of a core"


def figure(values: list[float]) -> Figure:
    return Figure(median=statistics.median(values), low=min(values), high=max(values))


def rotated(names: list[str], turn: int) -> list[str]:
    """The order of one round: shifted each time, so that nobody always follows the same one."""
    shift = turn % len(names) if names else 0
    return names[shift:] + names[:shift]


def _progress(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)
