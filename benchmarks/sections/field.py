"""The field: other servers at 1, 10 and 100 KB, and the shapes of request that apps have."""

from benchmarks.apps.bodies import BODIES, write_files
from benchmarks.load import Http
from benchmarks.requests import BROWSER_HEADERS
from benchmarks.results import Section
from benchmarks.rounds import Plan, Work, compare
from benchmarks.servers import ASGI, FLOOR_C, OTHERS, fleet

BASELINE = "uvicorn"
ONCE = Http("a connection for each GET", headers={"Connection": "close"})
FILE = Http("100 KB file", "/file", 300, expect=BODIES["/100k"])
MADE = Http("100 KB, made anew", "/made", 300, expect=BODIES["/100k"])
LOADS = [
    Http("GET hello, 64 connections"),
    *(
        Http(f"{size} KB, 300 connections", f"/{size}k", 300, expect=BODIES[f"/{size}k"])
        for size in (1, 10, 100)
    ),
    MADE,
    FILE,
    Http("browser's 14 headers", headers=BROWSER_HEADERS),
    Http("16 pipelined", pipelined=16),
    ONCE,
    Http("sleep(0)", "/sleep"),
    Http("10 messages of 1 KB", "/stream", expect=b"x" * 10240),
    Http("POST 1 KB, echoed", "/echo", method="POST", body=1024, expect=b"x" * 1024),
]
# Only these send files with sendfile(); the others do not have http.response.pathsend.
SEND_FILES = ("granian", "fastserve", "nginx")
PROGRAMS = {each.name for each in OTHERS}  # they have no application
FROM_MEMORY = ("/", "/1k", "/10k", "/100k", "/stream")  # what the floor has


def run(plan: Plan) -> Section:
    section = Section("field", "The field")
    write_files()
    chosen = [each for each in [*ASGI, *OTHERS, FLOOR_C] if plan.wants(each.name)]
    with fleet(chosen) as (servers, section.left_out):
        section.tables = compare(plan.loads(LOADS), servers, plan, BASELINE, takes_part=takes_part)
    return section


def takes_part(load: Work, name: str) -> bool:
    if name == FLOOR_C.name:
        return isinstance(load, Http) and load.path in FROM_MEMORY and load is not ONCE
    if load is FILE:
        return name in SEND_FILES
    if isinstance(load, Http) and load.path in ("/made", "/sleep", "/stream", "/echo"):
        return name not in PROGRAMS
    return True
