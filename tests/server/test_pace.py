"""When an answer is held, and for how long: by a clock that the test sets, in microseconds."""

import asyncio

import pytest
from test_held import Play, has, write

from fastserve.asgi._socket import HAS_EPOLL

pytestmark = pytest.mark.skipif(not HAS_EPOLL, reason="there is no epoll")


class Paced(Play):
    """Two connections; nothing takes time but what a test says."""

    def __init__(self, loop):
        self.time = 10**9  # nanoseconds
        # Both ways cost the same: all are held that may be.
        super().__init__(loop, None, clock=lambda: self.time, cpu_clock=lambda: 0)
        for _ in range(2):
            self.add()

    def spend(self, microseconds):
        self.time += round(microseconds * 1000)

    def write(self, number=0):
        """Whether what is written now is held."""
        self.protocols[number].transport.write(b"answer")
        return not self.has(number)

    def has(self, number):
        return bool(has(self.clients[number]))

    def serve(self, gap, turns=400):
        """Turns of two answers, which follow each other so; whether the last was held."""
        for _ in range(turns):
            for number in (0, 1):
                self.spend(gap)
                held = self.write(number)
            self.end_turn()
        return held

    def end_turn(self):
        self.poller.turn()
        for client in self.clients:
            has(client)


@pytest.fixture
def paced():
    loop = asyncio.new_event_loop()
    made = Paced(loop)
    yield made
    made.end()
    loop.close()


def test_nothing_is_held_where_each_leaves_alone(paced):
    """As where each connection is closed after its answer."""
    assert paced.serve(50)
    held = 0
    for _ in range(17):
        for number in (0, 1):
            paced.spend(50)
            held += paced.write(number)
            assert paced.protocols[number].transport.get_write_buffer_size() == 0
        paced.end_turn()
    assert held == 2 + 2  # in the first turn, and in one after 16 answers


@pytest.mark.parametrize(("gap", "held"), [(0.1, True), (199.9, True), (200.1, False)])
def test_answers_are_held_that_follow_each_other_so(paced, gap, held):
    assert paced.serve(5)
    assert paced.serve(gap) == held
    assert paced.serve(50)


def test_a_pause_is_no_pace(paced):
    """However long, it counts as twice what is usual."""
    paced.serve(50)
    for _ in range(9):
        paced.spend(3600e6)
        assert paced.write()
        paced.spend(50)
        paced.write(1)
        paced.end_turn()


def test_after_one_that_nobody_has_joined_sixteen_are_not_held(paced):
    paced.serve(50)
    held = []
    for _ in range(36):
        paced.spend(50)
        held.append(paced.write())
        paced.end_turn()
    assert held == ([True] + [False] * 16) * 2 + [True, False]


def after(paced, microseconds):
    """A turn that took so long: that is, from its first answer that was held."""
    paced.serve(50)
    paced.spend(50)
    assert paced.write(0)
    paced.spend(microseconds)
    paced.write(1)
    paced.end_turn()


@pytest.mark.parametrize(
    ("turn", "longest"), [(160, 40), (320, 80), (3600, 900), (4000, 1000), (40_000, 1000)]
)
def test_an_answer_waits_for_a_quarter_of_what_the_last_turn_took(paced, turn, longest):
    after(paced, turn)
    paced.spend(50)
    assert paced.write(0)
    paced.spend(longest - 0.001)
    assert paced.write(1)
    assert not paced.has(0)
    paced.spend(0.001)
    paced.write(1)
    assert paced.has(0)


def test_or_for_half_of_what_it_did(paced):
    """So that one short turn among others does not matter."""
    after(paced, 400)
    for longest in (100, 50):
        paced.spend(50)
        assert paced.write(0)
        paced.spend(longest - 0.001)
        assert paced.write(1)
        assert not paced.has(0)
        paced.time += 1
        paced.write(1)
        assert paced.has(0)
        paced.poller.turn()
        has(paced.clients[1])


def test_that_is_from_when_the_first_of_them_was_held(paced):
    after(paced, 400)
    paced.spend(50)
    paced.write(0)
    paced.spend(100)
    assert paced.write(1)  # the first has left
    assert paced.has(0)
    paced.spend(99)
    assert paced.write(0)
    assert not paced.has(1)
    paced.spend(1)
    paced.write(0)
    assert paced.has(1)


def test_it_leaves_while_others_are_read_that_write_nothing(paced):
    after(paced, 400)
    arrived = []
    paced.protocols[0].on_data = write(b"answer")
    paced.protocols[1].on_data = lambda protocol: paced.spend(99)
    for microseconds in (1, 0):
        paced.add(
            lambda protocol, spent=microseconds: arrived.append(paced.has(0)) or paced.spend(spent)
        )
    paced.spend(50)
    paced.poll()
    assert arrived == [False, True]
