from libc.stdint cimport int64_t, uint64_t

from httpparser cimport Output, RequestHead
from httpparser.http2 cimport Session, Stream
from fastserve.asgi._exchange cimport Channel, Exchange
from fastserve.asgi._service cimport Service
from fastserve.asgi._slow cimport Stuck
from fastserve.asgi._transport cimport DirectTransport, Sink

cdef enum State:
    OPEN
    LINGERING  # everything was said; what still arrives is thrown away
    CLOSED

cdef class Connection(Sink)
cdef class StreamChannel(Channel)

# What the HTTP/2 connections of one loop share.
cdef class Shared:
    cdef dict options  # owned: of Session.setup()
    cdef Output output
    cdef list fields  # owned: those of every response
    cdef bytes server_name  # owned; None: no Server field
    cdef bint date_field
    cdef list extra  # owned: those of --header
    cdef long long second  # of the Date field
    cdef int max_streams
    cdef int max_window
    cdef double ping_interval
    cdef double ping_timeout

    cdef int renew(self) except -1

cdef class Connection(Sink):
    cdef Service service  # owned
    cdef readonly object transport  # owned
    cdef DirectTransport direct  # owned: the same, if it is ours
    cdef Session session  # owned until the connection is lost
    cdef Shared shared  # owned
    cdef Channel origin  # owned: what the scopes of all streams say
    cdef public tuple endpoints  # owned: client and server by the PROXY protocol, or None

    cdef State state
    cdef double deadline  # service.now beyond which it has been idle, or lingers, too long; 0: none
    cdef double incomplete_until  # 0: what has arrived ends with a whole frame, or in a body
    cdef uint64_t whole  # frames that were read to their end when that was set
    cdef Stuck stuck
    cdef double shutdown_at  # when the last GOAWAY is due; 0: not
    cdef double ping_at  # when a PING, or its answer, is due
    cdef bint pinged
    cdef bint heard  # something has arrived since the last sweep

    cdef bint begun_input  # something has arrived
    cdef bint eof  # the client will send no more
    cdef list fed  # owned: channels of WebSockets for which something has arrived
    cdef list begun  # owned: channels whose apps are yet to be called
    cdef Py_ssize_t called  # of them, those that were
    cdef int apps  # that have a response to give, or wait in `begun`
    cdef int running  # apps, those that go on after their response too
    cdef int wide  # streams whose window was made large
    cdef bint congested  # the client does not read: the transport's buffer is full
    cdef bint reading_paused
    cdef double paused_since
    cdef bint in_turn  # which writes at its end what is made now
    cdef bint turn_planned
    cdef size_t thrown_away

    cdef int turn(self, const char *at, size_t count) except -1
    cdef int leave_turn(self) noexcept
    cdef bint may_call(self) noexcept
    cdef int call_apps(self) except -1
    cdef int deliver(self) except -1
    cdef StreamChannel add_channel(self, Stream stream)
    cdef int begin_request(self, Stream stream, RequestHead head) except -1
    cdef int plan_turn(self) except -1
    cdef int flush(self) except -1
    cdef int decide(self) except -1
    cdef int steer_reading(self) except -1
    cdef int forgive_pause(self) except -1
    cdef int refuse(self, Stream stream, object error, RequestHead head=*) except -1
    cdef bytes start(self)
    cdef int answer(self, Stream stream, int status, str text, object headers,
                    bint is_head) except -1
    cdef int send_head(self, Stream stream, bint has_body, int64_t length) except -1
    cdef int linger(self) except -1
    cdef int close(self) except -1
    cdef int lose_streams(self) except -1
    cdef Py_ssize_t unsent(self) except -1
    cdef int check_ping(self) except -1
    cdef int watch_input(self) except -1

# One stream, as the channel of its exchange.
cdef class StreamChannel(Channel):
    cdef Connection connection  # owned
    cdef Stream stream  # owned
    cdef Exchange exchange  # owned until the stream is closed
    cdef int64_t declared  # Content-Length as the app gave it; -1: not
    cdef bint has_body  # of the response
    cdef bint trailers_wanted
    cdef list trailers  # owned
    cdef bint wide  # its window was made large
    cdef bint counted  # among the connection's apps
    cdef bint running  # its app

    cdef double deadline  # of the request's body; 0: it is not the client's turn
    cdef double body_since  # when the body began, later by the time in which the app did not read
    cdef double unread_since
    cdef double stuck_until
    cdef uint64_t stuck_at

    cdef object protocol  # owned: the WebSocket session that has the stream
    cdef bint paused  # it does not read
    cdef Output held  # owned: what has arrived and was not delivered; None: nothing
    cdef bint input_ended  # the client's END_STREAM has arrived and was not delivered

    cdef int uncount(self) noexcept
    cdef int finish_head(self, Exchange exchange, int64_t length, bint more) except -1
    cdef object sent(self)
    cdef int end_request(self) except -1
    cdef int end_input(self) except -1
    cdef int has_room(self) except -1
    cdef int deliver(self) except -1
    cdef int closed(self, unsigned int code) except -1
    cdef int sweep(self) except -1
    cdef int forgive_pause(self, double since) noexcept
    cdef int watch_stuck(self) except -1
