"""The field: other servers at 1, 10 and 100 KB, and the shapes of request that apps have."""

from benchmarks.apps.bodies import BODIES
from benchmarks.load import Http
from benchmarks.results import Section
from benchmarks.rounds import Plan, compare
from benchmarks.servers import ASGI, OTHERS, fleet

BASELINE = "uvicorn"
LOADS = [
    Http("GET hello, 64 connections"),
    *(
        Http(f"{size} KB, 300 connections", f"/{size}k", 300, expect=BODIES[f"/{size}k"])
        for size in (1, 10, 100)
    ),
]
SHAPES = [
    Http("app: sleep(0)", "/sleep"),
    Http("app: 16 pipelined", pipelined=16),
    Http("app: 10 messages of 1 KB", "/stream", expect=b"x" * 10240),
    Http("app: POST 1 KB, echoed", "/echo", method="POST", body=1024, expect=b"x" * 1024),
]


def run(plan: Plan) -> Section:
    section = Section("field", "The field")
    chosen = [each for each in [*ASGI, *OTHERS] if plan.wants(each.name)]
    with fleet(chosen) as (servers, section.left_out):
        section.tables = compare(plan.loads(LOADS), servers, plan, BASELINE)
        apps = {each.name: servers[each.name] for each in ASGI if each.name in servers}
        section.tables += compare(plan.loads(SHAPES, 0), apps, plan, BASELINE)
    return section
