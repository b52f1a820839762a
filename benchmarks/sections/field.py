"""The field: hello at 64 connections, then 1, 10 and 100 KB at 300."""

from benchmarks.apps.bodies import BODIES
from benchmarks.load import Wrk
from benchmarks.results import Section, Table
from benchmarks.rounds import compare
from benchmarks.sections.context import Context
from benchmarks.servers import fleet
from benchmarks.servers.asgi import FIELD, fastserve_matrix
from benchmarks.servers.others import OTHERS

BASELINE = "uvicorn"
# https://magic.io/blog/uvloop-blazing-fast-python-networking/ (2016), by requests per second.
PUBLISHED = "asyncio with a C parser ahead of Node"
C_PARSERS = {"httptools": "fastserve httptools asyncio", "llhttp": "fastserve llhttp asyncio"}
NODE = "Node http"
QUICK = {"uvicorn", "granian", "fastserve", "Node http", "Go net/http", "nginx"}
LOADS = [
    Wrk("GET hello, 64 connections"),
    Wrk("1 KB, 300 connections", "/1k", 300, expect=BODIES["/1k"]),
    Wrk("10 KB, 300 connections", "/10k", 300, expect=BODIES["/10k"]),
    Wrk("100 KB, 300 connections", "/100k", 300, expect=BODIES["/100k"]),
]


def run(context: Context) -> Section:
    section = Section("field", "The field")
    c_parsers = [fastserve_matrix("asyncio")[parser] for parser in C_PARSERS]
    contestants = context.chosen([*FIELD, *c_parsers, *OTHERS], BASELINE)
    if context.plan.quick:
        contestants = [each for each in contestants if each.name in QUICK]
    with fleet(contestants, context.python) as (servers, section.left_out):
        section.tables = compare(context.loads(LOADS, 1), servers, context.plan, BASELINE)
    section.words = [words(table) for table in section.tables]
    section.words += [word for table in section.tables for word in published(table)]
    return section


def words(table: Table) -> str:
    """Who needs less CPU than fastserve, and how it stands to uvicorn."""
    ours = table.median("fastserve")
    if ours is None:
        return f"{table.title}: fastserve was not measured."
    costs = {row.name: table.median(row.name) for row in table.rows}
    ahead = sorted(name for name, cost in costs.items() if cost is not None and cost < ours)
    text = f"{table.title}: fastserve takes {ours:.1f} us of server CPU a request"
    if (ratio := table.median("fastserve", "ratio")) is not None:
        text += f", uvicorn {ratio:.2f} times that"
    return text + (f"; less than it: {', '.join(ahead)}." if ahead else "; nobody takes less.")


def published(table: Table) -> list[str]:
    """The published ratio with what was measured, by the ratios of server CPU per request."""
    found = []
    for parser, name in C_PARSERS.items():
        ours, theirs = table.median(name, "ratio"), table.median(NODE, "ratio")
        claim = f"{table.title}: {PUBLISHED}, with {parser}"
        if ours is None or theirs is None:
            found.append(f"{claim}: not measured.")
            continue
        times = ours / theirs
        found.append(f"{claim}: {times:.2f} times; {'holds' if times > 1 else 'no more'}.")
    return found
