"""Handlers of several servers, which may end in any order."""

import signal

import pytest

from fastserve.signals import handled

SIGNAL = signal.SIGUSR1


@pytest.fixture(autouse=True)
def before():
    previous = signal.signal(SIGNAL, signal.SIG_DFL)
    yield
    assert signal.getsignal(SIGNAL) is signal.SIG_DFL
    signal.signal(SIGNAL, previous)


class Server:
    def __init__(self):
        self.handles = handled({SIGNAL: self.handle}, {})
        self.handles.__enter__()

    def handle(self, number, frame): ...

    def end(self):
        self.handles.__exit__(None, None, None)


def test_the_last_one_ends_first():
    first, second = Server(), Server()
    second.end()
    assert signal.getsignal(SIGNAL) == first.handle
    first.end()


def test_the_first_one_ends_first():
    first, second = Server(), Server()
    first.end()
    assert signal.getsignal(SIGNAL) == second.handle
    second.end()


def test_the_one_in_the_middle_ends_first():
    first, second, third = Server(), Server(), Server()
    second.end()
    assert signal.getsignal(SIGNAL) == third.handle
    third.end()
    assert signal.getsignal(SIGNAL) == first.handle
    first.end()


def test_a_handler_that_the_program_has_is_kept():
    def own(number, frame): ...

    signal.signal(SIGNAL, own)
    with handled({}, {SIGNAL: Server.handle}):
        assert signal.getsignal(SIGNAL) is own
    signal.signal(SIGNAL, signal.SIG_DFL)
    with handled({}, {SIGNAL: Server.handle}):
        assert signal.getsignal(SIGNAL) is Server.handle
        signal.signal(SIGNAL, own)
    assert signal.getsignal(SIGNAL) is own
    signal.signal(SIGNAL, signal.SIG_DFL)
