from libc.stdint cimport uint8_t

from httpparser._fields cimport BODY, END, FAILED, FIELDS, HELD, LINE, START, SWITCHED, TRAILERS
from httpparser._limits cimport Limits
from httpparser._message cimport Message
from httpparser._sink cimport CONTINUE, NO_BODY, SWITCH, Sink

cdef class Parser(Message):
    cdef uint8_t busy
    cdef bint closed  # no message may follow
    cdef bytes partial_method
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

    cdef Py_ssize_t run(self, const char *data, size_t length) except -1
    cdef const char *begin(self, const char *at, const char *end) except NULL
    cdef const char *begin_method(self, const char *at, const char *end) except NULL
    cdef int end_message(self) except -1
    cdef int fail(self, object error) except -1
    cdef object failure(self, int code)
