"""Goals: how many times less CPU a request is to take than a rival's, and what was measured."""

from typing import NamedTuple

from benchmarks.results import Results, Table, number

OURS = "fastserve"
SECTIONS = ("field", "tls", "apps", "websocket", "memory")  # that have the loads below
IDLE = 2253  # bytes of an idle connection, at most: 2.2 KB


class Goal(NamedTuple):
    """At least so many times less CPU than the rival, under the load whose title has this."""

    section: str
    load: str
    rival: str
    times: float


GOALS = [
    Goal("field", "GET hello, 64 connections", "freastal", 1.05),
    Goal("field", "browser's 14 headers", "freastal", 1.15),
    Goal("field", "browser's 14 headers", "peregrine", 1.3),
    Goal("field", "POST 1 KB, echoed", "freastal", 1.05),
    Goal("field", "POST 1 KB, echoed", "peregrine", 1.05),
    Goal("field", "sleep(0)", "peregrine", 1.1),
    Goal("field", "16 pipelined", "freastal", 2),
    Goal("field", "16 pipelined", "nginx", 1.2),
    Goal("field", "10 messages of 1 KB", "peregrine", 1.4),
    Goal("field", "100 KB, 300 connections", "Go net/http", 1.3),
    Goal("field", "100 KB, 300 connections", "nginx", 0.85),
    Goal("field", "100 KB file", "nginx", 0.85),
    Goal("tls", "TLS hello", "granian", 2),
    Goal("tls", "TLS 100 KB", "granian", 1.1),
    Goal("websocket", "echo 32 B, 32 connections", "peregrine", 1.3),
    Goal("websocket", "echo 4096 B, 32 connections", "peregrine", 2),
    Goal("websocket", "echo 32 B, 32 connections, 16 in flight", "h2corn", 2.5),
    Goal("apps", "Starlette hello", "uvicorn", 2.1),
    Goal("apps", "FastAPI JSON", "uvicorn", 1.15),
]


def under(found: Results, section: str, load: str) -> Table | None:
    """The first table of the section whose title has this."""
    each = found.section(section)
    return next((table for table in each.tables if load in table.title), None) if each else None


def times(found: Results | None, goal: Goal) -> float | None:
    """The rival's CPU over ours; None if one of them was not measured."""
    table = under(found, goal.section, goal.load) if found else None
    ours, theirs = (table.median(name) if table else None for name in (OURS, goal.rival))
    return theirs / ours if ours and theirs else None


def idle(found: Results | None) -> float | None:
    """Bytes of a connection among the most that were idle."""
    section = found.section("memory") if found else None
    tables = [each for each in section.tables if "idle HTTP" in each.title] if section else []
    return tables[-1].median(OURS, "bytes") if tables else None


def lines(plain: Results, wheel: Results | None) -> list[list[str]]:
    """Load, rival, what a build in place and the wheel reach, the goal."""
    made = []
    for goal in GOALS:
        reached = [times(found, goal) for found in (plain, wheel)]
        made.append([goal.load, goal.rival, *map(_text, reached), f"at least {goal.times:.2f}"])
    bytes_of = [idle(found) for found in (plain, wheel)]
    held = [f"{number(each)} bytes" if each else "-" for each in bytes_of]
    return [*made, ["idle connection", "", *held, f"at most {IDLE:,} bytes"]]


def _text(value: float | None) -> str:
    return f"{value:.2f}" if value else "-"
