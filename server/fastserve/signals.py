"""Signal handlers for as long as a server runs, and signals that wait until there are handlers."""

import contextlib
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import FrameType
from typing import Any

Handlers = Mapping[signal.Signals, Callable[[int, FrameType | None], None]]

# What each server that runs has found and puts back, in the order in which they have begun.
_found: list[dict[signal.Signals, Any]] = []


@contextlib.contextmanager
def handled(always: Handlers, otherwise: Handlers) -> Iterator[None]:
    """Set these handlers, those of `otherwise` where the program has none; in the main thread.

    Afterwards the former ones are back; of `otherwise`, unless the program has set its own by then.
    Several servers may end in any order: one that began later then puts back what this one found.
    """
    free = {n: own for n, own in otherwise.items() if signal.getsignal(n) is signal.SIG_DFL}
    ours = {**free, **always}
    former: dict[signal.Signals, Any] = {n: signal.signal(n, own) for n, own in ours.items()}
    _found.append(former)
    try:
        yield
    finally:
        # By identity: two servers may have found the same.
        position = next(at for at, each in enumerate(_found) if each is former)
        del _found[position]
        for number, handler in former.items():
            for later in _found[position:]:
                if later.get(number) == ours[number]:
                    later[number] = handler
                    break
            else:
                if number in always or signal.getsignal(number) == ours[number]:
                    signal.signal(number, handler)


@contextlib.contextmanager
def held(numbers: Iterable[signal.Signals]) -> Iterator[None]:
    """Processes that are started here get none of these before they `release` them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def release(numbers: Iterable[signal.Signals]) -> None:
    """Get those that have waited, and from now on all."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)


def ignore(number: int, frame: FrameType | None) -> None:
    """A handler, not SIG_IGN, which the app's own child processes would inherit."""
