"""Signal handlers for as long as a server runs."""

import contextlib
import signal
from collections.abc import Callable, Iterator, Mapping
from types import FrameType

Handlers = Mapping[signal.Signals, Callable[[int, FrameType | None], None]]


@contextlib.contextmanager
def handled(always: Handlers, otherwise: Handlers) -> Iterator[None]:
    """Set these handlers, those of `otherwise` where the program has none; in the main thread.

    Afterwards the former ones are back; of `otherwise`, unless the program has set its own by then.
    """
    free = {n: own for n, own in otherwise.items() if signal.getsignal(n) is signal.SIG_DFL}
    former = {number: signal.signal(number, own) for number, own in {**free, **always}.items()}
    try:
        yield
    finally:
        for number, handler in former.items():
            if number in always or signal.getsignal(number) == free[number]:
                signal.signal(number, handler)
