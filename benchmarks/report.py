"""One self-contained HTML page: the verdict, then plots with their numbers under them."""

import json
from html import escape
from pathlib import Path

from benchmarks import plots, tables
from benchmarks.results import Results, Section, Stack, Table

# What a table's plot shows, the first key that it has.
PLOTTED = {
    "cpu_us": "us of server CPU per {unit}",
    "instructions": "instructions per {unit}",
    "ns": "ns per {unit}",
    "ns_per_header": "ns per {unit}",
    "bytes": "bytes per {unit}",
}

STYLE = (
    """
:root { --ink: #1c2024; --soft: #5b6570; --rule: #d9dee3; --page: #fff; --panel: #f6f8fa;
  --ours: #d9480f; --other: #7d8ea0;
  --c0: #8594a3; --c1: #2f6fb5; --c2: #d9480f; --c3: #3a9a5c; --c4: #8a5cc2;
  --c5: #b8860b; --c6: #0e8a8a; --c7: #c2407a; --c8: #555; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ec; --soft: #9aa6b2; --rule: #333b44;
  --page: #14181c; --panel: #1c2127; --ours: #ff8a4c; --other: #71839a;
  --c0: #71808f; --c1: #5b9be0; --c2: #ff8a4c; --c3: #5cc482; --c4: #b08be6;
  --c5: #dcae3c; --c6: #3cc0c0; --c7: #ea78ab; --c8: #bbb; } }
body { font: 16px/1.55 system-ui, sans-serif; color: var(--ink); background: var(--page);
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.7rem; } h2 { margin-top: 3rem; border-top: 1px solid var(--rule);
  padding-top: 1.5rem; } h3 { margin: 2rem 0 .3rem; }
nav a { margin-right: 1rem; } a { color: var(--c1); }
svg { width: 100%; height: auto; display: block; }
svg text { font: 12px system-ui, sans-serif; fill: var(--soft); }
svg text.strong { fill: var(--ink); font-weight: 600; }
.grid { stroke: var(--rule); } .spread { stroke: var(--ink); stroke-width: 1.5; }
.ours { fill: var(--ours); } .other { fill: var(--other); }
.line { fill: none; stroke-width: 2; } .dot { stroke: none; }
"""
    + "\n".join(
        f".part{n} {{ fill: var(--c{n}); }} path.line{n} {{ stroke: var(--c{n}); }} "
        f"circle.line{n} {{ fill: var(--c{n}); }}"
        for n in range(9)
    )
    + """
.legend span { margin-right: 1.2rem; } .legend i { display: inline-block; width: .8em;
  height: .8em; margin-right: .35em; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .85rem;
  font-variant-numeric: tabular-nums; margin: .5rem 0 1.5rem; }
th, td { padding: .2rem .7rem .2rem 0; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--rule); } th:first-child, td:first-child { text-align: left; }
tr.note td { color: var(--soft); white-space: normal; font-size: .78rem; padding-left: 1rem; }
tr.ours td:first-child { font-weight: 600; }
pre, .panel { background: var(--panel); padding: .8rem 1rem; overflow-x: auto; border-radius: 4px; }
.soft { color: var(--soft); font-size: .9rem; }
"""
)


def write(results: Results, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(results))


def page(results: Results) -> str:
    links = " ".join(
        f'<a href="#s{at}">{escape(each.title)}</a>' for at, each in enumerate(results.sections)
    )
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        '<meta name=viewport content="width=device-width, initial-scale=1">',
        f"<title>fastserve benchmarks, {escape(results.date[:10])}</title><style>{STYLE}</style>",
        "<h1>Does the parser or the loop govern throughput?</h1>",
        f"<p class=soft>{escape(results.date)}, revision {escape(results.revision)}</p>",
        _verdict(results),
        f"<nav>{links}</nav>",
        *(_section(at, each) for at, each in enumerate(results.sections)),
        _method(results),
        f'<script type="application/json" id="settings">{json.dumps(results.settings)}</script>',
    ]
    return "\n".join(parts) + "\n</html>\n"


def _verdict(results: Results) -> str:
    matrix = next((each for each in results.sections if each.name == "matrix"), None)
    if matrix is None or not matrix.words:
        return ""
    words = [word for word in matrix.words if word.startswith(("From", "No verdict"))]
    return f"<p class=panel><strong>{'<br>'.join(map(escape, words))}</strong></p>"


def _section(at: int, section: Section) -> str:
    parts = [f"<h2 id=s{at}>{escape(section.title)}</h2>"]
    if section.words:
        parts.append("<ul>" + "".join(f"<li>{escape(word)}" for word in section.words) + "</ul>")
    for table in section.tables:
        parts += [f"<h3>{escape(table.title)}</h3>", _plot(table), _numbers(table)]
        if stacks := section.stacks.get(table.title):
            parts += _stacks(table.title, stacks)
    for each in section.lines:
        parts += [f"<h3>{escape(each.title)}</h3>", plots.lines(each)]
    if section.left_out:
        rows = "".join(f"<li>{escape(k)}: {escape(v)}" for k, v in section.left_out.items())
        parts.append(f"<p class=soft>Left out:</p><ul class=soft>{rows}</ul>")
    return "\n".join(parts)


def _plot(table: Table) -> str:
    for key, unit in PLOTTED.items():
        if any(key in row.figures for row in table.rows):
            return plots.bars(table, key, unit.format(unit=table.unit))
    return ""


def _numbers(table: Table) -> str:
    keys = tables.columns(table)
    head = "".join(f"<th>{escape(tables.COLUMNS[key][0])}" for key in keys)
    rows = []
    for row in table.rows:
        kind = "ours" if row.name.startswith(plots.OURS) else ""
        cells = "".join(f"<td>{escape(tables.cell(row, key))}" for key in keys)
        notes = "; ".join(filter(None, [row.refused, *row.notes]))
        rows.append(f"<tr class='{kind}'><td>{escape(row.name)}{cells}")
        if notes:
            rows.append(f"<tr class=note><td colspan={len(keys) + 1}>{escape(notes)}")
    return f"<div class=scroll><table><tr><th>{head}{''.join(rows)}</table></div>"


def _stacks(title: str, stacks: list[Stack]) -> list[str]:
    """All of them, then those that a slow one makes too short to be read, and the numbers."""
    longest = max(sum(stack.parts.values()) for stack in stacks)
    shorter = [stack for stack in stacks if sum(stack.parts.values()) < longest / 3]
    parts = [_legend(), plots.stacked(title, stacks), plots.stacked(title, shorter)]
    head = "".join(f"<th>{part}" for part in plots.PARTS)
    rows = "".join(
        f"<tr><td>{escape(stack.name)}"
        + "".join(f"<td>{stack.parts.get(part, 0):.2f}" for part in plots.PARTS)
        for stack in stacks
    )
    return [*parts, f"<div class=scroll><table><tr><th>us of CPU{head}{rows}</table></div>"]


def _legend() -> str:
    marks = "".join(
        f'<span><i style="background: var(--c{at})"></i>{part}</span>'
        for at, part in enumerate(plots.PARTS)
    )
    return f"<p class='legend soft'>{marks}</p>"


def _method(results: Results) -> str:
    facts = {**results.machine, **results.versions}
    rows = "".join(f"<tr><td>{escape(k)}<td>{escape(str(v))}" for k, v in facts.items())
    plan = results.settings
    return f"""<h2>Method, machine, versions</h2>
<p>The server is pinned to one core and the client to another. In each of {plan["rounds"]} rounds
every contestant is woken, measured for {plan["seconds"]} s or more and stopped (SIGSTOP) again;
the order shifts with each round. The first figure is the server's time on a processor by the
scheduler's clock, over all its processes and threads, divided by the requests answered, over those
slices of a measurement, 50 ms or longer, in which a loop that runs beside it showed that the core
was left alone: a measurement goes on until it has {plan.get("quiet", 0)} s of these, or the next
round adds what is missing. A ratio is the baseline's figure over the row's: the mean of the two
readings of the baseline around it, which is measured before and after every four others.
Every figure is the median of the rounds,
the range in brackets their least and greatest; the thin line in a bar is the same range. A row is
refused when its median is not known within {plan["spread"]:.0%}, end to end and with a confidence
of 90% (by the order of its rounds), after up to {plan.get("extra", 0)} further ones, or when there
were errors; rate and latencies are refused when the server was not saturated, and the note says by
whom. A measurement during which others used more than {plan["foreign"]:.0%} of a core does not
count.</p>
<pre>{escape(results.command)}</pre>
<div class=scroll><table>{rows}</table></div>"""
