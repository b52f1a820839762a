"""Sockets of busy clients are read in some turns without asking epoll: who waits, and how long."""

import asyncio
import socket

import pytest
from test_held import Play, watched
from test_socket_transport import reset, turn

from fastserve.asgi._socket import HAS_EPOLL

pytestmark = pytest.mark.skipif(not HAS_EPOLL, reason="there is no epoll")

FEW = 8  # that are busy: with fewer, epoll is always asked
GUESSES = 4  # turns without asking
LONGEST = 1_500_000  # nanoseconds from the asking to the last of them
RAREST = 64  # turns that are asked after a wrong guess, at most
ROOM = 128  # sockets in a turn


class Busy(Play):
    """Some clients that always have something, and `late`, whose socket is never guessed."""

    def __init__(self, loop):
        self.time = 10**9  # nanoseconds
        super().__init__(loop, False, clock=lambda: self.time)
        self.late, self.late_client = self.add()
        self.late.transport.get_extra_info("socket")  # an app has it, and may read there
        self.waiting = False

    def fill(self, count):
        for _ in range(count):
            self.add()

    def serve(self, senders):
        """One turn in which these have something: who of all was read, by number from 1 on."""
        before = [len(each.received) for each in self.protocols]
        for number in senders:
            self.clients[number].send(b"?")
        self.poller.poll()
        return {
            number
            for number, each in enumerate(self.protocols)
            if len(each.received) > before[number]
        }

    def asks(self, senders):
        """One turn, in which these must be read: whether epoll was asked."""
        if not self.waiting:
            self.late_client.send(b"?")
        read = self.serve(senders)
        assert read >= set(senders)
        self.waiting = 0 not in read
        return not self.waiting

    def begin(self, count):
        """So many are busy, and the next turn is a guess."""
        self.fill(count)
        for _ in range(2):
            assert self.asks(self.numbers)

    @property
    def numbers(self):
        return range(1, len(self.clients))


@pytest.fixture
def busy():
    loop = asyncio.new_event_loop()
    made = Busy(loop)
    yield made
    made.end()
    loop.close()


def test_some_turns_are_not_asked(busy):
    busy.begin(FEW)
    for _ in range(3):
        assert [busy.asks(busy.numbers) for _ in range(GUESSES + 1)] == [False] * GUESSES + [True]


def test_few_are_not_guessed(busy):
    busy.begin(FEW - 1)
    assert all(busy.asks(busy.numbers) for _ in range(10))


@pytest.mark.parametrize("step", [LONGEST // 3, LONGEST // 2 + 1, LONGEST, 10 * LONGEST])
def test_who_is_not_guessed_waits_so_long(busy, step):
    """A turn takes this long."""
    busy.begin(FEW)
    guessed = [False] * ((LONGEST - 1) // step)
    for _ in range(3):
        turns = []
        for _ in range(len(guessed) + 1):
            busy.time += step
            turns.append(busy.asks(busy.numbers))
        assert turns == [*guessed, True]


def test_wrong_guesses_become_rare(busy):
    """Each has something in every other turn."""
    busy.begin(2 * FEW)
    halves = [busy.numbers[:FEW], busy.numbers[FEW:]]
    asked = [0]
    while len(asked) < 10:
        halves.reverse()
        if busy.asks(halves[0]):
            asked[-1] += 1
        else:
            asked.append(0)
    assert asked == [0, 1, 2, 4, 8, 16, 32, RAREST, RAREST, 0]
    while busy.asks(busy.numbers):  # one that is right
        asked[-1] += 1
    assert asked[-1] == RAREST
    assert not busy.asks(halves[0])
    assert busy.asks(halves[1])
    assert not busy.asks(halves[0])


@pytest.mark.parametrize(("right", "again"), [(8, True), (7, False)])
def test_two_thirds_must_be_right(busy, right, again):
    busy.begin(12)
    assert not busy.asks(busy.numbers[:right])
    assert busy.asks(busy.numbers) == (not again)


def test_who_sends_nothing_once_is_still_busy(busy):
    busy.begin(FEW + 2)
    assert not busy.asks(busy.numbers[1:])
    assert not busy.asks(busy.numbers)
    assert not busy.asks(busy.numbers[1:])


def test_who_sends_nothing_twice_waits_until_epoll_is_asked(busy):
    busy.begin(FEW + 2)
    for _ in range(2):
        assert not busy.asks(busy.numbers[1:])
    busy.clients[1].send(b"?")
    assert not busy.asks(busy.numbers[1:])
    assert not busy.asks(busy.numbers[1:])
    assert busy.protocols[1].received == b"??"
    assert busy.asks(busy.numbers[1:])
    assert busy.protocols[1].received == b"???"


@pytest.mark.parametrize("count", [ROOM - 2, ROOM - 1, ROOM, ROOM + 1, 3 * ROOM])
def test_of_many_none_waits_for_long(busy, count):
    """Epoll names some of them, in turns; who is named is not read again before the others."""
    busy.fill(count)
    waits = dict.fromkeys(busy.numbers, 0)
    read = set(busy.numbers)
    for _ in range(30):
        busy.late_client.send(b"?")
        read = busy.serve([each for each in read if each])
        for number in waits:
            waits[number] = 0 if number in read else waits[number] + 1
        assert max(waits.values()) <= max(GUESSES, count // ROOM)


def test_a_nested_loop_asks(busy):
    nested = []

    def run(protocol):
        busy.poller.poll()
        nested.append(bool(busy.late.received))

    busy.begin(FEW)
    busy.late.received.clear()
    busy.protocols[1].on_data = run
    assert busy.serve([0, *busy.numbers]) == {0, *busy.numbers}
    assert nested == [True]
    busy.protocols[1].on_data = None
    assert [busy.asks(busy.numbers) for _ in range(GUESSES + 1)].count(True) >= 1


def test_who_ends_within_a_nested_loop_is_not_guessed(busy):
    """The rest of its step comes when it has no descriptor any more."""

    def end(protocol):
        protocol.transport.abort()
        busy.poller.turn()
        assert protocol.calls == ["lost"]

    busy.begin(FEW - 1)
    for _ in range(3):
        protocol, client = busy.add(end)
        client.send(b"?")
        for _ in range(3):
            assert busy.asks(busy.numbers[: FEW - 1])
        assert protocol.received


def test_a_guess_sees_the_end_and_an_error(busy):
    busy.begin(FEW + 2)
    busy.clients[1].shutdown(socket.SHUT_WR)
    reset(busy.clients[2])
    assert not busy.asks(busy.numbers[2:])
    turn(busy.loop, 2)
    assert busy.protocols[1].calls == ["eof"]
    assert busy.protocols[2].calls == ["lost"]
    assert isinstance(busy.protocols[2].error, ConnectionResetError)


def test_who_is_paused_is_not_read(busy):
    """Nor looked at: to pause costs no system call until there is something to read."""
    busy.begin(FEW + 1)
    first = busy.protocols[1]
    before = watched(busy.poller)
    first.transport.pause_reading()
    busy.asks(busy.numbers[1:])
    for _ in range(2 * GUESSES):
        busy.asks(busy.numbers[1:])
        assert sorted(watched(busy.poller)) == sorted(before)
    busy.clients[1].send(b"?")
    for _ in range(2 * GUESSES):
        busy.asks(busy.numbers[1:])
    assert first.received == b"??"
    assert len(watched(busy.poller)) == len(before) - 1
    first.transport.resume_reading()
    while not busy.asks(busy.numbers[1:]):
        pass
    assert first.received == b"???"


def test_who_only_writes_is_not_counted(busy):
    """Their sockets are watched, but not for what they could read."""
    busy.begin(3 * FEW)
    writers = busy.protocols[1 : 2 * FEW + 1]
    for protocol in writers:
        protocol.transport.write(bytes(20 << 20))
        protocol.transport.pause_reading()
    for number in range(1, 2 * FEW + 1):
        busy.clients[number].send(b"?")
    while not busy.asks(busy.numbers[2 * FEW :]):
        pass
    assert not busy.asks(busy.numbers[2 * FEW :])
    for protocol in writers:
        protocol.transport.abort()


def test_who_is_busy_again_is_guessed_again(busy):
    busy.begin(FEW + 2)
    first, *others = busy.numbers
    for _ in range(2):
        assert not busy.asks(others)
    for _ in range(GUESSES + 1):
        busy.serve(busy.numbers)
    for _ in range(3 * GUESSES):
        assert first in busy.serve(busy.numbers)


@pytest.mark.parametrize("count", [ROOM // 2, ROOM - 1])
def test_who_takes_turns_waits_no_longer(busy, count):
    """Two groups that have something one after the other, of which not all have room."""
    busy.fill(2 * count)
    groups = [busy.numbers[:count], busy.numbers[count:]]
    waits = dict.fromkeys(busy.numbers, 0)
    unread = set()
    for _ in range(30):
        groups.reverse()
        unread = (unread | {*groups[0]}) - busy.serve(groups[0])
        for number in waits:
            waits[number] = waits[number] + 1 if number in unread else 0
        assert max(waits.values()) <= GUESSES


def test_a_descriptor_that_is_used_again_is_read_once_in_a_turn(busy):
    """It was another connection's, which was busy, too."""
    busy.begin(FEW + 1)
    for number in (1, 2, 3):
        busy.protocols[number].transport.abort()
    turn(busy.loop, 2)
    new = [busy.add() for _ in range(3)]

    def send_more(protocol):
        new[[each for each, _ in new].index(protocol)][1].send(b"?")

    for protocol, client in new:
        protocol.on_data = send_more
        client.send(b"?")
    before = 0
    for _ in range(3 * GUESSES):
        busy.asks(busy.numbers[3:-3])
        for protocol, _ in new:
            assert len(protocol.reads) <= before + 1
        before = max(len(protocol.reads) for protocol, _ in new)
    assert before > 2


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_an_exception_ends_a_guess(busy, error):
    """The others are read in the next turn."""

    def fail(protocol):
        protocol.on_data = None
        raise error

    busy.begin(FEW)
    busy.protocols[FEW // 2].on_data = fail
    with pytest.raises(error):
        busy.serve(busy.numbers)
    assert busy.serve([]) == set(busy.numbers[FEW // 2 :])


def test_nothing_is_left_of_those_that_are_gone(busy):
    busy.begin(FEW + 1)
    for protocol in busy.protocols[1:]:
        protocol.transport.abort()
    turn(busy.loop, 2)
    assert len(busy.poller.transports) == 1
    assert not busy.asks([])  # all of these were wrong
    assert busy.asks([])
