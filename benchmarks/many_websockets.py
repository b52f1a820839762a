"""Many WebSockets at once, each of which receives a broadcast: memory of each, time of all.

`python -m benchmarks.many_websockets` has 15,000 on one process and 25,000 on two workers. A
client process has 5,000 connections from a loopback address of its own, so that neither the limit
of files nor the range of ports is in the way. With several workers one connection of each
triggers it: a process knows its own clients only.
"""

import datetime
import json
import resource
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from benchmarks import machine
from benchmarks.process import Process, free_port
from benchmarks.servers.websocket import WEBSOCKET

PROGRAM = Path(__file__).parent / "clients" / "subscribers.py"
EACH = 5000  # connections of one client process
WARM = 64  # connections that come first, so that what a server makes once is not counted
CASES = ((15_000, 1), (25_000, 2))


@dataclass
class Result:
    """Times in milliseconds since the first trigger; each the median of the rounds."""

    server: str
    connections: int
    workers: list[int]  # connections of each
    bytes_each: int  # resident memory of the server
    connect_seconds: float
    first: float
    median: float
    last: float
    last_range: tuple[float, float]
    server_cpu: float  # of all its processes, per broadcast
    missing: int  # deliveries


class Clients:
    """One process of clients/subscribers.py."""

    def __init__(self, port: int, address: str, number: int) -> None:
        self._popen = subprocess.Popen(
            [
                *("taskset", "-c", str(machine.ROLES.client), sys.executable, str(PROGRAM)),
                *(str(port), address, str(number)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "Clients":
        return self

    def __exit__(self, *_: object) -> None:
        self._popen.communicate()  # closes its stdin, which ends it

    def order(self, line: str) -> None:
        assert self._popen.stdin
        self._popen.stdin.write(f"{line}\n")
        self._popen.stdin.flush()

    def answer(self) -> dict[str, Any]:
        assert self._popen.stdout
        line = self._popen.stdout.readline()
        if not line:
            raise click.ClickException("a client process ended early")
        found: dict[str, Any] = json.loads(line)
        return found


def measure(name: str, connections: int, workers: int, rounds: int) -> Result:
    """Start a server and connect; then broadcast so many times."""
    contestant = next(each for each in WEBSOCKET if each.name == name)
    port = free_port()
    command = contestant.command(sys.executable, port)
    if workers == 1:
        server = Process(command, port)
    else:
        server = Process([*command, "--workers", str(workers)], port, cores=machine.CORES)
    with ExitStack() as stack:
        stack.callback(server.stop)
        server.wait_until_ready()
        stack.enter_context(Clients(port, "127.0.0.2", WARM)).answer()
        before = server.memory_bytes()
        begun = time.monotonic()
        clients, of_worker = connect(stack, port, connections)
        seconds = time.monotonic() - begun
        memory = server.memory_bytes() - before
        times: list[list[float]] = []
        cpu: list[float] = []
        for number in range(rounds):
            used = server.cpu_seconds()
            times.append(broadcast(clients, f"{number:032}"))
            cpu.append(server.cpu_seconds() - used)
    last = [each[-1] for each in times]
    return Result(
        server=name,
        connections=connections,
        workers=of_worker,
        bytes_each=memory // connections,
        connect_seconds=round(seconds, 1),
        first=statistics.median(each[0] for each in times),
        median=statistics.median(each[len(each) // 2] for each in times),
        last=statistics.median(last),
        last_range=(min(last), max(last)),
        server_cpu=statistics.median(cpu) * 1000,
        missing=rounds * connections - sum(map(len, times)),
    )


Group = list[tuple[Clients, str]]  # and the workers that its process triggers


def connect(stack: ExitStack, port: int, connections: int) -> tuple[Group, list[int]]:
    """Client processes side by side; and how many connections each worker has."""
    sizes = [min(EACH, connections - at) for at in range(0, connections, EACH)]
    running = [
        stack.enter_context(Clients(port, f"127.0.0.{3 + number}", size))
        for number, size in enumerate(sizes)
    ]
    workers: dict[str, int] = {}
    group: Group = []
    for each in running:
        found = each.answer()
        group.append((each, ",".join(pid for pid in found if pid not in workers)))
        for pid, count in found.items():
            workers[pid] = workers.get(pid, 0) + count
    return group, list(workers.values())


def broadcast(group: Group, payload: str) -> list[float]:
    """Milliseconds from the first trigger to each delivery, in order."""
    for clients, workers in group:
        clients.order(f"{payload} {workers}")
    answers = [clients.answer() for clients, _ in group]
    sent = min(each["sent"] for each in answers if each["sent"] is not None)
    return sorted((at - sent) * 1000 for each in answers for at in each["received"])


def table(results: list[Result]) -> str:
    """As Markdown."""
    lines = [
        "| server | connections | of each worker | memory of each | connected in | broadcast: "
        "first, median, last (range) | server CPU | missing |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for each in results:
        low, high = each.last_range
        lines.append(
            f"| {each.server} | {each.connections:,} | "
            f"{' + '.join(f'{count:,}' for count in each.workers)} | {each.bytes_each:,} bytes | "
            f"{each.connect_seconds} s | {each.first:.0f}, {each.median:.0f}, {each.last:.0f} ms "
            f"({low:.0f}-{high:.0f}) | {each.server_cpu:.0f} ms | {each.missing} |"
        )
    return "\n".join(lines)


@click.command()
@click.option("--server", "servers", multiple=True, default=["fastserve"], show_default=True)
@click.option("--case", "cases", type=(int, int), multiple=True, default=CASES, show_default=True)
@click.option("--rounds", type=int, default=7, show_default=True, help="broadcasts")
@click.option("--json", "json_path", type=Path, help="where the results go")
def main(
    servers: tuple[str, ...],
    cases: tuple[tuple[int, int], ...],
    rounds: int,
    json_path: Path | None,
) -> None:
    """Each --case is CONNECTIONS WORKERS; --server is one of the section's `websocket`."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # the servers inherit it
    results = [measure(name, *case, rounds) for name in servers for case in cases]
    click.echo(table(results))
    if json_path is not None:
        found = {
            "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
            "revision": machine.revision(),
            "machine": machine.describe(),
            "files of a process": hard,
            "results": [asdict(each) for each in results],
        }
        json_path.write_text(json.dumps(found, indent=1) + "\n")
    if any(each.missing for each in results):
        sys.exit(1)


if __name__ == "__main__":
    main()
