"""Medians, ratios within a round, and what is refused with which reason."""

from dataclasses import replace

import pytest

from benchmarks import rounds
from benchmarks.rounds import (
    Plan,
    Reading,
    Readings,
    beside_us,
    bottleneck,
    figure,
    is_wide,
    rotated,
    summary,
)

PLAN = Plan(rounds=3, spread=0.25)
READING = Reading(
    cpu_us=10,
    rate=100_000,
    p50_us=600,
    p99_us=900,
    memory_mb=20,
    errors=0,
    server_busy=0.99,
    client_busy=0.6,
    foreign=0.0,
)


def readings(*cpu_us, repeated=0, beside=(), **changes):
    taken = [replace(READING, cpu_us=each, **changes) for each in cpu_us]
    if beside:
        taken = [replace(one, beside_us=us) for one, us in zip(taken, beside, strict=True)]
    return Readings(taken, repeated)


def test_a_figure_is_the_median_with_its_range():
    assert (figure([3, 1, 2]).median, figure([3, 1, 2]).low, figure([3, 1, 2]).high) == (2, 1, 3)
    assert figure([3, 1, 2]).spread == 0.5, "of the middle half"
    assert figure([7]).spread == 0


def test_one_slow_round_of_five_is_not_a_wide_spread():
    row = summary("ours", readings(10, 10, 10, 10, 17), PLAN)
    assert not row.refused
    assert (row.figures["cpu_us"].median, row.figures["cpu_us"].high) == (10, 17)


def test_further_rounds_are_for_what_is_too_wide_or_disturbed():
    assert not is_wide(readings(10, 10, 11), PLAN)
    assert is_wide(readings(5, 10, 12), PLAN)
    assert is_wide(readings(10, 10, 10, foreign=0.3), PLAN)
    found = readings(10, 10, 10)
    found.taken.append(replace(READING, foreign=0.3))
    assert not is_wide(found, PLAN), "enough are left without it"


def test_a_ratio_needs_a_reading_of_the_baseline_beside_it():
    ours = readings(5, 10, 20, 1, beside=(10, 20, 40, 0))
    assert summary("ours", ours, PLAN).figures["ratio"].high == 2


def test_ratios_are_taken_side_by_side():
    row = summary("ours", readings(5, 10, 20, beside=(10, 20, 40)), PLAN)
    assert row.figures["ratio"].median == 2
    assert row.figures["ratio"].spread == 0
    assert not row.refused, "the machine slowed down for both alike"


def test_a_wide_ratio_is_refused():
    row = summary("ours", readings(5, 10, 14, beside=(10, 10, 10)), PLAN)
    assert row.refused == "refused: cpu_us 5 to 14 (45%)"


def test_a_baseline_that_wavers_spoils_the_ratio_alone():
    row = summary("ours", readings(10, 10, 10, beside=(10, 20, 40)), PLAN)
    assert not row.refused
    assert "ratio" not in row.figures
    assert row.notes == ["ratio refused: 1 to 4, a spread of 75%"]
    assert row.figures["cpu_us"].median == 10


def test_the_baseline_beside_a_reading_is_the_mean_of_those_around_it():
    quiet, busy = replace(READING, cpu_us=30), replace(READING, cpu_us=90, foreign=0.3)
    assert beside_us([READING, quiet], PLAN) == 20
    assert beside_us([READING, busy], PLAN) == 10, "without what others disturbed"
    assert beside_us([READING, busy], replace(PLAN, noisy=True)) == 50
    assert beside_us([None, quiet], PLAN) == 30
    assert beside_us([None, busy], PLAN) == 0


def test_the_baseline_is_measured_before_and_after_every_four_others(monkeypatch):
    order = []

    def measured(load, server, plan):
        order.append(server)
        return replace(READING, cpu_us=len(order))

    monkeypatch.setattr(rounds, "measure", measured)
    servers = {name: name for name in ("a", "b", "base", "c", "d", "e")}
    contest = rounds.Contest(None, servers, PLAN, "base")
    contest.round(list(servers))
    assert order == ["base", "a", "b", "c", "d", "base", "e", "base"]
    assert [one.beside_us for one in contest.readings["a"].taken] == [(1 + 6) / 2]
    assert [one.beside_us for one in contest.readings["e"].taken] == [(6 + 8) / 2]
    assert [one.beside_us for one in contest.readings["base"].taken] == [1, 6, 8]


def test_a_wide_cpu_is_refused_where_there_is_no_baseline():
    row = summary("ours", readings(5, 10, 12), PLAN)
    assert row.refused == "refused: cpu_us 5 to 12 (35%)"


def test_latencies_that_were_not_taken_are_not_printed():
    row = summary("a", readings(10, 10, p50_us=0, p99_us=0, server_busy=0.5), PLAN)
    assert set(row.figures) == {"cpu_us", "memory_mb"}
    row = summary("a", readings(10, 10, p50_us=0, p99_us=0), PLAN)
    assert set(row.figures) == {"cpu_us", "memory_mb", "rate"}


def test_errors_refuse_everything():
    row = summary("ours", readings(10, 10, 10, errors=1), PLAN)
    assert row.refused == "refused: 3 errors"


def test_the_rate_is_refused_when_the_client_is_the_bottleneck():
    taken = readings(10, 10, 10, server_busy=0.7, client_busy=0.98)
    row = summary("ours", taken, PLAN)
    assert row.notes == ["rate refused: the client is the bottleneck (client 98% busy, server 70%)"]
    assert set(row.figures) == {"cpu_us", "memory_mb"}


@pytest.mark.parametrize(
    ("server", "client", "reason"),
    [(0.99, 0.99, ""), (0.7, 0.98, "the client is"), (0.5, 0.5, "neither side")],
)
def test_who_was_not_saturated(server, client, reason):
    assert reason in bottleneck([replace(READING, server_busy=server, client_busy=client)])


def test_a_paced_load_needs_no_saturation_but_its_rate():
    kept = summary("a", readings(10, 10, server_busy=0.5), PLAN, paced=100_000)
    lost = summary("a", readings(10, 10, server_busy=0.5), PLAN, paced=200_000)
    assert not kept.refused
    assert lost.refused == "refused: 100,000 a second of 200,000 wanted"


def test_what_others_disturbed_is_refused_unless_asked_for():
    disturbed = readings(10, 10, foreign=0.3, repeated=4)
    assert summary("a", disturbed, PLAN).refused == "refused: others used up to 30% of a core"
    row = summary("a", disturbed, replace(PLAN, noisy=True))
    assert not row.refused
    assert row.notes == ["4 repeated: others used the cores", "others used up to 30% of a core"]


def test_each_round_begins_with_another():
    assert [rotated(["a", "b", "c"], turn) for turn in range(4)] == [
        ["a", "b", "c"],
        ["b", "c", "a"],
        ["c", "a", "b"],
        ["a", "b", "c"],
    ]
    assert rotated([], 1) == []
