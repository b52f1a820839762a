from cpython.bytes cimport PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_GET_LENGTH

cdef class Inbox:
    cdef object first  # owned: the str or bytes that is taken next, or None
    cdef list rest  # owned: those after it, from `taken` on; None until there is one
    cdef Py_ssize_t taken
    cdef Py_ssize_t count
    cdef Py_ssize_t size  # bytes and characters of all
    cdef Py_ssize_t max_count

    cdef inline int put(self, object message) except -1:
        """Add a str or bytes."""
        self.count += 1
        self.size += size_of(message)
        if self.first is not None:
            return self._put_behind(message)
        self.first = message
        return 0

    cdef inline object take(self):
        """The oldest of them; there must be one."""
        cdef object message = self.first
        self.count -= 1
        self.size -= size_of(message)
        self.first = None
        if self.rest is not None:
            self._move_up()
        return message

    cdef int _put_behind(self, object message) except -1
    cdef int _move_up(self) except -1
    cdef int clear(self) except -1
    cdef bint is_full(self) noexcept


cdef inline Py_ssize_t size_of(object message) noexcept:
    if type(message) is str:
        return PyUnicode_GET_LENGTH(message)
    return PyBytes_GET_SIZE(message)
