"""Tables for the terminal and for the documents; `python -m benchmarks.report` fills those.

In README.md and docs/performance.md a table stands between `<!-- figures: NAME -->` and
`<!-- end -->`; each is made from benchmarks/results/summary.json, and a test holds them to it.
docs/report.html is made as well (report_page.py). results/wheel.json is a run that measured the
wheel.
"""

import math
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import click

from benchmarks import goals, plots, report_page, results
from benchmarks.machine import ROOT
from benchmarks.results import Figure, Results, Row, Section, Table, number

FOLDER = Path(__file__).parent / "results"
PAGES = (ROOT / "README.md", ROOT / "docs" / "performance.md")
BLOCK = re.compile(r"(<!-- figures: ([a-z-]+) -->).*?(<!-- end -->)", re.DOTALL)
# fmt: off
HEADINGS = {
    "ratio": "ratio", "cpu_us": "CPU us", "instructions": "instructions", "ns": "ns",
    "i1": "instruction-cache misses", "d1": "data-cache read misses",
    "asyncio": "asyncio", "uvloop": "uvloop", "bytes": "bytes", "open_us": "CPU us to open",
    "message_us": "CPU us a message", "rate": "per second",
}
# fmt: on
# name: (section, load) of each picture, which is of CPU time
PICTURES = {
    "matrix": ("matrix", "browser's 14 headers"),
    "field": ("field", "1 KB, 300 connections"),
}


def write(found: Results, folder: Path) -> Path:
    """The summary, and those pictures whose tables were measured; of a wheel, the summary alone."""
    summary = folder / ("summary.json" if found.build == "in place" else "wheel.json")
    found.save(summary)
    if summary.name != "summary.json":
        return summary
    plots.draw_growth(tables(found, "growth"), folder / "growth.svg")
    for name, (section, title) in PICTURES.items():
        for table in tables(found, section, title):
            plots.draw(table, "cpu_us", "us of server CPU per request", folder / f"{name}.svg")
    return summary


def show(section: Section) -> None:
    """Print every figure with its range."""
    print(f"\n=== {section.title}\n")
    for table in section.tables:
        print("\n".join(by_row(table)), end="\n\n")
    print("\n".join(words(section)))


def tables(found: Results, section: str, title: str = "", without: str = "\n") -> list[Table]:
    """The tables of a section whose titles have the one and not the other."""
    each = found.section(section)
    every = each.tables if each else []
    return [one for one in every if title in one.title and without not in one.title]


def median(figure: Figure) -> str:
    return number(figure.median)


def with_range(figure: Figure) -> str:
    if figure.low == figure.high:
        return median(figure)
    return f"{median(figure)} ({number(figure.low)}-{number(figure.high)})"


def cell(row: Row | None, key: str, text: Callable[[Figure], str]) -> str:
    return text(row.figures[key]) if row and key in row.figures else "-"


def markdown(lines: list[list[str]]) -> list[str]:
    """A table whose first line is its heading, in columns."""
    widths = [max(3, *map(len, column)) for column in zip(*lines, strict=True)]
    lines = [lines[0], ["-" * width for width in widths], *lines[1:]]
    return [f"| {' | '.join(map(str.ljust, line, widths))} |" for line in lines]


def by_row(table: Table) -> list[str]:
    """One table with all of its figures, their ranges and notes."""
    keys = [key for key in HEADINGS if any(key in row.figures for row in table.rows)]
    lines = [[table.title, *(HEADINGS[key] for key in keys), f"per {table.unit}"]]
    for row in table.rows:
        lines.append([row.name, *(cell(row, key, with_range) for key in keys), row.note])
    return markdown(lines)


def by_load(
    found: Results, section: str, key: str, title: str = "", without: str = "\n"
) -> list[str]:
    """A row for each contestant, a column of medians for each of these loads."""
    every = tables(found, section, title, without)
    chosen = [table for table in every if any(key in row.figures for row in table.rows)]
    if not chosen:
        return ["Not measured."]
    names = dict.fromkeys(row.name for table in chosen for row in table.rows)
    lines = [[HEADINGS[key], *(table.title for table in chosen)]]
    lines += [[name, *(cell(t.row(name), key, median) for t in chosen)] for name in names]
    return markdown(lines)


def parts(found: Results, section: str, title: str) -> list[str]:
    """What a request consists of under one load."""
    rows = [row for table in tables(found, section, title) for row in table.rows if row.parts]
    names = [name for name in plots.PARTS if any(name in row.parts for row in rows)]
    lines = [[title, *names]]
    return markdown(lines + [[row.name, *(number(row.parts[n]) for n in names)] for row in rows])


def words(section: Section | None, having: str = "") -> list[str]:
    if section is None:
        return []
    lines = [*section.words, *(f"left out: {k}: {v}" for k, v in section.left_out.items())]
    return [f"- {line}" for line in lines if having in line]


def left_out(found: Results) -> list[str]:
    """Who has no figures, and why."""
    lines = []
    for section in found.sections:
        lines += [f"- {section.title}: {name}: {why}" for name, why in section.left_out.items()]
        for table in section.tables:
            lines += [f"- {table.title}: {r.name}: {r.note}" for r in table.rows if not r.figures]
    return lines or ["- nobody"]


def many(each: Iterable[Table]) -> list[str]:
    return [line for table in each for line in [*by_row(table), ""]][:-1] or ["Not measured."]


def taken(found: Results) -> list[str]:
    """When, on what and with which versions."""
    about = {"date": found.date[:10], "revision": found.revision, "build": found.build}
    about |= {**found.machine, **found.versions}
    return [", ".join(f"{name} {value}" for name, value in about.items()) + "."]


def wheel() -> Results | None:
    """The run that measured the wheel, if there was one."""
    path = FOLDER / "wheel.json"
    return results.load(path) if path.exists() else None


def goal_table(found: Results) -> list[str]:
    """The goals, and when the wheel was measured."""
    of_wheel = wheel()
    heading = ["load", "rival", "build in place", "wheel", "goal"]
    words = "The wheel was not measured."
    if of_wheel:
        words = f"The wheel was measured on {of_wheel.date[:10]} at revision {of_wheel.revision}."
    return [*markdown([heading, *goals.lines(found, of_wheel)]), "", words]


def beside(found: Results) -> list[str]:
    """Speed, and how many of the conformance cases each server passes."""
    speed = goals.under(found, "field", "GET hello")
    heading, *rows = report_page.scores()
    lines = [[heading[0], "CPU us, GET hello", *heading[1:]]]
    for name, *scores in rows:
        row = speed.row(name) if speed else None
        lines.append([name, cell(row, "cpu_us", median), *scores])
    return markdown(lines)


def million(found: Results) -> list[str]:
    """What a million requests per second take: CPU us of a request are cores that are all used."""
    lines = [["1,000,000 requests per second", "CPU us", "cores in use", "cores at 60%"]]
    for section, title, name in MILLION:
        for table in tables(found, section, title)[:1]:
            if cost := table.median(name):
                share = number(math.ceil(cost / 0.6))
                lines.append([table.title, number(cost), number(cost), share.partition(".")[0]])
    return markdown(lines)


MILLION = [
    ("field", "GET hello", goals.OURS),
    ("field", "1 KB, 300 connections", goals.OURS),
    ("growth", "10,000 connections", goals.OURS),
    ("tls", "TLS hello", goals.OURS),
    ("apps", "Starlette hello", goals.OURS),
    ("apps", "FastAPI JSON", goals.OURS),
]
BLOCKS: dict[str, Callable[[Results], list[str]]] = {
    "taken": taken,
    "verdict": lambda found: words(found.section("matrix"), "From "),
    "verdict-instructions": lambda found: words(found.section("instructions"), "From "),
    "matrix": lambda found: by_load(found, "matrix", "cpu_us"),
    "instructions": lambda found: by_load(found, "instructions", "instructions"),
    "parts": lambda found: parts(found, "matrix", "GET hello"),
    "parts-instructions": lambda found: parts(found, "instructions", "GET hello"),
    "field": lambda found: by_load(found, "field", "cpu_us", " connections"),
    "shapes": lambda found: by_load(found, "field", "cpu_us", without=" connections"),
    "tls": lambda found: by_load(found, "tls", "cpu_us"),
    "apps": lambda found: by_load(found, "apps", "cpu_us"),
    "goals": goal_table,
    "beside": beside,
    "million": million,
    "counts": lambda found: many(tables(found, "counts")),
    "workers": lambda found: many(tables(found, "workers")),
    "http2": lambda found: by_load(found, "http2", "cpu_us"),
    "left-out": left_out,
    "echo": lambda found: by_load(found, "loop", "cpu_us"),
    "published": lambda found: words(found.section("loop"), "echo"),
    "loops": lambda found: many(tables(found, "loop", "asyncio against")),
    "parser": lambda found: by_load(found, "parser", "ns"),
    "websocket": lambda found: by_load(found, "websocket", "cpu_us"),
    "growth": lambda found: by_load(found, "growth", "cpu_us"),
    "memory": lambda found: many(tables(found, "memory")),
}


def filled(page: str, found: Results) -> str:
    """The page with each of its blocks made anew."""
    return BLOCK.sub(
        lambda block: "\n".join([block[1], "", *BLOCKS[block[2]](found), "", block[3]]), page
    )


@click.command(help=__doc__)
def main() -> None:
    found = results.load(FOLDER / "summary.json")
    for path in PAGES:
        path.write_text(filled(path.read_text(), found))
    report_page.write(found, wheel())


if __name__ == "__main__":
    main()
