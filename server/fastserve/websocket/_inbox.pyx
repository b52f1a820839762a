"""The messages that wait for an app's receive()."""

cimport cython

__all__ = ("Inbox",)

cdef enum:
    MAX_QUEUED = 1 << 20  # bytes that wait for the app before reading stops, however few messages


@cython.final
cdef class Inbox:
    """First in, first out; full at `max_count` messages or 1 MiB.

    Nearly always there is one, and no list is made for it.
    """

    def __init__(self, Py_ssize_t max_count):
        self.max_count = max(1, max_count)

    cdef int _put_behind(self, object message) except -1:
        if self.rest is None:
            self.rest = []
        self.rest.append(message)
        return 0

    cdef int _move_up(self) except -1:
        self.first = self.rest[self.taken]
        self.taken += 1
        if self.taken == len(self.rest):
            self.rest = None
            self.taken = 0
        return 0

    cdef int clear(self) except -1:
        """Drop all."""
        self.first = self.rest = None
        self.count = self.size = self.taken = 0
        return 0

    cdef bint is_full(self) noexcept:
        return self.count >= self.max_count or self.size >= MAX_QUEUED
