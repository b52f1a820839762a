"""The files that `http.response.pathsend` and `http.response.zerocopysend` name.

https://asgi.readthedocs.io/en/latest/extensions.html
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_SetFromErrnoWithFilenameObject
from libc.stdint cimport int64_t
from libc.string cimport memchr

from fastserve.asgi._threads cimport has_others

import asyncio
import operator
import os

__all__ = ("File",)

cdef extern from "Python.h":
    bytes PyUnicode_EncodeFSDefault(object)

cdef extern from *:
    """
    #include <errno.h>
    #include <fcntl.h>
    #include <sys/stat.h>
    #include <unistd.h>
    static int open_to_read(const char *path)
    {
        int fd;
        do  /* a FIFO does not make us wait */
            fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        while (fd < 0 && errno == EINTR);
        return fd;
    }
    static int is_regular(mode_t mode) { return S_ISREG(mode); }
    """
    ctypedef int mode_t
    struct stat_t "stat":
        mode_t st_mode
        int64_t st_size
    int open_to_read(const char *path) noexcept nogil
    int fstat(int fd, stat_t *status) noexcept nogil
    int close(int fd) noexcept nogil
    bint is_regular(mode_t mode) noexcept

cdef enum:
    PIECE = 1 << 18  # bytes that are read at once


@cython.final
cdef class File:
    """A part of an open file."""

    def __init__(self, int fd, int64_t offset, int64_t count):
        self.fd = fd
        self.offset = offset
        self.count = count

    def __dealloc__(self):
        if self.owned:  # its `send` was cancelled before it began to wait
            close(self.fd)

    cpdef close(self):
        """Done with it, or for as much as could be sent."""
        if self.owned:
            self.owned = False
            close(self.fd)
        elif self.seek:
            os.lseek(self.fd, self.offset, os.SEEK_SET)

    cpdef advance(self, int64_t count):
        """So much has been sent. RuntimeError when the file has become shorter meanwhile."""
        if count == 0:
            raise RuntimeError("the file has become shorter while it was sent")
        self.offset += count
        self.count -= count

    async def read_piece(self):
        """The next of it, read in a thread."""
        size = min(self.count, <int64_t> PIECE)
        loop = asyncio.get_running_loop()
        data = await loop.run_in_executor(None, os.pread, self.fd, size, self.offset)
        self.advance(len(data))
        return data


cdef File open_path(object path):
    """What `http.response.pathsend` names. OSError, or ValueError for what is no regular file.

    The specification asks apps for an absolute path, but frameworks pass on what theirs give them.
    """
    cdef bytes name
    cdef stat_t status
    cdef const char *text
    cdef int fd
    if not isinstance(path, str):
        raise TypeError(f"a path is a str, not {type(path).__name__}")
    name = PyUnicode_EncodeFSDefault(path)
    text = PyBytes_AS_STRING(name)
    if memchr(text, 0, PyBytes_GET_SIZE(name)) != NULL:
        raise ValueError("a path has no NUL")
    if has_others():
        with nogil:  # they go on while a disk is slow
            fd = open_to_read(text)
    else:
        fd = open_to_read(text)
    if fd < 0:
        PyErr_SetFromErrnoWithFilenameObject(OSError, path)
    if fstat(fd, &status) < 0 or not is_regular(status.st_mode):
        close(fd)
        raise ValueError(f"{path!r} is not a regular file")
    return new_file(fd, 0, status.st_size, True)


cdef File new_file(int fd, int64_t offset, int64_t count, bint owned):
    cdef File file = File.__new__(File)
    file.fd = fd
    file.offset = offset
    file.count = count
    file.owned = owned
    return file


cdef File part_of(dict message):
    """What `http.response.zerocopysend` describes; the file stays the app's to close."""
    cdef File part
    file = message["file"]
    fd = file if isinstance(file, int) else file.fileno()
    offset, count = message.get("offset"), message.get("count")
    start = os.lseek(fd, 0, os.SEEK_CUR) if offset is None else operator.index(offset)
    count = None if count is None else operator.index(count)
    if start < 0 or (count is not None and count < 0):
        raise ValueError("offset and count are not negative")
    there = max(os.fstat(fd).st_size - start, 0)
    if count is not None and count > there:
        raise ValueError(f"the file ends {count - there} bytes before offset and count do")
    part = new_file(fd, start, there if count is None else count, False)
    part.seek = offset is None
    return part
