"""An asyncio loop whose clock the test sets and which knows when nothing is left to do.

There are no sockets and no threads in it: what happens depends on the test alone.
"""

import asyncio
from collections.abc import Callable
from typing import Any

MOST_TURNS = 100_000  # until `settle` says that it will never end
PATIENCE = 300.0  # seconds of its own clock that `wait_for` waits


class Loop(asyncio.SelectorEventLoop):
    """`failures` has what came to the exception handler: nothing should."""

    def __init__(self) -> None:
        self.clock = 1000.0
        self.failures: list[dict[str, Any]] = []
        self.turns = 0
        super().__init__()
        self.set_exception_handler(lambda loop, context: self.failures.append(context))

    def time(self) -> float:
        return self.clock

    def run_in_executor(self, executor: Any, function: Callable[..., Any], *args: Any) -> Any:
        """In this thread, in the next turn."""

        def work() -> None:
            if future.cancelled():
                return
            try:
                future.set_result(function(*args))
            except Exception as error:
                future.set_exception(error)

        future = self.create_future()
        self.call_soon(work)
        return future

    def turn(self) -> None:
        """One pass over what is ready now."""
        self.call_soon(self.stop)
        self.run_forever()

    def settle(self) -> None:
        """Until no callback is ready. Timers wait for `advance`."""
        self.turns = 0
        self.call_soon(self._go_on)
        self.run_forever()

    def _go_on(self) -> None:
        self.turns += 1
        if not self._ready or self.turns > MOST_TURNS:  # type: ignore[attr-defined]
            self.stop()
        else:
            self.call_soon(self._go_on)

    def advance(self, seconds: float) -> None:
        """Let time pass, from timer to timer."""
        until = self.clock + seconds
        self.settle()
        while (timer := self._next_timer()) is not None and timer <= until:
            self.clock = max(self.clock, timer)
            self.settle()
        self.clock = until
        self.settle()

    def wait_for(self, condition: Callable[[], Any], what: str = "what is waited for") -> None:
        """Until the condition holds; when nothing is ready, time goes on to the next timer."""
        until = self.clock + PATIENCE
        self.settle()
        while not condition():
            timer = self._next_timer()
            if timer is None or timer > until:
                raise AssertionError(f"{what} does not come")
            self.clock = max(self.clock, timer)
            self.settle()

    def _next_timer(self) -> float | None:
        timers = self._scheduled  # type: ignore[attr-defined]
        return min((timer.when() for timer in timers if not timer.cancelled()), default=None)
