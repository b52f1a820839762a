"""Workers: one and two of them on two cores, with the client beside them on one of the two."""

from benchmarks.load import Http
from benchmarks.results import Section
from benchmarks.rounds import Plan, compare
from benchmarks.servers import WORKERS, fleet

LOAD = Http("1 and 2 workers on the client's machine")


def run(plan: Plan) -> Section:
    section = Section("workers", "Workers")
    chosen = [each for each in WORKERS if plan.wants(each.name)]
    with fleet(chosen) as (servers, section.left_out):
        section.tables = compare(plan.loads([LOAD]), servers, plan)
    return section
