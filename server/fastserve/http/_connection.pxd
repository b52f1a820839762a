from httpparser._core cimport Parser
from httpparser._head cimport RequestHead
from fastserve.http._cycle cimport Cycle
from fastserve.http._ending cimport Ending

cdef class Connection(Ending):
    cdef Parser parser  # owned; None when another parser is used
    cdef object port  # owned; that other parser
    cdef bint consuming  # inside data_received()
    cdef RequestHead upgrade  # to WebSocket, once the parser has let go
    cdef object handshake  # what it asks for
    cdef str client_text  # for the access log; made when it is first needed
    cdef dict scope  # borrowed from the service: the template of its scopes
    cdef str scheme
    cdef bint proxied  # the peer is a proxy whose word is taken
    cdef dict tls  # the scope's extension

    cdef int consume(self, bytes data) except -1
    cdef int after_consuming(self, bytes data, Py_ssize_t at) except -1
    cdef Py_ssize_t parse(self, bytes data, Py_ssize_t start) except -1
    cdef int note_opening(self, bytes data, Py_ssize_t start) except -1
    cdef int begin_request(self, RequestHead head) except -1
    cdef dict make_scope(self, RequestHead head)
    cdef int run_app(self) except -1
    cdef bint exchange_over(self) noexcept
    cdef int log(self, Cycle cycle) except -1
    cdef int end_exchange(self) except -1
    cdef int keep(self, bytes data) except -1
    cdef int switch(self, bytes leftover) except -1
