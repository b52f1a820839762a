from libc.stdint cimport int64_t
from libc.time cimport time_t

from httpparser cimport Output

# Decided once, when the head is finished. RFC 9112 6.3
cdef enum Framing:
    NO_CONTENT
    LENGTH
    CHUNKED
    UNTIL_CLOSE

# What the framing of a response depends on besides its own fields.
cdef struct Request:
    bint http_1_1
    bint has_content  # not to HEAD, in 204, 205 and 304

# The fields that every response gets, as lines. Renewed when the second changes.
cdef class DefaultFields:
    cdef bytes lines  # owned: all of them
    cdef bytes server_line  # owned
    cdef bytes date_line  # owned
    cdef bytes extra_lines  # owned: those of --header
    cdef bint date_header
    cdef time_t second

    cdef int renew(self) except -1

# The responses of one connection, one after the other.
cdef class Writer:
    cdef DefaultFields fields  # owned: shared by the connections of a loop
    cdef Framing framing
    cdef bint pending  # a head is written and not finished
    cdef size_t pending_at  # where it begins in the output
    cdef bytes held  # owned: that head, once it was taken out of the output
    cdef int status
    cdef int64_t declared  # Content-Length as the app gave it; -1: not
    cdef bint close  # the response says Connection: close
    cdef bint has_date
    cdef bint has_server
    cdef bint chunked_trailers  # trailers are announced and the client takes them

    cdef int64_t begin(self, Output output, int status, object headers, bint trailers) except? -2
    cdef bint note(self, bytes name, bytes value) except -1
    cdef int hold(self, Output output) except -1
    cdef int drop(self, Output output) except -1
    cdef bint finish(self, Output output, Request *request, Py_ssize_t length, bint more,
                     bint keep_alive) except -1
    cdef int end_head(self, Output output) except -1
    cdef int end(self, Output output, bint trailers) except -1
    cdef int trailers(self, Output output, object headers, bint more) except -1
    cdef int early_hint(self, Output output, object links) except -1
    cdef int proceed(self, Output output) except -1
    cdef int switch(self, Output output, object headers) except -1
    cdef int answer(self, Output output, Request *request, int status, str text,
                    object headers) except -1

cdef int write_chunk_size(Output output, size_t size) except -1
cdef int write_chunk(Output output, const char *at, size_t length) except -1
