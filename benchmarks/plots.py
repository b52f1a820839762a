"""Plots as SVG: bars with their spread, stacked bars, lines. Colours are CSS classes."""

import math
from html import escape

from benchmarks.results import Lines, Stack, Table

WIDTH, LEFT, RIGHT, ROW = 800, 240, 120, 26
PARTS = ("kernel", "loop", "parser", "app", "server")
OURS = ("fastserve", "httpparser")


def bars(table: Table, key: str, unit: str) -> str:
    """A horizontal bar per row, shortest first; a thin line from the least to the greatest."""
    rows = [row for row in table.rows if key in row.figures and not row.refused]
    if not rows:
        return ""
    rows.sort(key=lambda row: row.figures[key].median)
    scale = _Scale(max(row.figures[key].high for row in rows))
    height = ROW * len(rows) + 42
    body = [scale.grid(height - 36, unit)]
    for at, row in enumerate(rows):
        figure, y = row.figures[key], 6 + at * ROW
        middle, end = y + ROW / 2 - 3, scale.x(figure.median)
        kind = "ours" if row.name.startswith(OURS) else "other"
        label = _number(figure.median)
        if "ratio" in row.figures and row.name != table.baseline:
            label += f"  ({row.figures['ratio'].median:.2f}x)"
        low, high = scale.x(figure.low), scale.x(figure.high)
        body += [
            f"<g><title>{escape(row.name)}: {_number(figure.median)} {unit} "
            f"({_number(figure.low)} to {_number(figure.high)})</title>",
            _text(LEFT - 8, middle + 4, row.name, "end", "strong" if kind == "ours" else ""),
            f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{end - LEFT:.1f}" '
            f'height="{ROW - 8}"/>',
            f'<path class="spread" d="M{low:.1f} {middle:.1f}H{high:.1f}"/>',
            _text(max(end, high) + 6, middle + 4, label),
            "</g>",
        ]
    return _svg(height, f"{table.title}, {unit}", body)


def stacked(title: str, stacks: list[Stack]) -> str:
    """A bar per row made of the parts of a request's CPU time."""
    if not stacks:
        return ""
    stacks = sorted(stacks, key=lambda stack: sum(stack.parts.values()))
    scale = _Scale(max(sum(stack.parts.values()) for stack in stacks))
    height = ROW * len(stacks) + 42
    body = [scale.grid(height - 36, "us of server CPU per request")]
    for at, stack in enumerate(stacks):
        x, y = 0.0, 6 + at * ROW
        body.append(_text(LEFT - 8, y + ROW / 2 + 1, stack.name, "end"))
        for part, size in stack.parts.items():
            kind = PARTS.index(part) if part in PARTS else len(PARTS)
            left, right = scale.x(x), scale.x(x + size)
            x += size
            body.append(
                f'<rect class="part{kind}" x="{left:.1f}" y="{y}" '
                f'width="{max(right - left - 1, 0.5):.1f}" height="{ROW - 8}">'
                f"<title>{escape(stack.name)}, {part}: {size:.2f} us</title></rect>"
            )
        body.append(_text(scale.x(x) + 6, y + ROW / 2 + 1, f"{x:.1f}"))
    return _svg(height, f"{title}: parts of a request", body)


def lines(found: Lines) -> str:
    """Curves with both axes logarithmic; each is named at its end."""
    points = [point for curve in found.curves.values() for point in curve]
    if not points:
        return ""
    height, bottom, top = 380, 340, 16
    across = _Log(min(x for x, _ in points), max(x for x, _ in points), 60, WIDTH - 170)
    up = _Log(min(y for _, y in points), max(y for _, y in points), bottom, top)
    body = [_text(60, height - 4, found.x), _text(4, 12, found.y)]
    for value in up.ticks():
        body += [
            f'<path class="grid" d="M60 {up.at(value):.1f}H{WIDTH - 170}"/>',
            _text(54, up.at(value) + 4, f"{value:g}", "end"),
        ]
    for value in sorted({x for x, _ in points}):
        body.append(_text(across.at(value), bottom + 18, f"{value:g}", "middle"))
    ends = _apart({name: up.at(curve[-1][1]) for name, curve in found.curves.items()})
    for number, (name, curve) in enumerate(found.curves.items()):
        places = [(across.at(x), up.at(y)) for x, y in curve]
        route = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
        body.append(f'<path class="line line{number % 9}" d="{route}"/>')
        body += [
            f'<circle class="dot line{number % 9}" cx="{px:.1f}" cy="{py:.1f}" r="3">'
            f"<title>{escape(name)}, {x:g} {found.x}: {y:.3g} {found.y}</title></circle>"
            for (px, py), (x, y) in zip(places, curve, strict=True)
        ]
        kind = "strong" if name.startswith(OURS) else ""
        body.append(_text(places[-1][0] + 8, ends[name] + 4, name, "start", kind))
    return _svg(height, found.title, body)


class _Scale:
    """From nothing to the largest value, on round steps."""

    def __init__(self, largest: float) -> None:
        self.largest = largest or 1.0
        rough = self.largest / 5
        unit = 10 ** math.floor(math.log10(rough))
        self.step = next(unit * k for k in (1, 2, 5, 10) if unit * k >= rough)

    def x(self, value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * value / self.largest

    def grid(self, bottom: float, unit: str) -> str:
        marks = []
        value = 0.0
        while value <= self.largest:
            x = self.x(value)
            marks.append(f'<path class="grid" d="M{x:.1f} 0V{bottom:.1f}"/>')
            marks.append(_text(x, bottom + 14, f"{value:g}", "middle"))
            value += self.step
        return "".join(marks) + _text(LEFT, bottom + 30, unit)


class _Log:
    """A logarithmic axis between two places."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self.low, self.start, self.end = math.log(low), start, end
        self.span = (math.log(high) - self.low) or 1.0

    def at(self, value: float) -> float:
        return self.start + (self.end - self.start) * (math.log(value) - self.low) / self.span

    def ticks(self) -> list[float]:
        powers = range(-4, 7)
        every = [digit * 10.0**power for power in powers for digit in (1, 2, 5)]
        return [v for v in every if self.low - 1e-9 <= math.log(v) <= self.low + self.span + 1e-9]


def _apart(places: dict[str, float], least: float = 14) -> dict[str, float]:
    """The same places in the same order, moved so that labels do not cover one another."""
    found: dict[str, float] = {}
    last = -math.inf
    for name, y in sorted(places.items(), key=lambda item: item[1]):
        last = max(y, last + least)
        found[name] = last
    return found


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _text(x: float, y: float, text: str, anchor: str = "start", kind: str = "") -> str:
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
    )


def _svg(height: float, title: str, body: list[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(title)}">'
        f"{''.join(body)}</svg>"
    )
