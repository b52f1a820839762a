"""Instructions and cache misses of a request beside other servers, which callgrind counts."""

import sys
from concurrent.futures import ThreadPoolExecutor

from benchmarks import callgrind, guard
from benchmarks.load import Http, LoadError
from benchmarks.machine import missing_tool
from benchmarks.process import StartError
from benchmarks.results import Row, Section, Table, figure
from benchmarks.rounds import Plan
from benchmarks.sections import field
from benchmarks.servers import ASGI, Contestant

EVENTS = {"Ir": "instructions", "I1mr": "i1", "D1mr": "d1"}
# Large bodies are the kernel's work, not counted; freastal sends a part of /stream.
LOADS = [load for load in field.LOADS if load.path in ("/", "/sleep", "/echo")]
# valgrind cannot read peregrine's debug information, and h2corn does not answer under it.
COUNTED = [each for each in ASGI if each.name not in ("peregrine", "h2corn")]


def run(plan: Plan) -> Section:
    section = Section("counts", "Instructions and cache misses outside the kernel")
    if reason := missing_tool("valgrind"):
        section.left_out["all"] = reason
        return section
    loads = [load for load in plan.loads(LOADS) if isinstance(load, Http)]
    section.tables = [Table(load.title.removesuffix(", 64 connections"), []) for load in loads]

    def count(each: Contestant) -> list[dict[str, float]] | str:
        try:
            found = callgrind.of_server(each, loads, guard.CONNECTIONS, *guard.CACHES)
        except (StartError, LoadError, OSError) as error:
            return str(error)
        print(f"  {each.name}: counted", file=sys.stderr)
        return found

    chosen = [each for each in COUNTED if plan.wants(each.name)]
    with ThreadPoolExecutor(2) as pool:
        for each, counted in zip(chosen, pool.map(count, chosen), strict=True):
            if isinstance(counted, str):
                section.left_out[each.name] = counted
                continue
            for table, events in zip(section.tables, counted, strict=True):
                figures = {key: figure([events[event]]) for event, key in EVENTS.items()}
                table.rows.append(Row(each.name, figures))
    return section
