"""The figures that README.md and docs/performance.md quote: `python -m benchmarks.quoted`.

They are made from the newest runs in results/, each with its repetition, and stand between
`<!-- quoted: NAME -->` and `<!-- end -->`; a test compares them.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks import results
from benchmarks.machine import ROOT
from benchmarks.results import Figure, Results, Row, Section, Table

FOLDER = ROOT / "benchmarks" / "results"
PAGES = [ROOT / "README.md", ROOT / "docs" / "performance.md"]
BLOCK = re.compile(r"(<!-- quoted: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
# target -> how the README puts it
README_ROWS = {
    "GET, 13-byte answer, 64 connections": "hello, 64 connections",
    "a browser's 14 headers": "with a browser's 14 headers",
    "16 pipelined GETs per write": "16 pipelined GETs per write",
    "1 KB, 300 connections": "1 KB, 300 connections",
    "100 KB, 300 connections": "100 KB, 300 connections",
    "10 body messages of 1 KB, chunked": "10 body messages of 1 KB",
    "POST 1 KB, echoed": "POST 1 KB, echoed",
    "Starlette hello": "Starlette hello",
    "access log on, both": "access log on, both",
}
EVERY = "reached in every round "
ANATOMY = ("fastserve llhttp uvloop", "uvicorn httptools uvloop")
PARTS_LOADS = ("GET hello", "browser's 14 headers")
CLAIMS = ("tcp", "field")  # the sections that look at what others published
SHARES = ("parser", "loop", "server")
PARTS = ("kernel", "loop", "parser", "app", "server")


@dataclass(frozen=True)
class Runs:
    """A run, which is quoted, and the same again, which says how far to trust it."""

    run: Results
    again: Results

    def section(self, name: str) -> Section:
        return next(each for each in self.run.sections if each.name == name)

    def hotpaths(self) -> list[tuple[str, Section, Section | None]]:
        """For each Python: its name, the run and, if there is one, the repetition on it."""
        repeated = {each.title: each for each in self.again.sections}
        only = self.run.machine["python"]  # titles name it when there are several
        return [
            (
                f"CPython {each.title.partition(', Python ')[2] or only}",
                each,
                repeated.get(each.title),
            )
            for each in self.run.sections
            if each.name == "hotpath"
        ]


def latest(kind: str = "", folder: Path = FOLDER) -> Runs:
    again = sorted(folder.glob(f"????-??-??{kind}-again.json"))[-1]
    run = again.with_name(again.name.replace("-again", ""))
    return Runs(results.load(run), results.load(again))


# -- what figures look like ------------------------------------------------------------------------


def number(value: float) -> str:
    """Three digits, or all that stand before the point."""
    digits = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:,.{digits}f}"


def with_range(figure: Figure) -> str:
    if figure.low == figure.high:
        return number(figure.median)
    return f"{number(figure.median)} ({number(figure.low)}-{number(figure.high)})"


def of(table: Table, name: str, key: str, text: Callable[[Figure], str] = with_range) -> str:
    row = table.row(name)
    if row is None or row.refused or key not in row.figures:
        return "-"
    return text(row.figures[key])


def median(figure: Figure) -> str:
    return number(figure.median)


def markdown(heading: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    heading = list(heading)
    rule = ["---"] * len(heading)
    return [f"| {' | '.join(cells)} |" for cells in ([*heading], rule, *map(list, rows))]


def target_cell(row: Row | None, text: Callable[[Figure], str]) -> str:
    if row is None:
        return "-"
    for key in ("ratio", "bytes"):
        if key in row.figures:
            return text(row.figures[key])
    # A range alone: the rounds differ too much for a figure, and every one of them reaches it.
    return row.notes[0].removeprefix(EVERY) if row.notes[0].startswith(EVERY) else "-"


# -- the blocks ------------------------------------------------------------------------------------


def hotpath(runs: Runs) -> list[str]:
    """The README's rows of the targets."""
    found = runs.hotpaths()
    rows = [
        [text, *(target_cell(run.tables[0].row(name), with_range) for _, run, _ in found)]
        for name, text in README_ROWS.items()
    ]
    idle = [idle_table(run) for _, run, _ in found]
    kilobytes = [
        f"{of(each, 'fastserve', 'bytes', median)} bytes "
        f"(uvicorn {of(each, 'uvicorn', 'bytes', median)})"
        for each in idle
    ]
    rows.append(["memory of an idle connection", *kilobytes])
    return markdown(["load", *(name for name, _, _ in found)], rows)


def idle_table(section: Section) -> Table:
    return next(table for table in section.tables if "idle connections" in table.title)


def targets(runs: Runs) -> list[str]:
    """Every target on every Python, both runs."""
    found = runs.hotpaths()
    heading = ["load"]
    for name, _, _ in found:
        heading += [name, "again"]
    rows = []
    for row in found[0][1].tables[0].rows:
        cells = [row.name]
        for _, run, again in found:
            cells.append(target_cell(run.tables[0].row(row.name), with_range))
            cells.append(target_cell(again.tables[0].row(row.name) if again else None, median))
        at_least = row.figures.get("at_least")
        rows.append([*cells, number(at_least.median) if at_least else ""])
    return markdown([*heading, "target"], rows)


def shares(runs: Runs) -> list[str]:
    """Who brings the gain, load by load."""
    rows = []
    for row in runs.section("matrix").tables[0].rows:
        if row.refused:
            rows.append([row.name, "-", "-", "-", "-"])
            continue
        times = row.figures["before_us"].median / row.figures["after_us"].median
        rows.append([row.name, number(times), *(share(row, key) for key in SHARES)])
    return markdown(["from, to", "times less CPU", *SHARES], rows)


def share(row: Row, factor: str) -> str:
    figure = row.figures.get(f"{factor}_share")
    if figure is None:
        return ""
    if round(figure.low) == round(figure.high):
        return f"{figure.median:.0f}%"
    return f"{figure.median:.0f}% ({figure.low:.0f} to {figure.high:.0f})"


def matrix(runs: Runs) -> list[str]:
    return by_load(runs.section("matrix").tables[1:], "cpu_us", "CPU us per request")


def verdict(runs: Runs) -> list[str]:
    words = runs.section("matrix").words
    return [f"- {word}" for word in words if word.startswith(("From", "On", "No verdict"))]


def parts(runs: Runs) -> list[str]:
    """Every stack of two loads."""
    return stacked(runs, lambda title, name: title in PARTS_LOADS)


def anatomy(runs: Runs) -> list[str]:
    """What a hello consists of, ours and uvicorn's."""
    return stacked(runs, lambda title, name: title == "GET hello" and name in ANATOMY)


def stacked(runs: Runs, wanted: Callable[[str, str], bool]) -> list[str]:
    section = runs.section("matrix")
    rows = []
    for table in section.tables[1:]:
        for stack in section.stacks.get(table.title, ()):
            if wanted(table.title, stack.name):
                cells = [number(stack.parts[part]) for part in PARTS]
                whole = of(table, stack.name, "cpu_us", median)
                rows.append([table.title, stack.name, *cells, whole])
    return markdown(["CPU us per request", "server, parser, loop", *PARTS, "whole"], rows)


def instructions(_: Runs) -> list[str]:
    section = latest("-instructions").section("instructions")
    return by_load(section.tables, "instructions", "instructions per request")


def instructions_verdict(_: Runs) -> list[str]:
    runs = latest("-instructions")
    words = [*runs.section("instructions").words, f"Counted twice: {agreement(runs)[0]}"]
    return [f"- {word}" for word in words]


def field(runs: Runs) -> list[str]:
    return by_load(runs.section("field").tables, "cpu_us", "CPU us per request")


def field_rate(runs: Runs) -> list[str]:
    return by_load(runs.section("field").tables, "rate", "requests a second")


def tcp(runs: Runs) -> list[str]:
    return by_load(runs.section("tcp").tables, "cpu_us", "CPU us per message")


def published(runs: Runs) -> list[str]:
    """Each claim by the run, or by the repetition where the run refused a row that it needs."""
    found: dict[str, str] = {}
    for each in (runs.run, runs.again):
        words = [word for part in each.sections if part.name in CLAIMS for word in part.words]
        for word in words:
            if " times; " in word:
                found.setdefault(word.rpartition(": ")[0], word)
    return [f"- {found[claim]}" for claim in sorted(found)]


def parser(runs: Runs) -> list[str]:
    tables = [table for table in runs.section("parser").tables if table.baseline]
    return by_load(tables, "ns", "ns per message")


def websocket(runs: Runs) -> list[str]:
    tables = [table for table in runs.section("websocket").tables if table.baseline]
    return by_load(tables, "cpu_us", "CPU us per message")


def by_load(tables: list[Table], key: str, what: str) -> list[str]:
    """One row for each contestant, one column for each load."""
    names = [row.name for row in tables[0].rows]
    rows = [[name, *(of(table, name, key, median) for table in tables)] for name in names]
    return markdown([what, *(table.title for table in tables)], rows)


def agreement(runs: Runs) -> list[str]:
    """How many of the ratios that both runs printed are alike, and which are not."""
    found = results.differences(runs.run, runs.again)
    apart = [
        f"{name} {number(before)} and {number(now)}"
        for name, before, now in found
        if not results.agree(before, now)
    ]
    words = f"{len(found) - len(apart)} of {len(found)} ratios agree within 10%"
    if apart:
        return [f"{words}. Apart: {'; '.join(apart)}."]
    most = max(abs(now / before - 1) for _, before, now in found)
    return [f"{words}; the largest difference is {most:.1%}."]


def apart(_: Runs) -> list[str]:
    """What was apart, and more, measured twice again: how well that agrees, and each ratio."""
    found = []
    for runs in map(latest, ("-apart", "-more")):
        pairs = [
            f"{name} {number(before)} and {number(now)}"
            for name, before, now in results.differences(runs.run, runs.again)
        ]
        found.append(f"- {agreement(runs)[0]} {'; '.join(pairs)}.")
    return found


BLOCKS: dict[str, Callable[[Runs], list[str]]] = {
    "agreement": agreement,
    "anatomy": anatomy,
    "apart": apart,
    "field": field,
    "field-rate": field_rate,
    "hotpath": hotpath,
    "instructions": instructions,
    "instructions-verdict": instructions_verdict,
    "matrix": matrix,
    "parser": parser,
    "parts": parts,
    "published": published,
    "shares": shares,
    "targets": targets,
    "tcp": tcp,
    "verdict": verdict,
    "websocket": websocket,
}


def filled(page: str, runs: Runs) -> str:
    """The page with each of its blocks made anew."""
    return BLOCK.sub(
        lambda found: f"{found[1]}" + "\n".join(["", *BLOCKS[found[2]](runs), "", found[3]]), page
    )


def main() -> None:
    runs = latest()
    for path in PAGES:
        path.write_text(filled(path.read_text(), runs))


if __name__ == "__main__":
    main()
