"""What happens, counted in memory that another process may read meanwhile. No I/O, no locks.

Every number is an aligned word that one thread writes: a reader sees the old value or the new one.
"""

cimport cython
from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.dict cimport PyDict_GetItemWithError
from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memset

from fastserve.asgi._clock cimport monotonic_ns

import sys

__all__ = (
    "COUNTERS_SIZE", "DURATION_BOUNDS", "LAG_BOUNDS", "METHOD_NAMES", "REFUSAL_STATUSES",
    "STATUS_NAMES", "Counters",
)

COUNTERS_SIZE = sizeof(Counts)
# The methods of RFC 9110 and RFC 5789; a client may make up others without end.
METHOD_NAMES = (
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "other",
)
# 499, as nginx has it: the client left before the response was complete.
STATUS_NAMES = ("2xx", "3xx", "4xx", "5xx", "499")
# What the server refuses with; 0: anything else.
REFUSAL_STATUSES = (400, 408, 413, 414, 417, 421, 426, 431, 501, 503, 505, 0)
DURATION_BOUNDS = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
)
LAG_BOUNDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)

cdef str GET = sys.intern("GET")  # httpparser gives this very object
cdef dict METHOD_PLACES = {name: place for place, name in enumerate(METHOD_NAMES)}
cdef int64_t duration_bounds[DURATIONS - 1]
cdef int64_t lag_bounds[LAGS - 1]
cdef int refusal_statuses[REFUSALS]

for place, bound in enumerate(DURATION_BOUNDS):
    duration_bounds[place] = round(bound * 1e9)
for place, bound in enumerate(LAG_BOUNDS):
    lag_bounds[place] = round(bound * 1e9)
for place, status in enumerate(REFUSAL_STATUSES):
    refusal_statuses[place] = status


@cython.final
cdef class Counters:
    """Counts in `memory`: a writable buffer of at least COUNTERS_SIZE bytes, zeroed at first."""

    def __cinit__(self, memory):
        cdef Py_buffer buffer
        PyObject_GetBuffer(memory, &buffer, PyBUF_WRITABLE)
        try:
            if buffer.len < <Py_ssize_t> sizeof(Counts) or <size_t> buffer.buf % sizeof(uint64_t):
                raise ValueError(f"counters need {sizeof(Counts)} bytes of aligned memory")
            self.counts = <Counts *> buffer.buf
            self.memory = memoryview(memory)
        finally:
            PyBuffer_Release(&buffer)

    # -- the event loop that counts ------------------------------------------------------------

    cdef int answered(self, str method, int status, int64_t elapsed_ns) except -1:
        """A request has had its response; 499: its client has left before."""
        cdef Totals *totals = &self.counts.totals
        cdef PyObject *found
        cdef int row = 0, column, bucket = 0
        if method is not GET:
            found = PyDict_GetItemWithError(METHOD_PLACES, method)
            row = METHODS - 1 if found == NULL else <object> found
        column = 4 if status == 499 else min(max(status // 100 - 2, 0), 3)
        while bucket < DURATIONS - 1 and elapsed_ns > duration_bounds[bucket]:
            bucket += 1
        totals.requests[row][column] += 1
        totals.durations[bucket] += 1
        totals.duration_ns += elapsed_ns
        return 0

    cdef int refused(self, int status) except -1:
        """The server has answered in place of the app."""
        cdef int place = 0
        while place < REFUSALS - 1 and refusal_statuses[place] != status:
            place += 1
        self.counts.totals.refusals[place] += 1
        return 0

    cdef int beat(self, double lag) noexcept:
        """The event loop runs, so many seconds later than a timer asked for."""
        cdef int64_t late = <int64_t> (lag * 1e9) if lag > 0 else 0
        cdef int bucket = 0
        while bucket < LAGS - 1 and late > lag_bounds[bucket]:
            bucket += 1
        self.counts.totals.lags[bucket] += 1
        self.counts.totals.lag_ns += late
        self.counts.levels.lag_ns = late
        self.counts.levels.beat_ns = monotonic_ns()
        return 0

    # -- who reads -----------------------------------------------------------------------------

    def read(self):
        """All numbers by their names: {"totals": {…}, "levels": {…}}, arrays as lists."""
        return self.counts[0]

    def add_totals(self, Counters other not None):
        """Add what only grows of others, which may go on counting."""
        cdef uint64_t *mine = <uint64_t *> &self.counts.totals
        cdef uint64_t *its = <uint64_t *> &other.counts.totals
        cdef size_t place
        for place in range(sizeof(Totals) // sizeof(uint64_t)):
            mine[place] += its[place]

    def add(self, Counters other not None):
        """Add all that can be added."""
        cdef int64_t *mine = <int64_t *> &self.counts.levels
        cdef int64_t *its = <int64_t *> &other.counts.levels
        cdef size_t place
        self.add_totals(other)
        for place in range(sizeof(Levels) // sizeof(int64_t)):
            mine[place] += its[place]

    def clear(self):
        """Start again at 0."""
        memset(self.counts, 0, sizeof(Counts))
