"""TCP echo at 10 connections, and which of uvloop's published ratios still hold."""

from benchmarks.load import Messages
from benchmarks.results import Section, Table
from benchmarks.rounds import compare
from benchmarks.sections.context import Context
from benchmarks.servers import fleet
from benchmarks.servers.echo import ECHO

BASELINE = "uvloop protocol"
SIZES = {"1 KB": 1024, "10 KB": 10 * 1024, "100 KB": 100 * 1024}

# https://magic.io/blog/uvloop-blazing-fast-python-networking/ (2016): requests per second.
# (how many times, of what, over what, from, to)
PUBLISHED = [
    ("uvloop about 2 times Node", "uvloop protocol", "Node", 1.7, 99.0),
    ("uvloop about 2 times gevent", "uvloop protocol", "gevent", 1.7, 99.0),
    ("uvloop 2 to 4 times asyncio, streams", "uvloop streams", "asyncio streams", 2.0, 4.5),
    ("uvloop 2 to 4 times asyncio, protocols", "uvloop protocol", "asyncio protocol", 2.0, 4.5),
    ("uvloop near Go", "uvloop protocol", "Go", 0.8, 99.0),
]


def run(context: Context) -> Section:
    section = Section("tcp", "TCP echo")
    with fleet(context.chosen(ECHO, BASELINE), context.python) as (servers, section.left_out):
        loads = [
            Messages(f"echo {name}, 10 connections", b"x" * size, size, connections=10)
            for name, size in SIZES.items()
        ]
        section.tables = compare(
            context.loads(loads, 1), servers, context.plan, BASELINE, "message"
        )
    section.words = [word for table in section.tables for word in verdicts(table)]
    return section


def verdicts(table: Table) -> list[str]:
    """Each published ratio with what was measured, by the ratios of server CPU per message."""
    words = []
    for claim, fast, slow, low, high in PUBLISHED:
        ours, theirs = table.median(fast, "ratio"), table.median(slow, "ratio")
        if ours is None or theirs is None:
            words.append(f"{table.title}: {claim}: not measured.")
            continue
        times = ours / theirs
        holds = "holds" if low <= times <= high else "more than that" if times > high else "no more"
        words.append(f"{table.title}: {claim}: {times:.2f} times; {holds}.")
    return words
