from posix.time cimport clock_gettime, clockid_t, timespec

from httpparser cimport Limits, Output
from fastserve.asgi._counters cimport Counters
from fastserve.asgi._task cimport Runner

cdef extern from *:
    """
    #include <time.h>
    #ifdef CLOCK_MONOTONIC_COARSE
    #define FASTSERVE_COARSE_CLOCK CLOCK_MONOTONIC_COARSE
    #else
    #define FASTSERVE_COARSE_CLOCK CLOCK_MONOTONIC
    #endif
    """
    const clockid_t COARSE_CLOCK "FASTSERVE_COARSE_CLOCK"

cdef inline double coarse_time() noexcept nogil:
    """Seconds of a monotonic clock, to a few thousandths."""
    cdef timespec now
    clock_gettime(COARSE_CLOCK, &now)
    return now.tv_sec + now.tv_nsec * 1e-9

# What the connections of one event loop share.
cdef class Service:
    cdef readonly object app
    cdef readonly object config
    cdef readonly object loop
    cdef readonly object logger
    cdef readonly object access_log  # None: off
    cdef readonly Counters counters  # owned; None: metrics are off
    cdef bint timed  # it wants to know how long a request took
    cdef bint wants_headers  # it uses the fields of requests
    cdef bint wants_response_headers  # and those that the app gives responses
    cdef readonly object context  # each request runs in a copy of it
    cdef readonly object parser_factory  # None: llhttp
    cdef readonly object proxies  # the trusted ones; None: nobody
    cdef readonly set connections
    cdef readonly set websockets
    cdef Py_ssize_t on_streams  # of them, those that share an HTTP/2 connection
    cdef readonly Py_ssize_t active  # HTTP requests that the app is working on
    cdef readonly Py_ssize_t served  # responses completed
    cdef readonly bint draining
    cdef bint warned  # apps are told to end, because the server stops soon
    cdef public double turn_seconds  # that one connection may have before others have their turn
    cdef readonly object state
    cdef object protocol  # makes a connection
    cdef readonly object http2  # makes one that speaks HTTP/2; None: it is off
    cdef object http2_shared  # owned: what those of this loop share, made by the first
    cdef object timer
    cdef object closed  # a future that waits for the last connection

    cdef Runner runner
    cdef object readers  # owned: a pile of the parsers that no connection uses, or None
    cdef object callables  # owned: a pile of those that no request uses, or None
    cdef Limits limits
    cdef object default_fields  # owned: a protocol's, made by its first connection
    cdef Output output  # shared: holds the bytes of `output_owner` and of nobody else
    cdef object output_owner  # owned: the connection whose bytes are in it, or None
    cdef Output spare_output  # owned: for what one WebSocket sends in one turn, or None
    cdef dict spare_event  # owned: a message of a WebSocket, to be used again if nobody holds it
    cdef readonly double now  # of the last sweep, loop.time()
    cdef dict scope  # the template of every scope
    cdef object server_certificate  # PEM, for the tls extension
    cdef str root_path  # before every path that a proxy has stripped it from; None: nothing
    cdef bytes raw_root_path
    cdef dict asgi
    cdef dict part_message  # what `receive` gives, but for the body; a copy is half the work
    cdef dict last_message
    cdef dict scopes  # templates by server address and scheme
    cdef object server  # that of the last template
    cdef str scheme
    cdef dict last_scope
    cdef object host  # that of the last client, and whether it is trusted
    cdef bint trusts_host
    cdef dict extensions_1_0
    cdef dict extensions_1_1

    # Options, in C.
    cdef double timeout_first_byte
    cdef double timeout_head
    cdef double timeout_body
    cdef double min_body_rate
    cdef bint keep_alive  # false: close after each response
    cdef double timeout_keep_alive
    cdef double timeout_send
    cdef size_t pipeline_bytes
    cdef size_t write_high_water
    cdef size_t drain_body
    cdef Py_ssize_t limit_concurrency
    cdef bint has_websockets

    cdef inline double after(self, double seconds) noexcept:
        """A deadline that the sweep will see passed; 0: none."""
        return self.now + seconds + 1 if seconds else 0

    cdef inline int enter(self) noexcept:
        """A request's app is called."""
        self.active += 1
        if self.counters is not None:
            self.counters.counts.levels.requests = self.active
        return 0

    cdef inline int leave(self) except -1:
        """A request's app has returned."""
        self.active -= 1
        if self.counters is not None:
            self.counters.counts.levels.requests = self.active
        if self.closed is not None:
            self.notice()
        return 0

    cdef inline int count_received(self, Py_ssize_t size) noexcept:
        if self.counters is not None:
            self.counters.counts.totals.bytes_received += size
        return 0

    cdef inline int count_failure(self) noexcept:
        """The app has raised."""
        if self.counters is not None:
            self.counters.counts.totals.failures += 1
        return 0

    cdef inline int count_sent(self, Py_ssize_t size) noexcept:
        if self.counters is not None:
            self.counters.counts.totals.bytes_sent += size
        return 0

    cdef dict scope_of(self, object server, str scheme)
    cdef bint trusts(self, object client) except -1
    cdef int report(self, object peer, object error) except -1
    cdef int remember(self, object connection) except -1
    cdef int forget(self, object connection) except -1
    cpdef notice(self)
