"""Growth: what a request costs when ever more clients are connected, all of them busy."""

from benchmarks.load import Http
from benchmarks.results import Section
from benchmarks.rounds import Plan, compare
from benchmarks.servers import ASGI, OTHERS, fleet

BASELINE = "uvicorn"
LOADS = [Http(f"{number:,} connections", connections=number) for number in (64, 1000, 10_000)]


def run(plan: Plan) -> Section:
    section = Section("growth", "Growth with the connections")
    chosen = [each for each in [*ASGI, *OTHERS] if plan.wants(each.name)]
    with fleet(chosen) as (servers, section.left_out):
        section.tables = compare(plan.loads(LOADS), servers, plan, BASELINE)
    return section
