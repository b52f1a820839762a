# cython: binding=False, boundscheck=False, wraparound=False, initializedcheck=False
"""The messages that wait for the app: nearly always one, which no list is made for."""

__all__ = ["Inbox"]

cdef enum:
    MAX_SIZE = 1 << 20  # bytes that wait before reading stops, however few the messages


cdef class Inbox:
    """First in, first out; full at `max_count` messages or 1 MiB."""

    def __init__(self, Py_ssize_t max_count):
        self.max_count = max(1, max_count)

    cdef int put(self, object message) except -1:
        """Add a str or bytes."""
        self.count += 1
        self.size += len(message)
        if self.first is None:
            self.first = message
        elif self.behind is None:
            self.behind = [message]
        else:
            self.behind.append(message)
        return 0

    cdef object take(self):
        """The oldest; None when there is none."""
        cdef object message = self.first
        if message is None:
            return None
        self.count -= 1
        self.size -= len(message)
        self.first = None
        if self.behind is not None:
            self.first = self.behind[self.taken]
            self.taken += 1
            if self.taken == len(self.behind):
                self.behind = None
                self.taken = 0
        return message

    cdef int clear(self) except -1:
        """Drop all."""
        self.first = self.behind = None
        self.count = self.size = self.taken = 0
        return 0

    cdef bint is_full(self) noexcept:
        return self.count >= self.max_count or self.size >= MAX_SIZE
