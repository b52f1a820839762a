"""The matrix: parser x loop under the same server code, what each part costs, and the verdict."""

from statistics import median

from benchmarks import alone
from benchmarks.load import BROWSER_HEADERS, Wrk
from benchmarks.results import Section, Stack, Table
from benchmarks.rounds import compare
from benchmarks.sections.context import Context
from benchmarks.servers import Contestant, fleet
from benchmarks.servers.asgi import fastserve_matrix, uvicorn
from benchmarks.servers.others import FLOOR_C, floor
from benchmarks.verdict import Change, change, conclusion, conditions, server_change

BASELINE = "uvicorn httptools uvloop"
LOOPS = ("uvloop", "asyncio")
# What is timed alone for each: under fastserve the port around the parser belongs to it.
PARSERS = {
    "fastserve llhttp": "httpparser batch",
    "fastserve llhttp-callbacks": "port llhttp-callbacks",
    "fastserve httptools": "port httptools",
    "fastserve h11": "port h11",
    "uvicorn httptools": "httptools",
    "uvicorn h11": "h11",
}
OLD_PARSERS = ("h11", "httptools")
LOADS = [
    Wrk("GET hello"),
    Wrk("browser's 14 headers", headers=BROWSER_HEADERS),
    Wrk("POST 256 B", "/form", method="POST", body=256),
    Wrk("16 pipelined", pipelined=16),
]


def contestants(quick: bool) -> list[Contestant]:
    ours = [row for loop in LOOPS for row in fastserve_matrix(loop).values()]
    theirs = [
        uvicorn(f"uvicorn {parser} {loop}", "--loop", loop, "--http", parser)
        for loop in LOOPS
        for parser in ("httptools", "h11")
        if not quick or f"uvicorn {parser} {loop}" == BASELINE
    ]
    return [*ours, *theirs, *(floor(loop) for loop in LOOPS), FLOOR_C]


def run(context: Context) -> Section:
    section = Section("matrix", "The matrix: parser or loop")
    chosen = context.chosen(contestants(context.plan.quick), BASELINE)
    floors = [each.name for each in chosen if each.name.startswith("floor")]
    loads = context.loads(LOADS, 1)
    with fleet(chosen, context.python) as (servers, section.left_out):
        section.tables = compare(loads, servers, context.plan, BASELINE, unchecked=floors)
    alone_us = parts_alone(loads, context)
    for load, table in zip(loads, section.tables, strict=True):
        section.stacks[load.title] = stacks(table, alone_us[load.title])
    verdict(section)
    return section


def parts_alone(loads: list[Wrk], context: Context) -> dict[str, dict[str, float]]:
    """{load: {parser or "app": us}}, each by itself in a process of its own."""
    requests = {load.title: load.request() for load in loads}
    seconds = min(context.plan.seconds / 10, 0.2)
    figures, _ = alone.measure(context.python, requests, seconds, context.plan.rounds)
    return {
        title: {name: median(times) / 1000 for name, times in each.items()}
        for title, each in figures.items()
    }


def stacks(table: Table, alone_us: dict[str, float]) -> list[Stack]:
    """Each server's CPU per request cut in parts; `server` is what is left of the whole."""
    found = []
    kernel = table.median(FLOOR_C.name)
    for row in table.rows:
        parser, _, loop = row.name.rpartition(" ")
        whole, under = table.median(row.name), table.median(f"floor {loop}")
        name = PARSERS.get(parser, "")
        if whole is None or under is None or kernel is None or name not in alone_us:
            continue
        parts = {
            "kernel": kernel,
            "loop": under - kernel,
            "parser": alone_us[name],
            "app": alone_us["app"],
        }
        parts["server"] = whole - sum(parts.values())
        found.append(Stack(row.name, {key: max(part, 0.0) for key, part in parts.items()}))
    return found


def verdict(section: Section) -> None:
    """The words, and the table of shares before the others."""
    changes: list[Change] = []
    for old in OLD_PARSERS:
        changes += filter(None, (change(table, old, "llhttp") for table in section.tables))
    rows = [each.row() for each in changes]
    rows += [server_change(table) for table in section.tables]
    section.tables.insert(0, Table("Who brings the gain", rows))
    section.words = [
        *conclusion(changes),
        *conditions(changes),
        "A share is the mean over all orders in which the parts can be exchanged, with the least "
        "and the greatest of them.",
        "Kernel: an epoll program in C that answers constant bytes. Loop: what a protocol of "
        "constant bytes on that loop costs above it. Parser and app: timed alone. Server: the "
        "rest, that is framing, scope, stepping the app and the response.",
    ]
