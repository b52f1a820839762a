from libc.stdint cimport uint64_t

from httpparser.http1._fields cimport Facts
from httpparser.http1._head cimport RequestHead
from httpparser.http1._limits cimport Limits
from httpparser.http1._span cimport Span
from httpparser.http1.llhttp cimport llhttp_t

# What on_head answers: read the body, there is none, or another protocol follows this message.
cdef enum Action:
    CONTINUE = 0
    NO_BODY = 1
    SWITCH = 2

cdef enum Phase:
    START  # before the first byte of a message
    LINE  # inside the request or status line
    FIELDS
    HELD  # the head is complete and waits for decide()
    BODY
    TRAILERS
    END  # the message is complete
    SWITCHED  # what follows is not HTTP
    FAILED

cdef struct Field:
    const char *name  # borrowed: valid during execute()
    const char *value  # borrowed: likewise
    size_t name_length
    size_t value_length

cdef class Parser:
    cdef public bint strict  # refuse what RFC 9110 and 9112 refuse and llhttp does not
    cdef public bint any_method  # accept every token as a method
    cdef public bint hold  # stop after a head that asks for an upgrade
    cdef public bint chunk_extensions  # call on_chunk for every chunk
    cdef readonly bint keep_alive  # of the last head

    # None of these may be called from inside one of the on_ methods, or by two threads at once.
    cdef int setup(self, bint response, Limits limits) except -1
    cdef int clear(self) except -1
    cdef bint restart(self) noexcept
    cdef Py_ssize_t execute(self, const char *data, size_t length) except -1
    cdef int decide(self, int action) except -1
    cdef int finish(self) except -1

    # To be overridden. Pointers are borrowed: valid during the call.
    cdef int on_head(self, object head) except -1  # an Action
    cdef RequestHead new_request(self)  # an empty one, perhaps of a class that extends it
    cdef int on_body(self, const char *at, size_t length) except -1
    cdef int on_chunk(self, uint64_t size, bytes extensions) except -1
    cdef int on_trailers(self, list trailers) except -1
    cdef int on_end(self) except -1  # true: pause before the next message

    # The rest is the parser's own.
    cdef llhttp_t llhttp
    cdef Limits limits  # None before setup()
    cdef bint response
    cdef Phase phase
    cdef int action
    cdef bint closed  # no message may follow
    cdef object error  # what the parser failed with, without its traceback

    # The piece of input being parsed.
    cdef const char *data  # borrowed: valid during execute()
    cdef const char *stop  # borrowed: likewise; its end
    cdef uint64_t base  # its offset since the parser was set up or cleared

    # The start line.
    cdef size_t empty_lines  # bytes of those before it
    cdef Span line  # the target, or the reason
    cdef bytes partial_method  # what has arrived of one that is not known to be complete, else None
    cdef str unknown_method  # a whole one that llhttp does not know, else None
    cdef uint64_t line_start
    cdef uint64_t line_next  # where the next part of the request line must begin

    # The field being parsed.
    cdef Span name
    cdef Span value
    cdef uint64_t field_start
    cdef uint64_t field_end  # as far as it has arrived

    # The head's or the trailers' fields so far.
    cdef Field *fields  # borrowed: on execute()'s stack, or equal to `grown`: those of this input
    cdef Field *grown  # owned; NULL while the stack has room enough
    cdef size_t field_count
    cdef size_t field_room
    cdef list headers  # those that earlier inputs completed, else None
    cdef bytes upgrade
    cdef Facts facts
    cdef uint64_t section_length

    # The body.
    cdef uint64_t body_length
    cdef uint64_t body_left  # of a plain request; 0: llhttp counts, or there is none
    cdef uint64_t chunk_start  # where the chunk-size line begins, or the CRLF before it
    cdef bint in_chunk_line
    cdef int digits  # of the chunk size in earlier inputs; negative: the size is complete
    cdef Span extensions
    cdef size_t extensions_length
    cdef bint in_extension
