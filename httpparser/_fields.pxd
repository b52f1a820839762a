from libc.stdint cimport uint64_t

from httpparser._head cimport Facts
from httpparser._headers cimport Kind
from httpparser._limits cimport Limits
from httpparser.llhttp cimport llhttp_t

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

cdef struct Field:
    const char *name  # borrowed: valid during execute()
    const char *value  # borrowed: likewise
    size_t name_length
    size_t value_length

cdef class Section:
    cdef Limits limits
    cdef public bint strict  # refuse what RFC 9110 and 9112 refuse and llhttp does not
    cdef bint response
    cdef Phase phase

    # The piece of input being parsed.
    cdef const char *data  # borrowed: valid during execute()
    cdef const char *stop  # borrowed: likewise; its end
    cdef uint64_t base  # its offset since the parser was made or reset
    cdef Field *fields  # borrowed: on execute()'s stack, or grown
    cdef Field *grown  # owned
    cdef size_t field_count
    cdef size_t field_room

    # The field being parsed: spans within this input, or carried over from the last one.
    cdef const char *name  # borrowed: valid during execute()
    cdef const char *value  # borrowed: likewise; NULL: it has not begun
    cdef size_t name_length
    cdef size_t value_length
    cdef char *carry  # owned: a name, then its value; the target or reason; chunk extensions
    cdef size_t carry_name
    cdef size_t carry_length
    cdef size_t carry_room
    cdef uint64_t field_start
    cdef uint64_t field_end  # of a field that is carried over: where its value ends so far

    # The section so far.
    cdef list headers  # those that earlier inputs completed
    cdef bytes upgrade
    cdef Facts facts
    cdef uint64_t section_length

    cdef int begin_section(self) except -1
    cdef void forget_fields(self) noexcept
    cdef void use_table(self, Field *table, size_t room) noexcept
    cdef void leave_table(self) noexcept
    cdef int suspend_fields(self, uint64_t here) except -1
    cdef int flush_fields(self) except -1
    cdef int carry_over(self, const char *at, size_t length) except -1
    cdef int carry_field(self) except -1
    cdef int end_field(self) except -1
    cdef int grow_fields(self) except -1
    cdef int count_field(self, uint64_t length) except -1
    cdef int check_field(self, uint64_t length) except -1
    cdef list take_fields(self)
    cdef tuple take(self, const char *name, size_t name_length, const char *value,
                    size_t value_length)

cdef inline uint64_t offset_of(Section self, const char *at) noexcept:
    return self.base + <uint64_t> (at - self.data)

cdef int on_name(llhttp_t *llhttp, const char *at, size_t length) except -1
cdef int on_value(llhttp_t *llhttp, const char *at, size_t length) except -1
cdef int on_value_complete(llhttp_t *llhttp) except -1
