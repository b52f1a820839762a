from libc.stdint cimport uint8_t, uint64_t
from httpparser.llhttp cimport llhttp_t
from httpparser._head cimport Facts, ResponseHead

# What on_head answers: read the body, there is none, or another protocol follows this message.
cdef enum Action:
    CONTINUE = 0
    NO_BODY = 1
    SWITCH = 2

cdef enum Phase:
    START  # before the first byte of a message
    LINE  # inside the request or status line
    FIELDS
    HELD  # the sink paused at the head
    BODY
    TRAILERS
    END  # the message is complete
    SWITCHED  # what follows is not HTTP
    FAILED

cdef class Limits:
    cdef readonly size_t request_line
    cdef readonly size_t field
    cdef readonly size_t fields
    cdef readonly size_t count
    cdef readonly size_t trailers
    cdef readonly size_t chunk_extensions
    cdef readonly uint64_t body

# Takes what a parser finds. Pointers are borrowed: valid during the call.
cdef class Sink:
    cdef int on_head(self, object head) except -1  # an Action
    cdef int on_body(self, const char *at, size_t length) except -1
    cdef int on_chunk(self, uint64_t size, bytes extensions) except -1
    cdef int on_trailers(self, list trailers) except -1
    cdef int on_end(self) except -1  # true: pause before the next message

cdef struct Field:
    const char *name  # borrowed: valid during execute()
    const char *value  # borrowed: likewise
    size_t name_length
    size_t value_length

cdef class Parser:
    cdef llhttp_t llhttp
    cdef Sink sink
    cdef Limits limits
    cdef public bint strict  # refuse what RFC 9110 and 9112 refuse and llhttp does not
    cdef public bint any_method  # accept every token as a method
    cdef public bint hold  # stop after a head that asks for an upgrade
    cdef public bint chunk_extensions  # tell the sink of every chunk and its extensions
    cdef readonly bint keep_alive  # of the last head
    cdef Phase phase
    cdef uint8_t busy
    cdef bint response
    cdef bint closed  # no message may follow
    cdef int action

    # The piece of input being parsed.
    cdef const char *data  # borrowed: valid during execute()
    cdef const char *stop  # borrowed: likewise; its end
    cdef uint64_t base  # its offset since the parser was made or reset
    cdef Field *fields  # borrowed: on execute()'s stack, or grown
    cdef Field *grown  # owned
    cdef size_t field_count
    cdef size_t field_room

    # The token being parsed: spans within this input, or carried over from the last one.
    cdef const char *line  # borrowed: valid during execute(); the target, or the reason
    cdef const char *name  # borrowed: likewise
    cdef const char *value  # borrowed: likewise
    cdef size_t line_length
    cdef size_t name_length
    cdef size_t value_length
    cdef char *carry  # owned: the target or reason; a name, then its value; chunk extensions
    cdef size_t carry_name
    cdef size_t carry_length
    cdef size_t carry_room

    # The message so far.
    cdef list headers  # those that earlier inputs completed
    cdef str method  # one that llhttp does not know, else None
    cdef bytes partial_method
    cdef bytes target  # or the reason
    cdef bytes upgrade
    cdef Facts facts
    cdef uint64_t section_length
    cdef uint64_t line_start
    cdef uint64_t line_next  # where the next part of the request line must begin
    cdef uint64_t field_start
    cdef uint64_t field_end  # of a field that is carried over: where its value ends so far
    cdef uint64_t body_length
    cdef uint64_t chunk_start  # where the chunk-size line begins
    cdef bint in_chunk_line
    cdef int digits  # of the chunk size in earlier inputs; negative: the size is behind us
    cdef size_t extensions_length
    cdef bint in_extension
    cdef object error  # what the parser failed with, without its traceback

    cdef int setup(self, bint response, Sink sink, Limits limits) except -1
    cdef int restart(self) except -1
    cdef Py_ssize_t execute(self, const char *data, size_t length) except -1
    cdef int end_of_input(self) except -1
    cdef int go_on(self, int action) except -1

    # What those five do, for who has entered.
    cdef int enter(self) except -1
    cdef void leave(self) noexcept
    cdef int make(self, bint response, Sink sink, Limits limits) except -1
    cdef int clear(self) except -1
    cdef Py_ssize_t advance(self, const char *data, size_t length) except -1
    cdef int finish(self) except -1
    cdef int decide(self, int action) except -1

    cdef int fail(self, object error) except -1
    cdef Py_ssize_t run(self, const char *data, size_t length) except -1
    cdef void forget(self) noexcept
    cdef const char *begin(self, const char *at, const char *end) except NULL
    cdef const char *begin_method(self, const char *at, const char *end) except NULL
    cdef int end_message(self) except -1
    cdef int suspend(self, const char *end) except -1
    cdef int carry_over(self, const char *at, size_t length) except -1
    cdef int end_line(self) except -1
    cdef int end_field(self) except -1
    cdef int grow_fields(self) except -1
    cdef int count_field(self, uint64_t length) except -1
    cdef int check_field(self, uint64_t length) except -1
    cdef int carry_field(self) except -1
    cdef list take_fields(self)
    cdef tuple take(self, const char *name, size_t name_length, const char *value,
                    size_t value_length)
    cdef object take_head(self)
    cdef object take_request(self)
    cdef object take_response(self)
    cdef int check_version(self) except -1
    cdef int frame_response(self, ResponseHead head) except -1
    cdef int check_digits(self, const char *end) except -1
    cdef uint64_t offset(self, const char *at) noexcept
    cdef object failure(self, int code)
