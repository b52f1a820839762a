"""Bars, and lines of growth, as one SVG file each."""

import math
from html import escape
from pathlib import Path

from benchmarks.results import Row, Table, number

WIDTH, LEFT, RIGHT, ROW = 800, 260, 130, 26
# fmt: off
PARTS = {
    "kernel": "#adb5bd", "loop": "#4c8dd6", "parser": "#d9480f", "app": "#8c6bb1",
    "server": "#e8a33d",
}
# fmt: on
STYLE = """text { font: 12px system-ui, sans-serif; fill: #5b6570; }
text.strong { fill: #1c2024; font-weight: 600; } .spread { stroke: #1c2024; stroke-width: 1.5; }
path.line { fill: none; stroke-width: 2; } path.ours { stroke: #d9480f; }
path.other { stroke: #7d8ea0; } .grid { stroke: #adb5bd; stroke-width: .5; }
.ours { fill: #d9480f; } .other { fill: #7d8ea0; } .paper { fill: #fff; }
@media (prefers-color-scheme: dark) {
  text { fill: #a3adb8; } text.strong { fill: #e9ebee; } .spread { stroke: #e9ebee; }
  path.ours { stroke: #ff7a33; } .ours { fill: #ff7a33; } .other { fill: #6d7b8a; }
  .paper { fill: none; }
}"""


def draw(table: Table, key: str, unit: str, path: Path) -> None:
    """A bar for each row, shortest first, in its parts where it has some; a line for the range."""
    rows = [row for row in table.rows if key in row.figures]
    rows.sort(key=lambda row: row.figures[key].median)
    if not rows:
        return
    height = ROW * len(rows) + 46
    scale = (WIDTH - LEFT - RIGHT) / max(row.figures[key].high for row in rows)
    heading = f"{table.title}: {unit}" + f" (times less than {table.baseline})" * bool(
        table.baseline
    )
    body = [_text(8, 16, heading, kind="strong")]
    if any(row.parts for row in rows):
        for at, (part, colour) in enumerate(PARTS.items()):
            x = LEFT + at * 90
            body.append(f'<rect x="{x}" y="{height - 14}" width="10" height="10" fill="{colour}"/>')
            body.append(_text(x + 15, height - 5, part))
    for at, row in enumerate(rows):
        body += _bar(row, key, table.baseline, scale, 26 + at * ROW)
    _write(path, table.title, height, body)


def draw_growth(tables: list[Table], path: Path) -> None:
    """A line for each server over the connections, which each title begins with.

    The axis of the connections is logarithmic, that of the CPU time begins at zero.
    """
    at = {int(each.title.split()[0].replace(",", "")): each for each in tables}
    costs = {
        row.name: {n: cost for n, each in at.items() if (cost := each.median(row.name))}
        for each in tables
        for row in each.rows
    }
    costs = {name: each for name, each in costs.items() if len(each) > 1}
    if not costs:
        return
    top, bottom, left, right = 40, 340, 50, WIDTH - 140
    least, most = math.log(min(at)), math.log(max(at))
    highest = max(cost for each in costs.values() for cost in each.values())

    def x(number_of: int) -> float:
        return left + (right - left) * (math.log(number_of) - least) / (most - least)

    def y(cost: float) -> float:
        return bottom - (bottom - top) * cost / highest

    body = [_text(8, 16, "us of server CPU per request, by busy connections", kind="strong")]
    for cost in range(0, int(highest) + 1, 10):
        body.append(f'<path class="grid" d="M{left} {y(cost):.1f}H{right}"/>')
        body.append(_text(left - 8, y(cost) + 4, str(cost), "end"))
    body += [_text(x(each), bottom + 20, f"{each:,}", "middle") for each in at]
    below = float(bottom + 15)  # where the last name stands: names must not cover each other
    for name, each in sorted(costs.items(), key=lambda item: item[1][max(item[1])]):
        ours = name.startswith("fastserve")
        points = "L".join(f"{x(n):.1f} {y(cost):.1f}" for n, cost in sorted(each.items()))
        body.append(f'<path class="line {"ours" if ours else "other"}" d="M{points}"/>')
        below = min(below - 15, y(each[max(each)]) + 4)
        words = f"{name}  {number(each[max(each)])}"
        body.append(_text(x(max(each)) + 8, below, words, kind="strong" if ours else ""))
    _write(path, "growth with the connections", bottom + 36, body)


def _write(path: Path, title: str, height: int, body: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" viewBox="0 0 {WIDTH} {height}" '
        f'role="img" aria-label="{escape(title)}"><style>{STYLE}</style>\n'
        '<rect class="paper" width="100%" height="100%"/>\n' + "\n".join(body) + "\n</svg>\n"
    )


def _bar(row: Row, key: str, baseline: str, scale: float, y: int) -> list[str]:
    figure, middle = row.figures[key], y + ROW / 2 - 4
    kind = "ours" if row.name.startswith("fastserve") else "other"
    label = number(figure.median)
    if "ratio" in row.figures and row.name != baseline:
        label += f"  ({number(row.figures['ratio'].median)}x)"
    parts = {f'fill="{PARTS[part]}"': size for part, size in row.parts.items()}
    body = [_text(LEFT - 8, middle + 4, row.name, "end", "strong" if kind == "ours" else "")]
    x = 0.0
    for fill, size in (parts or {f'class="{kind}"': figure.median}).items():
        place = f'x="{LEFT + x * scale:.1f}" y="{y}" width="{size * scale:.1f}"'
        body.append(f'<rect {fill} {place} height="{ROW - 8}"/>')
        x += size
    low, high = LEFT + figure.low * scale, LEFT + figure.high * scale
    body.append(f'<path class="spread" d="M{low:.1f} {middle:.1f}H{high:.1f}"/>')
    return [*body, _text(max(LEFT + x * scale, high) + 6, middle + 4, label)]


def _text(x: float, y: float, text: str, anchor: str = "start", kind: str = "") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text class="{kind}" {place}>{escape(text)}</text>'
