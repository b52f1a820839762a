from httpparser._core cimport Parser
from httpparser._head cimport RequestHead
from fastserve.http._cycle cimport Cycle
from fastserve.http._wire cimport Wire

cdef enum Stage:
    QUIET  # between requests
    ARRIVING  # a head has begun
    BUSY  # a request is being read or answered
    LINGERING  # the last answer was sent; what still comes is thrown away
    ENDED

cdef class Connection(Wire):
    cdef Parser parser  # owned; None when another parser is used
    cdef object port  # owned; that other parser
    cdef Cycle cycle  # owned; None between exchanges
    cdef Stage stage
    cdef bint waiting  # the cycle's app has yet to be called
    cdef bint message_ended
    cdef bint consuming  # inside data_received()
    cdef bint leaving  # close after the flush
    cdef bint used  # a request has come
    cdef bint eof  # the client will send no more
    cdef bint reading_paused
    cdef double deadline  # service.now beyond which the stage has lasted too long; 0: none
    cdef bytes pending  # raw input behind the request being answered
    cdef size_t thrown_away
    cdef RequestHead upgrade  # to WebSocket, once the parser has let go
    cdef object handshake  # what it asks for
    cdef object client
    cdef str client_text  # for the access log; made when it is first needed
    cdef dict scope  # borrowed from the service: the template of its scopes
    cdef str scheme
    cdef dict tls  # the scope's extension

    cdef int consume(self, bytes data) except -1
    cdef int after_consuming(self, bytes data, Py_ssize_t at) except -1
    cdef Py_ssize_t parse(self, bytes data, Py_ssize_t start) except -1
    cdef int begin_request(self, RequestHead head) except -1
    cdef dict make_scope(self, RequestHead head)
    cdef int run_app(self) except -1
    cdef bint exchange_over(self) noexcept
    cdef int log(self, Cycle cycle) except -1
    cdef int end_exchange(self) except -1
    cdef int keep(self, bytes data) except -1
    cdef int pause_reading(self) except -1
    cdef int resume_reading(self) except -1
    cdef int switch(self, bytes leftover) except -1
    cdef int refuse(self, object error) except -1
    cdef int answer_error(self, int status, str text, object headers=*) except -1
    cdef int leave(self) except -1
    cdef int linger(self) except -1
    cdef int throw_away(self, size_t length) except -1
    cdef int close(self) except -1
    cdef int sweep_stuck(self, double now) except -1
