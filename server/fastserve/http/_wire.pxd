from httpparser._core cimport Sink
from httpparser._response cimport Output
from fastserve.http._service cimport Service

# What a cycle writes to.
cdef class Wire(Sink):
    cdef Service service
    cdef readonly object transport
    cdef bint stepping  # writes are joined until the step ends
    cdef readonly bint gone  # the transport is closed or lost: nothing more can be written
    cdef bint broken  # the response was cut short: close without ceremony
    cdef bint congested  # the peer does not read
    cdef bint keep_alive  # another request may follow this one
    cdef list parts  # owned: what stands before the output in this step
    cdef list drain_waiters
    cdef Py_ssize_t stuck  # bytes in the transport's buffer at the last sweep
    cdef double stuck_until

    cdef Output output(self)
    cdef int write_large(self, bytes data) except -1
    cdef int flush(self) except -1
    cdef object pass_on(self, bint more)
    cdef int expect_client(self) except -1
    cdef object drained(self)
    cdef int wake_drain(self) except -1
    cdef int response_complete(self) except -1
    cdef int settle_keep_alive(self) except -1
    cdef int want_body(self) except -1
    cdef int write_continue(self) except -1
