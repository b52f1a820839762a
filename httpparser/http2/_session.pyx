"""HTTP/2 without I/O, over nghttp2: bytes to requests and bodies, responses and bodies to bytes.

A `Session` is one side of one connection, for Cython classes that override its `on_` methods;
`_events` has the classes for Python. RFC 9113, 7541, 8441, 9218

What is sent waits in its `Stream` until the windows and the priority let it become frames:
`produce()` makes them. What is received is acknowledged to the peer by `consume()`: the window of
a stream opens as its content is taken. That of the connection opens at once, so that no stream
that is not read stands in the way of another.
"""

cimport cython
from cpython.bytes cimport (
    PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE,
)
from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Malloc, PyMem_Realloc
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

from httpparser._threads cimport set_immortal
from httpparser.http1._fields cimport (
    CONTENT_LENGTH, EXPECT, HOST, IN_VALUE, OTHER, TE, Kind, add_fact, all_in, clear_facts,
    equal_fold, is_token, make_host, make_pair, parse_length,
)
from httpparser.http1._head cimport RequestHead
from httpparser.http1._limits cimport Limits
from httpparser.http1._output cimport Output, as_bytes
from httpparser.http2.nghttp2 cimport *  # no-cython-lint

import sys
from collections import deque
from operator import attrgetter

from httpparser.errors import (
    ContentTooLarge, ExpectationFailed, HeaderFieldsTooLarge, HttpParserError,
    MethodNotImplemented, UriTooLong,
)

__all__ = ("NGHTTP2_VERSION", "Session", "SessionError", "Stream")

NGHTTP2_VERSION = VERSION_TEXT.decode()

cdef extern from *:
    """
    #define HTTPPARSER_NGHTTP2_VERSION NGHTTP2_VERSION
    int httpparser_nghttp2_position(const nghttp2_session *session);
    """
    const char *VERSION_TEXT "HTTPPARSER_NGHTTP2_VERSION"
    int position_of "httpparser_nghttp2_position"(const nghttp2_session *) noexcept

cdef enum:
    NO_COPY = 6  # NGHTTP2_NV_FLAG_NO_COPY_NAME and _VALUE
    FAILED = -902  # NGHTTP2_ERR_CALLBACK_FAILURE
    MOST_SIZE = 2  # times the limit: a field block as large as this is not read to its end
    FIELD_OVERHEAD = 32  # RFC 9113 6.5.2
    MAX_FRAME_SIZE = 16384  # we do not ask for more. RFC 9113 6.5.2
    STACK_FIELDS = 64
    LONGEST_METHOD = 64
    SHOWN = 256  # bytes of a path that is too long
    MOST_SENT = 1 << 20  # bytes of a field block that we send
    PIECE = 64  # bytes that a piece of a body costs beyond its content

cdef str VERSION_2 = sys.intern("2"), GET = sys.intern("GET"), CONNECT = sys.intern("CONNECT")
cdef bytes EMPTY = b"", COOKIE = b"cookie", WEBSOCKET = b"websocket"
cdef bytes DATE = b"date", SERVER = b"server"
cdef dict METHODS = {
    name.encode(): sys.intern(name)
    for name in ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
}
for _shared in (VERSION_2, CONNECT, *METHODS.values()):
    set_immortal(_shared)


class SessionError(HttpParserError):
    """What cannot be done in the session's or the stream's state; a mistake of the caller's."""


# -- nghttp2's callbacks ---------------------------------------------------------------------------

cdef inline Session session_of(void *user):
    return <Session> user


cdef inline Stream stream_of(nghttp2_session *session, int32_t id):
    cdef void *found = nghttp2_session_get_stream_user_data(session, id)
    return <Stream> found if found else None


cdef int on_begin_frame(nghttp2_session *raw, const nghttp2_frame_hd *hd,
                        void *user) except? -902:
    return session_of(user).count_frame(hd.type, hd.length, hd.flags, hd.stream_id)


cdef int on_begin_headers(nghttp2_session *raw, const nghttp2_frame *frame,
                          void *user) except? -902:
    cdef Session session = session_of(user)
    cdef Stream stream
    if frame.headers.cat == NGHTTP2_HCAT_REQUEST:
        stream = Stream.__new__(Stream)
        stream.session = session
        stream.id = frame.hd.stream_id
        if stream.id > session.last_id + 2:
            session.skipped_from = session.last_id + 2
            session.skipped_to = stream.id - 2
        session.last_id = stream.id
        session.streams.add(stream)
        nghttp2_session_set_stream_user_data(raw, stream.id, <void *> stream)
        return session.begin_block(stream, [None], session.limits.fields)  # Host comes first
    stream = stream_of(raw, frame.hd.stream_id)
    if session.client and stream is not None and not stream.answered:
        return session.begin_block(stream, [], session.limits.fields)
    return session.begin_block(stream, [], session.limits.trailers)


cdef int on_header(nghttp2_session *raw, const nghttp2_frame *frame, nghttp2_rcbuf *name,
                   nghttp2_rcbuf *value, uint8_t flags, void *user) except? -902:
    cdef nghttp2_vec n = nghttp2_rcbuf_get_buf(name), v = nghttp2_rcbuf_get_buf(value)
    return session_of(user).add_field(<char *> n.base, n.len, <char *> v.base, v.len)


cdef int on_invalid_header(nghttp2_session *raw, const nghttp2_frame *frame, nghttp2_rcbuf *name,
                           nghttp2_rcbuf *value, uint8_t flags, void *user) except? -902:
    """RFC 9113 8.2.1: malformed; without this nghttp2 would leave the field out."""
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE


cdef int on_frame_recv(nghttp2_session *raw, const nghttp2_frame *frame,
                       void *user) except? -902:
    cdef Session session = session_of(user)
    cdef bint ended = frame.hd.flags & NGHTTP2_FLAG_END_STREAM
    cdef Stream stream
    session.whole += 1
    if frame.hd.type == NGHTTP2_HEADERS:
        stream = session.block_stream
        session.block_stream = None
        if stream is None or stream.closed:
            return 0
        if frame.headers.cat == NGHTTP2_HCAT_REQUEST:
            return session.end_request_block(stream, ended)
        if session.client and not stream.answered:
            stream.answered = session.block_status >= 200
            session.on_response(stream, session.block_status, session.fields)
        elif session.block_error is not None:
            session.on_refused(stream, session.block_error)
            return 0
        else:
            session.on_trailers(stream, session.fields)
        session.fields = None
    elif frame.hd.type == NGHTTP2_DATA:
        if not ended:
            if frame.hd.length and frame.hd.length == frame.data.padlen and (
                not take(&session.frames)
            ):
                return session.fail(NGHTTP2_ENHANCE_YOUR_CALM, "too many frames of padding")
            return 0
        stream = stream_of(raw, frame.hd.stream_id)
    else:
        if frame.hd.type == NGHTTP2_RST_STREAM:
            session.reset_id = frame.hd.stream_id  # on_stream_close() is next
        elif frame.hd.type == NGHTTP2_GOAWAY:
            session.on_goaway(frame.goaway.last_stream_id, frame.goaway.error_code)
        elif frame.hd.type == NGHTTP2_PING and frame.hd.flags & NGHTTP2_FLAG_ACK:
            session.on_pong()
        elif (
            frame.hd.type == NGHTTP2_PRIORITY_UPDATE
            and (<nghttp2_ext_priority_update *> frame.ext.payload).stream_id == 0
        ):
            # RFC 9218 7.1
            return session.fail(NGHTTP2_PROTOCOL_ERROR, "PRIORITY_UPDATE for stream 0")
        return 0
    if ended and stream is not None and not stream.closed:
        stream.ended = True
        session.on_end(stream)
    return 0


cdef int on_invalid_frame(nghttp2_session *raw, const nghttp2_frame *frame, int code,
                          void *user) except? -902:
    """Each is answered by a RST_STREAM, or ends the session."""
    cdef Session session = session_of(user)
    session.problem = code
    if not take(&session.resets):
        return session.fail(NGHTTP2_ENHANCE_YOUR_CALM, "too many streams are reset")
    return 0


cdef int on_data_chunk(nghttp2_session *raw, uint8_t flags, int32_t id, const uint8_t *at,
                       size_t length, void *user) except? -902:
    cdef Session session = session_of(user)
    cdef Stream stream = stream_of(raw, id)
    nghttp2_session_consume_connection(raw, length)
    if stream is None:
        return 0
    stream.unconsumed += length
    if not stream.tunnel and stream.received <= session.limits.body < stream.received + length:
        stream.received += length
        session.on_refused(stream, ContentTooLarge("the body is too large", code="LIMIT_BODY"))
        return 0
    stream.received += length
    session.on_data(stream, <const char *> at, length)
    return 0


cdef int on_stream_close(nghttp2_session *raw, int32_t id, uint32_t code,
                         void *user) except? -902:
    cdef Session session = session_of(user)
    cdef Stream stream = stream_of(raw, id)
    if stream is None:
        return 0
    end_stream(session, stream, code)
    # What failed here is not the peer's doing; everything else is a reset that it sent or earned.
    if id == session.reset_id or code != NGHTTP2_NO_ERROR and code != NGHTTP2_INTERNAL_ERROR:
        if not take(&session.resets) and not session.failed:
            session.fail(NGHTTP2_ENHANCE_YOUR_CALM, "too many streams are reset")
    return 0


cdef int end_stream(Session session, Stream stream, uint32_t code) except -1:
    if session.block_stream is stream:
        session.block_stream = None
    stream.closed = True
    stream.first = stream.rest = None
    stream.unsent = 0
    session.streams.discard(stream)
    session.on_closed(stream, code)
    stream.owner = None
    stream.session = None
    return 0


cdef nghttp2_ssize on_read(nghttp2_session *raw, int32_t id, uint8_t *buf, size_t room,
                           uint32_t *flags, nghttp2_data_source *source,
                           void *user) except? -902:
    """How much of the body goes into the next frame; on_send_data() puts it there."""
    cdef Stream stream = <Stream> source.ptr
    cdef size_t length = stream.unsent
    cdef nghttp2_nv[STACK_FIELDS] fields
    if length > room:
        length = room
    elif stream.finished:
        flags[0] = NGHTTP2_DATA_FLAG_EOF
        if stream.trailers is not None:
            flags[0] |= NGHTTP2_DATA_FLAG_NO_END_STREAM
            fill_fields(fields, stream.trailers, True)
            check(nghttp2_submit_trailer(raw, id, fields, len(stream.trailers)))
    elif length == 0:
        stream.waiting = True
        return NGHTTP2_ERR_DEFERRED
    flags[0] |= NGHTTP2_DATA_FLAG_NO_COPY
    return length


cdef int on_send_data(nghttp2_session *raw, nghttp2_frame *frame, const uint8_t *head,
                      size_t length, nghttp2_data_source *source, void *user) except? -902:
    cdef Session session = session_of(user)
    cdef Stream stream = <Stream> source.ptr
    session.out.append(<const char *> head, 9)
    stream.copy_to(session.out, length)
    if session.frames.left < session.frames.rate:
        session.frames.left += 2  # who reads a body sends WINDOW_UPDATEs for it
    # nghttp2 would go on to the next DATA frame without asking produce().
    return NGHTTP2_ERR_PAUSE if session.out.length >= session.out_limit else 0


cdef int on_frame_send(nghttp2_session *raw, const nghttp2_frame *frame,
                       void *user) except? -902:
    cdef Stream stream
    if (
        frame.hd.flags & NGHTTP2_FLAG_END_STREAM
        and (frame.hd.type == NGHTTP2_DATA or frame.hd.type == NGHTTP2_HEADERS)
        and not session_of(user).client
    ):
        stream = stream_of(raw, frame.hd.stream_id)
        if stream is not None and not stream.ended and not stream.tunnel:
            # RFC 9113 8.1: the response is complete, the rest of the request is not wanted
            check(nghttp2_submit_rst_stream(raw, 0, stream.id, NGHTTP2_NO_ERROR))
    return 0


cdef int on_frame_not_sent(nghttp2_session *raw, const nghttp2_frame *frame, int code,
                           void *user) except? -902:
    """A head or trailers that are larger than nghttp2 sends: the peer must not wait for them."""
    if frame.hd.type == NGHTTP2_HEADERS and code == NGHTTP2_ERR_FRAME_SIZE_ERROR:
        check(nghttp2_submit_rst_stream(raw, 0, frame.hd.stream_id, NGHTTP2_INTERNAL_ERROR))
    return 0


cdef void *allocate(size_t size, void *user) noexcept:
    return PyMem_Malloc(size)


cdef void release(void *at, void *user) noexcept:
    PyMem_Free(at)


cdef void *allocate_cleared(size_t count, size_t size, void *user) noexcept:
    return PyMem_Calloc(count, size)


cdef void *reallocate(void *at, size_t size, void *user) noexcept:
    return PyMem_Realloc(at, size)


cdef nghttp2_mem MEMORY  # Python's allocator is quicker for what is small
MEMORY.mem_user_data = NULL
MEMORY.malloc = allocate
MEMORY.free = release
MEMORY.calloc = allocate_cleared
MEMORY.realloc = reallocate

cdef nghttp2_session_callbacks *CALLBACKS
check(nghttp2_session_callbacks_new(&CALLBACKS))
nghttp2_session_callbacks_set_on_begin_frame_callback(CALLBACKS, on_begin_frame)
nghttp2_session_callbacks_set_on_begin_headers_callback(CALLBACKS, on_begin_headers)
nghttp2_session_callbacks_set_on_header_callback2(CALLBACKS, on_header)
nghttp2_session_callbacks_set_on_invalid_header_callback2(CALLBACKS, on_invalid_header)
nghttp2_session_callbacks_set_on_frame_recv_callback(CALLBACKS, on_frame_recv)
nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(CALLBACKS, on_invalid_frame)
nghttp2_session_callbacks_set_on_data_chunk_recv_callback(CALLBACKS, on_data_chunk)
nghttp2_session_callbacks_set_on_stream_close_callback(CALLBACKS, on_stream_close)
nghttp2_session_callbacks_set_on_frame_send_callback(CALLBACKS, on_frame_send)
nghttp2_session_callbacks_set_on_frame_not_send_callback(CALLBACKS, on_frame_not_sent)
nghttp2_session_callbacks_set_send_data_callback(CALLBACKS, on_send_data)


cdef int check(int code) except -1:
    """What nghttp2 returns where only a mistake of ours, or no memory, can make it fail."""
    if code == NGHTTP2_ERR_NOMEM:
        raise MemoryError
    if code < 0:
        raise SessionError(nghttp2_strerror(code).decode(), code="NGHTTP2")
    return code


cdef bint take(Bucket *bucket) noexcept:
    """Whether it may happen once more: `rate` times a second, and as often at once."""
    cdef timespec now
    if bucket.left <= 0:
        clock_gettime(CLOCK_MONOTONIC, &now)
        if <uint64_t> now.tv_sec == bucket.second:
            return False
        bucket.second = now.tv_sec
        bucket.left = bucket.rate
    bucket.left -= 1
    return True


# -- fields to send --------------------------------------------------------------------------------

cdef int fill_fields(nghttp2_nv *to, list fields, bint kept, bint skip_date=False,
                     bint skip_server=False) except -1:
    """Pairs for nghttp2, which copies them unless they are `kept` until they are sent."""
    cdef int count = 0
    cdef tuple pair
    cdef bytes name, value
    for pair in fields:
        name, value = pair
        if skip_date and name == DATE or skip_server and name == SERVER:
            continue
        to[count].name = <uint8_t *> PyBytes_AS_STRING(name)
        to[count].namelen = PyBytes_GET_SIZE(name)
        to[count].value = <uint8_t *> PyBytes_AS_STRING(value)
        to[count].valuelen = PyBytes_GET_SIZE(value)
        to[count].flags = NO_COPY if kept else NGHTTP2_NV_FLAG_NONE
        count += 1
    return count


cdef bint is_of_connection(const char *name, size_t length) noexcept:
    """RFC 9113 8.2.2: fields that HTTP/2 does not have."""
    return (
        length == 10 and equal_fold(name, b"connection", 10)
        or length == 10 and equal_fold(name, b"keep-alive", 10)
        or length == 7 and equal_fold(name, b"upgrade", 7)
        or length == 16 and equal_fold(name, b"proxy-connection", 16)
        or length == 17 and equal_fold(name, b"transfer-encoding", 17)
    )


cdef inline bint has_upper(const char *at, Py_ssize_t length) noexcept:
    cdef Py_ssize_t i
    for i in range(length):
        if c'A' <= at[i] <= c'Z':
            return True
    return False


cdef tuple checked_pair(object pair):
    """A field as it can be sent; None for one of the connection. ValueError and TypeError"""
    cdef object first, second
    cdef bytes name, value
    cdef const char *at
    cdef Py_ssize_t length
    if type(pair) is not tuple or len(<tuple> pair) != 2:
        first, second = pair
        pair = (first, second)
    first, second = pair
    if not PyBytes_CheckExact(first) or not PyBytes_CheckExact(second):
        pair = (as_bytes(first), as_bytes(second))
    name, value = pair
    at = PyBytes_AS_STRING(name)
    length = PyBytes_GET_SIZE(name)
    if not is_token(at, length):
        raise ValueError(f"the field name {name!r} is not a token")
    if has_upper(at, length):  # RFC 9113 8.2.1
        name = name.lower()
        pair = (name, value)
    at = PyBytes_AS_STRING(value)
    length = PyBytes_GET_SIZE(value)
    if not all_in(at, length, IN_VALUE):
        raise ValueError(f"the value of the field {name!r} holds CR, LF or NUL")
    if is_of_connection(PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name)):
        return None
    # RFC 9113 8.2.1: no white space at either end
    if length and (at[0] == c' ' or at[0] == c'\t' or at[length - 1] == c' '
                   or at[length - 1] == c'\t'):
        pair = (name, value.strip(b" \t"))
    return pair


cdef list sendable(object headers):
    """Checked fields, those of the connection left out. ValueError and TypeError"""
    cdef list fields = []
    for item in headers:
        pair = checked_pair(item)
        if pair is not None:
            fields.append(pair)
    return fields


# -- one stream ------------------------------------------------------------------------------------

@cython.freelist(64)
cdef class Stream:
    """One request and its response; `Session` makes them.

    The methods have no effect on a stream that is closed.
    """

    def __repr__(self):
        return f"<Stream {self.id}{' closed' if self.closed else ''}>"

    cdef int64_t keep_head(self, int status, object headers) except? -2:
        """Check a response's head and keep it for send_head(); its Content-Length, or -1.

        Fields of the connection are left out. Raises ValueError and TypeError, and then keeps
        nothing.
        """
        cdef list fields = []
        cdef tuple pair
        cdef bytes name
        cdef int64_t declared = -1
        cdef size_t length
        if not 100 <= status <= 999:
            raise ValueError(f"{status} is not a status code: three digits are needed")
        self.has_date = self.has_server = False
        for item in headers:
            pair = checked_pair(item)
            if pair is None:
                continue
            name = pair[0]
            length = PyBytes_GET_SIZE(name)
            if length == 14 and equal_fold(PyBytes_AS_STRING(name), b"content-length", 14):
                if declared >= 0:
                    raise ValueError("Content-Length is given twice")
                value = <bytes> pair[1]
                declared = parse_length(PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))
                if declared < 0:
                    raise ValueError(f"Content-Length {value!r} is not a number of bytes")
                if status == 204 or status == 205:  # RFC 9110 8.6 and 15.3.6
                    continue
            elif length == 4 and equal_fold(PyBytes_AS_STRING(name), b"date", 4):
                self.has_date = True
            elif length == 6 and equal_fold(PyBytes_AS_STRING(name), b"server", 6):
                self.has_server = True
            fields.append(pair)
        self.fields = fields
        self.status = status
        return declared

    cdef int drop_head(self) except -1:
        self.fields = None
        return 0

    cdef int send_head(self, bint has_body, int64_t length=-1) except -1:
        """Send the head that was kept; without a body the response is complete.

        `length`: Content-Length to add, -1 for none.
        """
        cdef list fields = self.fields
        self.fields = None
        self.answered = True
        if self.closed:
            return 0
        if not has_body:
            self.finished = True
        return self.session.submit(self, self.status, fields, True, has_body, length)

    cdef int inform(self, int status, list fields) except -1:
        """Send an interim response, 100 to 199, with these checked fields."""
        if self.closed:
            return 0
        return self.session.submit(self, status, fields, False, True, -1)

    cdef int send(self, bytes data, bint more) except -1:
        """Add to the body."""
        cdef Py_ssize_t length = PyBytes_GET_SIZE(data)
        if self.closed:
            return 0
        self.finished = not more
        if length:
            self.unsent += length
            if self.first is None:
                self.first = data
                self.at = 0
            else:
                if self.rest is None:
                    self.rest = deque()
                self.rest.append(data)
        if self.waiting and (length or self.finished):
            self.waiting = False
            check(nghttp2_session_resume_data(self.session.session, self.id))
        return 0

    cdef int send_trailers(self, list fields) except -1:
        """Complete the body with these checked fields. RFC 9113 8.1"""
        if self.trailers is not None:  # nghttp2 has them, and they must not be freed
            raise SessionError("trailers are sent already", code="ANSWERED")
        if fields and len(fields) <= STACK_FIELDS:
            self.trailers = fields
        elif fields:
            raise ValueError(f"more than {STACK_FIELDS} trailer fields")
        return self.send(EMPTY, False)

    cdef int copy_to(self, Output out, size_t length) except -1:
        """Move so much of the body into a frame."""
        cdef size_t part
        self.unsent -= length
        self.sent += length
        self.session.sent += length
        while length:
            part = PyBytes_GET_SIZE(self.first) - self.at
            if part > length:
                out.append(PyBytes_AS_STRING(self.first) + self.at, length)
                self.at += length
                break
            out.append(PyBytes_AS_STRING(self.first) + self.at, part)
            length -= part
            self.first = self.rest.popleft() if self.rest else None
            self.at = 0
        if self.wants_room and self.load() < self.session.room:
            self.wants_room = False
            self.session.on_room(self)
        return 0

    cdef size_t load(self) noexcept:
        """What waits, by what it costs: small pieces cost more than their bytes."""
        return self.unsent + (PIECE * <size_t> len(self.rest) if self.rest is not None else 0)

    cdef int consume(self, size_t count) except -1:
        """Open the window for as many bytes of what was received."""
        if count > self.unconsumed:
            count = self.unconsumed
        self.unconsumed -= count
        if count and not self.closed and not self.ended:
            check(nghttp2_session_consume_stream(self.session.session, self.id, count))
        return 0

    cdef int grow_window(self, int32_t size) except -1:
        """Let the peer have so many bytes on the way."""
        if not self.closed and not self.ended and size > self.window:
            self.window = size
            check(nghttp2_session_set_local_window_size(self.session.session, 0, self.id, size))
        return 0

    cdef int reset(self, uint32_t code) except -1:
        """End it now, by RST_STREAM; on_closed() follows when that is sent."""
        if not self.closed:
            check(nghttp2_submit_rst_stream(self.session.session, 0, self.id, code))
        return 0

    cdef bint is_blocked(self) noexcept:
        """Whether content waits for the peer to open this stream's window."""
        return not self.closed and self.unsent > 0 and (
            nghttp2_session_get_stream_remote_window_size(self.session.session, self.id) <= 0
        )


# -- one connection --------------------------------------------------------------------------------

cdef class Session:
    """One side of one connection: for Cython classes that override the `on_` methods.

    `setup()` before anything else. The caller holds a reference to the session during each call.
    """

    def __dealloc__(self):
        if self.session != NULL:
            nghttp2_session_del(self.session)

    cdef int setup(self, bint client, Limits limits, dict options) except -1:
        """Begin, with the preface.

        `options`: `max_concurrent_streams`, `initial_window_size` (bytes, of a stream),
        `connection_window_size` (bytes), `field_block` (bytes of HEADERS and CONTINUATION of one
        block), `resets` (streams that the peer may reset, or make us reset, a second), `frames`
        (those that ask for nothing, a second), `room` (bytes, see `on_room`) and
        `extended_connect` (whether it is offered, RFC 8441).
        """
        cdef nghttp2_option *raw
        cdef nghttp2_settings_entry[5] settings
        cdef int count = 0, code
        cdef int64_t size
        get = options.get
        if self.session != NULL:
            raise SessionError("the session has begun already", code="BEGUN")
        self.client = client
        self.limits = limits
        self.streams = set()
        self.field_block = get("field_block", 65536)
        self.room = get("room", 65536)
        self.resets.rate = self.resets.left = get("resets", 200)
        self.frames.rate = self.frames.left = get("frames", 1000)
        check(nghttp2_option_new(&raw))
        nghttp2_option_set_no_auto_window_update(raw, 1)
        nghttp2_option_set_builtin_recv_extension_type(raw, NGHTTP2_PRIORITY_UPDATE)
        nghttp2_option_set_stream_reset_rate_limit(raw, 1 << 30, 1 << 30)  # `resets` counts more
        nghttp2_option_set_max_send_header_block_length(raw, MOST_SENT)
        nghttp2_option_set_max_continuations(raw, 1024)  # `field_block` says when it is enough
        if client:
            code = nghttp2_session_client_new3(
                &self.session, CALLBACKS, <void *> self, raw, &MEMORY)
        else:
            code = nghttp2_session_server_new3(
                &self.session, CALLBACKS, <void *> self, raw, &MEMORY)
        nghttp2_option_del(raw)
        check(code)
        size = get("initial_window_size", 65535)
        if size != 65535:
            add_setting(settings, &count, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, size)
        if limits.fields < 1 << 31:
            add_setting(settings, &count, NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits.fields)
        if client:
            add_setting(settings, &count, NGHTTP2_SETTINGS_ENABLE_PUSH, 0)
        else:
            add_setting(settings, &count, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
                        get("max_concurrent_streams", 100))
            if get("extended_connect", True):
                add_setting(settings, &count, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1)
            add_setting(settings, &count, NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1)
        check(nghttp2_submit_settings(self.session, 0, settings, count))
        size = get("connection_window_size", 1 << 20)
        return check(nghttp2_session_set_local_window_size(self.session, 0, 0, size))

    cdef inline int check_begun(self) except -1:
        if self.session == NULL:
            raise SessionError("the session has not begun: call __init__()", code="NOT_BEGUN")
        return 0

    cdef int execute(self, const char *data, size_t length) except -1:
        """Take in bytes. What is wrong with them ends a stream or the session: see `reason`."""
        cdef nghttp2_ssize read
        self.check_begun()
        if self.failed or length == 0:
            return 0
        if self.busy:
            raise SessionError("the session is fed from one of its own callbacks", code="REENTRANT")
        self.busy = True
        self.problem = 0
        try:
            read = nghttp2_session_mem_recv2(self.session, <const uint8_t *> data, length)
        except BaseException:
            self.terminate(NGHTTP2_INTERNAL_ERROR, "the session failed")
            raise
        finally:
            self.busy = False
        if read == NGHTTP2_ERR_NOMEM:
            raise MemoryError
        if self.reason is not None:
            return self.terminate(self.code, self.reason)
        if read == NGHTTP2_ERR_FLOODED or read == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS:
            return self.terminate(NGHTTP2_ENHANCE_YOUR_CALM, nghttp2_strerror(read).decode())
        if read < 0:
            return self.terminate(NGHTTP2_PROTOCOL_ERROR, nghttp2_strerror(read).decode())
        if not nghttp2_session_want_read(self.session):
            self.failed = True
            if self.problem:
                self.reason = nghttp2_strerror(self.problem).decode()
        return 0

    cdef int fail(self, uint32_t code, str reason) except? -902:
        """From a callback: read no further, and end the session so."""
        self.code = code
        self.reason = reason
        return FAILED

    cdef bint produce(self, Output out, size_t limit) except -1:
        """Append frames until `limit` bytes are in the output; whether there may be more."""
        cdef const uint8_t *at
        cdef nghttp2_ssize length
        cdef size_t begin = out.length
        self.check_begun()
        if self.busy:
            raise SessionError("frames are made from a callback of the session", code="REENTRANT")
        if self.lost:
            return False
        self.busy = True
        self.out = out
        self.out_limit = limit
        try:
            while out.length < limit:
                length = nghttp2_session_mem_send2(self.session, &at)
                if length <= 0:
                    check(<int> length)
                    return out.length >= limit  # on_send_data() paused
                out.append(<const char *> at, length)
        except BaseException:
            out.length = begin  # the output may be another connection's next
            self.failed = self.lost = True
            raise
        finally:
            self.busy = False
            self.out = None
        return True

    cdef Position position(self) noexcept:
        """Where the input stops."""
        return <Position> position_of(self.session)

    cdef bint is_over(self) noexcept:
        """Whether nothing more is to be read and nothing to be written."""
        if self.lost or self.session == NULL:
            return True
        return (
            self.failed or not nghttp2_session_want_read(self.session)
        ) and not nghttp2_session_want_write(self.session)

    cdef bint wants_write(self) noexcept:
        """Whether frames wait; those that a window holds back are not among them."""
        return not self.lost and nghttp2_session_want_write(self.session)

    cdef bint is_window_shut(self) noexcept:
        """Whether the peer must open the connection's window first."""
        return nghttp2_session_get_remote_window_size(self.session) <= 0

    cdef size_t queued(self) noexcept:
        """How many frames wait, those of bodies not among them."""
        return nghttp2_session_get_outbound_queue_size(self.session)

    cdef int terminate(self, uint32_t code, str reason) except -1:
        """End the session by GOAWAY: nothing more is read. RFC 9113 5.4.1"""
        self.check_begun()
        self.failed = True
        self.reason = reason
        return check(nghttp2_session_terminate_session(self.session, code))

    cdef int announce_shutdown(self) except -1:
        """The first GOAWAY: requests on the way are still answered. RFC 9113 6.8"""
        self.check_begun()
        return check(nghttp2_submit_shutdown_notice(self.session))

    cdef int shut_down(self) except -1:
        """The last GOAWAY: later requests are not."""
        self.check_begun()
        return check(nghttp2_submit_goaway(
            self.session, 0, nghttp2_session_get_last_proc_stream_id(self.session),
            NGHTTP2_NO_ERROR, NULL, 0,
        ))

    cdef int ping(self) except -1:
        self.check_begun()
        return check(nghttp2_submit_ping(self.session, 0, NULL))

    cdef list in_order(self):
        """The open streams, the oldest first."""
        return sorted(self.streams, key=attrgetter("id"))

    cdef int close(self) except -1:
        """The connection is lost: so are all streams."""
        self.failed = self.lost = True
        for stream in self.in_order():
            nghttp2_session_set_stream_user_data(self.session, (<Stream> stream).id, NULL)
            end_stream(self, stream, NGHTTP2_CANCEL)
        return 0

    # -- what arrives --------------------------------------------------------------------------

    cdef int count_frame(self, int kind, size_t length, int flags, int32_t id) except? -902:
        """Before a frame is read: what nghttp2 does not look at."""
        if self.reason is not None:  # a stream too many was reset
            return FAILED
        if kind == NGHTTP2_DATA:
            if length or flags & NGHTTP2_FLAG_END_STREAM:
                return 0
        elif kind == NGHTTP2_HEADERS:
            self.block_frames = length
            if self.skipped_from <= id <= self.skipped_to and not self.client:  # RFC 9113 5.1.1
                return self.fail(NGHTTP2_PROTOCOL_ERROR, "a stream below the last one")
            return 0
        elif kind == NGHTTP2_CONTINUATION:
            if length > MAX_FRAME_SIZE:  # RFC 9113 4.2
                return self.fail(NGHTTP2_FRAME_SIZE_ERROR, "a CONTINUATION is too large")
            self.block_frames += length
            if self.block_frames > self.field_block:
                return self.fail(NGHTTP2_ENHANCE_YOUR_CALM, "a field block is too large")
            return 0
        elif kind == NGHTTP2_PRIORITY and id == 0:  # RFC 9113 6.3
            return self.fail(NGHTTP2_PROTOCOL_ERROR, "PRIORITY on stream 0")
        if not take(&self.frames):
            return self.fail(NGHTTP2_ENHANCE_YOUR_CALM, "too many frames that ask for nothing")
        return 0

    cdef int begin_block(self, Stream stream, list fields, size_t most) except -1:
        self.block_stream = stream
        self.block_most = most
        self.block_size = self.block_count = 0
        self.block_error = None
        self.block_status = 0
        self.path = self.authority = self.host = self.cookie = self.protocol = None
        self.method = None
        self.fields = fields
        self.has_priority = False
        clear_facts(&self.facts)
        return 0

    cdef int add_field(self, const char *name, size_t name_length, const char *value,
                       size_t value_length) except -1:
        cdef Limits limits = self.limits
        cdef Kind kind = OTHER
        cdef tuple pair
        if self.block_stream is None:
            return 0
        self.block_size += name_length + value_length + FIELD_OVERHEAD
        self.block_count += 1
        if name[0] == c':':
            return self.add_pseudo(name, name_length, value, value_length)
        if (
            self.block_size > self.block_most or self.block_count > limits.count
            or name_length + value_length > limits.field
        ):
            if self.block_size // MOST_SIZE > self.block_most:
                self.block_stream.reset(NGHTTP2_ENHANCE_YOUR_CALM)
                return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE
            self.block_error = HeaderFieldsTooLarge(
                "the header fields are too large", code="LIMIT_FIELDS"
            )
            return 0
        pair = make_pair(name, name_length, value, value_length, &kind)
        if kind:
            if kind == HOST:
                self.host = pair[1]
                if not self.client:
                    return 0
            elif kind == CONTENT_LENGTH or kind == EXPECT or kind == TE:
                add_fact(&self.facts, kind, value, value_length, False)
        elif name_length == 6 and memcmp(name, b"cookie", 6) == 0:
            # RFC 9113 8.2.3: crumbs are one field for the application
            if self.cookie is not None:
                self.cookie += b"; " + <bytes> pair[1]
                self.fields[self.cookie_at] = (COOKIE, self.cookie)
                return 0
            self.cookie = pair[1]
            self.cookie_at = len(self.fields)
        elif name_length == 8 and memcmp(name, b"priority", 8) == 0:
            self.has_priority = True
        self.fields.append(pair)
        return 0

    cdef int add_pseudo(self, const char *name, size_t name_length, const char *value,
                        size_t value_length) except -1:
        """nghttp2 has seen to it that they are known, first, and there once. RFC 9113 8.3"""
        cdef bytes text
        if name_length == 5:  # :path
            if value_length > self.limits.request_line:
                self.block_error = UriTooLong("the path is too long", code="LIMIT_REQUEST_LINE")
                value_length = min(value_length, <size_t> SHOWN)
            self.path = PyBytes_FromStringAndSize(value, value_length)
        elif name[1] == c'm':
            if value_length == 3 and memcmp(value, b"GET", 3) == 0:
                self.method = GET
            elif value_length > LONGEST_METHOD:
                self.block_error = MethodNotImplemented("the method is too long")
            else:
                text = PyBytes_FromStringAndSize(value, value_length)
                self.method = METHODS.get(text)
                if self.method is None:
                    self.method = text.decode("ascii", "replace")
        elif name[1] == c'a':
            if value_length > self.limits.field:
                self.block_error = HeaderFieldsTooLarge(
                    "the authority is too large", code="LIMIT_FIELD"
                )
            else:
                self.authority = PyBytes_FromStringAndSize(value, value_length)
        elif name_length == 9:  # :protocol
            self.protocol = PyBytes_FromStringAndSize(value, value_length)
        elif name[2] == c't':  # :status
            self.block_status = parse_length(value, value_length)
        return 0

    cdef int end_request_block(self, Stream stream, bint ended) except -1:
        """A request's head is whole."""
        cdef object error = self.block_error
        cdef RequestHead head
        cdef nghttp2_extpri priority
        stream.ended = ended
        if error is None:
            try:
                head = self.make_head()
            except HttpParserError as problem:
                error = problem
        self.fields = None
        if error is not None:
            self.on_refused(stream, error)
            return 0
        if not self.has_priority:
            # Without a word from the client, streams share; RFC 9218 10 lets the server choose.
            nghttp2_session_get_extpri_stream_priority(self.session, &priority, stream.id)
            if priority.urgency == NGHTTP2_EXTPRI_DEFAULT_URGENCY and not priority.inc:
                priority.inc = 1
                nghttp2_session_change_extpri_stream_priority(
                    self.session, stream.id, &priority, 0
                )
        self.on_request(stream, head)
        if ended and not stream.closed:
            self.on_end(stream)
        return 0

    cdef RequestHead make_head(self):
        """Raises HttpParserError for what RFC 9110 and 9113 refuse and nghttp2 does not."""
        cdef RequestHead head = RequestHead.__new__(RequestHead)
        cdef bytes authority = self.authority
        if authority is None:
            authority = self.host
        elif self.host is not None and self.host.lower() != authority.lower():
            raise HttpParserError(":authority and Host differ", code="STRICT_HOST")  # 8.3.1
        if authority is not None:
            self.fields[0] = make_host(PyBytes_AS_STRING(authority), PyBytes_GET_SIZE(authority))
        else:
            del self.fields[0]
        head.headers = self.fields
        head.version = VERSION_2
        head.keep_alive = True
        head.content_length = self.facts.content_length
        head.expect_continue = self.facts.expect_continue
        head.trailers = self.facts.trailers
        head.upgrade = self.protocol
        if self.facts.expect_other:  # RFC 9110 10.1.1
            raise ExpectationFailed("the only expectation is 100-continue", code="STRICT_EXPECT")
        if <uint64_t> self.facts.content_length > self.limits.body and (
            self.facts.content_length >= 0
        ):
            raise ContentTooLarge("the body is too large", code="LIMIT_BODY")
        if self.method == CONNECT and self.protocol is None:
            head.method = CONNECT
            head.set_target(PyBytes_AS_STRING(authority), PyBytes_GET_SIZE(authority), True)
            return head
        head.method = GET if self.protocol is not None else self.method
        head.set_target(PyBytes_AS_STRING(self.path), PyBytes_GET_SIZE(self.path), True)
        head.method = self.method
        return head

    # -- what is sent --------------------------------------------------------------------------

    cdef int submit(self, Stream stream, int status, list fields, bint final, bint has_body,
                    int64_t length) except -1:
        """Send a response's head; final ones with the default fields."""
        cdef nghttp2_nv[STACK_FIELDS] room
        cdef nghttp2_nv *to = room
        cdef char[3] digits
        cdef char[24] number
        cdef int at = 24, count = 1, code
        cdef nghttp2_data_provider2 body
        cdef list extra = self.default_fields if final else None
        cdef Py_ssize_t most = len(fields) + 2 + (len(extra) if extra is not None else 0)
        if final:
            stream.kept = fields
            stream.kept_extra = extra
        if most > STACK_FIELDS:
            to = <nghttp2_nv *> malloc(most * sizeof(nghttp2_nv))
            if to == NULL:
                raise MemoryError
        try:
            digits[0] = c'0' + status // 100
            digits[1] = c'0' + status // 10 % 10
            digits[2] = c'0' + status % 10
            to[0].name = <uint8_t *> b":status"
            to[0].namelen = 7
            to[0].value = <uint8_t *> digits
            to[0].valuelen = 3
            to[0].flags = NGHTTP2_NV_FLAG_NO_COPY_NAME
            count += fill_fields(to + count, fields, final)
            if length >= 0:
                while True:
                    at -= 1
                    number[at] = c'0' + <char> (length % 10)
                    length //= 10
                    if length == 0:
                        break
                to[count].name = <uint8_t *> b"content-length"
                to[count].namelen = 14
                to[count].value = <uint8_t *> number + at
                to[count].valuelen = 24 - at
                to[count].flags = NGHTTP2_NV_FLAG_NO_COPY_NAME
                count += 1
            if extra is not None:
                count += fill_fields(
                    to + count, extra, True, stream.has_date, stream.has_server
                )
            if not final:
                code = nghttp2_submit_headers(self.session, 0, stream.id, NULL, to, count, NULL)
            elif has_body:
                body.source.ptr = <void *> stream
                body.read_callback = on_read
                code = nghttp2_submit_response2(self.session, stream.id, to, count, &body)
            else:
                code = nghttp2_submit_response2(self.session, stream.id, to, count, NULL)
        finally:
            if to != room:
                free(to)
        return check(code)

    cdef Stream open(self, list fields, bint has_body):
        """A client's request: checked fields, the pseudo-fields first; its stream."""
        cdef Stream stream = Stream.__new__(Stream)
        cdef nghttp2_nv[STACK_FIELDS] room
        cdef nghttp2_data_provider2 body
        self.check_begun()
        if len(fields) > STACK_FIELDS:
            raise ValueError(f"more than {STACK_FIELDS} fields")
        body.source.ptr = <void *> stream
        body.read_callback = on_read
        fill_fields(room, fields, False)
        stream.session = self
        stream.finished = not has_body
        stream.id = check(nghttp2_submit_request2(
            self.session, NULL, room, len(fields), &body if has_body else NULL, <void *> stream
        ))
        self.streams.add(stream)
        return stream

    # -- to be overridden ----------------------------------------------------------------------

    cdef int on_request(self, Stream stream, RequestHead head) except -1:
        """A request's head; `stream.ended` says whether it has no content."""
        return 0

    cdef int on_refused(self, Stream stream, object error) except -1:
        """A request that cannot be accepted, before or after its head: an HttpParserError."""
        return 0

    cdef int on_response(self, Stream stream, int status, list headers) except -1:
        """A response's head, interim (below 200) or final."""
        return 0

    cdef int on_data(self, Stream stream, const char *at, size_t length) except -1:
        """Content. `stream.consume()` lets more come."""
        return 0

    cdef int on_trailers(self, Stream stream, list trailers) except -1:
        return 0

    cdef int on_end(self, Stream stream) except -1:
        """The message is whole."""
        return 0

    cdef int on_room(self, Stream stream) except -1:
        """Fewer than `room` bytes wait on a stream whose `wants_room` was set."""
        return 0

    cdef int on_closed(self, Stream stream, uint32_t code) except -1:
        """The stream is over: NO_ERROR, or why. Its owner is dropped after this."""
        return 0

    cdef int on_goaway(self, int32_t last_stream_id, uint32_t code) except -1:
        return 0

    cdef int on_pong(self) except -1:
        """The acknowledgement of a PING."""
        return 0


cdef int add_setting(nghttp2_settings_entry *to, int *count, int32_t id, int64_t value) except -1:
    to[count[0]].settings_id = id
    to[count[0]].value = <uint32_t> value
    count[0] += 1
    return 0
