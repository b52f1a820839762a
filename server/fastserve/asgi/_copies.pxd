from cpython.object cimport PyObject

cdef enum:
    LEAST_TO_COPY = 16384  # bytes of a body; with less, the system calls cost more than they save
    MOST_COPIES = 64
    CANDIDATES = 4

# Bodies that an app sends again and again, in pages that the kernel can send as they are.
cdef class Copies:
    cdef object loop  # owned
    cdef object timer  # owned; None: there is nothing to forget
    cdef readonly Py_ssize_t most, size  # bytes of all copies
    cdef readonly Py_ssize_t sent  # how often one has left, in part or whole
    cdef Py_ssize_t most_of_one  # bytes of a body; 0: there are no copies any more
    cdef char *mapped  # owned
    cdef char *memory  # in it, `most` bytes from where a large page begins; NULL: there is no copy
    cdef int ends[2]  # owned: of the pipe, for reading and for writing; -1: there is none
    cdef bint loaded  # there is something in it
    cdef int forks  # before it was opened
    cdef bint small  # new pages are
    cdef bint stuck  # a place could not be given back: none is used again until all is unmapped
    cdef int count
    cdef PyObject *bodies[MOST_COPIES]  # owned: of these there is a copy
    cdef Py_ssize_t at[MOST_COPIES]  # where, in `memory`
    cdef int idle[MOST_COPIES]  # for how many sweeps nobody has sent it
    cdef PyObject *candidates[CANDIDATES]  # owned; NULL: free
    cdef int times[CANDIDATES]  # how often each was sent

    cdef bint load(self, bytes body) except -1
    cdef Py_ssize_t send(self, int fd, Py_ssize_t length) noexcept
    cdef int unload(self) noexcept
    cdef int learn(self, bytes body) except -2
    cdef int copy(self, bytes body) except -2
    cdef Py_ssize_t room_for(self, Py_ssize_t length) noexcept
    cdef bint is_free(self, Py_ssize_t at, Py_ssize_t length) noexcept
    cdef Py_ssize_t length_of(self, int index) noexcept
    cdef bint map(self) noexcept
    cdef int unmap(self) noexcept
    cdef bint renew_pipe(self) noexcept
    cdef int close_after(self, Py_ssize_t count) noexcept
    cdef int close_pipe(self) noexcept
    cdef int plan(self) except -1
    cdef int forget(self, int idle) except -1
    cdef int forget_candidates(self) except -1
