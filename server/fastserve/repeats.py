"""The same fault, many times a second, must not fill a disk: it is counted instead."""

import logging
import threading
import time
from collections.abc import Callable, Hashable
from types import TracebackType

logger = logging.getLogger("fastserve")

SECONDS = 10.0
FIRST = 10  # records of a fault in its first ten seconds
NEXT = 1  # and in each ten seconds after that, while it goes on
MOST_FAULTS = 100  # that are known apart; the others count as one
OTHERS = "other faults"

# `extra` of a message without an exception that a client can cause as often as it likes.
MAY_REPEAT = {"may_repeat": True}


class Fault:
    """One fault in its ten seconds."""

    def __init__(self, name: str, limit: int, end: float) -> None:
        self.name = name
        self.limit = limit
        self.end = end
        self.count = 0


class Repeats(logging.Filter):
    """Lets the first records of a fault pass and counts the others, which `tell` reports.

    A fault is an exception of one type that was raised at one place, or a message that may repeat.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._faults: dict[Hashable, Fault] = {}
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        name = name_of(record)
        if name is None:
            return True
        self.tell()
        with self._lock:
            if name not in self._faults and len(self._faults) >= MOST_FAULTS:
                name = OTHERS
            fault = self._faults.get(name)
            if fault is None:
                fault = self._faults[name] = Fault(name, FIRST, self._clock() + SECONDS)
            fault.count += 1
            return fault.count <= fault.limit

    def tell(self, *, at_end: bool = False) -> None:
        """Log how often each fault was left out whose ten seconds are over; at the end, of all."""
        if not self._faults:
            return
        lines = []
        with self._lock:
            now = self._clock()
            for key, fault in list(self._faults.items()):
                if now < fault.end and not at_end:
                    continue
                left_out = fault.count - fault.limit
                if left_out > 0:
                    lines.append((left_out, now - fault.end + SECONDS, fault.name))
                if fault.count > 0 and not at_end:
                    limit = NEXT if left_out > 0 else FIRST
                    self._faults[key] = Fault(fault.name, limit, now + SECONDS)
                else:
                    del self._faults[key]
        for count, seconds, name in lines:
            logger.error("%s more in the last %.0f s: %s", f"{count:,}", seconds, name)

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._faults.clear()


REPEATS = Repeats()


def name_of(record: logging.LogRecord) -> str | None:
    """The fault; None for a record that is not one."""
    if record.exc_info and record.exc_info[0] is not None:
        kind, _, traceback = record.exc_info
        return f"{kind.__qualname__} {place(traceback)}"
    return str(record.msg) if hasattr(record, "may_repeat") else None


def place(traceback: TracebackType | None) -> str:
    """Where it was raised."""
    if traceback is None:
        return "somewhere"
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return f"at {traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}"
