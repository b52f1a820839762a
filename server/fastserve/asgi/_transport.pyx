"""What a connection writes to: in C to our own transports, else to write() of an asyncio.Transport.

Ours are `_socket` for plain bytes and `_tls` above it. The loop's own carries TLS that needs the
ssl module, and whatever a program gives a connection that it makes by itself.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize

from httpparser cimport Output
from fastserve.asgi._files cimport File
from fastserve.asgi._in_flight cimport bytes_in_flight

from collections import deque

cdef enum:
    DEFAULT_HIGH = 65536


cdef class Sink:
    """A protocol that needs no object for what has arrived."""

    cdef int take(self, const char *at, size_t count) except -1:
        """These bytes have arrived; they are there until this returns."""
        raise NotImplementedError


cdef class DirectTransport(Sink):
    """One of ours."""

    def get_protocol(self):
        return self.protocol

    def set_protocol(self, protocol):
        self.adopt(protocol)

    cdef int adopt(self, object protocol) except -1:
        self.protocol = protocol
        self.sink = protocol if isinstance(protocol, Sink) else None
        self.deliver = None if self.sink is not None else protocol.data_received
        return 0

    cdef int give(self, const char *at, size_t count) except -1:
        """To the protocol, if it is still there.

        It may lose the connection meanwhile, in a nested loop of an app, or its place to another.
        """
        cdef Sink kept = self.sink  # a call in C alone does not keep it
        if kept is not None:
            return kept.take(at, count)
        if self.deliver is not None:
            self.deliver(PyBytes_FromStringAndSize(at, count))
        return 0

    cdef int forget_protocol(self) except -1:
        """The connection is lost."""
        self.protocol = self.sink = self.deliver = None
        return 0

    cdef int put(self, const char *at, Py_ssize_t length) except -1:
        """Write these bytes; nothing is called that could change them before they are copied.

        Then the garbage collector may run, and code of an app that writes to any connection.
        """
        raise NotImplementedError

    cdef int put_bytes(self, bytes data) except -1:
        """Write these bytes, without a copy."""
        raise NotImplementedError

    cdef int put_parts(self, list parts) except -1:
        """Write these bytes, one after the other."""
        raise NotImplementedError

    cdef int let_go(self) except -1:
        """Send what was written and waits only for the end of the turn."""
        return 0

    cdef int hold_within(self, Py_ssize_t high) noexcept:
        """Pieces that fit this limit may wait for the end of the turn; the protocol is not told."""
        return 0

    cdef Py_ssize_t put_file(self, File file) except -2:
        """As much of it as the socket takes at once; 0 or -1: nothing."""
        return -1

    cdef object find(self, object name):
        """What get_extra_info() gives, or None."""
        raise NotImplementedError

    cdef int limit(self, Py_ssize_t high) except -1:
        """The protocol waits when so many bytes wait to be sent, until a quarter is left."""
        raise NotImplementedError

    cdef Py_ssize_t in_flight(self) except -1:
        """Bytes that the socket has taken and the client has not acknowledged."""
        raise NotImplementedError

    def get_extra_info(self, name, default=None):
        value = self.find(name)
        return default if value is None else value


cdef object new_backlog():
    """A deque. No garbage is collected: the end of a coroutine may write, and would be first."""
    cdef bint collects = PyGC_Disable()
    try:
        return deque()
    finally:
        if collects:
            PyGC_Enable()


cdef DirectTransport direct(object transport):
    """The same; None: it is not one of ours."""
    return <DirectTransport> transport if isinstance(transport, DirectTransport) else None


cdef object extra(object transport, DirectTransport direct, str name):
    """What the transport says of itself, or None."""
    return transport.get_extra_info(name) if direct is None else direct.find(name)


cdef int limit(object transport, DirectTransport direct, Py_ssize_t high) except -1:
    if direct is not None:
        return direct.limit(high)
    transport.set_write_buffer_limits(high=high)
    return 0


cdef Py_ssize_t kept_by_kernel(object transport, DirectTransport direct) except -1:
    """Bytes that the socket has taken and the client has not acknowledged; 0: nobody can say."""
    if direct is not None:
        return direct.in_flight()
    sock = transport.get_extra_info("socket")
    return 0 if sock is None else bytes_in_flight(sock.fileno())


cdef Py_ssize_t undelivered(object transport, DirectTransport direct) except -1:
    """Bytes that were written and that, as far as one can say, have not reached the client."""
    cdef Py_ssize_t waiting = transport.get_write_buffer_size()
    return waiting + kept_by_kernel(transport, direct)


cdef int write_output(object transport, DirectTransport direct, Output output) except -1:
    """Write what is in the output, and empty it."""
    cdef bytes data
    cdef Py_ssize_t length = output.length
    if direct is not None:
        output.length = 0  # see put(): by the end, others may have written to it
        try:
            direct.put(output.data, length)
        finally:
            if output.length == 0:
                output.clear()
        return 0
    data = PyBytes_FromStringAndSize(output.data, output.length)
    output.clear()
    transport.write(data)
    return 0


cdef int write_bytes(object transport, DirectTransport direct, bytes data) except -1:
    """Write these bytes, without a copy."""
    if direct is not None:
        return direct.put_bytes(data)
    transport.write(data)
    return 0


cdef int write_parts(object transport, DirectTransport direct, list parts) except -1:
    """Write these bytes, one after the other."""
    if len(parts) == 1:
        return write_bytes(transport, direct, parts[0])
    if direct is not None:
        return direct.put_parts(parts)
    transport.write(b"".join(parts))  # writelines() may forget to pause us: CVE-2024-12254
    return 0


cdef bytes as_bytes(object data):
    return data if type(data) is bytes else bytes(memoryview(data))


cdef tuple write_limits(object high, object low):
    """(low, high), as asyncio chooses what is not given. Raises ValueError."""
    if high is None:
        high = DEFAULT_HIGH if low is None else 4 * low
    if low is None:
        low = high // 4
    if not high >= low >= 0:
        raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
    return low, high
