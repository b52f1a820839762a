"""A circuit breaker: an upstream that fails and fails gets a pause, then a trial.

CLOSED     --[`limit` failures in a row]--> OPEN
OPEN       --[`pause` seconds later]-----> HALF_OPEN
HALF_OPEN  lets one request through  --[success]--> CLOSED
                                     --[failure]--> OPEN
"""

from enum import Enum
from time import monotonic


class State(Enum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half open"


class Breaker:
    def __init__(self, limit, pause, clock=monotonic):
        self.limit, self.pause, self.clock = limit, pause, clock
        self.state = State.CLOSED
        self.failures = 0  # in a row
        self.since = 0.0  # of OPEN, or of the trial in HALF_OPEN

    def allows(self):
        if self.state is State.CLOSED:
            return True
        # A trial that nobody told the end of, such as one that was cancelled, is over by then too.
        return self.clock() - self.since >= self.pause

    def started(self):
        """A request that was allowed goes to the upstream."""
        if self.state is not State.CLOSED:
            self.state, self.since = State.HALF_OPEN, self.clock()

    def succeeded(self):
        self.state, self.failures = State.CLOSED, 0

    def failed(self):
        self.failures += 1
        if self.state is State.HALF_OPEN or self.failures >= self.limit:
            self.state, self.since = State.OPEN, self.clock()
