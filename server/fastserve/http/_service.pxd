from libc.time cimport time_t
from httpparser._core cimport Limits
from httpparser._response cimport Output
from fastserve.http._task cimport Runner

# What all connections of a process share.
cdef class Service:
    cdef readonly object app
    cdef readonly object config
    cdef readonly object loop
    cdef readonly object logger
    cdef readonly object access_log  # None: off
    cdef bint timed  # it wants to know how long a request took
    cdef readonly object context  # each request runs in a copy of it
    cdef readonly object parser_factory  # None: llhttp
    cdef readonly object proxies  # whose word is taken; None: nobody's
    cdef readonly set connections
    cdef readonly set websockets
    cdef public Py_ssize_t active  # requests in progress
    cdef public Py_ssize_t served  # requests answered
    cdef readonly bint draining
    cdef readonly object state
    cdef object protocol
    cdef object timer
    cdef object closed  # a future that waits for the last connection

    cdef Runner runner
    cdef Limits limits
    cdef Output output  # what the running step writes; empty between steps
    cdef Output direct  # what is written outside a step
    cdef readonly double now  # of the last sweep, loop.time()
    cdef dict scope  # the template of every scope
    cdef object server_certificate  # PEM, for the tls extension
    cdef dict asgi
    cdef dict scopes  # templates by server address and scheme
    cdef dict extensions_1_0
    cdef dict extensions_1_1

    # Options, in C.
    cdef double first_byte_timeout
    cdef double head_timeout
    cdef double body_timeout
    cdef double keep_alive_timeout
    cdef double send_timeout
    cdef size_t pipeline_bytes
    cdef size_t write_high_water
    cdef size_t drain_body
    cdef Py_ssize_t limit_concurrency
    cdef bint server_header
    cdef bint date_header

    # The default fields, renewed when the second changes.
    cdef time_t second
    cdef bytes both
    cdef bytes server_line
    cdef bytes date_line
    cdef bytes extra_lines

    cdef inline double after(self, double seconds) noexcept:
        """A deadline that the sweep will see passed; 0: none."""
        return self.now + seconds + 1 if seconds else 0

    cdef dict scope_of(self, object server, str scheme)
    cdef int renew(self) except -1
    cdef int forget(self, object connection) except -1
    cpdef notice(self)
