"""Instruction counts against a baseline."""

import pytest
from click.testing import CliRunner

from benchmarks import guard


def test_the_total_of_a_dump():
    assert guard.total("version: 1\nevents: Ir\nsummary: 12345\n\nfn=x\n") == 12345
    assert guard.total("events: Ir\ntotals: 99\n") == 99


def test_only_more_than_a_twentieth_is_worse():
    before = {"a": 1000, "b": 1000, "c": 1000, "gone": 1}
    now = {"a": 1050, "b": 1051, "c": 500, "new": 9}
    assert guard.worse(before, now) == ["b: 1,000 -> 1,051 (+5.1%)", "gone: no longer counted"]


@pytest.mark.parametrize(("options", "status"), [([], 1), (["--allow-missing"], 0)])
def test_without_valgrind_it_says_so_and_fails_unless_allowed(monkeypatch, options, status):
    monkeypatch.setattr(guard.shutil, "which", lambda name: None)
    result = CliRunner().invoke(guard.main, options)
    assert result.exit_code == status
    assert "valgrind is not installed" in result.output


@pytest.mark.parametrize(("options", "status"), [([], 1), (["--allow-missing"], 0)])
def test_where_no_baseline_is_known_nothing_is_counted(monkeypatch, options, status):
    monkeypatch.setattr(guard.shutil, "which", lambda name: name)
    monkeypatch.setattr(guard, "key", lambda: "another machine")
    monkeypatch.setattr(guard, "counted", lambda: pytest.fail("counted"))
    result = CliRunner().invoke(guard.main, options)
    assert result.exit_code == status
    assert "no baseline of another machine" in result.output
