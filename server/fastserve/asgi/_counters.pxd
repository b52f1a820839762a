from libc.stdint cimport int64_t, uint64_t

cdef enum:
    METHODS = 10
    STATUSES = 5  # 2xx to 5xx, and 499
    DURATIONS = 16
    LAGS = 10
    REFUSALS = 12

# What only grows. A worker that has ended leaves it to those that go on.
cdef struct Totals:
    uint64_t requests[METHODS][STATUSES]
    uint64_t durations[DURATIONS]  # by bucket
    uint64_t duration_ns
    uint64_t refusals[REFUSALS]
    uint64_t failures
    uint64_t bytes_received
    uint64_t bytes_sent
    uint64_t connections[2]  # plain, TLS
    uint64_t http2_connections
    uint64_t streams
    uint64_t websockets
    uint64_t websockets_refused
    uint64_t messages_received
    uint64_t messages_sent
    uint64_t lags[LAGS]  # by bucket
    uint64_t lag_ns

# What is now. It ends with the worker.
cdef struct Levels:
    int64_t requests
    int64_t connections
    int64_t http2_connections
    int64_t streams
    int64_t websockets
    int64_t lag_ns
    int64_t beat_ns  # of the monotonic clock, when the event loop last ran

cdef struct Counts:
    Totals totals
    Levels levels

# The counts of one event loop. One thread writes them, so that nothing needs a lock.
cdef class Counters:
    cdef Counts *counts  # borrowed from `memory`
    cdef object memory  # owned: a memoryview, which keeps the buffer in its place

    cdef inline int connected(self, bint tls) noexcept:
        """A client has connected."""
        self.counts.totals.connections[tls] += 1
        return 0

    cdef inline int opened_websocket(self) noexcept:
        """The app has accepted it."""
        self.counts.totals.websockets += 1
        self.counts.levels.websockets += 1
        return 0

    cdef inline int closed_websocket(self) noexcept:
        """One that was accepted has ended."""
        self.counts.levels.websockets -= 1
        return 0

    cdef inline int refused_websocket(self) noexcept:
        """The app has not accepted it."""
        self.counts.totals.websockets_refused += 1
        return 0

    cdef int answered(self, str method, int status, int64_t elapsed_ns) except -1
    cdef int refused(self, int status) except -1
    cdef int beat(self, double lag) noexcept
