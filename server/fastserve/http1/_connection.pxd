from libc.stdint cimport int64_t

from httpparser cimport Output, Parser, RequestHead
from fastserve.asgi._exchange cimport Channel, Exchange
from fastserve.asgi._slow cimport Stuck
from fastserve.asgi._transport cimport DirectTransport
from fastserve.http1._writer cimport Writer

cdef enum State:
    NEW  # nothing has arrived yet
    IDLE  # between requests
    HEAD  # a head has begun to arrive
    REQUEST  # a request is being read, and perhaps answered already
    RESPONSE  # the request is whole, its response is not
    LINGERING  # the last response was sent; what still arrives is thrown away
    CLOSED  # or given to a WebSocket session

cdef class Connection(Channel):
    cdef readonly object transport  # owned
    cdef DirectTransport direct  # owned: the same, if it is ours
    cdef Parser parser  # owned; None while idle, and when a port is used
    cdef object port  # owned: a parser in Python
    cdef Writer writer  # owned
    cdef str scheme

    cdef State state
    cdef double deadline  # service.now beyond which the state has lasted too long; 0: none
    cdef Exchange exchange  # owned: the one outstanding, else None
    cdef RequestHead arrived  # owned until it has an exchange: what a refusal refuses
    cdef bint keep_alive  # another request may follow this one

    # What the loop and the transport say.
    cdef bint eof  # the client will send no more
    cdef bint congested  # the client does not read: the transport's buffer is full
    cdef bint reading_paused
    cdef bint in_turn  # inside turn()
    cdef bint turn_planned  # resume() is called soon

    # Input.
    cdef const char *input  # what was not parsed
    cdef size_t unread  # its bytes
    cdef bytes pending  # owned: where it is; None: there is nothing, or take() was given it
    cdef size_t body_bytes  # of the request's body so far
    cdef double body_since  # service.now when it began, later by the time in which we did not read
    cdef double paused_since
    cdef size_t thrown_away  # bytes of a body that nobody reads, or of input while lingering
    cdef bytes start  # owned: the first bytes of a request whose head is not whole, or was refused
    cdef bint is_head  # the last request, whole or not, is a HEAD

    # Output.
    cdef list parts  # owned: bytes to write before those in the shared output
    cdef public object watcher  # owned: sendfile's future
    cdef Stuck stuck

    cdef bint may_be_http2(self, const char *at, size_t count) except -1
    cdef int set_pending(self, bytes data) except -1
    cdef object give_way(self)
    cdef int release(self) except -1
    cdef int turn(self) except -1
    cdef int read_on(self) except -1
    cdef bint can_parse(self) noexcept
    cdef bint wants_body(self) noexcept
    cdef int parse(self) except -1
    cdef int keep_input(self) except -1
    cdef int forget_input(self) noexcept
    cdef int begin_request(self, RequestHead head) except -1
    cdef int take_body(self, const char *at, size_t length) except -1
    cdef int end_request(self) except -1
    cdef int decide(self) except -1
    cdef int end_exchange(self) except -1
    cdef int steer_reading(self) except -1
    cdef int plan_turn(self) except -1

    cdef Output output(self)
    cdef int claim(self) except -1
    cdef int spill(self) except -1
    cdef int flush(self) except -1
    cdef int flush_output(self) except -1
    cpdef write(self, bytes data)
    cdef int send_without_copy(self, bytes data) except -1
    cdef int finish_head(self, Exchange exchange, Py_ssize_t length, bint more) except -1
    cdef int write_answer(self, int status, str text, object headers) except -1
    cdef object sent(self, bint more)
    cdef int check_client(self) except -1

    cdef int refuse(self, object error) except -1
    cdef int note_start(self) except -1
    cdef int linger(self) except -1
    cdef int close(self) except -1
