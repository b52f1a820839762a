"""Medians, ratios within a round, and what is refused with which reason."""

from dataclasses import replace

import pytest

from benchmarks.rounds import (
    Plan,
    Reading,
    Readings,
    bottleneck,
    figure,
    is_wide,
    rotated,
    summary,
)

PLAN = Plan(rounds=3, spread=0.25)
NONE = Readings()
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


def readings(*cpu_us, repeated=0, **changes):
    taken = [replace(READING, cpu_us=each, **changes) for each in cpu_us]
    return Readings(dict(enumerate(taken)), repeated)


def test_a_figure_is_the_median_with_its_range():
    assert (figure([3, 1, 2]).median, figure([3, 1, 2]).low, figure([3, 1, 2]).high) == (2, 1, 3)
    assert figure([3, 1, 2]).spread == 0.5, "of the middle half"
    assert figure([7]).spread == 0


def test_one_slow_round_of_five_is_not_a_wide_spread():
    row = summary("ours", readings(10, 10, 10, 10, 17), PLAN, NONE)
    assert not row.refused
    assert (row.figures["cpu_us"].median, row.figures["cpu_us"].high) == (10, 17)


def test_further_rounds_are_for_what_is_too_wide_or_disturbed():
    assert not is_wide(readings(10, 10, 11), PLAN, NONE)
    assert is_wide(readings(5, 10, 12), PLAN, NONE)
    assert is_wide(readings(10, 10, 10, foreign=0.3), PLAN, NONE)
    found = readings(10, 10, 10)
    found.taken[3] = replace(READING, foreign=0.3)
    assert not is_wide(found, PLAN, NONE), "enough are left without it"


def test_a_ratio_needs_both_in_the_same_round():
    ours = readings(5, 10, 20)
    ours.taken[9] = replace(READING, cpu_us=1)
    assert summary("ours", ours, PLAN, readings(10, 20, 40)).figures["ratio"].high == 2


def test_ratios_are_taken_within_a_round():
    row = summary("ours", readings(5, 10, 20), PLAN, readings(10, 20, 40))
    assert row.figures["ratio"].median == 2
    assert row.figures["ratio"].spread == 0
    assert not row.refused, "the machine slowed down for both alike"


def test_a_wide_ratio_is_refused():
    row = summary("ours", readings(5, 10, 14), PLAN, readings(10, 10, 10))
    assert row.refused == "refused: cpu_us 5 to 14 (45%)"


def test_a_baseline_that_wavers_spoils_the_ratio_alone():
    row = summary("ours", readings(10, 10, 10), PLAN, readings(10, 20, 40))
    assert not row.refused
    assert "ratio" not in row.figures
    assert row.notes == ["ratio refused: 1 to 4, a spread of 75%"]
    assert row.figures["cpu_us"].median == 10


def test_a_wide_cpu_is_refused_where_there_is_no_baseline():
    row = summary("ours", readings(5, 10, 12), PLAN, NONE)
    assert row.refused == "refused: cpu_us 5 to 12 (35%)"


def test_latencies_that_were_not_taken_are_not_printed():
    row = summary("a", readings(10, 10, p50_us=0, p99_us=0, server_busy=0.5), PLAN, NONE)
    assert set(row.figures) == {"cpu_us", "memory_mb"}
    row = summary("a", readings(10, 10, p50_us=0, p99_us=0), PLAN, NONE)
    assert set(row.figures) == {"cpu_us", "memory_mb", "rate"}


def test_errors_refuse_everything():
    row = summary("ours", readings(10, 10, 10, errors=1), PLAN, NONE)
    assert row.refused == "refused: 3 errors"


def test_the_rate_is_refused_when_the_client_is_the_bottleneck():
    taken = readings(10, 10, 10, server_busy=0.7, client_busy=0.98)
    row = summary("ours", taken, PLAN, NONE)
    assert row.notes == ["rate refused: the client is the bottleneck (client 98% busy, server 70%)"]
    assert set(row.figures) == {"cpu_us", "memory_mb"}


@pytest.mark.parametrize(
    ("server", "client", "reason"),
    [(0.99, 0.99, ""), (0.7, 0.98, "the client is"), (0.5, 0.5, "neither side")],
)
def test_who_was_not_saturated(server, client, reason):
    assert reason in bottleneck([replace(READING, server_busy=server, client_busy=client)])


def test_a_paced_load_needs_no_saturation_but_its_rate():
    kept = summary("a", readings(10, 10, server_busy=0.5), PLAN, NONE, paced=100_000)
    lost = summary("a", readings(10, 10, server_busy=0.5), PLAN, NONE, paced=200_000)
    assert not kept.refused
    assert lost.refused == "refused: 100,000 a second of 200,000 wanted"


def test_what_others_disturbed_is_refused_unless_asked_for():
    disturbed = readings(10, 10, foreign=0.3, repeated=4)
    assert summary("a", disturbed, PLAN, NONE).refused == "refused: others used up to 30% of a core"
    row = summary("a", disturbed, replace(PLAN, noisy=True), NONE)
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
