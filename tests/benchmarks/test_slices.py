"""A measurement in slices: what is counted, which of them are kept, and what tells that."""

import os
import socket
import time

import pytest

from benchmarks import machine
from benchmarks.slices import FEWEST, TURNS, Canary, Sample, Slices, bytes_read, cost, started


def slices_of(*samples):
    found = Slices(lambda: 0.0)
    found.samples = [Sample(*each) for each in samples]
    return found


def begun(slices):
    return [begin.time for begin, _ in slices]


# (time, clock, bytes): 100 bytes an answer; the first slice is the client's start
SAMPLES = [(0, 0.0, 0), (1, 0.9, 1000), (2, 1.0, 3000), (3, 1.2, 5000), (4, 1.4, 6000)]


def everything(begin, end):
    return True


def test_a_measurement_costs_the_clock_over_the_answers_of_its_quiet_slices():
    slices = slices_of(*SAMPLES).cut(100, 1)
    assert begun(slices) == [1, 2, 3]
    found = cost(slices, everything, 100)
    assert (found.seconds, found.rate, found.quiet) == (pytest.approx(0.5 / 50), 50 / 3, 3)
    found = cost(slices, lambda begin, end: begin == 1, 100)
    assert (found.seconds, found.rate) == (pytest.approx(0.1 / 20), 20)
    assert found.quiet == 1


def test_without_a_quiet_slice_it_costs_what_it_cost_and_says_so():
    found = cost(slices_of(*SAMPLES).cut(100, 1), lambda begin, end: False, 100)
    assert (found.seconds, found.quiet) == (pytest.approx(0.5 / 50), 0)


def test_a_slice_holds_several_answers_to_every_connection():
    steps = [(number, number * 0.01, number * 300) for number in range(10)]
    assert TURNS == 4
    # 3 answers a step, 2 connections: 8 at least, so every third step ends a slice
    assert begun(slices_of(*steps).cut(100, 2)) == [3, 6]


def test_nothing_sampled_has_no_slice():
    assert slices_of().cut(100, 1) == []


def test_a_client_that_has_just_ended_is_not_sampled():
    found = Slices(lambda: 1.0)
    found.sample(2**22 + 1)  # beyond the greatest process id
    assert found.samples == []
    found.sample(os.getpid())
    assert len(found.samples) == 1


def test_read_counts_what_a_socket_had():
    one, other = socket.socketpair()
    with one, other:
        one.sendall(b"x" * 5000)
        before = bytes_read(os.getpid())
        os.read(other.fileno(), 5000)
        assert bytes_read(os.getpid()) - before >= 5000


class Told(Canary):
    """A canary whose words are given."""

    def __init__(self):
        heard, self.words = os.pipe()
        os.set_blocking(heard, False)
        super().__init__(heard)

    def tell(self, *lines):
        os.write(self.words, b"".join(b"%f %d\n" % line for line in lines))
        self.listen()

    def close(self):
        os.close(self._words)
        os.close(self.words)


@pytest.fixture
def told():
    found = Told()
    yield found
    found.close()


def test_a_core_on_which_the_canary_is_slowed_is_not_quiet(told):
    told.tell(*[(at / 100, 10_000) for at in range(100)])
    assert told.alone == pytest.approx(10_000, rel=0.02)
    assert told.is_quiet(0.2, 0.4)
    told.tell(*[(1 + at / 100, 10_000 if at % 2 else 15_000) for at in range(100)])
    assert not told.is_quiet(1.2, 1.4), "half of its loops"
    assert told.is_slowed(1.2, 1.4)
    assert told.is_quiet(0.2, 0.4)
    told.forget()
    assert not told.is_quiet(0.2, 0.4)
    told.tell(*[(2 + at / 100, 15_000 if at == 30 else 10_000) for at in range(100)])
    assert told.is_quiet(2.2, 2.4), "one of twenty"
    assert told.alone == pytest.approx(10_000, rel=0.02), "that is not forgotten"


def test_too_few_words_tell_nothing(told):
    told.tell(*[(at, 50_000) for at in range(FEWEST)])
    assert told.is_quiet(0, FEWEST)
    assert not told.is_quiet(1, FEWEST)
    told.tell(*[(100 + at, 70_000) for at in range(FEWEST)])
    assert told.is_slowed(100, 100 + FEWEST)
    assert not told.is_slowed(101, 100 + FEWEST)


def test_half_a_line_waits_for_its_end(told):
    for number in range(FEWEST):
        os.write(told.words, b"%d.0 50" % number)
        told.listen()
        os.write(told.words, b"000\n")
        assert not told.is_quiet(0, number + 1), number
        told.listen()
    assert told.is_quiet(0, FEWEST)


def test_the_real_one_tells_how_fast_the_core_is():
    with started(machine.CORES[0]) as found:
        deadline = time.monotonic() + 10
        while not found.alone and time.monotonic() < deadline:
            found.listen()
        assert 1_000 < found.alone < 10_000_000, "nanoseconds of the loop"
