from cpython.object cimport PyObject

from httpparser cimport Output
from fastserve.asgi._files cimport File

# A transport that is written to in C, for its own type of bytes.
cdef class DirectTransport:
    cdef int put(self, const char *at, Py_ssize_t length) except -1
    cdef int put_bytes(self, bytes data) except -1
    cdef int put_parts(self, list parts) except -1

# How a connection's bytes get to its client. It is the connection's, and lasts as its transport.
cdef struct Route:
    PyObject *methods  # borrowed, never freed: of the transport's type; NULL: only it can write
    int fd  # its socket's
    bint direct  # the transport is a DirectTransport
    bint more  # follows at once, by write_file()
    bint behind  # what was given to the transport may not have left yet
    bint uninterrupted  # nothing else runs on the loop while it gives us what it has read
    bint open  # that is so now, and nobody has closed the transport meanwhile

cdef inline int begin_read(Route *route) noexcept:
    """The transport calls with what it has read: so it is open."""
    route.open = route.uninterrupted
    return 0

cdef inline int end_read(Route *route) noexcept:
    """That call ends, or somebody closes the transport in it."""
    route.open = False
    return 0

cdef int find_route(object transport, Route *route) except -1
cdef Py_ssize_t send_now(
    object transport, Route *route, const char *at, size_t length
) except -1
cdef int write_output(object transport, Route *route, Output output) except -1
cdef Py_ssize_t write_file(object transport, Route *route, File file) except -2
cdef int write_bytes(object transport, Route *route, bytes data) except -1
cdef int write_parts(object transport, Route *route, list parts) except -1
