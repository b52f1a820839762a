"""The messages that wait for the app."""


cdef class Inbox:
    cdef object first  # owned: the str or bytes that is taken next, or None
    cdef list behind  # owned: those after it, from `taken` on; None until there is one
    cdef Py_ssize_t taken
    cdef Py_ssize_t count
    cdef Py_ssize_t size  # bytes and characters of all
    cdef Py_ssize_t max_count

    cdef int put(self, object message) except -1
    cdef object take(self)
    cdef int clear(self) except -1
    cdef bint is_full(self) noexcept
