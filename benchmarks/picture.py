"""The matrix as one SVG file: `python -m benchmarks.picture RESULTS.json OUT.svg`."""

from dataclasses import replace
from pathlib import Path

import click

from benchmarks import plots, results

LOAD = "browser's 14 headers"
STYLE = """text { font: 12px system-ui, sans-serif; fill: #5b6570; }
text.strong { fill: #1c2024; font-weight: 600; } .page { fill: #fff; }
.grid { stroke: #d9dee3; } .spread { stroke: #1c2024; stroke-width: 1.5; }
.ours { fill: #d9480f; } .other { fill: #7d8ea0; }"""


def picture(found: results.Results) -> str:
    """Every parser on every loop under fastserve, and both loops' floors, for one load."""
    tables = [table for section in found.sections if section.name == "matrix"
              for table in section.tables if table.title == LOAD]  # fmt: skip
    if not tables:
        raise click.ClickException(f"these results have no matrix with {LOAD!r}")
    kept = [row for row in tables[0].rows if row.name.startswith(("fastserve", "uvicorn"))]
    plot = plots.bars(replace(tables[0], rows=kept), "cpu_us", "us of server CPU per request")
    opening = '<svg xmlns="http://www.w3.org/2000/svg" width="800"'
    page = '<rect class="page" width="100%" height="100%"/>'
    start, _, rest = plot.partition(">")
    return f"{start.replace('<svg', opening, 1)}><style>{STYLE}</style>{page}{rest}\n"


@click.command()
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
def main(source: Path, target: Path) -> None:
    """Draw the matrix of a run."""
    target.write_text(picture(results.load(source)))


if __name__ == "__main__":
    main()
