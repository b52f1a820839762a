"""What is said of uvloop, and what holds today: TCP echo, and asyncio against uvloop."""

import json
import subprocess
import sys

from benchmarks.load import Http, Messages
from benchmarks.machine import ROOT, SERVER_CORE
from benchmarks.results import Figure, Row, Section, Table, figure, number
from benchmarks.rounds import Plan, compare
from benchmarks.sections.memory import idle_row
from benchmarks.sections.websocket import echo_load
from benchmarks.servers import ECHO, LOOPS, WEBSOCKET, fastserve, fleet, module

BASELINE = "asyncio protocol"
SIZES = {"1 KB": 1024, "100 KB": 102400}
# https://magic.io/blog/uvloop-blazing-fast-python-networking/ (2016), by requests a second:
# what is claimed, of whom, over whom, and how many times it must be at least
PUBLISHED = [
    ("about 2 times Node", "uvloop protocol", "Node", 1.7),
    ("2 to 4 times asyncio, streams", "uvloop streams", "asyncio streams", 2.0),
    ("2 to 4 times asyncio, protocols", "uvloop protocol", "asyncio protocol", 2.0),
    ("near Go", "uvloop protocol", "Go", 0.8),
]
SCHEDULING = ["10,000 sleeping tasks, ms of CPU", "call_soon, ns", "a 1 ms timer is late by, us"]
SAME = 0.05  # a difference of less is none


def run(plan: Plan) -> Section:
    section = Section("loop", "The loop: TCP echo, and asyncio against uvloop")
    with fleet([each for each in ECHO if plan.wants(each.name)]) as (servers, section.left_out):
        loads = [
            Messages(f"echo {name}, 10 connections", b"x" * size, size, connections=10)
            for name, size in SIZES.items()
        ]
        section.tables = compare(plan.loads(loads), servers, plan, BASELINE, "message")
    section.words = [word for table in section.tables for word in published(table)]
    rows = [*scheduling(plan), *http(plan), *websockets(plan)]
    section.words += [f"{row.name}: {row.note}." for row in rows]
    section.tables.append(Table("asyncio against uvloop", rows, "the unit named"))
    return section


def published(table: Table) -> list[str]:
    """Each published ratio with what was measured, by server CPU per message."""
    words = []
    for claim, fast, slow, least in PUBLISHED:
        ours, theirs = table.median(fast), table.median(slow)
        found = "not measured"
        if ours and theirs:
            times = theirs / ours
            found = f"{number(times)} times; {'holds' if times >= least else 'no more'}"
        words.append(f"{table.title}: uvloop {claim}: {found}.")
    return words


def claim(name: str, found: dict[str, Figure], more_is_better: bool = False) -> Row:
    """The figures of the two loops; the ratio is how many times better uvloop is."""
    if len(found) < len(LOOPS):
        return Row(name, found, "not measured")
    ratio = found["asyncio"].median / found["uvloop"].median
    ratio = 1 / ratio if more_is_better else ratio
    better = "uvloop is better" if ratio > 1 else "asyncio is better"
    note = f"{number(ratio)} times; {better if abs(ratio - 1) > SAME else 'the same'}"
    return Row(name, {**found, "ratio": figure([ratio])}, note)


def scheduling(plan: Plan) -> list[Row]:
    taken: dict[str, list[list[float]]] = {loop: [] for loop in LOOPS}
    for _ in range(plan.rounds):
        for loop, readings in taken.items():
            command = ["taskset", "-c", str(SERVER_CORE), sys.executable]
            command += ["-m", "benchmarks.apps.scheduling", loop]
            result = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
            readings.append(json.loads(result.stdout))
    columns = {loop: zip(*readings, strict=True) for loop, readings in taken.items()}
    return [claim(name, {k: figure(next(v)) for k, v in columns.items()}) for name in SCHEDULING]


def http(plan: Plan) -> list[Row]:
    """An aiohttp server's hello: the CPU for each, times a rate, is its use of the core."""
    command = "benchmarks.apps.aiohttp_server {port}"
    aiohttp = [module(loop, f"{command} {loop}", "aiohttp", "uvloop") for loop in LOOPS]
    with fleet(aiohttp) as (servers, _):
        (table,) = compare([Http("aiohttp hello")], servers, plan)
    saturated = [row for row in table.rows if not row.note]
    return [
        claim("aiohttp hello, a second", column(saturated, "rate"), more_is_better=True),
        claim("CPU use: us for an aiohttp hello", column(table.rows, "cpu_us")),
    ]


def websockets(plan: Plan) -> list[Row]:
    """fastserve's: what a connection costs to open and to keep, and a message on it."""
    contestants = [fastserve(loop, f"--loop {loop}", WEBSOCKET) for loop in LOOPS]
    load = echo_load(32)
    with fleet(contestants) as (servers, _):
        idle = [idle_row(loop, server, load, 2000) for loop, server in servers.items()]
        (echo,) = compare([load], servers, plan)
    return [
        claim("WebSocket, us of CPU to open one", column(idle, "open_us")),
        claim("WebSocket, bytes of an idle one", column(idle, "bytes")),
        claim("WebSocket, us of CPU for a message", column(echo.rows, "cpu_us")),
    ]


def column(rows: list[Row], key: str) -> dict[str, Figure]:
    return {row.name: row.figures[key] for row in rows if key in row.figures}
