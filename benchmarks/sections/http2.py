"""HTTP/2 by prior knowledge: many streams on few connections, and one stream on each of many."""

from dataclasses import replace

from benchmarks.apps.bodies import BODIES
from benchmarks.h2load import Http2
from benchmarks.machine import missing_tool
from benchmarks.results import Section, Table
from benchmarks.rounds import Plan, compare
from benchmarks.servers import HTTP2, fleet

LOADS = [
    Http2("10 connections x 32 streams"),
    Http2("64 connections x 1 stream", connections=64, streams=1),
    Http2("10 KB, 10 x 32", "/10k", expect=BODIES["/10k"]),
    Http2("POST 1 KB echoed, 10 x 32", "/echo", body=1024, expect=b"x" * 1024),
]


def run(plan: Plan) -> Section:
    section = Section("http2", "HTTP/2")
    if reason := missing_tool("h2load"):
        section.left_out["the whole section"] = f"{reason} (apt install nghttp2-client)"
        return section
    # h2load opens its connections anew for each measurement: it is longer, so that they count less.
    plan = replace(plan, seconds=3 * plan.seconds)
    chosen = [each for each in HTTP2 if plan.wants(each.name)]
    with fleet(chosen) as (servers, section.left_out):
        section.tables = compare(plan.loads(LOADS), servers, plan, "granian")
    section.words = [line for table in section.tables for line in beside_the_best(table)]
    return section


def beside_the_best(table: Table) -> list[str]:
    """What a request costs fastserve, as a share of what it costs the best other ASGI server."""
    costs = {row.name: table.median(row.name) for row in table.rows if row.figures}
    ours = costs.pop("fastserve", None)
    best, name = min(((c, name) for name, c in costs.items() if name != "nginx"), default=(0, ""))
    words = f"{table.title}: fastserve takes {{:.2f}} of the CPU that {name} takes."
    return [words.format(ours / best)] if ours and best else []
