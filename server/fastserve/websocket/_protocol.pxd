"""One WebSocket connection without sockets: bytes and messages, both ways (RFC 6455 5 to 7)."""

from cpython.bytes cimport PyBytes_GET_SIZE
from cpython.object cimport PyObject
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from httpparser cimport Output

cdef enum:
    MAX_HEAD = 14  # bytes of a frame's head
    MAX_CONTROL = 125  # bytes of a control frame's payload (RFC 6455 5.5)


cdef struct Head:
    uint8_t opcode
    bint fin
    bint rsv1
    uint32_t key  # in memory order: byte 0 of the wire is byte 0 of this
    uint64_t length  # payload bytes


cdef struct Utf8:
    uint8_t need  # continuation bytes still owed
    uint8_t low  # the range of the next of them
    uint8_t high


cdef class Protocol:
    cdef readonly bint close_sent
    cdef readonly bint close_received
    cdef readonly object deflate  # owned: a Deflate, or None without permessage-deflate
    cdef Py_ssize_t max_size
    cdef int max_fragments

    # what arrives
    cdef const uint8_t *input  # what next_event() has not read yet
    cdef Py_ssize_t unread  # its bytes
    cdef bytes kept  # owned: where it is; None: there is nothing, or take() was given it
    cdef uint8_t partial_head[MAX_HEAD]  # a frame's head that the end of a read cut
    cdef int partial_size
    cdef bint ignoring  # after a Close or an error, what arrives is dropped

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

    # what is owed in answer
    cdef bytes reply  # owned: a Pong or, once ignoring, a Close; None if nothing is owed

    cpdef bint has_unread(self)
    cpdef object next_event(self)
    cpdef bytes take_reply(self)
    cpdef bytes encode_text(self, str text)
    cpdef bytes encode_binary(self, bytes data)
    cpdef bytes ping(self, bytes payload=*)
    cpdef bytes close(self, int code=*, str reason=*)

    cdef inline int take(self, const char *at, Py_ssize_t count) except -1:
        """feed(), for what is there until the caller calls keep()."""
        if self.unread:
            return self.append_input(at, count)
        self.kept = None
        self.input = <const uint8_t *>at
        self.unread = count
        return 0

    cdef inline int keep(self) except -1:
        return self.append_input(NULL, 0) if self.unread and self.kept is None else 0

    cdef int append_input(self, const char *at, Py_ssize_t count) except -1
    cdef int skip(self, Py_ssize_t count) noexcept
    cdef int drop(self) noexcept
    cdef object whole_message(self)
    cdef object read(self)
    cdef int fail(self, object error) except -1
    cdef object _next(self)
    cdef bint _is_whole_message(self) noexcept
    cdef bint _take_head(self) except -1
    cdef int _check_data_frame(self) except -1
    cdef int _append(self, const uint8_t *at, Py_ssize_t size) except -1
    cdef uint8_t *_grow(self, Py_ssize_t size) except NULL
    cdef int _make_room(self, Py_ssize_t room) except -1
    cdef object _finish_message(self)
    cdef object _control_event(self)
    cdef object _close_event(self, bytes payload)
    cdef int append_message(self, Output out, object message) except -1
    cdef bytes _data_frame(self, uint8_t opcode, object payload, const char *at, Py_ssize_t size)
