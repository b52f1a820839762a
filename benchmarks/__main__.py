"""python -m benchmarks SECTION...: measure, print, and write JSON and one HTML report."""

import datetime
import resource
import shlex
import signal
import sys
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import click

from benchmarks import machine, report, results, tables
from benchmarks.results import Results
from benchmarks.rounds import Plan
from benchmarks.sections import field, hotpath, instructions, matrix, parser, tcp, websocket
from benchmarks.sections.context import Context

SECTIONS = {
    "matrix": matrix.run,
    "instructions": instructions.run,
    "field": field.run,
    "hotpath": hotpath.run,
    "tcp": tcp.run,
    "parser": parser.run,
    "websocket": websocket.run,
}
# The ticks of /proc/stat are hundredths of a second: a short run cannot tell as little noise.
QUICK_PLAN: dict[str, Any] = {
    "seconds": 0.25,
    "rounds": 3,
    "extra": 0,
    "most": 3,
    "spread": 0.35,
    "warmup": 0.1,
    "foreign": 0.5,
    "quiet": 0,
    "quick": True,
    "own_client": True,
}
QUICK = ("matrix", "field", "tcp", "parser", "websocket")
DEFAULT_FOLDER = Path("reports")


@click.command()
@click.argument("names", nargs=-1, type=click.Choice([*SECTIONS, "all", "quick"]), required=True)
@click.option("--seconds", type=float, default=0.5, show_default=True, help="of one measurement")
@click.option("--warmup", type=float, default=0.5, show_default=True, help="before the first round")
@click.option("--rounds", type=int, default=5, show_default=True, help="of each contestant")
@click.option("--spread", type=float, default=0.1, show_default=True, help="widest that is printed")
@click.option("--only", multiple=True, help="contestants whose name has this; may be repeated")
@click.option("--load", "under", multiple=True, help="loads whose title has this; may be repeated")
@click.option("--python", "pythons", multiple=True, help="the Python that runs the servers")
@click.option("--noisy", is_flag=True, help="print what others on the cores disturbed")
@click.option("--own-client", is_flag=True, help="send HTTP with our own client instead of wrk")
@click.option("--twice", is_flag=True, help="every section twice, and compare")
@click.option("--json", "json_path", type=Path, help="where the results go")
@click.option("--html", "html_path", type=Path, help="where the report goes")
@click.option("--compare", type=click.Path(exists=True, path_type=Path), help="older results")
def main(
    names: tuple[str, ...],
    seconds: float,
    warmup: float,
    rounds: int,
    spread: float,
    only: tuple[str, ...],
    under: tuple[str, ...],
    pythons: tuple[str, ...],
    noisy: bool,
    own_client: bool,
    twice: bool,
    json_path: Path | None,
    html_path: Path | None,
    compare: Path | None,
) -> None:
    """Measure the named sections; `all` is every one, `quick` a cut of most in two minutes."""
    own_client = own_client or not _has_wrk()
    plan = Plan(seconds, rounds, warmup=warmup, spread=spread, noisy=noisy, own_client=own_client)
    wanted = list(SECTIONS) if "all" in names else [name for name in SECTIONS if name in names]
    if "quick" in names:
        plan = replace(plan, **QUICK_PLAN)
        wanted = wanted or list(QUICK)
    _raise_file_limit()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # ends the servers too
    pythons = pythons or (sys.executable,)
    runs = [_nothing_yet(plan, pythons) for _ in range(2 if twice else 1)]
    stem = DEFAULT_FOLDER / f"bench-{runs[0].date[:16].replace(':', '')}"
    json_path = json_path or stem.with_suffix(".json")
    html_path = html_path or stem.with_suffix(".html")
    for name, python in _parts(wanted, pythons):
        for found, mark in zip(runs, ("", "-again"), strict=False):
            if not found.sections:
                found.date = _now()
            section = SECTIONS[name](Context(plan, python, only, under))
            if len(pythons) > 1:
                section.title += f", Python {machine.describe(python)['python']}"
            tables.show(section)
            found.sections.append(section)
            # after each section: a long run is not lost with its last one
            found.save(json_path.with_stem(json_path.stem + mark))
            report.write(found, html_path.with_stem(html_path.stem + mark))
    if under and not any(section.tables for section in runs[0].sections):
        titles = " or ".join(under)
        raise click.ClickException(
            f"no load of {', '.join(wanted)} has this in its title: {titles}"
        )
    click.echo(f"\n{json_path}\n{html_path}")
    older = [results.load(compare)] if compare else []
    alike = [tables.show_differences(old, new) for old, new in pairwise([*older, *runs])]
    if not all(alike):
        sys.exit(1)


def _nothing_yet(plan: Plan, pythons: tuple[str, ...]) -> Results:
    return Results(
        date=_now(),
        command=shlex.join(["python", "-m", "benchmarks", *sys.argv[1:]]),
        revision=machine.revision(),
        machine=machine.describe(pythons[0]),
        versions=machine.versions(pythons[0]),
        settings=asdict(plan),
    )


def _parts(wanted: list[str], pythons: tuple[str, ...]) -> list[tuple[str, str]]:
    """(section, Python): only the hot path has targets for more than one Python."""
    return [
        (name, python)
        for name in wanted
        for python in (pythons if name == "hotpath" else pythons[:1])
    ]


def _now() -> str:
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")


def _has_wrk() -> bool:
    missing = machine.missing_tool("wrk")
    if missing:
        click.echo(f"{missing}: our own client sends the requests", err=True)
    return not missing


def _raise_file_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    main()
