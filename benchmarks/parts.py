"""Where the instructions of a request are executed: `python -m benchmarks.parts`.

The calls of data_received that guard.py counts, over a transport that does nothing, by the file
that has the code: our packages, Python, the C library. Prints a table in Markdown.
"""

import re
from collections import Counter
from pathlib import Path

import click

import fastserve
import httpparser
from benchmarks import callgrind
from benchmarks.guard import REPEAT
from benchmarks.machine import missing_tool
from benchmarks.report import markdown

WORKS = {"tiny GET": "hot path, tiny GET", "browser GET": "hot path, browser GET"}
OBJECT = re.compile(r"ob=\((\d+)\)(?: (.*))?")
COST = re.compile(r"[-+*\d]\S* (\d+)")
HOMES = [Path(each.__file__).parent for each in (fastserve, httpparser)]


def package(path: str) -> str:
    """Whose code a file has: a package of ours, by its folder, or another part of the process."""
    name, folder = Path(path).name, Path(path).parent
    for home in HOMES:
        if folder.is_relative_to(home):
            return ".".join(folder.relative_to(home.parent).parts)
    if name.startswith(("python", "libpython")):
        return "Python"
    return "the C library" if name.startswith(("libc.", "libc-", "libm", "ld-")) else "the rest"


def by_package(dump: str) -> Counter[str]:
    """Instructions in each package's own code, without what that called."""
    names: dict[str, str] = {}
    found: Counter[str] = Counter()
    owner = ""
    lines = iter(dump.splitlines())
    for line in lines:
        if line.startswith("calls="):
            next(lines)  # what was called counts where it is executed
        elif each := OBJECT.match(line.removeprefix("c")):
            # An object has a number, by which alone it goes from its first line on.
            name = names.setdefault(each[1], each[2])
            owner = owner if line.startswith("c") else package(name)
        elif cost := COST.match(line):
            found[owner] += int(cost[1])
    return found


@click.command(help=__doc__)
def main() -> None:
    if reason := missing_tool("valgrind"):
        raise click.ClickException(f"{reason} (apt install valgrind)")
    written = callgrind.of_work(REPEAT)
    counts = [by_package(written[work]) for work in WORKS.values()]
    rows = [(name, [each[name] for each in counts]) for name, _ in counts[-1].most_common()]
    rows.append(("all", [each.total() for each in counts]))
    lines = [[name, *(f"{count // REPEAT:,}" for count in each)] for name, each in rows]
    click.echo("\n".join(markdown([["instructions", *WORKS], *lines])))


if __name__ == "__main__":
    main()
