"""`python -m benchmarks`: where the results go, and what two runs say together."""

import itertools

import pytest
from click.testing import CliRunner

from benchmarks import __main__ as command
from benchmarks import results
from benchmarks.results import Figure, Row, Section, Table
from benchmarks.sections import field


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Runs the command with one section that finds the given ratios, one in each run."""

    def run(*ratios, options=()):
        left = iter(ratios)

        def section(context):
            ratio = next(left)
            row = Row("ours", {"cpu_us": Figure(1, 1, 1), "ratio": Figure(ratio, ratio, ratio)})
            return Section("field", "The field", [Table("hello", [row], baseline="theirs")])

        times = itertools.count(1)  # the command's own two come first
        monkeypatch.setattr(command, "SECTIONS", {"field": section})
        monkeypatch.setattr(command, "_now", lambda: f"started {next(times)}")
        files = ["--json", str(tmp_path / "run.json"), "--html", str(tmp_path / "run.html")]
        return CliRunner().invoke(command.main, ["field", *files, *options])

    return run


def ratio_in(path):
    return results.load(path).sections[0].tables[0].median("ours", "ratio")


def test_twice_makes_two_runs_and_compares_them(run, tmp_path):
    found = run(2.0, 2.1, options=["--twice"])
    assert found.exit_code == 0, found.output
    assert "1 of 1 ratios agree within 10%." in found.output
    assert ratio_in(tmp_path / "run.json") == 2.0
    assert ratio_in(tmp_path / "run-again.json") == 2.1
    dates = [results.load(tmp_path / name).date for name in ("run.json", "run-again.json")]
    assert dates == ["started 3", "started 4"], "each when its first section begins"
    assert {each.name for each in tmp_path.iterdir()} == {
        *("run.json", "run.html"),
        *("run-again.json", "run-again.html"),
    }


def test_two_runs_that_differ_fail(run):
    found = run(2.0, 2.3, options=["--twice"])
    assert found.exit_code == 1
    assert "differs by more than 10%" in found.output


def test_a_load_that_nobody_has_is_told(monkeypatch, tmp_path):
    seen = []

    def section(context):
        seen.append([load.title for load in context.loads(field.LOADS, 1)])
        return Section("field", "The field", [Table("one", [])] if seen[-1] else [])

    monkeypatch.setattr(command, "SECTIONS", {"field": section})
    for title in ("KB", "hello", "2 KB"):
        files = ["--json", str(tmp_path / "run.json"), "--html", str(tmp_path / "run.html")]
        found = CliRunner().invoke(command.main, ["field", "--load", title, *files])
    hello, *sizes = [load.title for load in field.LOADS]
    assert seen == [sizes, [hello], []]
    assert found.exit_code == 1
    assert "no load of field has this in its title: 2 KB" in found.output


def test_a_run_is_compared_with_an_older_one(run, tmp_path):
    assert run(2.0).exit_code == 0
    older = (tmp_path / "run.json").rename(tmp_path / "older.json")
    assert run(2.1, options=["--compare", str(older)]).exit_code == 0
    assert run(1.5, options=["--compare", str(older)]).exit_code == 1
