from fastserve.http._cycle cimport Cycle
from fastserve.http._wire cimport Wire

cdef enum Stage:
    QUIET  # between requests
    ARRIVING  # a head has begun
    BUSY  # a request is being read or answered
    LINGERING  # the last answer was sent; what still comes is thrown away
    ENDED

cdef class Ending(Wire):
    cdef Cycle cycle  # owned; None between exchanges
    cdef Stage stage
    cdef bint waiting  # the cycle's app has yet to be called
    cdef bint message_ended
    cdef bint leaving  # close after the flush
    cdef bint used  # a request has come
    cdef bint eof  # the client will send no more
    cdef bint reading_paused
    cdef double deadline  # service.now beyond which the stage has lasted too long; 0: none
    cdef bytes pending  # raw input behind the request being answered
    cdef size_t thrown_away
    cdef object client
    cdef bytes opening  # the first bytes of a request whose head is not whole
    cdef bint is_head  # whether the last request, whole or not, is a HEAD

    cdef int pause_reading(self) except -1
    cdef int resume_reading(self) except -1
    cdef int refuse(self, object error) except -1
    cdef int answer_error(self, int status, str text, object headers=*) except -1
    cdef int leave(self) except -1
    cdef int linger(self) except -1
    cdef int throw_away(self, size_t length) except -1
    cdef int close(self) except -1
    cdef int sweep_stuck(self, double now) except -1

cdef str text_of(object client)
