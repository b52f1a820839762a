from cpython.object cimport PyObject

from fastserve.asgi._files cimport File

cdef enum:
    LEAST_TO_COPY = 16384  # bytes of a body; with less, two system calls cost more than they save
    MOST_COPIES = 64
    CANDIDATES = 4

# Bodies that an app sends again and again, in files of the kernel's memory.
cdef class Copies:
    cdef object loop  # owned
    cdef object timer  # owned; None: there is nothing to forget
    cdef readonly Py_ssize_t most, size  # bytes of all copies
    cdef int count, most_copies
    cdef Py_ssize_t half  # of the descriptors that the process may have
    cdef PyObject *bodies[MOST_COPIES]  # owned: of these there is a copy
    cdef int idle[MOST_COPIES]  # for how many sweeps nobody has sent it
    cdef list files  # owned: the copies
    cdef PyObject *candidates[CANDIDATES]  # owned; NULL: free
    cdef int times[CANDIDATES]  # how often each was sent

    cdef File find(self, bytes body)
    cdef File learn(self, bytes body)
    cdef File copy(self, bytes body)
    cdef bint has_room(self, Py_ssize_t length) noexcept
    cdef int plan(self) except -1
    cdef int forget(self, int idle) except -1
    cdef int forget_candidates(self) except -1
