"""Where a parser's findings go."""

from libc.stdint cimport uint64_t

__all__ = ("Sink",)


cdef class Sink:
    """What a parser pushes into; a cdef class in another package overrides the methods."""

    cdef int on_head(self, object head) except -1:
        return CONTINUE

    cdef int on_body(self, const char *at, size_t length) except -1:
        return 0

    cdef int on_chunk(self, uint64_t size, bytes extensions) except -1:
        return 0

    cdef int on_trailers(self, list trailers) except -1:
        return 0

    cdef int on_end(self) except -1:
        return 0
