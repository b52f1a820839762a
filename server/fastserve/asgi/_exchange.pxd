from libc.stdint cimport int64_t

from httpparser cimport Output, RequestHead
from fastserve.asgi._entry cimport Entry
from fastserve.asgi._files cimport File
from fastserve.asgi._message cimport Fields
from fastserve.asgi._service cimport Service
from fastserve.asgi._task cimport Awaitable, Job, WaitQueue
from fastserve.asgi._transport cimport Sink

cdef enum:
    CLIENT_LEFT = 499  # nginx's status for the log; it is never sent

cdef enum Phase:
    EXPECT_START  # no response yet
    HEAD_GIVEN  # the carrier has the head and sends it with the first of the body
    EXPECT_BODY
    SENDING_FILE
    EXPECT_TRAILERS
    COMPLETE

# What an exchange asks of its carrier: an HTTP/1 connection, or one stream of HTTP/2.
cdef class Channel(Sink):
    cdef Service service  # owned
    cdef readonly bint gone  # nothing more can be written
    cdef bint in_step  # writes are collected until the app's step ends
    cdef bint counts_apps  # left() is called when an app has returned
    cdef WaitQueue senders  # owned: those who wait until the client reads; None until there is one

    # What every scope on this carrier says.
    cdef dict scope  # borrowed from the service: the template of its scopes
    cdef object client  # owned: (host, port), [path, None] or None
    cdef public tuple endpoints  # owned: client and server by the PROXY protocol, or None
    cdef list server  # owned: [path, None] of a Unix socket, else None: the template has it
    cdef dict tls  # owned: the tls extension, or None
    cdef bint proxied  # the peer is a trusted proxy
    cdef str client_text  # owned: the client for the access log; made when it is first needed
    cdef bint forwarded  # the text is that of a proxy's client

    cdef int64_t send_head(self, Exchange exchange, object headers) except? -2
    cdef int drop_head(self) except -1
    cdef object send_body(self, Exchange exchange, bytes data, bint more)
    cdef object send_trailers(self, Exchange exchange, object headers, bint more)
    cdef object send_early_hint(self, Exchange exchange, object links)
    cdef object send_file(self, Exchange exchange, File file, bint more)
    cdef object upgrade(self, Exchange exchange, object session, object fields)
    cdef int send_continue(self) except -1
    cdef int taken(self, Exchange exchange) except -1
    cdef int end_step(self) except -1
    cdef int finished(self, Exchange exchange) except -1
    cdef int answer(self, Exchange exchange, int status, str text, object headers=*) except -1
    cdef int cut(self, Exchange exchange) except -1
    cdef bint give_back(self, Exchange exchange) except -1
    cdef int left(self) except -1
    cdef bint must_wait(self) except -1

cdef class Drained(Awaitable):
    cdef Channel channel  # owned

cdef inline Drained drained(Channel channel):
    """An awaitable: the client has read. It asks must_wait(), and again after wake_senders()."""
    cdef Drained awaitable = Drained.__new__(Drained)
    awaitable.channel = channel
    return awaitable

cdef inline int wake_senders(Channel channel) except -1:
    return 0 if channel.senders is None else channel.senders.wake_all()

# `receive` and `send` of one request.
cdef class Callables:
    cdef Exchange exchange  # owned until the app has returned, or for as long as it holds one
    cdef object receive_function  # owned, a cycle that release() breaks
    cdef object send_function
    cdef Callables below  # owned: in the pile of those that no request uses
    cdef int count  # of them, from this one down

    cdef int release(self, Service service) except -1

# One request and its response.
cdef class Exchange(Job):
    cdef Channel channel  # owned
    cdef RequestHead head  # owned
    cdef dict scope  # owned until the app is called
    cdef Callables callables  # owned while the app runs
    cdef bint called  # the app was called
    cdef bint is_websocket  # a handshake; its app speaks WebSocket
    cdef bint recorded  # its end is in the access log
    cdef long long started_at  # monotonic_ns(), if the service is timed

    # The request's body.
    cdef bytes first  # owned: what has arrived and was not received, while it is one piece
    cdef Output rest  # owned: all of it, once it is several
    cdef size_t buffered
    cdef bint ended  # the whole request has arrived
    cdef bint delivered  # the app has received its end
    cdef bint disconnected  # the app is to be told so
    cdef bint warned  # the same, once it has had the whole request: the server stops soon
    cdef int telling  # who waited in `receive` was woken: so many sends of other tasks may pass
    cdef void *told  # borrowed, to compare alone: the task that `receive` has told
    cdef bint continue_wanted  # the client waits for 100 (Continue)
    cdef WaitQueue receivers  # owned: those who wait for more; None until there is one

    # The response.
    cdef Phase phase
    cdef readonly int status
    cdef readonly int64_t sent  # bytes of content
    cdef int64_t remaining  # bytes that Content-Length still promises; -1: no promise
    cdef object headers  # owned: of the response, as the app gave them, if the access log asks
    cdef bint has_content  # decided once, when the head is given. RFC 9112 6.3
    cdef bint has_trailers  # the app announced trailers
    cdef bint nested  # our step began inside another step or turn of the channel

    cdef int begin(self, Channel channel, RequestHead head) except -1
    cdef int call(self) except -1
    cdef int add_body(self, const char *at, size_t length) except -1
    cdef int end_body(self) except -1
    cdef int disconnect(self) except -1
    cdef int warn(self) except -1
    cdef bint says_gone(self) noexcept
    cdef object receive(self)
    cdef object send(self, object message)
    cdef object send_late(self)
    cdef bint has_message(self) noexcept
    cdef dict next_message(self)
    cdef int take_back(self, bytes body) except -1
    cdef int wake(self) except -1
    cdef int start_response(self, dict message, Fields *fields) except -1
    cdef object send_body(self, Fields *fields)
    cdef object send_file(self, dict message, bint whole)
    cdef object end_file(self, int64_t count, bint more)
    cdef object end_short(self, bytes data)
    cdef object send_trailers(self, dict message)
    cdef int check_first(self, int64_t length, bint more) except -1
    cdef int complete(self) except -1
    cdef int fail(self) except -1
    cdef int answer(self, int status, str text) except -1
    cdef int log_failure(self, object error) except -1

cdef Exchange new_exchange(Channel channel, RequestHead head)
cdef object make(object kind)
cdef dict make_scope(Channel channel, RequestHead head)
cdef int admit(Service service, RequestHead head) except -1
cdef str describe_carrier(Channel channel, object transport)
cdef str text_of(object client)
cdef int name_client(Channel channel, object client) except -1
cdef int record(Exchange exchange, int status) except -1
cdef int record_refusal(Channel channel, Exchange exchange, RequestHead head, bytes start,
                        int status) except -1
cdef Entry record_websocket(Exchange exchange, int status)
cdef int record_close(Service service, Entry entry, int code, double seconds) except -1
