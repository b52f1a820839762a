"""The results as plain data: figures in rows, rows in tables, tables in sections."""

import json
from collections import Counter
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

RATIO_TOLERANCE = 0.10


@dataclass(frozen=True)
class Figure:
    """A median with the least and the greatest of the rounds.

    `spread` is what judges it: the width of the interval in which the median of many more rounds
    would lie, as a share of the median. One round in which the machine was slow widens the range;
    further rounds narrow the interval.
    """

    median: float
    low: float
    high: float
    spread: float = 0.0


@dataclass
class Row:
    """One contestant; `refused` says why it has no figures to print.

    `rounds` keeps what the first figure and its ratio are made of, reading by reading.
    """

    name: str
    figures: dict[str, Figure] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    refused: str = ""
    rounds: dict[str, list[float]] = field(default_factory=dict)


@dataclass
class Table:
    """Rows under one load; ratios are the baseline's figure over the row's."""

    title: str
    rows: list[Row]
    unit: str = "request"
    baseline: str = ""
    notes: list[str] = field(default_factory=list)

    def row(self, name: str) -> Row | None:
        return next((row for row in self.rows if row.name == name), None)

    def median(self, name: str, key: str = "cpu_us") -> float | None:
        """The row's figure, or None when there is none to print."""
        row = self.row(name)
        if row is None or row.refused or key not in row.figures:
            return None
        return row.figures[key].median


@dataclass
class Stack:
    """A bar made of parts, in the order in which they are drawn."""

    name: str
    parts: dict[str, float]


@dataclass
class Lines:
    """Curves over one axis: name -> points."""

    title: str
    x: str
    y: str
    curves: dict[str, list[tuple[float, float]]]


@dataclass
class Section:
    """One part of the report."""

    name: str
    title: str
    tables: list[Table] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    stacks: dict[str, list[Stack]] = field(default_factory=dict)
    lines: list[Lines] = field(default_factory=list)


@dataclass
class Results:
    """A whole run."""

    date: str
    command: str
    revision: str
    machine: dict[str, str]
    versions: dict[str, str]
    settings: dict[str, Any]
    sections: list[Section] = field(default_factory=list)

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")


def load(path: Path) -> Results:
    found = json.loads(path.read_text())
    found["sections"] = [_section(each) for each in found["sections"]]
    return Results(**found)


def _section(found: dict[str, Any]) -> Section:
    found["tables"] = [_table(each) for each in found["tables"]]
    found["stacks"] = {
        title: [Stack(**each) for each in stacks] for title, stacks in found["stacks"].items()
    }
    found["lines"] = [_lines(each) for each in found["lines"]]
    return Section(**found)


def _lines(found: dict[str, Any]) -> Lines:
    curves = {name: [(x, y) for x, y in curve] for name, curve in found.pop("curves").items()}
    return Lines(**found, curves=curves)


def _table(found: dict[str, Any]) -> Table:
    found["rows"] = [
        Row(**{**row, "figures": {key: Figure(**each) for key, each in row["figures"].items()}})
        for row in found["rows"]
    ]
    return Table(**found)


def differences(old: Results, new: Results) -> list[tuple[str, float, float]]:
    """The ratios to a baseline that both runs have: (section / table / row, old, new).

    Tables without a baseline sum up others (targets, shares of the gain).
    """
    several = _several(old) | _several(new)
    before = _ratios(old, several)
    return [
        (name, before[name], now) for name, now in _ratios(new, several).items() if name in before
    ]


def agree(old: float, new: float) -> bool:
    return abs(new / old - 1) <= RATIO_TOLERANCE


def _several(results: Results) -> set[str]:
    """The sections measured on several Pythons, told apart by their titles."""
    counted = Counter(section.name for section in results.sections)
    return {name for name, times in counted.items() if times > 1}


def _ratios(results: Results, several: Collection[str]) -> dict[str, float]:
    found = {}
    for section in results.sections:
        title = section.title if section.name in several else section.name
        for table in section.tables:
            for row in table.rows:
                compared = table.baseline and row.name != table.baseline and not row.refused
                if compared and "ratio" in row.figures:
                    name = f"{title} / {table.title} / {row.name}"
                    found[name] = row.figures["ratio"].median
    return found
