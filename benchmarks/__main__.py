"""python -m benchmarks SECTION...: measure, print, and write a summary and pictures."""

import datetime
import resource
import shlex
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click

from benchmarks import goals, machine, report
from benchmarks.results import Results, Section
from benchmarks.rounds import Plan
from benchmarks.sections import (
    apps,
    counts,
    field,
    growth,
    http2,
    loop,
    matrix,
    memory,
    parser,
    tls,
    websocket,
    workers,
)

SECTIONS: dict[str, Callable[[Plan], Section]] = {
    "matrix": matrix.run,
    "instructions": matrix.run_instructions,
    "field": field.run,
    "tls": tls.run,
    "apps": apps.run,
    "counts": counts.run,
    "http2": http2.run,
    "loop": loop.run,
    "parser": parser.run,
    "websocket": websocket.run,
    "memory": memory.run,
    "growth": growth.run,
    "workers": workers.run,
}
QUICK = ("matrix", "field", "parser", "websocket")
GROUPS = ("all", "goals", "quick")


@click.command()
@click.argument("names", nargs=-1, type=click.Choice([*SECTIONS, *GROUPS]), required=True)
@click.option("--seconds", default=0.35, show_default=True, help="of one measurement")
@click.option("--rounds", default=5, show_default=True, help="of each contestant")
@click.option("--only", multiple=True, help="contestants whose name has this; may be repeated")
@click.option("--load", multiple=True, help="loads whose title has this; may be repeated")
@click.option("--output", type=Path, default=Path("reports"), show_default=True, help="a folder")
def main(
    names: tuple[str, ...],
    seconds: float,
    rounds: int,
    only: tuple[str, ...],
    load: tuple[str, ...],
    output: Path,
) -> None:
    """Measure the named sections; `all` is every one, `goals` those with the loads of goals.py,
    `quick` a cut of most in two minutes.
    """
    plan = Plan(seconds, rounds, only=only, under=load)
    chosen = [*names, *(goals.SECTIONS if "goals" in names else ())]
    wanted = [name for name in SECTIONS if name in chosen or "all" in names]
    if "quick" in names:
        plan = Plan(0.25, 3, 0.1, quick=True, only=only, under=load)
        wanted = wanted or list(QUICK)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # the servers inherit it
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # ends the servers too
    results = Results(
        date=datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        command=shlex.join(["python", "-m", "benchmarks", *sys.argv[1:]]),
        revision=machine.revision(),
        machine=machine.describe(),
        versions=machine.versions(),
        build=machine.build(),
    )
    began = time.monotonic()
    for name in wanted:
        section = SECTIONS[name](plan)
        report.show(section)
        click.echo(f"({name}: {time.monotonic() - began:,.0f} s since the start)")
        results.sections.append(section)
        # After each section: a long run is not lost with its last.
        click.echo(f"{report.write(results, output)}\n")


if __name__ == "__main__":
    main()
