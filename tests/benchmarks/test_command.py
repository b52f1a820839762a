"""`python -m benchmarks`: what it runs and where the results go."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from benchmarks import __main__ as command
from benchmarks import results
from benchmarks.machine import ROOT
from benchmarks.results import Figure, Row, Section, Table


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Runs the command with two sections that find little; returns the plans that they had."""
    plans = []

    def section(name):
        def measure(plan):
            plans.append((name, plan))
            row = Row("ours", {"cpu_us": Figure(1, 1, 1)})
            return Section(name, name, [Table("hello", [row])])

        return measure

    monkeypatch.setattr(command, "SECTIONS", {name: section(name) for name in ("matrix", "loop")})
    monkeypatch.setattr(command, "QUICK", ("matrix",))

    def run(*arguments):
        result = CliRunner().invoke(command.main, [*arguments, "--output", str(tmp_path)])
        assert result.exit_code == 0, result.output
        return plans, results.load(tmp_path / "summary.json")

    return run


def test_all_is_every_section(run):
    plans, found = run("all")
    assert [name for name, _ in plans] == ["matrix", "loop"]
    assert [section.name for section in found.sections] == ["matrix", "loop"]
    assert not plans[0][1].quick


def test_quick_is_a_cut(run):
    plans, _ = run("quick")
    assert [(name, plan.quick) for name, plan in plans] == [("matrix", True)]


def test_goals_are_the_sections_that_have_their_loads(run, monkeypatch):
    monkeypatch.setattr(command.goals, "SECTIONS", ("loop",))
    plans, _ = run("goals")
    assert [(name, plan.quick) for name, plan in plans] == [("loop", False)]


def test_a_run_can_be_narrowed(run):
    plans, _ = run("loop", "--only", "ours", "--load", "GET", "--rounds", "2")
    ((name, plan),) = plans
    assert (name, plan.only, plan.under, plan.rounds) == ("loop", ("ours",), ("GET",), 2)


@pytest.mark.parametrize(
    "module", ["benchmarks", "benchmarks.guard", "benchmarks.parts", "benchmarks.report"]
)
def test_each_command_has_help(module):
    result = subprocess.run(
        [sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 0
    assert result.stdout.startswith("Usage:")
