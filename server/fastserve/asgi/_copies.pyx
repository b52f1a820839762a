"""Copies of bodies in memory files, which sendfile(2) sends as they are.

To give a body of 100 KB to a socket, the kernel copies it: more than half of what the answer costs.
Of a file it sends the pages themselves. So where an app sends one bytes object again and again, as
it does with what it has in a cache, the object is written once to a file that exists in memory only
(memfd_create(2)). Nobody writes to it afterwards, and a bytes object never changes.

An object is known by its address. Nothing else can have that while we hold a reference, as we do of
each body that has a copy, and of a few candidates. A candidate that its app has dropped is let go
when the next body is sent, the others within a second.
"""

cimport cython
from cpython.bytes cimport PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XDECREF

from fastserve.asgi._files cimport File, new_file

import contextvars
import os
import resource
import signal
import sys

__all__ = ("Copies",)

cdef extern from "Python.h":
    Py_ssize_t Py_REFCNT(PyObject *)

cdef enum:
    MOST_TO_COPY = 1 << 20  # bytes of a body
    OFTEN = 4  # times that it is sent in a second before there is a copy
    LONG_IDLE = 10  # seconds without being sent, after which it is let go
    SHORT_IDLE = 2  # where another needs the room

# FreeBSD has such files, too, but another sendfile().
HAS_MEMORY_FILES = sys.platform == "linux" and hasattr(os, "memfd_create")


@cython.final
cdef class Copies:
    """Those of one event loop, of at most `most` bytes together."""

    def __cinit__(self, loop, Py_ssize_t most):
        self.loop = loop
        self.most = most if HAS_MEMORY_FILES else 0
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        soft = sys.maxsize if soft < 0 else soft  # RLIM_INFINITY is -1
        self.most_copies = min(MOST_COPIES, soft // 16)
        self.half = soft // 2
        self.files = []

    def __dealloc__(self):
        for index in range(self.count):
            Py_XDECREF(self.bodies[index])
        for index in range(CANDIDATES):
            Py_XDECREF(self.candidates[index])

    def __len__(self):
        return self.count

    cdef File find(self, bytes body):
        """The copy of a body that is being sent; None: there is none, perhaps not yet."""
        cdef int index
        for index in range(self.count):
            if self.bodies[index] == <PyObject *> body:
                self.idle[index] = 0
                return <File> self.files[index]
        return self.learn(body)

    cdef File learn(self, bytes body):
        """Count how often it is sent; the copy, once that was often."""
        cdef PyObject *found
        cdef int index, free = -1
        for index in range(CANDIDATES):
            found = self.candidates[index]
            if found == <PyObject *> body:
                self.times[index] += 1
                if self.times[index] < OFTEN:
                    return None
                self.candidates[index] = NULL
                Py_XDECREF(found)
                return self.copy(body)
            if found != NULL and Py_REFCNT(found) == 1:  # its app does not have it any more
                self.candidates[index] = NULL
                Py_XDECREF(found)
            if self.candidates[index] == NULL:
                free = index
        if free >= 0 and PyBytes_GET_SIZE(body) <= min(self.most, <Py_ssize_t> MOST_TO_COPY):
            Py_INCREF(body)
            self.candidates[free] = <PyObject *> body
            self.times[free] = 1
            self.plan()
        return None

    cdef File copy(self, bytes body):
        """Make one; None: there is no room, or the system has none."""
        cdef Py_ssize_t length = PyBytes_GET_SIZE(body)
        cdef File file
        if not self.has_room(length):
            self.forget(SHORT_IDLE)
            if not self.has_room(length):
                return None
        # A client that goes would end the process: sendfile(2) has no MSG_NOSIGNAL.
        if signal.getsignal(signal.SIGPIPE) == signal.SIG_DFL:
            return None
        try:
            file = new_file(os.memfd_create("fastserve", os.MFD_CLOEXEC), 0, length, True)
            # Its number is the lowest that was free. The rest is for clients, and for the app.
            if file.fd >= self.half or os.write(file.fd, body) < length:
                return None
        except OSError:
            return None
        self.files.append(file)
        Py_INCREF(body)
        self.bodies[self.count] = <PyObject *> body
        self.idle[self.count] = 0
        self.count += 1
        self.size += length
        return file

    cdef bint has_room(self, Py_ssize_t length) noexcept:
        return self.count < self.most_copies and self.size + length <= self.most

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

    def close(self):
        """Let go of all."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        self.most = 0
        self.forget_candidates()
        self.forget(0)

    cdef int forget(self, int idle) except -1:
        """Those that were not sent for so many seconds, and those that only we have."""
        cdef int index = self.count
        cdef PyObject *body
        while index:
            index -= 1
            body = self.bodies[index]
            if self.idle[index] < idle and Py_REFCNT(body) > 1:
                continue
            self.count -= 1
            self.size -= PyBytes_GET_SIZE(<bytes> body)
            self.bodies[index] = self.bodies[self.count]
            self.idle[index] = self.idle[self.count]
            self.files[index] = self.files[self.count]
            self.files.pop()
            Py_XDECREF(body)
        return 0

    cdef int forget_candidates(self) except -1:
        cdef PyObject *body
        cdef int index
        for index in range(CANDIDATES):
            body = self.candidates[index]
            self.candidates[index] = NULL
            Py_XDECREF(body)
        return 0
