"""Instruction counts against a baseline, and one real count where valgrind is."""

import json
import shutil

import pytest
from click.testing import CliRunner

from benchmarks import callgrind, guard
from benchmarks.load import Http
from benchmarks.servers import floor


def test_the_totals_of_a_dump():
    dump = "version: 1\nevents: Ir I1mr\nsummary: 12345 67\n\nfn=x\n"
    assert callgrind.totals(dump) == {"Ir": 12345, "I1mr": 67}
    assert callgrind.totals("events: Ir\ntotals: 99\n") == {"Ir": 99}
    with pytest.raises(ValueError, match="no total"):
        callgrind.totals("events: Ir\n")


def test_only_more_than_a_twentieth_is_worse():
    before = {"a": 1000, "b": 1000, "c": 1000, "gone": 1}
    now = {"a": 1050, "b": 1051, "c": 500, "new": 9}
    assert guard.worse(before, now) == ["b: +5.1%", "gone: no longer counted"]


@pytest.fixture
def counted(monkeypatch, tmp_path):
    """Runs the command with these counts, on a machine that has this baseline."""

    def run(counts, baseline, *options):
        path = tmp_path / "guard.json"
        path.write_text(json.dumps({"this": baseline, "other": {"a": 1}}))
        monkeypatch.setattr(guard, "BASELINE", path)
        monkeypatch.setattr(guard, "key", lambda: "this")
        monkeypatch.setattr(guard, "counted", lambda: counts)
        monkeypatch.setattr(guard, "misses", lambda: {"data-cache read misses": 230.4})
        monkeypatch.setattr(guard.shutil, "which", lambda name: name)
        return CliRunner().invoke(guard.main, options), path

    return run


def test_counts_are_printed_with_the_change_and_misses_without_judgement(counted):
    result, _ = counted({"a": 1010, "b": 5}, {"a": 1000})
    assert result.exit_code == 0
    lines = [" ".join(line.split()) for line in result.output.splitlines()]
    assert lines == [
        "a 1,010 instructions +1.0%",
        "b 5 instructions new",
        "GET, 16 connections 230 data-cache read misses",
    ]


def test_more_fails_and_is_named(counted):
    result, _ = counted({"a": 1100}, {"a": 1000})
    assert result.exit_code == 1
    assert "a: +10.0%" in result.output


def test_a_baseline_is_written_beside_those_of_others(counted):
    result, path = counted({"a": 1100}, {"a": 1000}, "--update")
    assert result.exit_code == 0
    assert json.loads(path.read_text()) == {"this": {"a": 1100}, "other": {"a": 1}}
    assert len(path.read_text().splitlines()) == 2, "a line for each"


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


@pytest.mark.skipif(not shutil.which("valgrind"), reason="valgrind is not installed")
@pytest.mark.skipif(not shutil.which("cc"), reason="the client needs a C compiler")
@pytest.mark.timeout(180)
def test_a_server_is_counted_with_its_misses():
    load = Http("GET hello")  # of what starts sooner under valgrind than fastserve
    (found,) = callgrind.of_server(floor("uvloop"), [load], 4, *guard.CACHES)
    assert 1_000 < found["Ir"] < 200_000
    assert 0 < found["I1mr"] < found["Ir"]
    assert 0 < found["D1mr"] < found["Ir"]
