"""Listening sockets never block: threads and processes share what is behind their descriptors."""

import os
import socket
import types

import pytest

from fastserve.config import Config
from fastserve.sockets import ListeningSocket, bind, close
from fastserve.spreading import add_sockets, spread

MODES: list[bool] = []


class Watched(ListeningSocket):
    """Notes whether it blocks each time that dup() and others change that."""

    address = None

    def settimeout(self, value):
        super().settimeout(value)
        MODES.append(os.get_blocking(self.fileno()))


@pytest.fixture(autouse=True)
def no_modes():
    MODES.clear()


def test_those_that_are_bound(tmp_path):
    sockets = bind(Config(None, bind=("127.0.0.1:0", f"unix:{tmp_path}/socket")))
    try:
        assert [os.get_blocking(sock.fileno()) for sock in sockets] == [False, False]
    finally:
        close(sockets)


def test_one_that_a_process_is_given():
    with socket.create_server(("127.0.0.1", 0)) as given:
        assert os.get_blocking(given.fileno())
        with ListeningSocket(fileno=os.dup(given.fileno())):
            assert not os.get_blocking(given.fileno())


def test_a_copy_does_not_even_for_a_moment():
    with Watched() as sock, sock.dup() as copy:
        assert not os.get_blocking(copy.fileno())
        assert MODES == [False]


@pytest.mark.parametrize("kind", [Watched, socket.socket])
def test_those_of_further_threads(kind):
    with kind() as sock:
        sock.bind(("127.0.0.1", 0))
        own, other = spread([sock], 2)
        assert own == [sock]
        with other[0]:
            assert not os.get_blocking(other[0].fileno())
            assert not any(MODES)


def test_further_ones_at_the_same_address():
    sockets = bind(Config(None, bind=("127.0.0.1:0",)))
    more = add_sockets(sockets, types.SimpleNamespace(threads=3, backlog=10))
    try:
        assert [os.get_blocking(sock.fileno()) for sock in more] == [False, False]
    finally:
        close([*sockets, *more])
