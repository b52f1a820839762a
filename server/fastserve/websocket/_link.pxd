"""A WebSocket's transport: one write for all frames of a turn, and waiting for slow peers."""

from fastserve.asgi._waiting cimport WaitQueue


cdef class Link:
    cdef object service  # borrowed in spirit: one per process, outlives every connection
    cdef object loop
    cdef object transport  # owned until it is lost
    cdef bint lost

    cdef object pending  # owned: None, the frame, or a list of frames, that this turn sends
    cdef Py_ssize_t unsent  # bytes of them
    cdef bint in_turn  # somebody flushes at the end of this turn

    cdef WaitQueue senders  # those who wait for the peer to read
    cdef bint write_paused
    cdef bint read_paused
    cdef Py_ssize_t stuck_size  # what waited for the peer when it last read something
    cdef double stuck_until

    cdef int put(self, bytes data) except -1
    cdef int flush(self) except -1
    cdef object sent(self)
    cdef int read_on(self, bint on) except -1
    cdef bint is_stuck(self, double now, double timeout) except -1
    cdef int hang_up(self) except -1
    cdef int lose(self) except -1
    cdef int writable(self) except -1
