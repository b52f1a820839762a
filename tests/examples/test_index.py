"""examples/README.md lists every example, and only what is there."""

import re
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_every_example_has_a_row():
    rows = re.findall(r"^\| \[(.+?)\]\((.+?)\) \|", (EXAMPLES / "README.md").read_text(), re.M)
    folders = {path.parent.name for path in EXAMPLES.glob("*/*.py")}
    files = {path.name for path in EXAMPLES.glob("*.py")}
    assert all((EXAMPLES / link).exists() for _, link in rows)
    assert {link.partition("/")[0] for _, link in rows} == folders | files
