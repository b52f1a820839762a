from httpparser cimport Output
from fastserve.asgi._files cimport File

cdef extern from "Python.h":
    bint PyGC_Disable() noexcept  # whether it was enabled
    bint PyGC_Enable() noexcept

# A protocol that is given in C what has arrived.
cdef class Sink:
    cdef int take(self, const char *at, size_t count) except -1

# A transport that is written to in C; TLS is the protocol of another one, too.
cdef class DirectTransport(Sink):
    cdef object protocol  # owned, until the connection is lost
    cdef Sink sink  # owned: the same, if it is one
    cdef object deliver  # owned: else its data_received
    cdef bint more  # follows at once, by put_file()

    cdef int adopt(self, object protocol) except -1
    cdef int give(self, const char *at, size_t count) except -1
    cdef int forget_protocol(self) except -1
    cdef int put(self, const char *at, Py_ssize_t length) except -1
    cdef int put_bytes(self, bytes data) except -1
    cdef int put_parts(self, list parts) except -1
    cdef int let_go(self) except -1
    cdef int hold_within(self, Py_ssize_t high) noexcept
    cdef Py_ssize_t put_file(self, File file) except -2
    cdef object find(self, object name)
    cdef int limit(self, Py_ssize_t high) except -1
    cdef Py_ssize_t in_flight(self) except -1

cdef object new_backlog()
cdef DirectTransport direct(object transport)
cdef object extra(object transport, DirectTransport direct, str name)
cdef int limit(object transport, DirectTransport direct, Py_ssize_t high) except -1
cdef Py_ssize_t kept_by_kernel(object transport, DirectTransport direct) except -1
cdef Py_ssize_t undelivered(object transport, DirectTransport direct) except -1
cdef int write_output(object transport, DirectTransport direct, Output output) except -1
cdef int write_bytes(object transport, DirectTransport direct, bytes data) except -1
cdef int write_parts(object transport, DirectTransport direct, list parts) except -1
cdef bytes as_bytes(object data)
cdef tuple write_limits(object high, object low)
