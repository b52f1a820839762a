"""Bars as one SVG file."""

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
.ours { fill: #d9480f; } .other { fill: #7d8ea0; } .paper { fill: #fff; }
@media (prefers-color-scheme: dark) {
  text { fill: #a3adb8; } text.strong { fill: #e9ebee; } .spread { stroke: #e9ebee; }
  .ours { fill: #ff7a33; } .other { fill: #6d7b8a; } .paper { fill: none; }
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
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" viewBox="0 0 {WIDTH} {height}" '
        f'role="img" aria-label="{escape(table.title)}"><style>{STYLE}</style>\n'
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
