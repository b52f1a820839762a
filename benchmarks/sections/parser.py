"""Parsers alone: nanoseconds per request by kind of request and by number of headers."""

import statistics
import subprocess

from benchmarks import alone
from benchmarks.compiled import CLIENTS, compiled
from benchmarks.machine import ROLES, ROOT, missing_tool
from benchmarks.requests import COUNTS, NAMED, with_headers
from benchmarks.results import Lines, Row, Section, Table
from benchmarks.rounds import figure
from benchmarks.sections.context import Context

BASELINE = "httptools"
SLICES = 4
VENDOR = ROOT / "vendor" / "llhttp"


def run(context: Context) -> Section:
    # Short and often: those that are compared meet the same machine.
    seconds = min(context.plan.seconds * (0.2 if context.plan.quick else 0.4), 0.3) / SLICES
    rounds = context.plan.rounds * SLICES
    section = Section("parser", "The parser alone")
    by_count = {f"{count} headers": with_headers(count) for count in COUNTS}
    requests = {**NAMED, **by_count}
    figures, section.left_out = alone.measure(context.python, requests, seconds, rounds)
    for name, reason in llhttp_in_c(requests, seconds, rounds, figures).items():
        section.left_out[name] = reason
    for each in figures.values():
        for name in [name for name in each if name == "app" or name.startswith("port ")]:
            del each[name]
    for name in NAMED:
        section.tables.append(table(name, len(requests[name]), figures[name], context))
    counted = {count: figures[f"{count} headers"] for count in COUNTS}
    section.tables.append(slopes(counted, context))
    section.lines.append(curves(counted, context))
    section.words = [
        "Every row builds the same whole head and body and is checked for it; `llhttp in C` only "
        "reports the spans. h11 and zttp make a new connection object for each request, because "
        "theirs begin the next one only after a response."
    ]
    return section


def table(name: str, size: int, figures: dict[str, list[float]], context: Context) -> Table:
    base = figures.get(BASELINE, [])
    rows = []
    for parser, times in figures.items():
        if not context.wants(parser):
            continue
        row = Row(parser, {"ns": figure(times)})
        row.figures["mb_per_s"] = figure([size / time * 1000 for time in times])
        if base:
            row.figures["ratio"] = figure([b / t for b, t in zip(base, times, strict=True)])
        judged = row.figures.get("ratio", row.figures["ns"])
        if judged.spread > context.plan.spread and not context.plan.noisy:
            row.refused = f"refused: a spread of {judged.spread:.0%}"
        rows.append(row)
    return Table(f"{name} ({size} bytes)", rows, "request", BASELINE)


def slopes(counted: dict[int, dict[str, list[float]]], context: Context) -> Table:
    """ns per header: the least-squares slope over the numbers of headers, for each round."""
    rows = []
    for parser in counted[COUNTS[0]]:
        if not context.wants(parser) or any(parser not in each for each in counted.values()):
            continue
        rounds = zip(*(counted[count][parser] for count in COUNTS), strict=True)
        fits = [statistics.linear_regression(COUNTS, times) for times in rounds]
        slope = figure([fit.slope for fit in fits])
        fixed = figure([max(fit.intercept, 0.0) for fit in fits])
        rows.append(Row(parser, {"ns_per_header": slope, "ns_fixed": fixed}))
    return Table("One more header of 30 bytes", rows, "header")


def curves(counted: dict[int, dict[str, list[float]]], context: Context) -> Lines:
    points: dict[str, list[tuple[float, float]]] = {}
    for count, figures in counted.items():
        for parser, times in figures.items():
            if context.wants(parser):
                point = (float(count), statistics.median(times) / 1000)
                points.setdefault(parser, []).append(point)
    return Lines("By number of headers", "headers", "us per request", points)


def llhttp_in_c(
    requests: dict[str, bytes],
    seconds: float,
    rounds: int,
    figures: dict[str, dict[str, list[float]]],
) -> dict[str, str]:
    """Add llhttp without Python, plain and with SSE4.2; return what was left out."""
    builds = {"llhttp in C": ["-march=x86-64-v2"], "llhttp in C, no SSE4.2": []}
    if reason := missing_tool("cc"):
        return {"llhttp in C": reason}
    sources = [str(VENDOR / "src" / f"{name}.c") for name in ("api", "http", "llhttp")]
    if not (VENDOR / "include" / "llhttp.h").exists():
        return {"llhttp in C": "its sources are not there: python vendor/llhttp/pin.py"}
    for name, flags in builds.items():
        try:
            program = compiled(
                CLIENTS / "llhttp_alone.c", *flags, f"-I{VENDOR / 'include'}", *sources, name=name
            )
        except subprocess.CalledProcessError:
            return {name: "it did not compile"}
        for request, data in requests.items():
            command = ["taskset", "-c", str(ROLES.server), program, str(seconds), str(rounds)]
            result = subprocess.run(command, input=data, capture_output=True, check=True)
            figures[request][name] = [float(line) for line in result.stdout.split()]
    return {}
