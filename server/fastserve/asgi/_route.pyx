"""How bytes get to a client: by send(2) where a transport would do no more, else by its write().

A transport of uvloop or asyncio that carries plain bytes tries send(2) too, after a call in Python
and with its buffers; that is 5% of a GET on uvloop, and more on asyncio. What the socket does not
take at once goes to the transport, which then has all further bytes until its buffer is empty, so
that nothing overtakes. Errors are the transport's affair: it tries the same bytes and finds out.

A descriptor may have a new owner once its transport is closed, and a loop that is closed tells no
connection of it. So the transport is asked each time whether it still reads, which is one call;
where it does not, whether it still has the descriptor. Answers that are written while uvloop gives
us what it has read need not ask: its loops cannot run inside themselves, so nobody but us could
have closed the transport since.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from libc.stdint cimport int64_t

from httpparser cimport Output
from fastserve.asgi._files cimport File

import sys

cdef extern from *:
    """
    #include <string.h>
    #include <sys/socket.h>
    #include <sys/uio.h>
    #ifdef __linux__
    #include <sys/sendfile.h>
    #else  /* others' sendfile() is another function; os.sendfile() knows them all */
    #define sendfile(to, from, offset, count) (-1)
    #define MSG_MORE 0
    #endif
    #ifndef MSG_NOSIGNAL
    #define MSG_NOSIGNAL 0  /* macOS: Python ignores SIGPIPE */
    #endif
    static Py_ssize_t send_parts(int fd, struct iovec *parts, size_t count)
    {
        struct msghdr message;
        memset(&message, 0, sizeof message);
        message.msg_iov = parts;
        message.msg_iovlen = count;
        return sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    """
    enum:
        MSG_DONTWAIT, MSG_MORE, MSG_NOSIGNAL
    struct iovec:
        void *iov_base
        size_t iov_len
    Py_ssize_t sendfile(int to, int source, int64_t *offset, size_t count) noexcept nogil
    Py_ssize_t send(int fd, const void *at, size_t length, int flags) noexcept
    Py_ssize_t send_parts(int fd, iovec *parts, size_t count) noexcept

cdef enum:
    MAX_PARTS = 16
    MOST_OF_A_FILE = 1 << 20  # bytes for one call, so that other connections have their turn

# These add nothing to the bytes. Their TLS has other types.
PLAIN = {
    ("uvloop.loop", "TCPTransport"),
    ("uvloop.loop", "UnixTransport"),
    ("asyncio.selector_events", "_SelectorSocketTransport"),
}

# asyncio's writelines() did not tell of a full buffer then (CVE-2024-12254); this asks it to.
cdef bint FORGETS_TO_PAUSE = (3, 12) <= sys.version_info < (3, 12, 9) or (
    (3, 13) <= sys.version_info < (3, 13, 2)
)


cdef class DirectTransport:
    """A transport that is written to in C: that of TLS, which cannot be here, as it uses this."""

    cdef int put(self, const char *at, Py_ssize_t length) except -1:
        """Write these bytes; nothing is called that could change them before they are copied."""
        raise NotImplementedError

    cdef int put_bytes(self, bytes data) except -1:
        raise NotImplementedError

    cdef int put_parts(self, list parts) except -1:
        raise NotImplementedError


cdef class Methods:
    """The methods of one type of transport, so that a call looks nothing up."""

    cdef object is_reading  # owned
    cdef object get_write_buffer_size  # owned

    def __init__(self, kind):
        self.is_reading = kind.is_reading
        self.get_write_buffer_size = kind.get_write_buffer_size


cdef dict known = {}  # Methods by type, kept for ever; None: it is not plain


cdef int find_route(object transport, Route *route) except -1:
    """The transport is new to the connection."""
    cdef object kind = type(transport)
    route.methods = NULL
    route.behind = True  # another protocol may have written before
    route.uninterrupted = kind.__module__ == "uvloop.loop"
    route.open = False
    route.direct = isinstance(transport, DirectTransport)
    if route.direct:
        return 0
    if kind not in known:
        plain = (kind.__module__, kind.__name__) in PLAIN
        known.setdefault(kind, Methods(kind) if plain else None)
    methods = known[kind]
    if methods is not None:
        sock = transport.get_extra_info("socket")
        if sock is not None:
            route.fd = sock.fileno()
            route.methods = <PyObject *> methods
    return 0


cdef inline bint is_free(object transport, Route *route) except -1:
    """Whether the socket is there, and nothing waits in front of it."""
    cdef Methods methods
    if route.methods == NULL:
        return False
    methods = <Methods> route.methods
    if route.behind:
        if methods.get_write_buffer_size(transport):
            return False
        route.behind = False
    return route.open or methods.is_reading(transport) or is_open(transport, route.fd)


cdef bint is_open(object transport, int fd) except -1:
    return not transport.is_closing() and transport.get_extra_info("socket").fileno() == fd


cdef inline int give_way(Route *route) noexcept:
    """The transport writes: later bytes come behind, and an error may close it."""
    route.behind = True
    return end_read(route)


cdef inline int flags_of(Route *route) noexcept:
    return MSG_DONTWAIT | MSG_NOSIGNAL | (MSG_MORE if route.more else 0)


cdef Py_ssize_t send_now(
    object transport, Route *route, const char *at, size_t length
) except -1:
    """As much as the socket takes at once; the caller writes the rest to the transport."""
    cdef Py_ssize_t sent
    if not is_free(transport, route):
        return 0
    sent = send(route.fd, at, length, flags_of(route))
    return 0 if sent < 0 else sent


cdef int write_output(object transport, Route *route, Output output) except -1:
    """Write what is in the output, and empty it."""
    cdef Py_ssize_t sent
    cdef bytes rest
    if route.direct:
        (<DirectTransport> transport).put(output.data, output.length)
        return output.clear()
    sent = send_now(transport, route, output.data, output.length)
    if sent == <Py_ssize_t> output.length:
        return output.clear()
    rest = PyBytes_FromStringAndSize(output.data + sent, output.length - sent)
    output.clear()
    give_way(route)
    transport.write(rest)
    return 0


cdef int write_bytes(object transport, Route *route, bytes data) except -1:
    """Write these bytes, without a copy."""
    cdef Py_ssize_t sent
    if route.direct:
        return (<DirectTransport> transport).put_bytes(data)
    if is_free(transport, route):
        sent = send(route.fd, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), flags_of(route))
        if sent == PyBytes_GET_SIZE(data):
            return 0
        if sent > 0:
            give_way(route)
            transport.write(memoryview(data)[sent:])
            return 0
    give_way(route)
    transport.write(data)
    return 0


cdef Py_ssize_t write_file(object transport, Route *route, File file) except -2:
    """Send as much of it as the socket takes at once; 0 or -1: nothing."""
    cdef int64_t offset = file.offset
    cdef size_t count = min(file.count, <int64_t> MOST_OF_A_FILE)
    cdef Py_ssize_t sent
    cdef int source = file.fd
    if not is_free(transport, route):
        return 0
    with nogil:  # other threads go on while a disk is slow
        sent = sendfile(route.fd, source, &offset, count)
    return sent


cdef int write_parts(object transport, Route *route, list parts) except -1:
    """Write these bytes, one after the other, as write_bytes() does."""
    cdef iovec vector[MAX_PARTS]
    cdef Py_ssize_t total = 0, sent = 0
    cdef size_t count = 0
    cdef bytes data
    if route.direct:
        return (<DirectTransport> transport).put_parts(parts)
    if len(parts) <= MAX_PARTS and is_free(transport, route):
        for data in parts:
            vector[count].iov_base = PyBytes_AS_STRING(data)
            vector[count].iov_len = PyBytes_GET_SIZE(data)
            total += PyBytes_GET_SIZE(data)
            count += 1
        sent = send_parts(route.fd, vector, count)
        if sent == total:
            return 0
    give_way(route)
    transport.writelines(parts if sent <= 0 else after(parts, sent))
    if FORGETS_TO_PAUSE:
        low, high = transport.get_write_buffer_limits()
        transport.set_write_buffer_limits(high=high, low=low)
    return 0


cdef list after(list parts, Py_ssize_t sent):
    """What is left of them."""
    cdef Py_ssize_t index = 0
    while sent >= len(parts[index]):
        sent -= len(parts[index])
        index += 1
    return [memoryview(parts[index])[sent:], *parts[index + 1:]]
