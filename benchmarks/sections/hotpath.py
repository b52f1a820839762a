"""uvicorn against fastserve, pair by pair, with the least ratio that each load must show."""

from dataclasses import dataclass

from benchmarks.apps.bodies import BODIES
from benchmarks.load import BROWSER_HEADERS, Wrk
from benchmarks.process import Process
from benchmarks.results import Figure, Row, Section, Table
from benchmarks.rounds import compare
from benchmarks.sections.context import Context
from benchmarks.sections.memory import memory_table
from benchmarks.servers import Contestant, fleet
from benchmarks.servers.asgi import fastserve, uvicorn

BASELINE, OURS = "uvicorn", "fastserve"
IDLE, IDLE_LIMIT = 10_000, 4096
HALF_LOAD_TOLERANCE = 1.0  # our p99 over uvicorn's


@dataclass(frozen=True)
class Pair:
    """The two servers under the same options, and the loads with the ratio to reach."""

    contestants: list[Contestant]
    loads: list[tuple[Wrk, float]]


def pair(
    *options: str, app: str = "benchmarks.apps.asgi:app", log: bool = False
) -> list[Contestant]:
    return [
        uvicorn(BASELINE, *options, "--http", "httptools", app=app, log=log),
        fastserve(OURS, *options, app=app, log=log),
    ]


UVLOOP = ("--loop", "uvloop")
MAIN = Pair(
    pair(*UVLOOP),
    [
        (Wrk("GET, 13-byte answer, 64 connections"), 2.0),
        (Wrk("a browser's 14 headers", headers=BROWSER_HEADERS), 2.1),
        (Wrk("16 pipelined GETs per write", pipelined=16), 6.0),
        (Wrk("1 KB, 300 connections", "/1k", 300, expect=BODIES["/1k"]), 1.8),
        (Wrk("10 KB, 300 connections", "/10k", 300, expect=BODIES["/10k"]), 1.6),
        (Wrk("100 KB, 300 connections", "/100k", 300, expect=BODIES["/100k"]), 1.5),
        (Wrk("asyncio.sleep(0) once", "/sleep"), 1.75),
        (Wrk("10 body messages of 1 KB, chunked", "/stream", expect=b"x" * 10240), 1.9),
        (Wrk("POST 1 KB, echoed", "/echo", method="POST", body=1024, expect=b"x" * 1024), 1.8),
        (Wrk("POST 64 KB, echoed", "/echo", method="POST", body=65536, expect=b"x" * 65536), 1.5),
    ],
)
OTHERS = [
    Pair(
        pair(*UVLOOP, app="benchmarks.apps.starlette_hello:app"), [(Wrk("Starlette hello"), 1.45)]
    ),
    Pair(pair(*UVLOOP, log=True), [(Wrk("access log on, both"), 3.0)]),
    Pair(pair("--loop", "asyncio"), [(Wrk("--loop asyncio, both"), 2.0)]),
]


def run(context: Context) -> Section:
    section = Section("hotpath", "The hot path against its targets")
    targets = Table("Targets: uvicorn's CPU per request over ours", [])
    whole = not context.plan.quick and not context.under
    for each in [MAIN, *context.first(OTHERS, 0)]:
        if not _chosen(each, context):
            continue
        with fleet(each.contestants, context.python) as (servers, left_out):
            section.left_out.update(left_out)
            _measure(each, servers, section, targets, context)
            if each is MAIN and whole:
                half_load(servers, section, targets, context)
    if whole:
        idle(section, targets, context)
    section.tables.insert(0, targets)
    missed = [row.name for row in targets.rows if not row.notes[0].startswith("reached")]
    section.words = [
        f"{len(targets.rows) - len(missed)} of {len(targets.rows)} targets reached."
        + (f" Not: {'; '.join(missed)}." if missed else "")
    ]
    return section


def _measure(
    pair: Pair, servers: dict[str, Process], section: Section, targets: Table, context: Context
) -> None:
    tables = compare(_chosen(pair, context), servers, context.plan, BASELINE)
    section.tables += tables
    least = {load.title: ratio for load, ratio in pair.loads}
    for table in tables:
        targets.rows.append(judged(table.title, table.row(OURS), least[table.title]))


def _chosen(pair: Pair, context: Context) -> list[Wrk]:
    return context.loads([load for load, _ in pair.loads], 3)


def judged(name: str, found: Row | None, least: float) -> Row:
    """The target's row. Rounds too far apart for a figure can agree that it is reached."""
    if found is None:
        return target(name, None, least)
    if not found.refused and "ratio" in found.figures:
        return target(name, found.figures["ratio"], least)
    row = target(name, None, least)
    wide = found.figures.get("wide_ratio") or found.figures.get("ratio")
    only_wide = not found.refused or found.refused.startswith(("refused: ratio", "refused: cpu_us"))
    if wide and only_wide and wide.low >= least:
        row.notes = [f"reached in every round ({wide.low:.2f} to {wide.high:.2f})"]
    return row


def target(name: str, ratio: Figure | None, least: float) -> Row:
    """A row that says whether the ratio is at least what it must be, or by how much it is not."""
    row = Row(name)
    row.figures["at_least"] = Figure(least, least, least)
    if ratio is None:
        row.notes = ["not measured"]
        return row
    row.figures["ratio"] = ratio
    short = 1 - ratio.median / least
    row.notes = ["reached" if short <= 0 else f"missed by {short:.0%}"]
    return row


def half_load(
    servers: dict[str, Process], section: Section, targets: Table, context: Context
) -> None:
    """p99 at a fixed rate, half of what uvicorn can do at most, by the clock (open loop)."""
    most = section.tables[0].median(BASELINE, "rate") if section.tables else None
    name = "p99 at half of uvicorn's maximum load"
    if most is None or OURS not in servers:
        targets.rows.append(target(name, None, 1.0))
        return
    load = Wrk(f"half load: {most / 2:,.0f} a second", rate=most / 2)
    (table,) = compare([load], servers, context.plan, BASELINE)
    section.tables.append(table)
    theirs, ours = table.median(BASELINE, "p99_us"), table.median(OURS, "p99_us")
    ratio = Figure(theirs / ours, theirs / ours, theirs / ours) if theirs and ours else None
    targets.rows.append(target(name, ratio, HALF_LOAD_TOLERANCE))


def idle(section: Section, targets: Table, context: Context) -> None:
    """10,000 idle keep-alive connections: bytes of memory for each, then a request over each."""
    keep = [
        uvicorn(BASELINE, *UVLOOP, "--http", "httptools", "--timeout-keep-alive", "120"),
        fastserve(OURS, *UVLOOP),
    ]
    load = Wrk(f"{IDLE:,} idle connections", connections=IDLE)
    table = memory_table(load.title, load, keep, context)
    section.tables.append(table)
    found = table.row(OURS)
    row = Row(f"bytes of memory per idle connection, at most {IDLE_LIMIT}")
    if found and not found.refused:
        row.figures["bytes"] = found.figures["bytes"]
        fits = found.figures["bytes"].median <= IDLE_LIMIT
        failed = next((note for note in found.notes if "failed" in note), "")
        row.notes = [failed or ("reached" if fits else "missed")]
    else:
        row.notes = ["not measured"]
    targets.rows.append(row)
