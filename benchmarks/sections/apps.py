"""Applications of two frameworks: what is left of a server's lead when the application has work."""

from benchmarks.load import Http
from benchmarks.results import Section
from benchmarks.rounds import Plan, compare
from benchmarks.servers import asgi_servers, fleet

BASELINE = "uvicorn"
JSON = b'{"number":7,"name":"seven","tags":["a","b"]}'
# package: (module:attribute, loads)
APPS = {
    "starlette": ("benchmarks.apps.starlette_hello:app", [Http("Starlette hello")]),
    "fastapi": (
        "benchmarks.apps.fastapi_json:app",
        [
            Http("FastAPI JSON", "/items/7?name=seven", expect=JSON),
            Http("FastAPI JSON, sleep(0)", "/later/7?name=seven", expect=JSON),
        ],
    ),
}


def run(plan: Plan) -> Section:
    section = Section("apps", "Frameworks")
    for package, (app, all_loads) in APPS.items():
        chosen = [each for each in asgi_servers(app, package) if plan.wants(each.name)]
        if not (loads := plan.loads(all_loads)):
            continue
        with fleet(chosen) as (servers, left_out):
            section.left_out.update(left_out)
            section.tables += compare(loads, servers, plan, BASELINE)
    return section
