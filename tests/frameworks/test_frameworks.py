"""The frameworks that are installed here come out on fastserve as on uvicorn.

`python tests/frameworks/run.py` plays all of them.
"""

import re
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from comparison import compare

CASES = Path(__file__).parent / "cases"
QUICK = ("starlette", "fastapi", "django", "blacksheep", "sanic")


def missing(case):
    """What the case needs and is not installed."""
    lines = (CASES / case / "requirements.txt").read_text().splitlines()
    names = [re.split(r"[\[<>=]", line)[0] for line in lines]
    return [name for name in names if not installed(name)]


def installed(name):
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


@pytest.mark.parametrize("case", QUICK)
def test_it_comes_out_as_on_uvicorn(case):
    if absent := missing(case):
        pytest.skip(f"not installed: {', '.join(absent)}")
    outcome = compare(case, sys.executable)
    assert outcome.steps > 5
    assert not outcome.problems, "\n\n".join(outcome.problems)
