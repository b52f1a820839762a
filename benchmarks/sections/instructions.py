"""The matrix in instructions: what each server executes outside the kernel for one request.

callgrind counts them. Times waver on a shared machine; these counts hardly do.
"""

import http.client
import sys
import tempfile
from pathlib import Path

from benchmarks.guard import MARK, total
from benchmarks.load import LoadError, Wrk
from benchmarks.machine import missing_tool
from benchmarks.process import Process, StartError, free_port
from benchmarks.results import Figure, Row, Section, Table
from benchmarks.sections import matrix
from benchmarks.sections.context import Context
from benchmarks.servers import Contestant
from benchmarks.verdict import Change, change, span

WARM, TURNS = 2, 5  # in each of them every connection sends once
CONNECTIONS = 64
START_SECONDS = 120  # under valgrind
PATIENCE = 60
# Nobody is to close a connection that waits while callgrind counts elsewhere.
KEEP = {
    "fastserve": ("--keep-alive-timeout", "600"),
    "uvicorn": ("--timeout-keep-alive", "600"),
}


def run(context: Context) -> Section:
    section = Section("instructions", "The matrix in instructions")
    if reason := missing_tool("valgrind"):
        section.left_out["all"] = reason
        return section
    loads = context.loads(matrix.LOADS, 1)
    section.tables = [Table(load.title, [], "request", matrix.BASELINE) for load in loads]
    for each in context.chosen(matrix.contestants(context.plan.quick), matrix.BASELINE):
        if each.name.startswith("floor"):
            continue  # they cannot mark where to count
        try:
            counts = counted(each, loads, context.python)
        except (StartError, LoadError, OSError) as error:
            section.left_out[each.name] = str(error)
            continue
        for table, count in zip(section.tables, counts, strict=True):
            table.rows.append(Row(each.name, {"instructions": Figure(count, count, count)}))
        print(f"  {each.name}: {', '.join(f'{count:,.0f}' for count in counts)}", file=sys.stderr)
    for table in section.tables:
        add_ratios(table)
    section.words = words(section.tables)
    return section


def counted(contestant: Contestant, loads: list[Wrk], python: str) -> list[float]:
    """Instructions per request under each load; StartError, LoadError or OSError."""
    if reason := contestant.missing(python):
        raise StartError(reason)
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *("valgrind", "--tool=callgrind", f"--dump-before={MARK}", "--quiet"),
            f"--callgrind-out-file={folder}/out",
            *contestant.command(python, port),
            *KEEP[contestant.name.partition(" ")[0]],
        ]
        server = Process(command, port, {**contestant.environment, "PYTHONHASHSEED": "0"})
        try:
            server.wait_until_ready(START_SECONDS)
            return [per_request(load, port, Path(folder)) for load in loads]
        finally:
            server.stop()


def per_request(load: Wrk, port: int, folder: Path) -> float:
    """The mean over all connections; what marks the ends counts as one request more."""
    load.check(port)
    marker = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        with load.for_own_client(port).open(port, CONNECTIONS) as session:
            for _ in range(WARM):
                session.run(0)
            mark(marker)
            replies = sum(session.run(0).requests for _ in range(TURNS))
            mark(marker)
    finally:
        marker.close()
    if replies != TURNS * CONNECTIONS * load.pipelined:
        raise LoadError(f"{replies} of {TURNS * CONNECTIONS * load.pipelined} were answered")
    newest = max(folder.glob("out.*"), key=lambda path: int(path.suffix[1:]))
    return total(newest.read_text()) / (replies + 1)


def mark(connection: http.client.HTTPConnection) -> None:
    """The app calls MARK, before which callgrind writes what it has counted since the last."""
    connection.request("GET", "/mark")
    answer = connection.getresponse()
    answer.read()
    if answer.status != 200:
        raise LoadError(f"/mark answers {answer.status}")


def add_ratios(table: Table) -> None:
    base = table.median(table.baseline, "instructions")
    for row in table.rows:
        if base is not None:
            ratio = base / row.figures["instructions"].median
            row.figures["ratio"] = Figure(ratio, ratio, ratio)


def words(tables: list[Table]) -> list[str]:
    """How many times fewer instructions, and how much of that is the parser's."""
    found = []
    for old in matrix.OLD_PARSERS:
        cases: list[Change] = [
            each
            for table in tables
            if (each := change(table, old, "llhttp", key="instructions")) is not None
        ]
        if cases:
            times = span([each.before / each.after for each in cases])
            share = span([100 * each.parser.mean for each in cases], 0)
            found.append(
                f"From asyncio and {old} to uvloop and llhttp, {times} times fewer instructions; "
                f"{share}% of that is the parser's."
            )
    return found or ["No verdict: no load has all four corners counted."]
