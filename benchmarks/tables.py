"""Results as text: the tables that are printed in a terminal."""

from benchmarks.results import Figure, Results, Row, Section, Table, agree, differences

# In the order of the columns: key -> (heading, digits)
COLUMNS = {
    "ratio": ("ratio", 2),
    "at_least": ("at least", 2),
    "cpu_us": ("CPU us", 2),
    "rate": ("per second", 0),
    "p50_us": ("p50 us", 0),
    "p99_us": ("p99 us", 0),
    "memory_mb": ("MB", 1),
    "instructions": ("instructions", 0),
    "ns": ("ns", 0),
    "mb_per_s": ("MB/s", 0),
    "ns_per_header": ("ns/header", 1),
    "ns_fixed": ("ns fixed", 0),
    "bytes": ("bytes", 0),
    "before_us": ("before, us", 1),
    "after_us": ("after, us", 1),
    "parser_share": ("parser %", 0),
    "server_share": ("server %", 0),
    "loop_share": ("loop %", 0),
}
SPREAD = (
    "cpu_us",
    "ns",
    "ratio",
    "parser_share",
    "server_share",
    "loop_share",
)  # printed with their least and greatest


def columns(table: Table) -> list[str]:
    return [key for key in COLUMNS if any(key in row.figures for row in table.rows)]


def cell(row: Row, key: str) -> str:
    """The median, and its spread where that matters; a refusal stands in the notes."""
    figure = row.figures.get(key)
    if row.refused or figure is None:
        return "-"
    digits = COLUMNS[key][1]
    text = f"{figure.median:,.{digits}f}"
    if key in SPREAD and figure.low != figure.high:
        text += f" ({_range(figure, digits)})"
    return text


def _range(figure: Figure, digits: int) -> str:
    between = " to " if figure.low < 0 else "-"
    return f"{figure.low:,.{digits}f}{between}{figure.high:,.{digits}f}"


def lines(table: Table) -> list[str]:
    keys = columns(table)
    heading = ["", *(COLUMNS[key][0] for key in keys), ""]
    body = [
        [
            row.name,
            *(cell(row, key) for key in keys),
            "; ".join([row.refused, *row.notes]).strip("; "),
        ]
        for row in table.rows
    ]
    widths = [max(len(line[at]) for line in [heading, *body]) for at in range(len(heading))]
    found = [f"{table.title}  (per {table.unit})"]
    for line in [heading, *body]:
        name, *figures, note = line
        middle = "  ".join(f"{text:>{w}}" for text, w in zip(figures, widths[1:-1], strict=True))
        found.append(f"  {name:<{widths[0]}}  {middle}  {note}".rstrip())
    return found


def show(section: Section) -> None:
    print(f"\n=== {section.title}\n")
    for table in section.tables:
        print("\n".join(lines(table)), end="\n\n")
    for word in section.words:
        print(f"- {word}")
    for name, reason in section.left_out.items():
        print(f"- left out: {name}: {reason}")


def show_differences(old: Results, new: Results) -> bool:
    """Print each ratio of both runs; whether all agree."""
    found = differences(old, new)
    print(f"\n=== Compared with the run of {old.date} ({old.revision})\n")
    width = max((len(name) for name, _, _ in found), default=0)
    for name, before, now in found:
        mark = "" if agree(before, now) else "  differs by more than 10%"
        print(f"  {name:<{width}}  {before:6.2f}  {now:6.2f}  {now / before - 1:+7.1%}{mark}")
    apart = [name for name, before, now in found if not agree(before, now)]
    print(f"\n{len(found) - len(apart)} of {len(found)} ratios agree within 10%.")
    return bool(found) and not apart
