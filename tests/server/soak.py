"""A server under every kind of load for a long time, and its memory: `python -m tests.server.soak`.

Turn after turn, each load runs for a second over connections of its own, which come and go with it.
Memory (PSS, all processes of the server) is read after each turn, when the connections are closed.
What a server keeps for later has come by the first turns; after the first fifth of the time nothing
may be added but `ALLOWED`. Also fails when a request does.
"""

import sys
import time

import click

from benchmarks.apps.bodies import BODIES
from benchmarks.load import Http, Load
from benchmarks.process import Process
from benchmarks.requests import BROWSER_HEADERS
from benchmarks.sections.websocket import loads as websocket_loads
from benchmarks.servers import WEBSOCKET, Contestant, fastserve, fleet

ALLOWED = 2 * 1024 * 1024
EACH = 1.0  # seconds of one load in one turn
HTTP = [
    Http("GET"),
    Http("browser", headers=BROWSER_HEADERS),
    Http("pipelined", pipelined=16),
    Http("100 KB", "/100k", 300, expect=BODIES["/100k"]),
    Http("POST 64 KB", "/echo", method="POST", body=65536, expect=b"x" * 65536),
    Http("sleep", "/sleep"),
]


def turn(server: Process, loads: list[Load]) -> int:
    """Every load once; how many requests were answered."""
    answered = 0
    for load in loads:
        with load.checked(server.port).open(server.port) as session:
            outcome = session.run(EACH)
        if outcome.errors:
            sys.exit(f"{load.title}: {outcome.errors} of {outcome.requests} requests failed")
        answered += outcome.requests
    return answered


def soak(contestant: Contestant, loads: list[Load], seconds: float) -> list[str]:
    """Run for so long; returns what is wrong."""
    with fleet([contestant]) as (servers, left_out):
        if left_out:
            return [f"{name}: {reason}" for name, reason in left_out.items()]
        (server,) = servers.values()
        server.resume()
        began = time.monotonic()
        first: int | None = None
        answered = 0
        while (passed := time.monotonic() - began) < seconds or first is None:
            answered += turn(server, loads)
            memory = server.memory_bytes()
            if passed >= seconds / 5 and first is None:
                first = memory
            click.echo(
                f"{contestant.name} {passed:6.0f} s {memory / 1024:9,.0f} KiB {answered:14,}"
            )
        more = memory - first
    if more > ALLOWED:
        return [f"{contestant.name}: {more / 1024:,.0f} KiB more since a fifth of the time"]
    return []


@click.command(help=__doc__)
@click.option("--seconds", type=float, default=300, show_default=True, help="of each server")
@click.option("--loop", default="uvloop", show_default=True)
def main(seconds: float, loop: str) -> None:
    websocket: list[Load] = [*websocket_loads()]
    wrong = [
        *soak(fastserve("http", f"--loop {loop}"), [*HTTP], seconds),
        *soak(fastserve("websocket", f"--loop {loop}", WEBSOCKET), websocket, seconds),
    ]
    sys.exit("\n".join(wrong) or 0)


if __name__ == "__main__":
    main()
