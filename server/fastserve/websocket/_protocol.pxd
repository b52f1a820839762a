"""One WebSocket connection's state on the wire, without sockets (RFC 6455 sections 5 to 7)."""

from cpython.object cimport PyObject
from libc.stdint cimport uint8_t, uint64_t

from fastserve.websocket._frames cimport MAX_CONTROL, MAX_HEAD, Head, Utf8


cdef class Protocol:
    cdef readonly bint close_sent
    cdef readonly bint close_received
    cdef bint deaf  # after a Close or an error, what arrives is dropped
    cdef readonly object deflate  # owned: a Deflate, or None without permessage-deflate
    cdef Py_ssize_t max_size
    cdef int max_fragments

    cdef bytes data  # owned: what feed() brought and next_event() has not read yet, from `at` on
    cdef Py_ssize_t at
    cdef uint8_t start[MAX_HEAD]  # a frame's head that the end of a read cut
    cdef int start_size

    # the frame being read
    cdef Head head
    cdef bint in_payload
    cdef uint64_t taken  # of its payload
    cdef uint8_t control[MAX_CONTROL]

    # the message being put together
    cdef uint8_t opcode  # 0 between messages
    cdef bint compressed
    cdef int fragments
    cdef PyObject *message  # owned: bytes with room to grow, NULL while there is nothing to keep
    cdef Py_ssize_t size
    cdef Utf8 utf8

    cpdef bint has_unread(self)
    cpdef feed(self, bytes data)
    cpdef object next_event(self)
    cpdef bytes encode_text(self, str text)
    cpdef bytes encode_binary(self, bytes data)
    cdef bytes _data_frame(self, uint8_t opcode, object payload, const char *at, Py_ssize_t size)
    cdef object _next(self)
    cdef bint opens_and_ends(self) noexcept
    cdef bint _take_head(self) except -1
    cdef int _admit(self) except -1
    cdef object _whole(self, const uint8_t *at)
    cdef int _keep(self, const uint8_t *at, Py_ssize_t size) except -1
    cdef uint8_t *_grow(self, Py_ssize_t size) except NULL
    cdef int _make_room(self, Py_ssize_t room) except -1
    cdef object _finish(self)
    cdef object _control(self)
