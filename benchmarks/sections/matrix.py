"""The matrix: parser x loop under the same server code, in CPU time and in instructions."""

import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from statistics import median

from benchmarks import alone, callgrind, guard, servers, verdict
from benchmarks.load import Http, LoadError
from benchmarks.machine import missing_tool
from benchmarks.process import StartError
from benchmarks.requests import BROWSER_HEADERS
from benchmarks.results import Row, Section, Table, figure
from benchmarks.rounds import Plan, compare

BASELINE = "uvicorn httptools uvloop"
CONNECTIONS = 64
# What is taken alone for each: under fastserve the port around the parser belongs to it.
PARSERS = {
    "fastserve llhttp": "httpparser batch",
    "fastserve llhttp-callbacks": "port llhttp-callbacks",
    "fastserve httptools": "port httptools",
    "fastserve h11": "port h11",
    "uvicorn httptools": "httptools",
    "uvicorn h11": "h11",
}
LOADS = [
    Http("GET hello"),
    Http("browser's 14 headers", headers=BROWSER_HEADERS),
    Http("POST 256 B", "/form", method="POST", body=256),
    Http("16 pipelined", pipelined=16),
]


def contestants(plan: Plan) -> list[servers.Contestant]:
    floors = [servers.floor(loop, kind) for kind in servers.FLOORS for loop in servers.LOOPS]
    found = [*servers.MATRIX, *floors]
    if plan.quick:
        found = [each for each in found if not each.name.startswith("uvicorn h11")]
    return [each for each in found if each.name == BASELINE or plan.wants(each.name)]


def run(plan: Plan) -> Section:
    section = Section("matrix", "The matrix in CPU time: parser or loop")
    loads = [load for load in plan.loads(LOADS) if isinstance(load, Http)]
    with servers.fleet([*contestants(plan), servers.FLOOR_C]) as (running, section.left_out):
        section.tables = compare(loads, running, plan, BASELINE)
    requests = {load.title: load.request() for load in loads}
    times, _ = alone.measure(requests, plan.seconds / 10, plan.rounds, set(PARSERS.values()))
    for table in section.tables:
        each = {name: median(found) / 1000 for name, found in times[table.title].items()}
        add_parts(table, "cpu_us", each)
    section.words = verdict.words(section.tables, "cpu_us", "us of CPU")
    return section


def run_instructions(plan: Plan) -> Section:
    """callgrind counts what each server executes outside the kernel: a busy machine is the same."""
    section = Section("instructions", "The matrix in instructions outside the kernel")
    if reason := missing_tool("valgrind"):
        section.left_out["all"] = reason
        return section
    loads = [load for load in plan.loads(LOADS) if isinstance(load, Http)]
    section.tables = [Table(load.title, [], "request", BASELINE) for load in loads]
    chosen = contestants(plan)

    def count(each: servers.Contestant) -> list[float] | str:
        try:
            found = callgrind.of_server(each, loads, CONNECTIONS)
        except (StartError, LoadError, OSError) as error:
            return str(error)
        print(f"  {each.name}: counted", file=sys.stderr)
        return [events["Ir"] for events in found]

    with ThreadPoolExecutor(2) as pool:
        counted = dict(zip([each.name for each in chosen], pool.map(count, chosen), strict=True))
        by_part = guard.counted(20, "alone")
    base = counted.get(BASELINE)
    for name, counts in counted.items():
        if isinstance(counts, str):
            section.left_out[name] = counts
            continue
        for at, table in enumerate(section.tables):
            row = Row(name, {"instructions": figure([counts[at]])})
            if isinstance(base, list):
                row.figures["ratio"] = figure([base[at] / counts[at]])
            table.rows.append(row)
    for table in section.tables:
        each = {part.removeprefix(f"{table.title}: "): count for part, count in by_part.items()}
        add_parts(table, "instructions", each)
    section.words = verdict.words(section.tables, "instructions", "instructions")
    return section


def add_parts(table: Table, key: str, taken_alone: Mapping[str, float]) -> None:
    """Cut each row in parts; `server` is what is left of the whole. In time, there is a kernel."""
    kernel = table.median(servers.FLOOR_C.name, key)
    for row in table.rows:
        server, _, loop = row.name.rpartition(" ")
        kind = "ours" if server.startswith("fastserve") else "floor"
        floor = servers.FLOORS[kind].format(loop)
        whole, under = table.median(row.name, key), table.median(floor, key)
        parser = PARSERS.get(server, "")
        if whole is None or under is None or parser not in taken_alone:
            continue
        parts = {"kernel": kernel} if kernel else {}
        parts |= {"loop": under - (kernel or 0), "parser": taken_alone[parser]}
        parts["app"] = taken_alone["app"]
        parts["server"] = whole - sum(parts.values())
        row.parts = {name: figure([max(part, 0.0)]).median for name, part in parts.items()}
