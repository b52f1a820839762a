"""The report as one page, docs/report.html: `python -m benchmarks.report` writes it.

What it shows comes from benchmarks/results/summary.json, from tests/compat/results*.json and, for
the CPU time of HTTP/2, from the table in docs/http2.md. Nothing is loaded when it is read: pictures
are in it, fonts are the reader's.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path
from typing import Any

from benchmarks import goals
from benchmarks.machine import ROOT
from benchmarks.plots import PARTS
from benchmarks.results import Figure, Results, Table, number

TEMPLATE = Path(__file__).with_suffix(".html")
PAGE = ROOT / "docs" / "report.html"
HTTP2 = ROOT / "docs" / "http2.md"
COMPAT = ROOT / "tests" / "compat"
OPTIONAL_TOPIC = "Extensions"
REFUSED = "Requests refused"
# As the benchmarks call them.
SERVERS = (
    *("fastserve", "freastal", "peregrine", "h2corn", "granian", "uvicorn", "hypercorn"),
    *("Node http", "Go net/http", "nginx"),
)
OPTIONAL_CASES = ("rfc9218-", "rfc8441-")  # as in docs/conformance.md
TIMES = " \N{MULTIPLICATION SIGN}"
OURS = ("fastserve", "httpparser")
MEANING = {
    "kernel": "accepting bytes and sending them, as a program in C does",
    "loop": "uvloop, above the kernel",
    "parser": "llhttp and httpparser: from bytes to a request",
    "app": "the application, called with an empty server",
    "server": "connection, scope, stepping the application, framing the response",
}


def is_ours(name: str) -> bool:
    return name.startswith(OURS)


def micro(value: float) -> str:
    return f"{number(value)} µs"


# Bars


def bar(pieces: Iterable[tuple[str, float]], figure: Figure | None, scale: float) -> str:
    """One bar: pieces with their classes, and the range as a line."""
    x, body = 0.0, ['<rect class="track" width="100%" height="100%" rx="3"/>']
    for kind, size in pieces:
        body.append(
            f'<rect class="{kind}" x="{x:.2f}%" width="{size * scale:.2f}%" height="100%"/>'
        )
        x += size * scale
    if figure is not None and figure.high > figure.low:
        low, high = (f"{value * scale:.2f}%" for value in (figure.low, figure.high))
        body.append(f'<line class="range" x1="{low}" x2="{high}" y1="50%" y2="50%"/>')
    return f'<svg aria-hidden="true">{"".join(body)}</svg>'


def row(name: str, drawn: str, value: str, ours: bool) -> str:
    kind = "row ours" if ours else "row"
    return (
        f'<div class="{kind}"><span class="name">{escape(name)}</span>'
        f'<span class="bar">{drawn}</span><span class="value">{value}</span></div>'
    )


def chart(table: Table, key: str, title: str, unit: str, wide: bool = False) -> str:
    """A card with a bar for each row, shortest first, in its parts where it has some."""
    rows = sorted(
        (each for each in table.rows if key in each.figures), key=lambda each: each.figures[key]
    )
    if not rows:
        return ""
    scale = 100 / max(each.figures[key].high for each in rows)
    lines = []
    for each in rows:
        figure = each.figures[key]
        pieces = list(each.parts.items()) or [("fill", figure.median)]
        drawn = bar(pieces, figure, scale)
        lines.append(row(each.name, drawn, number(figure.median), is_ours(each.name)))
    kind = "bars wide" if wide else "bars"
    head = f'<h3>{escape(title)}</h3><div class="small">{escape(unit)}</div>'
    return f'{head}<div class="{kind}">{"".join(lines)}</div>'


def cards(charts: Iterable[str]) -> str:
    found = [f'<div class="card">{each}</div>' for each in charts if each]
    return "\n".join(found) or "<p>Not measured.</p>"


def legend(names: Iterable[str]) -> str:
    items = "".join(f'<span><i class="{name}"></i>{name}</span>' for name in names)
    return f'<div class="legend">{items}</div>'


def tables(found: Results, name: str) -> dict[str, Table]:
    section = found.section(name)
    return {table.title: table for table in section.tables} if section else {}


def median(table: Table, name: str, key: str = "cpu_us") -> float:
    value = table.median(name, key)
    if value is None:
        raise ValueError(f"{table.title}: there is no {name}")
    return value


# Conformance


def judged(file: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((COMPAT / file).read_text())
    return found


def http2_share() -> dict[str, tuple[int, int]]:
    """Of each server: the required cases of HTTP/2 passed, and their number."""
    found = judged("results-http2.json")
    every = [name for ids in found["cases"].values() for name in ids]
    required = {name for name in every if not name.startswith(OPTIONAL_CASES)}
    return {
        name.partition(" ")[0]: (len(required - set(server["failed"])), len(required))
        for name, server in found["servers"].items()
    }


def http1_topics() -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """The required cases of HTTP/1.1 by topic, and those that each server fails."""
    found = judged("results.json")
    topics = {t: set(ids) for t, ids in found["cases"]["whole"].items() if t != OPTIONAL_TOPIC}
    return topics, {name: set(each["failed"]["whole"]) for name, each in found["servers"].items()}


def http1_name(name: str) -> str:
    """What a server of the benchmarks is called among those that were judged."""
    return f"{name} (httptools)" if name == "uvicorn" else name


def scores() -> list[list[str]]:
    """A heading, then a row for each server: how many cases it passes; a dash: not judged."""
    by_topic, failed = http1_topics()
    refused, every = by_topic[REFUSED], set().union(*by_topic.values())
    programs, two = http1_programs(), http2_share()
    number_of2 = next(iter(two.values()))[1]
    rows = [
        [
            *("", f"malformed requests refused, of {len(refused)}"),
            *(f"HTTP/1.1 and ASGI, of {len(every)}", f"HTTP/2, of {number_of2}"),
        ]
    ]
    for name in SERVERS:
        missed = failed.get(http1_name(name))
        cells = ["-", "-"]
        if missed is not None:
            whole = "-" if name in programs else str(len(every - missed))
            cells = [str(len(refused - missed)), whole]
        rows.append([name, *cells, str(two[name][0]) if name in two else "-"])
    return rows


def http1_programs() -> set[str]:
    """Those that are not Python servers: they played one topic."""
    return {name for name, each in judged("results.json")["servers"].items() if "topic" in each}


def topics() -> str:
    by_topic, failed = http1_topics()
    programs = http1_programs()
    columns = [*by_topic.items(), ("All", set().union(*by_topic.values()))]
    heads = "".join(f"<th>{escape(title)}, of {len(ids)}</th>" for title, ids in columns)
    lines = [f"<tr><th></th>{heads}</tr>"]
    for name, missed in failed.items():
        cells = [f'<td class="{"ours" if is_ours(name) else ""}">{escape(name)}</td>']
        for title, ids in columns:
            if name in programs and title != REFUSED:
                cells.append('<td class="none">-</td>')
                continue
            share = len(ids & missed) / len(ids)
            kind = ("heat " if share else "") + ("all" if title == "All" else "")
            shade = f' class="{kind}" style="--miss:{60 * share:.0f}%"'
            cells.append(f"<td{shade}>{len(ids - missed)}</td>")
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return f'<div class="scroll"><table>{"".join(lines)}</table></div>'


# HTTP/2


def http2_table() -> tuple[list[str], list[list[str]]]:
    """The heading and the rows of the table with the CPU time of HTTP/2."""
    text = HTTP2.read_text()
    begin = text.index("| load | fastserve |")
    lines = text[begin:].partition("\n\n")[0].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return cells[0], cells[2:]


def http2() -> str:
    head, rows = http2_table()
    lines = ["".join(f"<th>{escape(cell)}</th>" for cell in ["", *head[1:]])]
    for each in rows:
        cells = [f'<td class="words">{escape(each[0])}</td>']
        for name, value in zip(head[1:], each[1:], strict=True):
            kind = "ours" if is_ours(name) else "" if value else "none"
            cells.append(f'<td class="{kind}">{value or "-"}</td>')
        lines.append("".join(cells))
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="scroll"><table>{body}</table></div>'


# The plot's size where it is smallest, on a phone: there labels must not cover each other.
PLOT_WIDTH, PLOT_HEIGHT = 300, 300
LETTER, LINE, GAP, MARGIN = 7.5, 15, 9, 15
Box = tuple[float, float, float, float]


def overlap(one: Box, other: Box) -> float:
    """The area that is in one and in the other."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(width, 0) * max(height, 0)


def label(name: str, x: float, y: float, taken: list[Box]) -> str:
    """The attributes of a point's name, where it covers least. x and y are percentages."""
    left, top, width = x * PLOT_WIDTH / 100, y * PLOT_HEIGHT / 100, LETTER * len(name)
    places = {
        f'dy="{GAP + LINE}" text-anchor="middle"': (left - width / 2, top + GAP),
        f'dy="-{GAP + 3}" text-anchor="middle"': (left - width / 2, top - GAP - LINE),
        f'dx="{GAP + 3}" dy="5"': (left + GAP, top - LINE / 2),
        f'dx="-{GAP + 3}" dy="5" text-anchor="end"': (left - GAP - width, top - LINE / 2),
    }
    boxes = {how: (x, y, x + width, y + LINE) for how, (x, y) in places.items()}
    chosen = min(boxes, key=lambda how: sum(overlap(boxes[how], each) for each in taken))
    taken.append(boxes[chosen])
    return chosen


def http2_scatter() -> str:
    head, rows = http2_table()
    costs = dict(zip((name.partition(" ")[0] for name in head[1:]), rows[0][1:], strict=True))
    points = [
        (name, float(costs[name]), 100 * passed / of)
        for name, (passed, of) in http2_share().items()
        if costs.get(name)
    ]
    return scatter(rows[0][0], points)


def http1_scatter(found: Results) -> str:
    table = tables(found, "field")["GET hello, 64 connections"]
    by_topic, failed = http1_topics()
    refused = by_topic[REFUSED]
    points = [
        (name, cost, 100 - 100 * len(refused & failed[http1_name(name)]) / len(refused))
        for name in SERVERS
        if http1_name(name) in failed and (cost := table.median(name))
    ]
    return scatter(table.title, points)


def scatter(load: str, points: list[tuple[str, float, float]]) -> str:
    """CPU time (logarithmic) against the share of cases passed."""
    points.sort(key=lambda point: not is_ours(point[0]))
    low = math.floor((min(share for *_, share in points) - 4) / 10) * 10
    least, most = min(cost for _, cost, _ in points), max(cost for _, cost, _ in points)

    def across(cost: float) -> float:
        return 18 + 72 * math.log(cost / least) / math.log(most / least)

    def down(share: float) -> float:
        return 8 + 78 * (100 - share) / (100 - low)

    body = []
    for share in range(low, 101, 10 if low >= 50 else 20):
        y = f"{down(share):.1f}%"
        body.append(f'<line x1="3rem" x2="100%" y1="{y}" y2="{y}"/>')
        body.append(f'<text x="0" y="{y}" dy="4">{share}%</text>')
    for cost in (3, 10, 30, 100, 300):
        if 0.8 * least <= cost <= most:
            x = f"{across(cost):.1f}%"
            body.append(f'<text x="{x}" y="97%" text-anchor="middle">{cost} µs</text>')
    places = [(across(cost), down(share)) for _, cost, share in points]
    at = [(x * PLOT_WIDTH / 100, y * PLOT_HEIGHT / 100) for x, y in places]
    taken = [(x - 6, y - 6, x + 6, y + 6) for x, y in at]
    taken.append((PLOT_WIDTH + MARGIN, 0, 2 * PLOT_WIDTH, PLOT_HEIGHT))  # beyond the card
    for (name, _, _), (left, top) in zip(points, places, strict=True):
        ours = is_ours(name)
        at_point = f'x="{left:.1f}%" y="{top:.1f}%" {label(name, left, top, taken)}'
        body.append(
            f"<g{' class=ours' * ours}>"
            f'<circle cx="{left:.1f}%" cy="{top:.1f}%" r="{8 if ours else 6}"/>'
            f'<text class="name" {at_point}>{escape(name)}</text></g>'
        )
    words = "; ".join(f"{name} {number(cost)} µs, {share:.1f}%" for name, cost, share in points)
    return (
        f'<svg class="plot" role="img" aria-label="{escape(words)}">{"".join(body)}</svg>'
        f'<p class="small">{escape(load)}: {escape(words)}.</p>'
    )


# The other sections


def facts(found: Results) -> str:
    hello = tables(found, "field")["GET hello, 64 connections"]
    times = median(hello, "uvicorn") / median(hello, "fastserve")
    by_topic, failed = http1_topics()
    required = set().union(*by_topic.values())
    passed2, of2 = http2_share()["fastserve"]
    parser = tables(found, "parser")["browser GET (696 bytes)"]
    quicker = median(parser, "httptools", "ns") / median(parser, "httpparser batch", "ns")
    each = {
        micro(median(hello, "fastserve")): "of CPU for a small GET, kernel included",
        f"{times:.1f}{TIMES}": "less CPU than uvicorn with httptools on uvloop",
        f"{quicker:.1f}{TIMES}": "less time than httptools to parse a browser's request",
        f"{len(required - failed['fastserve'])} of {len(required)}": "required cases of HTTP/1.1 "
        f"and ASGI passed, and {passed2} of {of2} of HTTP/2",
    }
    return "\n".join(
        f"<div><b>{value}</b><span>{text}</span></div>" for value, text in each.items()
    )


def verdict(found: Results) -> str:
    section = found.section("matrix")
    lines = [line for line in (section.words if section else []) if line.startswith("From ")]
    return escape(" ".join(lines))


def goals_table(found: Results, wheel: Results | None) -> str:
    heads = ["", "rival", "build in place", "wheel", "goal"]
    lines = ["".join(f"<th>{name}</th>" for name in heads)]
    for load, *cells in goals.lines(found, wheel):
        line = "".join(f"<td>{escape(each)}</td>" for each in cells)
        lines.append(f'<td class="words">{escape(load)}</td>{line}')
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="scroll"><table>{body}</table></div>'


def workers(found: Results) -> str:
    each = list(tables(found, "workers").values())
    rate = [chart(table, "rate", "Requests per second", "longer is better") for table in each]
    return cards([*(chart(t, "cpu_us", "CPU time", "µs of CPU per request") for t in each), *rate])


def charts(found: Results, name: str) -> str:
    return cards(
        chart(table, "cpu_us", title, "µs of CPU per request")
        for title, table in tables(found, name).items()
    )


def matrix(found: Results) -> str:
    table = tables(found, "matrix")["GET hello"]
    stacked = Table(table.title, [each for each in table.rows if each.parts])
    return chart(
        stacked,
        "cpu_us",
        "CPU time of a small GET, in its parts",
        "µs of CPU per request",
        wide=True,
    ) + legend(PARTS)


def one(found: Results) -> str:
    table = tables(found, "matrix")["GET hello"]
    ours = table.row("fastserve llhttp uvloop")
    assert ours is not None
    total = sum(ours.parts.values())
    lines = []
    for name, size in ours.parts.items():
        lines.append(
            f'<dt><i class="{name}"></i>{name}</dt><dd>{micro(size)}</dd>'
            f'<dd>{100 * size / total:.0f}%</dd><dd class="what">{MEANING[name]}</dd>'
        )
    drawn = bar(ours.parts.items(), None, 100 / total)
    return f"<h3>{micro(total)}</h3>{drawn}<dl>{''.join(lines)}</dl>"


def parsers(found: Results) -> str:
    """h11 has no bar: the others' would be too short to see."""
    charts = []
    for title, table in tables(found, "parser").items():
        quick = Table(table.title, [each for each in table.rows if each.name != "h11"])
        slow = number(median(table, "h11", "ns"))
        note = f'<div class="small">h11, in plain Python: {slow} ns</div>'
        charts.append(chart(quick, "ns", title, "ns per message") + note)
    return cards(charts)


def websocket(found: Results) -> str:
    return cards(
        chart(table, "cpu_us", title, "µs of CPU per message")
        for title, table in tables(found, "websocket").items()
    )


def memory(found: Results) -> str:
    """Without those of 64 connections, whose bytes are coarse."""
    every = {t: each for t, each in tables(found, "memory").items() if not t.startswith("64 ")}
    drawn = [chart(each, "bytes", title, "bytes per connection") for title, each in every.items()]
    for title, table in [item for item in every.items() if "idle HTTP" in item[0]][-1:]:
        drawn.append(chart(table, "open_us", f"{title}: to open one", "µs of CPU per connection"))
    return cards(drawn)


def loop(found: Results) -> str:
    section = found.section("loop")
    lines = ["<tr><th></th><th>today</th><th></th></tr>"]
    for words in section.words if section else []:
        known = re.fullmatch(r"(.+): ([\d.]+) times; (.+)\.", words)
        if known:
            what, times, outcome = known.groups()
            kind = "" if outcome == "no more" else ' class="ours"'
            lines.append(
                f'<tr><td class="words">{escape(what)}</td><td>{times}{TIMES}</td>'
                f"<td{kind}>{escape(outcome)}</td></tr>"
            )
    return f'<div class="scroll"><table>{"".join(lines)}</table></div>'


def left_out(found: Results) -> str:
    """Who has no bar under a load, and why."""
    notes = [
        f"{row.name} ({table.title}: {row.note.removeprefix('left out: ')})"
        for section in found.sections
        for table in section.tables
        for row in table.rows
        if not row.figures
    ]
    return f"<p>Without a bar: {escape('; '.join(notes))}.</p>" if notes else ""


def about(found: Results) -> str:
    machine = found.machine
    versions = ", ".join(f"{name} {version}" for name, version in found.versions.items())
    results, results2 = judged("results.json"), judged("results-http2.json")
    return (
        f"<p>Measured on {found.date[:10]} at revision {escape(found.revision)}: "
        f"{escape(machine['processor'])}, {machine['cores']} cores, {escape(machine['system'])}, "
        f"CPython {machine['python']}; load of the machine before: "
        f"{machine['load before']}. Conformance was judged on {results['date']} (HTTP/1.1) and "
        f"{results2['date']} (HTTP/2); servers that the tables do not name were not judged.</p>"
        f"{left_out(found)}<p>{escape(versions)}.</p>"
        "<p>benchmarks/README.md says how it is measured. <code>make bench</code> repeats it on "
        "your machine, <code>python -m benchmarks.report</code> makes this page.</p>"
    )


def parts(found: Results, wheel: Results | None) -> Iterator[tuple[str, str]]:
    yield from {
        "facts": facts(found),
        "http1_scatter": http1_scatter(found),
        "http2_scatter": http2_scatter(),
        "topics": topics(),
        "field": charts(found, "field"),
        "tls": charts(found, "tls"),
        "apps": charts(found, "apps"),
        "goals": goals_table(found, wheel),
        "workers": workers(found),
        "verdict": verdict(found),
        "matrix": matrix(found),
        "one": one(found),
        "parsers": parsers(found),
        "http2": http2(),
        "websocket": websocket(found),
        "growth": charts(found, "growth"),
        "memory": memory(found),
        "loop": loop(found),
        "about": about(found),
    }.items()


def made(found: Results, wheel: Results | None = None) -> str:
    """The page. Its mark `<!-- site -->` is for the documentation site's link back."""
    text = TEMPLATE.read_text()
    for name, html in parts(found, wheel):
        mark = f"<!-- {name} -->"
        if mark not in text:
            raise ValueError(f"report_page.html has no place for {name}")
        text = text.replace(mark, html)
    return text


def write(found: Results, wheel: Results | None) -> None:
    PAGE.write_text(made(found, wheel))
