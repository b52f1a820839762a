"""The supervisor's event loop: descriptors, timers and signals. Its names are those of asyncio."""

import contextlib
import functools
import selectors
import signal
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any


class Reactor:
    """Calls back from `turn`."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, Callable[[], None]]] = []

    def add_reader(self, fd: Any, callback: Callable[..., None], *args: Any) -> None:
        action = functools.partial(callback, *args)
        self._selector.register(fd, selectors.EVENT_READ, action)

    def remove_reader(self, fd: Any) -> None:
        """It need not be there."""
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(fd)

    def call_later(self, seconds: float, callback: Callable[..., None], *args: Any) -> None:
        action = functools.partial(callback, *args)
        self._timers.append((time.monotonic() + seconds, action))

    def turn(self) -> None:
        """Wait for the next events, and handle them."""
        now = time.monotonic()
        delays = [max(0.0, due - now) for due, _ in self._timers]
        for key, _ in self._selector.select(min(delays, default=None)):
            key.data()
        now = time.monotonic()
        ripe = [timer for timer in self._timers if timer[0] <= now]
        self._timers = [timer for timer in self._timers if timer[0] > now]
        for _, action in ripe:
            action()

    def close(self) -> None:
        self._selector.close()

    @contextlib.contextmanager
    def signals(
        self, numbers: Iterable[int], callback: Callable[[int], None]
    ) -> Iterator[socket.socket]:
        """Call back with each of these signals; and with each byte sent to what this yields."""
        receiver, sender = socket.socketpair()
        with receiver, sender:
            receiver.setblocking(False)
            sender.setblocking(False)
            self.add_reader(receiver, self._read_signals, receiver, callback)
            previous_fd = signal.set_wakeup_fd(sender.fileno())
            previous = {number: signal.signal(number, ignore) for number in numbers}
            try:
                yield sender
            finally:
                for number, handler in previous.items():
                    signal.signal(number, handler)
                signal.set_wakeup_fd(previous_fd)

    def _read_signals(self, receiver: socket.socket, callback: Callable[[int], None]) -> None:
        for number in receiver.recv(1024):
            callback(number)


def ignore(number: int, frame: object) -> None:
    """The wake-up socket has the signal already."""
