"""Medians, ratios within a round, and what is refused with which reason."""

import contextlib
import math
import random
from dataclasses import replace
from types import SimpleNamespace

import pytest

from benchmarks import alone, machine, rounds
from benchmarks.alone import RETRIES
from benchmarks.load import Outcome
from benchmarks.rounds import (
    CONFIDENCE,
    Plan,
    Reading,
    Readings,
    beside_us,
    bottleneck,
    figure,
    is_wide,
    median_interval,
    rotated,
    summary,
)

PLAN = Plan(rounds=3, spread=0.25, quiet=0.25)
READING = Reading(
    cpu_us=10,
    whole_us=11,
    quiet=0.8,
    rate=100_000,
    p50_us=600,
    p99_us=900,
    memory_mb=20,
    errors=0,
    server_busy=0.99,
    client_busy=0.6,
    foreign=0.0,
)


def readings(*cpu_us, disturbed=0, beside=(), **changes):
    taken = [replace(READING, cpu_us=each, **changes) for each in cpu_us]
    if beside:
        taken = [replace(one, beside_us=us) for one, us in zip(taken, beside, strict=True)]
    return Readings(taken, measured=len(taken) + disturbed, disturbed=disturbed)


def test_a_figure_is_the_median_with_its_range():
    assert (figure([3, 1, 2]).median, figure([3, 1, 2]).low, figure([3, 1, 2]).high) == (2, 1, 3)
    assert figure([3, 1, 2]).spread == 1
    assert figure([7]).spread == 0


@pytest.mark.parametrize(("rounds", "aside"), [(1, 0), (5, 0), (7, 0), (9, 1), (13, 3), (20, 5)])
def test_the_interval_of_the_median_leaves_out_what_the_binomial_distribution_allows(rounds, aside):
    assert median_interval(list(range(rounds, 0, -1))) == (1 + aside, rounds - aside)


def test_the_interval_holds_the_median_as_often_as_it_says():
    chance = random.Random(7)
    for count in (5, 9, 13):
        held = 0
        for _ in range(2000):
            low, high = median_interval([chance.expovariate(1) for _ in range(count)])
            held += low <= math.log(2) <= high
        assert held / 2000 >= CONFIDENCE - 0.02, count


def test_further_rounds_make_up_for_a_slow_one():
    assert summary("ours", readings(10, 10, 10, 10, 17), PLAN).refused
    row = summary("ours", readings(10, 10, 10, 10, 17, 10, 10, 10), PLAN)
    assert not row.refused
    assert (row.figures["cpu_us"].median, row.figures["cpu_us"].high) == (10, 17)
    assert row.rounds["cpu_us"] == [10, 10, 10, 10, 17, 10, 10, 10]


def test_further_rounds_are_for_what_is_too_wide_or_not_there():
    assert not is_wide(readings(10, 10, 11), PLAN)
    assert is_wide(readings(5, 10, 12), PLAN)
    assert is_wide(readings(10, 10), PLAN)
    assert is_wide(Readings(), PLAN)
    plan = replace(PLAN, extra=2)
    assert is_wide(readings(5, 10, 12, 12), plan)
    assert not is_wide(readings(5, 10, 12, 12, 5), plan), "they do not narrow"


def test_measurements_are_added_up_until_they_were_quiet_for_long_enough():
    found = Readings()
    part = replace(READING, quiet=0.1)
    for each in (
        replace(part, cpu_us=10, beside_us=30, memory_mb=10),
        None,
        replace(part, cpu_us=90, quiet=0),
        replace(part, cpu_us=13, beside_us=0),
    ):
        found.add(each, PLAN)
        assert found.taken == []
    found.add(replace(part, cpu_us=16, quiet=0.2, beside_us=60, memory_mb=30), PLAN)
    (one,) = found.taken
    assert one.quiet == pytest.approx(0.4)
    assert one.cpu_us == pytest.approx((10 * 0.1 + 13 * 0.1 + 16 * 0.2) / 0.4)
    assert one.memory_mb == pytest.approx((10 * 0.1 + 20 * 0.1 + 30 * 0.2) / 0.4)
    assert one.beside_us == pytest.approx(45), "of the two halves that have one"
    assert (found.measured, found.disturbed, found.rest) == (5, 5, None)
    found.add(READING, PLAN)
    assert found.taken[1] == READING, "alone: it was quiet for long enough"
    assert (found.measured, found.disturbed) == (6, 5)


def test_an_error_counts_however_noisy_it_was():
    found = Readings()
    found.add(replace(READING, quiet=0, errors=2), PLAN)
    assert summary("ours", found, PLAN).refused == "refused: 2 errors"


def test_what_takes_noise_takes_every_measurement():
    found = Readings()
    found.add(replace(READING, quiet=0), replace(PLAN, noisy=True))
    assert [one.quiet for one in found.taken] == [0]


def test_further_rounds_are_for_the_ratio_where_there_is_one():
    assert not is_wide(readings(5, 10, 20, beside=(10, 20, 40)), PLAN), "the machine slowed down"
    assert is_wide(readings(10, 10, 10, beside=(10, 20, 40)), PLAN), "the baseline wavered"


def test_a_ratio_needs_a_reading_of_the_baseline_beside_it():
    ours = readings(5, 10, 20, 1, beside=(10, 20, 40, 0))
    assert summary("ours", ours, PLAN).figures["ratio"].high == 2


def test_a_ratio_of_too_few_rounds_is_refused():
    ours = readings(10, 10, 10, 10, beside=(20, 0, 20, 0))
    assert is_wide(ours, PLAN)
    row = summary("ours", ours, PLAN)
    assert "ratio" not in row.figures
    assert row.notes == ["ratio refused: the baseline was undisturbed beside 2 alone"]
    assert not row.refused


def test_ratios_are_taken_side_by_side():
    row = summary("ours", readings(5, 10, 20, beside=(10, 20, 40)), PLAN)
    assert row.figures["ratio"].median == 2
    assert row.figures["ratio"].spread == 0
    assert not row.refused, "the machine slowed down for both alike"


def test_a_wide_ratio_is_refused():
    row = summary("ours", readings(5, 10, 14, beside=(10, 10, 10)), PLAN)
    assert row.refused == "refused: cpu_us 5 to 14 (90%)"


def test_a_baseline_that_wavers_spoils_the_ratio_alone():
    row = summary("ours", readings(10, 10, 10, beside=(10, 20, 40)), PLAN)
    assert not row.refused
    assert "ratio" not in row.figures
    assert row.notes == ["ratio refused: 1 to 4, a spread of 150%"]
    assert row.figures["cpu_us"].median == 10


def test_the_baseline_beside_a_reading_is_the_mean_of_those_around_it():
    quiet, busy = replace(READING, cpu_us=30), replace(READING, cpu_us=90, quiet=0)
    assert beside_us([READING, quiet], PLAN) == 20
    assert beside_us([READING, replace(quiet, quiet=0.2)], PLAN) == pytest.approx(14)
    assert beside_us([READING, busy], PLAN) == 10, "without what others disturbed"
    assert beside_us([busy, busy], replace(PLAN, noisy=True)) == 90
    assert beside_us([None, quiet], PLAN) == 30
    assert beside_us([None, busy], PLAN) == 0
    assert beside_us([None, replace(quiet, quiet=0.1)], PLAN) == 0, "too little"
    assert beside_us([None, busy], replace(PLAN, quiet=0)) == 90, "nothing is wanted"


def test_the_baseline_is_measured_before_and_after_every_four_others(monkeypatch):
    order = []

    def measured(load, server, plan, answer):
        order.append(server)
        return replace(READING, cpu_us=len(order))

    monkeypatch.setattr(rounds, "measure", measured)
    servers = {name: name for name in ("a", "b", "base", "c", "d", "e")}
    contest = rounds.Contest(None, servers, PLAN, "base")
    assert contest.round(list(servers)) == len(servers)
    assert order == ["base", "a", "b", "c", "d", "base", "e", "base"]
    assert [one.beside_us for one in contest.readings["a"].taken] == [(1 + 6) / 2]
    assert [one.beside_us for one in contest.readings["e"].taken] == [(6 + 8) / 2]
    base = contest.compared("base").taken
    assert [one.cpu_us for one in base] == [one.beside_us for one in base] == [1, 6, 8]


def test_every_round_is_under_all_loads_and_further_ones_where_a_row_is_wide(monkeypatch):
    order = []

    def measured(load, server, plan, answer):
        order.append((load.title, server))
        wavers = load.title == "second" and server == "ours"
        return replace(READING, cpu_us=len(order) if wavers else 10)

    monkeypatch.setattr(rounds, "measure", measured)
    monkeypatch.setattr(rounds.Contest, "warm_up", lambda contest, unchecked: None)
    loads = [SimpleNamespace(title=title, rate=0) for title in ("first", "second")]
    plan = replace(PLAN, rounds=3, extra=2, most=9)
    first, second = rounds.compare(loads, {"base": "base", "ours": "ours"}, plan, "base", "message")
    turn = [(title, name) for title in ("first", "second") for name in ("base", "ours", "base")]
    assert order == 3 * turn + 2 * turn[3:]
    assert (first.title, second.title, first.baseline, first.unit) == (
        *("first", "second"),
        *("base", "message"),
    )
    assert [len(table.row("ours").rounds["cpu_us"]) for table in (first, second)] == [3, 5]


def test_where_the_baseline_was_disturbed_its_other_readings_stand_in():
    contest = rounds.Contest(None, {"base": "", "ours": ""}, PLAN, "base")
    contest.readings["base"] = readings(10, 12, 14, beside=(10, 12, 14))
    contest.readings["ours"] = readings(5, 5, 5, beside=(10, 0, 0))
    assert [one.beside_us for one in contest.compared("ours").taken] == [10, 12, 12]
    contest.readings["base"].taken.pop(0)
    assert [one.beside_us for one in contest.compared("ours").taken] == [10, 0, 0], "too few"


class Slow:
    """A load, its session, the server and the canary of a measurement without slices."""

    rate = 0
    in_flight = 300
    port = 0

    def __init__(self, quiet):
        self.quiet, self.told, self.clocks = quiet, [], iter([1.0, 1.2, 1.5])
        self.enough = None

    @contextlib.contextmanager
    def open(self, port):
        yield self

    def run(self, seconds, sample, longest):
        self.enough = sample(2**22 + 1)
        return Outcome(500, 50_000, seconds, p50_us=1, p99_us=2, errors=0, client_seconds=0.1)

    def pin(self, core):
        """Nothing runs."""

    resume = pause = listen = forget = lambda self: None

    def clock(self):
        return lambda: next(self.clocks)

    def memory_bytes(self):
        return 1_000_000

    def is_quiet(self, begin, end):
        self.told.append(end - begin)
        return self.quiet


@pytest.mark.parametrize("quiet", [True, False])
def test_a_server_too_slow_for_slices_is_judged_by_its_whole_measurement(monkeypatch, quiet):
    slow = Slow(quiet)
    monkeypatch.setattr(rounds, "canary", lambda core: slow)
    found = rounds.measure(slow, slow, replace(PLAN, seconds=2), answer=100)
    assert not slow.enough, "there may be slices yet"
    assert slow.told == [pytest.approx(2)]
    assert (found.cpu_us, found.whole_us) == (pytest.approx(1000), pytest.approx(1000))
    assert (found.quiet, found.rate) == (pytest.approx(2 if quiet else 0), pytest.approx(250))


def test_a_parser_slowed_by_others_is_timed_again(monkeypatch):
    calls = []
    for words, expected in ((iter([True, False]), 2), (iter([True] * 9), 1 + RETRIES)):
        ear = SimpleNamespace(is_slowed=lambda begin, end, w=words: next(w))
        ear.listen = ear.forget = lambda: None
        monkeypatch.setattr(alone, "canary", lambda core, ear=ear: ear)
        monkeypatch.setattr(alone, "_calls_in", lambda job, seconds: 1)
        calls.clear()
        alone.interleaved({"one": lambda: calls.append(1)}, 0.1, 1)
        assert len(calls) == expected


def test_a_wide_cpu_is_refused_where_there_is_no_baseline():
    row = summary("ours", readings(5, 10, 12), PLAN)
    assert row.refused == "refused: cpu_us 5 to 12 (70%)"


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


def test_what_others_disturbed_too_often_is_refused():
    refused = "refused: others disturbed 4 of 6 measurements"
    row = summary("a", readings(10, 10, disturbed=4), PLAN)
    assert (row.refused, row.notes) == (refused, [])
    row = summary("a", Readings(measured=6, disturbed=4), PLAN)
    assert row.refused == refused
    row = summary("a", readings(10, 10, 10, disturbed=4), PLAN)
    assert (row.refused, row.notes) == ("", ["others disturbed 4 of 7 measurements"])


@pytest.mark.parametrize("noisy", [True, False])
def test_a_measurement_during_which_others_used_the_cores_does_not_count(monkeypatch, noisy):
    found = replace(READING, foreign=0.3)
    swapped = []
    monkeypatch.setattr(rounds, "measure", lambda *arguments: found)
    monkeypatch.setattr(machine.Roles, "swap", lambda roles: swapped.append(roles))
    contest = rounds.Contest(None, {"ours": "ours"}, replace(PLAN, noisy=noisy), "")
    assert contest.round(["ours"]) == noisy
    assert contest.readings["ours"].taken == ([found] if noisy else [])
    assert len(swapped) == (not noisy), "the other core may be left alone"


def test_each_round_begins_with_another():
    assert [rotated(["a", "b", "c"], turn) for turn in range(4)] == [
        ["a", "b", "c"],
        ["b", "c", "a"],
        ["c", "a", "b"],
        ["a", "b", "c"],
    ]
    assert rotated([], 1) == []


def test_others_have_what_neither_the_idle_loop_nor_the_two_sides_had(monkeypatch):
    idle = iter([{0: 5.0, 1: 7.0}, {0: 5.1, 1: 7.4}])
    clock = iter([100.0, 101.0])
    monkeypatch.setattr(machine, "ROLES", machine.Roles(server=0, client=1))
    monkeypatch.setattr(machine, "_idle_times", lambda: next(idle))
    monkeypatch.setattr(machine.time, "monotonic", lambda: next(clock))
    watch = machine.Watch()
    assert watch.foreign(server_seconds=0.88, client_seconds=0.4) == pytest.approx(0.2)
