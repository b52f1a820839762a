"""docs/parser.md names everything that a caller may meet."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import httpparser
from httpparser import HttpParserError, Leniency, Limits

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "parser.md").read_text()
SOURCES = [*(ROOT / "httpparser").rglob("*.pyx"), *(ROOT / "httpparser").rglob("*.py")]
ERRORS = [
    found
    for name in httpparser.__all__
    if inspect.isclass(found := getattr(httpparser, name)) and issubclass(found, HttpParserError)
]
LIMITS = re.findall(r"(\w+)=", repr(Limits()))
CODES = {
    f"LIMIT_{name.upper()}" for name in LIMITS
} | {
    code for path in SOURCES for code in re.findall(r'code="([A-Z_0-9]+)"', path.read_text())
    if not code.startswith("HPE_")
}  # fmt: skip


@pytest.mark.parametrize("name", httpparser.__all__)
def test_every_export(name: str) -> None:
    assert name.startswith("__") or re.search(rf"\b{name}\b", PAGE)


@pytest.mark.parametrize("error", ERRORS)
def test_every_error_with_its_status(error: type[HttpParserError]) -> None:
    rows = [row for row in PAGE.splitlines() if f"`{error.__name__}`" in row]
    assert any(f"| {error.status} |" in row for row in rows)


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code(code: str) -> None:
    assert f"`{code}`" in PAGE


@pytest.mark.parametrize("name", LIMITS)
def test_every_limit_with_its_default(name: str) -> None:
    (row,) = re.findall(
        rf"^\| `{name}`.*\| (\w+) \| `\w+` \| `LIMIT_{name.upper()}`", PAGE, re.MULTILINE
    )
    default = re.search(rf"\b{name}=(\d+)", repr(Limits()))
    assert default is not None
    assert row == (default[1] if default[1] != "0" else "none")


@pytest.mark.parametrize("flag", list(Leniency))
def test_every_leniency_with_its_danger(flag: Leniency) -> None:
    assert re.search(rf"^\| `{flag.name}` \| [^|]+ \| [^|]+ \|$", PAGE, re.MULTILINE)


def test_the_typed_loop_passes_mypy(tmp_path: Path) -> None:
    loop = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert loop is not None
    program = tmp_path / "loop.py"
    given = "from typing_extensions import assert_type\nimport httpparser\ndata = b''\n"
    checked = loop[1].replace("print(event.method", "assert_type(event, httpparser.RequestHead)\n" + 12 * " " + "print(event.method")  # fmt: skip
    assert checked != loop[1]
    program.write_text(given + checked)
    result = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", f"--cache-dir={tmp_path}", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
