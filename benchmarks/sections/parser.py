"""Parsers alone: nanoseconds for each kind of request."""

from benchmarks import alone
from benchmarks.parsers import MAKERS
from benchmarks.requests import NAMED
from benchmarks.results import Row, Section, Table, figure
from benchmarks.rounds import Plan

BASELINE = "httptools"
SLICES = 4  # short and often: those that are compared meet the same machine


def run(plan: Plan) -> Section:
    section = Section("parser", "The parser alone")
    names = [each for each in MAKERS if plan.wants(each) and not each.startswith("port ")]
    found = alone.measure(NAMED, plan.seconds / 10, plan.rounds * SLICES, names)
    figures, section.left_out = found
    for name, each in figures.items():
        del each["app"]
        title = f"{name} ({len(NAMED[name])} bytes)"
        rows = [Row(parser, {"ns": figure(times)}) for parser, times in each.items()]
        for row in rows:
            if base := each.get(BASELINE):
                pairs = zip(base, each[row.name], strict=True)
                row.figures["ratio"] = figure(theirs / ours for theirs, ours in pairs)
        section.tables.append(Table(title, rows, "message", BASELINE))
    return section
