"""Copies of bodies in memory whose pages the kernel sends as they are.

To give a body of 100 KB to a socket, the kernel copies it: more than half of what the answer costs.
Of pages that are spliced to the socket it only takes references. So where an app sends one bytes
object again and again, as it does with what it has in a cache, the object is copied once, to pages
that nobody writes to any more: vmsplice(2) puts them into a pipe, and splice(2) takes them from
there to the socket. Memory that a copy leaves is given back to the system, which keeps each page
for as long as a socket refers to it, and gives us others. Where it does not take memory back,
because the app has locked it (mlockall(2)), none of it is used twice.

An object is known by its address. Nothing else can have that while we hold a reference, as we do of
each body that has a copy, and of a few candidates. A candidate that its app has dropped is let go
when the next body is sent, the others within a second.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from libc.string cimport memcpy

import contextvars
import os
import signal

__all__ = ("Copies",)

cdef extern from "Python.h":
    Py_ssize_t Py_REFCNT(PyObject *)

cdef extern from *:
    """
    #include <errno.h>
    #include <fcntl.h>
    #include <sys/mman.h>
    #include <sys/uio.h>
    #include <unistd.h>
    #ifdef __linux__
    #define FASTSERVE_SPLICE 1
    /* How much it can hold; -1: it could not be opened. */
    static int open_pipe(int ends[2], int wanted)
    {
        int size;
        if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
            return -1;
        size = fcntl(ends[1], F_SETPIPE_SZ, wanted);
        return size < 0 ? fcntl(ends[1], F_GETPIPE_SZ) : size;
    }
    static Py_ssize_t fill_pipe(int end, char *at, size_t length)
    {
        struct iovec part = {at, length};
        return vmsplice(end, &part, 1, SPLICE_F_NONBLOCK);
    }
    static Py_ssize_t empty_pipe(int end, int to, size_t length)
    {
        return splice(end, NULL, to, NULL, length, SPLICE_F_NONBLOCK);
    }
    static char *map_pages(size_t length)
    {
        char *at = mmap(NULL, length, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        return at == MAP_FAILED ? NULL : at;
    }
    /* Where the system has large ones, a socket refers to fewer, which takes less. */
    static void want_large_pages(char *at, size_t length, int large)
    {
    #ifdef MADV_HUGEPAGE
        madvise(at, length, large ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    #endif
    }
    static int give_back(char *at, size_t length) { return madvise(at, length, MADV_DONTNEED); }
    #else
    #define FASTSERVE_SPLICE 0
    #define open_pipe(ends, wanted) (-1)
    #define fill_pipe(end, at, length) (-1)
    #define empty_pipe(end, to, length) (-1)
    #define map_pages(length) NULL
    #define want_large_pages(at, length, large) ((void) 0)
    #define give_back(at, length) (-1)
    #endif
    /* As by seccomp, or by a kernel that does not have the call. */
    static int is_refused(void) { return errno == ENOSYS || errno == EPERM || errno == EACCES; }
    """
    bint FASTSERVE_SPLICE
    int open_pipe(int *ends, int wanted) noexcept
    Py_ssize_t fill_pipe(int end, char *at, size_t length) noexcept
    Py_ssize_t empty_pipe(int end, int to, size_t length) noexcept
    char *map_pages(size_t length) noexcept
    void want_large_pages(char *at, size_t length, bint large) noexcept
    int give_back(char *at, size_t length) noexcept
    bint is_refused() noexcept
    int munmap(void *at, size_t length) noexcept
    int close(int fd) noexcept

cdef enum:
    MOST_TO_COPY = 1 << 20  # bytes of a body
    OFTEN = 4  # times that it is sent in a second before there is a copy
    LONG_IDLE = 10  # seconds without being sent, after which it is let go
    SHORT_IDLE = 2  # where another needs the room
    LARGE_PAGE = 1 << 21

cdef Py_ssize_t PAGE = os.sysconf("SC_PAGE_SIZE")
cdef int forks = 0  # how many lie between this process and the one that imported this


def count_fork():
    global forks
    forks += 1


os.register_at_fork(after_in_child=count_fork)


@cython.final
cdef class Copies:
    """Those of one event loop, of at most `most` bytes together."""

    def __cinit__(self, loop, Py_ssize_t most):
        self.loop = loop
        self.most = most // PAGE * PAGE if FASTSERVE_SPLICE else 0
        self.ends[0] = self.ends[1] = -1
        self.most_of_one = min(self.most, <Py_ssize_t> MOST_TO_COPY)

    def __dealloc__(self):
        for index in range(self.count):
            Py_XDECREF(self.bodies[index])
        for index in range(CANDIDATES):
            Py_XDECREF(self.candidates[index])
        self.unmap()
        self.close_pipe()

    def __len__(self):
        return self.count

    cdef bint load(self, bytes body) except -1:
        """The copy of a body that is being sent is in the pipe, for send(); False: it has none."""
        cdef int index
        cdef Py_ssize_t length = PyBytes_GET_SIZE(body), count
        if length > self.most_of_one:
            return False
        for index in range(self.count):
            if self.bodies[index] == <PyObject *> body:
                break
        else:
            index = self.learn(body)
            if index < 0:
                return False
        # Who loaded it has failed, or a parent process uses it, too: bytes would change places.
        if self.loaded or self.forks != forks:
            self.close_pipe()
        if self.ends[0] < 0 and not self.renew_pipe():
            return False
        if length > self.most_of_one:  # the pipe holds less than those before it
            return False
        count = fill_pipe(self.ends[1], self.memory + self.at[index], length)
        if count < length:
            self.close_after(count)
            return False
        self.loaded = True
        self.idle[index] = 0
        return True

    cdef Py_ssize_t send(self, int fd, Py_ssize_t length) noexcept:
        """As much of it as the socket takes; 0 or -1: nothing."""
        cdef Py_ssize_t count = empty_pipe(self.ends[0], fd, length)
        self.loaded = False
        if count < length:
            self.close_after(count)  # the rest would go to the next client
        if count > 0:
            self.sent += 1
        return count

    cdef int unload(self) noexcept:
        """The copy is not sent."""
        return self.close_pipe()

    cdef int learn(self, bytes body) except -2:
        """Count how often it is sent; where its copy is, once that was often, or -1."""
        cdef PyObject *found
        cdef int index, free = -1
        for index in range(CANDIDATES):
            found = self.candidates[index]
            if found == <PyObject *> body:
                self.times[index] += 1
                if self.times[index] < OFTEN:
                    return -1
                self.candidates[index] = NULL
                Py_XDECREF(found)
                return self.copy(body)
            if found != NULL and Py_REFCNT(found) == 1:  # its app does not have it any more
                self.candidates[index] = NULL
                Py_XDECREF(found)
            if self.candidates[index] == NULL:
                free = index
        if free >= 0:
            Py_INCREF(body)
            self.candidates[free] = <PyObject *> body
            self.times[free] = 1
            self.plan()
        return -1

    cdef int copy(self, bytes body) except -2:
        """Make one, and return where it is; -1: there is no room, or the system does not help."""
        cdef Py_ssize_t length = PyBytes_GET_SIZE(body), at = self.room_for(length)
        if at < 0:
            self.forget(SHORT_IDLE)
            at = self.room_for(length)
        # A client that goes would end the process: splice(2) has no MSG_NOSIGNAL.
        if at < 0 or signal.getsignal(signal.SIGPIPE) == signal.SIG_DFL or not self.map():
            return -1
        memcpy(self.memory + at, PyBytes_AS_STRING(body), length)
        Py_INCREF(body)
        self.bodies[self.count] = <PyObject *> body
        self.at[self.count] = at
        self.idle[self.count] = 0
        self.count += 1
        self.size += length
        return self.count - 1

    cdef Py_ssize_t room_for(self, Py_ssize_t length) noexcept:
        """The first place where so many bytes are free; -1: there is none."""
        cdef Py_ssize_t at, found = -1
        cdef int index
        if self.count == MOST_COPIES or self.stuck:
            return -1
        for index in range(-1, self.count):
            at = 0 if index < 0 else self.at[index] + self.length_of(index)
            if (found < 0 or at < found) and self.is_free(at, length):
                found = at
        return found

    cdef bint is_free(self, Py_ssize_t at, Py_ssize_t length) noexcept:
        cdef int index
        if at + length > self.most:
            return False
        for index in range(self.count):
            if self.at[index] < at + length and at < self.at[index] + self.length_of(index):
                return False
        return True

    cdef Py_ssize_t length_of(self, int index) noexcept:
        """In whole pages."""
        return (PyBytes_GET_SIZE(<bytes> self.bodies[index]) + PAGE - 1) // PAGE * PAGE

    cdef bint map(self) noexcept:
        if self.memory == NULL:
            self.mapped = map_pages(self.most + LARGE_PAGE)
            if self.mapped == NULL:
                return False
            self.memory = self.mapped + (-<size_t> self.mapped & (LARGE_PAGE - 1))
            want_large_pages(self.memory, self.most, not self.small)
        return True

    cdef int unmap(self) noexcept:
        if self.memory != NULL:
            munmap(self.mapped, self.most + LARGE_PAGE)
            self.memory = NULL
        self.stuck = False
        return 0

    cdef bint renew_pipe(self) noexcept:
        cdef int size = open_pipe(self.ends, MOST_TO_COPY)
        self.forks = forks
        if size >= 0:
            self.most_of_one = min(self.most_of_one, size)
        return size >= 0

    cdef int close_after(self, Py_ssize_t count) noexcept:
        """A call has moved only so many bytes; -1: it has failed, and may do so each time."""
        if count < 0 and is_refused():
            self.most_of_one = 0
        return self.close_pipe()

    cdef int close_pipe(self) noexcept:
        """With what is in it; the next copy gets another."""
        if self.ends[0] >= 0:
            close(self.ends[0])
            close(self.ends[1])
            self.ends[0] = self.ends[1] = -1
        self.loaded = False
        return 0

    cdef int plan(self) except -1:
        if self.timer is None:
            # In no context of an app's, which may hold all that a request needed.
            self.timer = self.loop.call_later(1.0, self.sweep, context=contextvars.Context())
        return 0

    def sweep(self):
        """Once a second while there is anything: let go of what is not sent any more."""
        cdef int index
        self.timer = None
        for index in range(self.count):
            self.idle[index] += 1
        self.forget_candidates()
        self.forget(LONG_IDLE)
        if self.count:
            self.plan()
        else:
            self.close_pipe()

    def close(self):
        """Let go of all."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        self.most_of_one = 0
        self.forget_candidates()
        self.forget(0)
        self.close_pipe()

    cdef int forget(self, int idle) except -1:
        """Those that were not sent for so many seconds, and those that only we have."""
        cdef int index = self.count
        cdef PyObject *body
        while index:
            index -= 1
            body = self.bodies[index]
            if self.idle[index] < idle and Py_REFCNT(body) > 1:
                continue
            # A client that has yet to read some of a large page keeps all of it: so there are no
            # more of these than there is memory for copies, however many come and go.
            if not self.small:
                self.small = True
                want_large_pages(self.memory, self.most, False)
            # Locked memory (mlockall) is not given back: clients would get what is written there.
            if give_back(self.memory + self.at[index], self.length_of(index)) < 0:
                self.stuck = True
            self.count -= 1
            self.size -= PyBytes_GET_SIZE(<bytes> body)
            self.bodies[index] = self.bodies[self.count]
            self.at[index] = self.at[self.count]
            self.idle[index] = self.idle[self.count]
            Py_XDECREF(body)
        if self.count == 0:
            self.unmap()
        return 0

    cdef int forget_candidates(self) except -1:
        cdef PyObject *body
        cdef int index
        for index in range(CANDIDATES):
            body = self.candidates[index]
            self.candidates[index] = NULL
            Py_XDECREF(body)
        return 0
