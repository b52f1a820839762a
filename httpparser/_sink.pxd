from libc.stdint cimport uint64_t

# What on_head answers: read the body, there is none, or another protocol follows this message.
cdef enum Action:
    CONTINUE = 0
    NO_BODY = 1
    SWITCH = 2

# Takes what a parser finds. Pointers are borrowed: valid during the call.
cdef class Sink:
    cdef int on_head(self, object head) except -1  # an Action
    cdef int on_body(self, const char *at, size_t length) except -1
    cdef int on_chunk(self, uint64_t size, bytes extensions) except -1
    cdef int on_trailers(self, list trailers) except -1
    cdef int on_end(self) except -1  # true: pause before the next message
