from libc.stdint cimport uint64_t

from httpparser._fields cimport Section
from httpparser._head cimport ResponseHead
from httpparser._sink cimport Sink
from httpparser.llhttp cimport llhttp_settings_t, llhttp_t

cdef class Message(Section):
    cdef llhttp_t llhttp
    cdef Sink sink
    cdef public bint any_method  # accept every token as a method
    cdef public bint hold  # stop after a head that asks for an upgrade
    cdef public bint chunk_extensions  # tell the sink of every chunk and its extensions
    cdef readonly bint keep_alive  # of the last head
    cdef int action

    # The start line.
    cdef const char *line  # borrowed: valid during execute(); the target, or the reason
    cdef size_t line_length
    cdef str method  # one that llhttp does not know, else None
    cdef bytes target  # or the reason
    cdef uint64_t line_start
    cdef uint64_t line_next  # where the next part of the request line must begin

    # The body.
    cdef uint64_t body_length
    cdef uint64_t chunk_start  # where the chunk-size line begins, or the CRLF before it
    cdef bint in_chunk_line
    cdef int digits  # of the chunk size in earlier inputs; negative: the size is behind us
    cdef size_t extensions_length
    cdef bint in_extension

    cdef void forget(self) noexcept
    cdef int suspend(self, const char *end) except -1
    cdef int end_line(self) except -1
    cdef int end_line_without_version(self) except -1
    cdef object take_head(self)
    cdef int check_version(self) except -1
    cdef object take_request(self)
    cdef object take_response(self)
    cdef int frame_response(self, ResponseHead head) except -1
    cdef int check_digits(self, const char *end) except -1
    cdef int begin_chunk_line(self, uint64_t start) except -1

cdef llhttp_settings_t request_settings
cdef llhttp_settings_t response_settings
