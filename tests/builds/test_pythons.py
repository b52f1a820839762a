"""The Pythons that are supported: the same list in pyproject.toml and in CI's workflows."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
WORKFLOWS = ROOT / ".github" / "workflows"
# Tested, but without wheels: the free-threaded 3.13 was an experiment of CPython (PEP 779 made it a
# supported build with 3.14), for which cibuildwheel and most projects build nothing.
WITHOUT_WHEELS = {"3.13t"}


def workflow(name: str) -> dict[str, Any]:
    if not WORKFLOWS.exists():
        pytest.skip("not a clone")
    found: dict[str, Any] = yaml.safe_load((WORKFLOWS / name).read_text())
    return found


def matrix() -> set[str]:
    return set(workflow("tests.yml")["jobs"]["linux"]["strategy"]["matrix"]["python"])


def built() -> set[str]:
    """'cp314t-*' is '3.14t'."""
    names = PYPROJECT["tool"]["cibuildwheel"]["build"]
    return {re.sub(r"cp3(\d+)(t?)-\*", r"3.\1\2", name) for name in names}


def classified() -> set[str]:
    found = re.findall(r"Python :: (3\.\d+)", "\n".join(PYPROJECT["project"]["classifiers"]))
    return set(found)


def test_each_python_that_gets_a_wheel_is_tested() -> None:
    assert matrix() == built() | WITHOUT_WHEELS


def test_the_classifiers_are_the_pythons_with_wheels() -> None:
    assert classified() == {name for name in built() if not name.endswith("t")}
    assert PYPROJECT["project"]["requires-python"] == f">={min(classified())}"


def test_the_matrix_has_strings() -> None:
    """Unquoted, 3.10 would be 3.1."""
    for job in workflow("tests.yml")["jobs"].values():
        for name in job.get("strategy", {}).get("matrix", {}).get("python", ()):
            assert isinstance(name, str)


def test_ci_runs_what_the_readme_says() -> None:
    """Nothing is installed by hand: what the tests need, `make test` installs."""
    runs = {
        step["run"]
        for job in workflow("tests.yml")["jobs"].values()
        for step in job["steps"]
        if "run" in step
    }
    assert runs == {"make test", "make lint"}
    assert "make test" in (ROOT / "README.md").read_text()


def test_one_version_of_each_action() -> None:
    used: dict[str, set[str]] = {}
    for name in ("tests.yml", "wheels.yml"):
        for job in workflow(name)["jobs"].values():
            for step in job["steps"]:
                if "uses" in step:
                    action, version = step["uses"].split("@")
                    used.setdefault(action, set()).add(version)
    assert {action: versions for action, versions in used.items() if len(versions) > 1} == {}
