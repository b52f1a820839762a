"""Rounds: the order, what is left out or refused, medians and ratios."""

import pytest

from benchmarks import rounds
from benchmarks.load import LoadError, Messages
from benchmarks.rounds import Plan, Reading, compare, summary


class Server:
    """A process that is never started."""

    def __init__(self, name, calls):
        self.port, self.calls = name, calls

    def __getattr__(self, name):
        return lambda: self.calls.append((name, self.port))


@pytest.fixture
def measured(monkeypatch):
    """Compares servers whose readings are given; returns the tables and what was called."""

    def run(plan, **readings):
        left = {name: iter(each) for name, each in readings.items()}
        calls = []

        def measure(messages, server, seconds):
            if seconds == plan.warmup:
                return None
            calls.append(("measure", server.port))
            found = next(left[server.port])
            if isinstance(found, Exception):
                raise found
            return Reading(*found)

        monkeypatch.setattr(rounds, "measure", measure)
        monkeypatch.setattr(Messages, "checked", lambda load, port: load)
        servers = {name: Server(name, calls) for name in readings}
        (table,) = compare([Messages("hello", b"x")], servers, plan, "base", "message")
        return table, calls

    return run


def taken(*costs, busy=1.0, errors=0):
    return [(cost, 1000.0, busy, errors) for cost in costs]


def test_medians_with_their_range_and_ratios_of_the_same_round(measured):
    table, _ = measured(Plan(rounds=3), base=taken(10, 20, 40), ours=taken(5, 10, 10))
    ours = table.row("ours").figures
    assert ours["cpu_us"] == (10, 5, 10)
    assert ours["ratio"] == (2, 2, 4)
    assert table.row("base").figures["ratio"] == (1, 1, 1)
    assert (table.title, table.unit, table.baseline) == ("hello", "message", "base")


def test_who_has_not_what_is_asked_for_takes_no_part(monkeypatch):
    calls = []
    monkeypatch.setattr(Messages, "checked", lambda load, port: load)
    monkeypatch.setattr(rounds, "measure", lambda *_: Reading(1, 1, 1, 0))
    servers = {name: Server(name, calls) for name in ("base", "ours")}
    loads = [Messages("hello", b"x"), Messages("file", b"x")]
    found = compare(loads, servers, Plan(rounds=1), takes_part=lambda load, name: (
        load.title != "file" or name == "ours"
    ))  # fmt: skip
    assert [[row.name for row in table.rows] for table in found] == [["base", "ours"], ["ours"]]


def test_each_round_begins_with_another(measured):
    _, calls = measured(Plan(rounds=2), base=taken(1, 1), a=taken(1, 1), b=taken(1, 1))
    order = [name for what, name in calls if what == "measure"]
    assert order == ["base", "a", "b", "a", "b", "base"]
    assert calls[-3:] == [("resume", "base"), ("measure", "base"), ("pause", "base")]


def test_who_fails_is_left_out_and_the_others_go_on(measured):
    failure = [taken(1)[0], LoadError("gone")]
    table, _ = measured(Plan(rounds=3), base=taken(10, 10, 10), ours=failure)
    assert table.row("ours").note == "left out: gone"
    assert table.row("ours").figures == {}
    assert table.median("base") == 10


def test_without_a_baseline_there_is_no_ratio(measured):
    table, _ = measured(Plan(rounds=1), base=[LoadError("gone")], ours=taken(10))
    assert set(table.row("ours").figures) == {"cpu_us", "rate"}


def test_errors_refuse_a_row():
    row = summary("ours", [Reading(10, 1000, 1, 0), Reading(10, 1000, 1, 2)], [])
    assert (row.note, row.figures) == ("refused: 2 errors", {})


def test_a_server_that_was_not_saturated_is_told():
    row = summary("ours", [Reading(10, 1000, 0.5, 0)], [])
    assert row.note == "50% busy"
    assert row.figures["cpu_us"] == (10, 10, 10)


def test_loads_are_those_that_are_named_or_the_first_in_a_quick_run():
    loads = [Messages("GET", b""), Messages("POST", b"")]
    assert Plan().loads(loads) == loads
    assert Plan(quick=True).loads(loads) == loads[:1]
    assert Plan(quick=True, under=("POST",)).loads(loads) == loads[1:]
    assert Plan(only=("ours",)).wants("ours too")
    assert not Plan(only=("ours",)).wants("other")
