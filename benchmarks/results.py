"""The results as plain data: figures in rows, rows in tables, tables in sections."""

import json
import re
import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple


class Figure(NamedTuple):
    """A median with the least and the greatest of the rounds."""

    median: float
    low: float
    high: float


def figure(values: Iterable[float]) -> Figure:
    """Of the rounds, in four digits."""
    known = [float(f"{value:.4g}") for value in values]
    return Figure(float(f"{statistics.median(known):.4g}"), min(known), max(known))


def number(value: float) -> str:
    """Three digits, or all that stand before the point."""
    size = abs(value)
    return f"{value:,.{2 if size < 10 else 1 if size < 100 else 0}f}"


@dataclass
class Row:
    """One contestant; without figures, the note says why."""

    name: str
    figures: dict[str, Figure] = field(default_factory=dict)
    note: str = ""
    parts: dict[str, float] = field(default_factory=dict)  # that the first figure consists of


@dataclass
class Table:
    """Rows under one load; ratios are the baseline's figure over the row's."""

    title: str
    rows: list[Row]
    unit: str = "request"
    baseline: str = ""

    def row(self, name: str) -> Row | None:
        return next((row for row in self.rows if row.name == name), None)

    def median(self, name: str, key: str = "cpu_us") -> float | None:
        """The row's figure, or None when there is none."""
        row = self.row(name)
        return row.figures[key].median if row and key in row.figures else None


@dataclass
class Section:
    """One part of a run."""

    name: str
    title: str
    tables: list[Table] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)


@dataclass
class Results:
    """A whole run."""

    date: str
    command: str
    revision: str
    machine: dict[str, str]
    versions: dict[str, str]
    sections: list[Section] = field(default_factory=list)
    build: str = "in place"  # or a wheel: whose compiled modules were measured

    def save(self, path: Path) -> None:
        """As JSON with a row on each line, so that a run is a few hundred of them."""
        path.parent.mkdir(parents=True, exist_ok=True)
        found = asdict(self)
        rows: list[str] = []
        for table in [table for section in found["sections"] for table in section["tables"]]:
            known = [{key: each for key, each in row.items() if each} for row in table["rows"]]
            table["rows"] = [f"@{len(rows) + at}" for at in range(len(known))]
            rows += map(json.dumps, known)
        text = re.sub(r'"@(\d+)"', lambda at: rows[int(at[1])], json.dumps(found, indent=1))
        path.write_text(text + "\n")

    def section(self, name: str) -> Section | None:
        return next((each for each in self.sections if each.name == name), None)


def load(path: Path) -> Results:
    found = json.loads(path.read_text())
    for section in found["sections"]:
        for table in section["tables"]:
            for row in table["rows"]:
                row["figures"] = {k: Figure(*each) for k, each in row.get("figures", {}).items()}
            table["rows"] = [Row(**row) for row in table["rows"]]
        section["tables"] = [Table(**table) for table in section["tables"]]
    found["sections"] = [Section(**section) for section in found["sections"]]
    return Results(**found)
