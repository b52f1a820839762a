"""Counting with callgrind: instructions, and misses of the caches that it simulates."""

import http.client
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.load import Http, LoadError
from benchmarks.machine import ROOT, import_path
from benchmarks.process import Process, StartError, free_port
from benchmarks.servers import Contestant

MARK = "getppid"  # before each call of which callgrind writes what it has counted since the last
MISSES = {"I1mr": "instruction-cache misses", "D1mr": "data-cache read misses"}
WARM, TURNS = 2, 5  # in each of them every connection sends once
PATIENCE = 120  # seconds, under valgrind


def command(folder: str, *options: str) -> list[str]:
    """What stands before the command whose work is counted."""
    return [
        *("valgrind", "--tool=callgrind", f"--dump-before={MARK}", "--quiet", *options),
        f"--callgrind-out-file={folder}/out",
    ]


def dumps(folder: str) -> list[str]:
    """What callgrind has written, in order."""
    paths = sorted(Path(folder).glob("out.*"), key=lambda path: int(path.suffix[1:]))
    return [path.read_text() for path in paths]


def totals(dump: str) -> dict[str, int]:
    """{event: count} of one dump; the event of instructions is Ir."""
    events = re.search(r"^events: (.+)", dump, re.MULTILINE)
    counts = re.search(r"^(?:summary|totals): (.+)", dump, re.MULTILINE)
    if events is None or counts is None:
        raise ValueError("a callgrind dump has no total")
    return dict(zip(events[1].split(), map(int, counts[1].split()), strict=False))


def of_work(repeat: int, *arguments: str) -> dict[str, str]:
    """{part: dump} of benchmarks.guard_work, which does each part so many times."""
    with tempfile.TemporaryDirectory() as folder:
        work = [sys.executable, "-m", "benchmarks.guard_work", str(repeat), *arguments]
        result = subprocess.run(
            [*command(folder), *work],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": import_path()},
            capture_output=True,
            text=True,
        )
        if result.returncode != 0:
            raise RuntimeError(f"callgrind: {result.stderr.strip()[-600:]}")
        names, found = result.stdout.splitlines(), dumps(folder)
    # Each part has a mark before and one after it: every second dump is the part itself.
    if len(found) < 2 * len(names):
        raise RuntimeError(f"callgrind wrote {len(found)} of {2 * len(names)} counts")
    return {name: found[2 * at + 1] for at, name in enumerate(names)}


def of_server(
    contestant: Contestant, loads: list[Http], connections: int, *options: str
) -> list[dict[str, float]]:
    """{event: count per request} under each load; StartError, LoadError or OSError."""
    if reason := contestant.missing():
        raise StartError(reason)
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        counted = [*command(folder, *options), *contestant.command(port)]
        if contestant.name.startswith("fastserve"):
            counted.append("--no-coalesce-writes")  # else it depends on the time that each takes
        server = Process(counted, port, pinned=False, PYTHONHASHSEED="0")
        try:
            server.wait_until_ready(PATIENCE)
            return [_per_request(load, port, connections, folder) for load in loads]
        finally:
            server.stop()


def _per_request(load: Http, port: int, connections: int, folder: str) -> dict[str, float]:
    """The mean over all connections; what marks the ends counts as one request more."""
    messages = load.checked(port)
    marker = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        with messages.open(port, connections) as session:
            for _ in range(WARM):
                session.run(0)
            _mark(marker)
            replies = sum(session.run(0).requests for _ in range(TURNS))
            _mark(marker)
    finally:
        marker.close()
    if replies != TURNS * connections * load.pipelined:
        raise LoadError(f"{replies} of {TURNS * connections * load.pipelined} were answered")
    return {event: count / (replies + 1) for event, count in totals(dumps(folder)[-1]).items()}


def _mark(connection: http.client.HTTPConnection) -> None:
    connection.request("GET", "/mark")
    connection.getresponse().read()
