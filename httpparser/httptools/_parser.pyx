"""The callback interface: HttpRequestParser and HttpResponseParser as httptools 0.9 has them.

Plain lines from the start of a message on are read here, each as a whole, and so are the end of the
head and a body that is there. llhttp reads the rest. It has one callback per protocol callback, and
none for those that the protocol lacks, but for the start of a message. A Python exception passes
straight through llhttp: the callback returns -1, llhttp stops, and `feed_data` finds the exception
set.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport (
    PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE,
)
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memchr

from httpparser._threads cimport acquire, release, set_immortal
from httpparser.http1 cimport llhttp
from httpparser.http1._fields cimport (
    CLOSE, CONNECTION, CONTENT_LENGTH, EXPECT, HOST, KEEP_ALIVE, OTHER, TE, FieldLine,
    parse_length, read_field, spelled_name,
)
from httpparser.http1._request_line cimport RequestLine, read_request_line
from httpparser.http1._span cimport Span, copy_span, extend, forget

from httpparser.errors import (
    HttpParserCallbackError,
    HttpParserError,
    HttpParserInvalidMethodError,
    HttpParserInvalidStatusError,
    HttpParserInvalidURLError,
    HttpParserUpgrade,
)

__all__ = ("HttpRequestParser", "HttpResponseParser")

cdef enum:
    SHORTEST = 16  # of an input with plain lines: _scan needs so many octets

cdef extern from "Python.h":
    bint PyMethod_Check(object)
    PyObject *PyMethod_GET_SELF(object method)
    size_t PY_VECTORCALL_ARGUMENTS_OFFSET
    object PyObject_Vectorcall(object function, PyObject **arguments, size_t count, PyObject *names)
    object PyObject_CallNoArgs(object function)
    object PyObject_CallOneArg(object function, object argument)


# --- the parsers ---
cdef tuple CALLBACKS = (
    "on_message_begin",
    "on_header",
    "on_headers_complete",
    "on_body",
    "on_message_complete",
    "on_chunk_header",
    "on_chunk_complete",
)


cdef bint is_method_of(protocol, callback) noexcept:
    return PyMethod_Check(callback) and PyMethod_GET_SELF(callback) == <PyObject *>protocol


cdef class _Parser:
    cdef llhttp.llhttp_t state
    cdef llhttp.llhttp_settings_t settings  # only what the protocol has
    cdef uint8_t feeding  # a feed_data() is under way
    cdef bint stops  # llhttp is to stop where the next message begins
    cdef object on_message_begin
    cdef object on_url
    cdef object on_status
    cdef object on_header
    cdef object on_headers_complete
    cdef object on_body
    cdef object on_message_complete
    cdef object on_chunk_header
    cdef object on_chunk_complete
    cdef object instance  # when it is not None, the callbacks above are functions that take it
    cdef Span name
    cdef Span value
    cdef uint64_t consumed  # bytes of the feeds before this one
    cdef object error_offset

    def __cinit__(self, *args, **kwargs):
        llhttp.llhttp_init(
            &self.state,
            llhttp.HTTP_RESPONSE if isinstance(self, HttpResponseParser) else llhttp.HTTP_REQUEST,
            &self.settings,
        )
        self.state.data = <void *>self

    def __init__(self, protocol):
        line = "on_url" if self.state.type == llhttp.HTTP_REQUEST else "on_status"
        callbacks = {
            name: callback
            for name in (line, *CALLBACKS)
            if (callback := getattr(protocol, name, None)) is not None
        }
        instance = None
        if all([is_method_of(protocol, callback) for callback in callbacks.values()]):
            instance = protocol
            callbacks = {name: callback.__func__ for name, callback in callbacks.items()}
        if not acquire(&self.feeding):
            raise HttpParserError(
                "the parser cannot be set up again while it is fed", code="REENTRANT_FEED"
            )
        try:
            self.instance = instance
            self.set_callbacks(callbacks)
        finally:
            release(&self.feeding)

    cdef int set_callbacks(self, dict callbacks) except -1:
        llhttp.llhttp_settings_init(&self.settings)
        self.on_message_begin = callbacks.get("on_message_begin")
        self.settings.on_message_begin = message_begin
        self.on_url = callbacks.get("on_url")
        if self.on_url is not None:
            self.settings.on_url = url
        self.on_status = callbacks.get("on_status")
        if self.on_status is not None:
            self.settings.on_status = status
        self.on_header = callbacks.get("on_header")
        if self.on_header is not None:
            self.settings.on_header_field = header_field
            self.settings.on_header_value = header_value
            self.settings.on_header_value_complete = header_complete
        self.on_headers_complete = callbacks.get("on_headers_complete")
        if self.on_headers_complete is not None:
            self.settings.on_headers_complete = headers_complete
        self.on_body = callbacks.get("on_body")
        if self.on_body is not None:
            self.settings.on_body = body
        self.on_message_complete = callbacks.get("on_message_complete")
        if self.on_message_complete is not None:
            self.settings.on_message_complete = message_complete
        self.on_chunk_header = callbacks.get("on_chunk_header")
        if self.on_chunk_header is not None:
            self.settings.on_chunk_header = chunk_header
        self.on_chunk_complete = callbacks.get("on_chunk_complete")
        if self.on_chunk_complete is not None:
            self.settings.on_chunk_complete = chunk_complete
        return 0

    def __dealloc__(self):
        free(self.name.buffer)
        free(self.value.buffer)

    def feed_data(self, data):
        """Parse more input, calling the protocol's methods.

        `data` is bytes or any contiguous buffer; it is not needed afterwards. Raises
        HttpParserError or a subclass, the same again on every later call; HttpParserUpgrade once
        the message before another protocol is complete, with the offset in `data` of that
        protocol's first byte.
        """
        cdef Py_buffer view
        if not acquire(&self.feeding):
            raise HttpParserError(
                "feed_data() called while the parser is being fed: from one of its callbacks or "
                "from another thread",
                code="REENTRANT_FEED",
            )
        try:
            if PyBytes_CheckExact(data):
                self.execute(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
            else:
                PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
                try:
                    self.execute(<const char *>view.buf, view.len)
                finally:
                    PyBuffer_Release(&view)
        finally:
            release(&self.feeding)

    cdef int execute(self, const char *data, size_t length) except -1:
        cdef bint failed_before = self.state.error != llhttp.HPE_OK
        cdef llhttp.llhttp_errno_t errno
        try:
            if length >= SHORTEST and not failed_before:
                errno = read_messages(self, data, data + length)
            else:
                errno = llhttp.llhttp_execute(&self.state, data, length)
            if errno == llhttp.HPE_OK:
                self.copy_field()
                self.consumed += length
                return 0
        except BaseException:
            self.note_failure(data, failed_before)
            raise self.failure(<llhttp.llhttp_errno_t>self.state.error)
        if errno == llhttp.HPE_PAUSED_UPGRADE and self.state.upgrade:
            offset = self.state.error_pos - data
            self.consumed += length
            llhttp.llhttp_resume_after_upgrade(&self.state)
            raise HttpParserUpgrade(offset)
        self.note_failure(data, failed_before)
        raise self.failure(errno)

    cdef int copy_field(self) except -1:
        """The input ends: copy what has arrived of a field that is not complete."""
        if self.name.length:
            copy_span(&self.name, 0)
        if self.value.length:
            copy_span(&self.value, 0)
        return 0

    cdef int note_failure(self, const char *data, bint failed_before) except -1:
        if failed_before:
            return 0
        forget(&self.name)
        forget(&self.value)
        if self.state.error == llhttp.HPE_OK:  # no memory for a field
            self.state.error = llhttp.HPE_USER
            self.state.reason = "Span callback error in on_header"
            self.state.error_pos = data
        self.error_offset = self.consumed + <uint64_t>(self.state.error_pos - data)
        return 0

    cdef object failure(self, llhttp.llhttp_errno_t errno):
        cdef str code = llhttp.llhttp_errno_name(errno).decode()
        cdef str reason = llhttp.llhttp_get_error_reason(&self.state).decode()
        if errno == llhttp.HPE_USER or code.startswith("HPE_CB_"):
            kind = HttpParserCallbackError
            reason = f"`{failed_callback(code, reason)}` callback error"
        elif errno == llhttp.HPE_INVALID_METHOD:
            kind = HttpParserInvalidMethodError
        elif errno == llhttp.HPE_INVALID_STATUS:
            kind = HttpParserInvalidStatusError
        elif errno == llhttp.HPE_INVALID_URL:
            kind = HttpParserInvalidURLError
        else:
            kind = HttpParserError
        return kind(reason, code=code, offset=self.error_offset)

    def get_http_version(self):
        """The version of the message as text, such as "1.1"; "0.0" before one is known."""
        if self.state.http_major == 1:
            if self.state.http_minor == 1:
                return "1.1"
            if self.state.http_minor == 0:
                return "1.0"
        return f"{self.state.http_major}.{self.state.http_minor}"

    def should_keep_alive(self):
        """Whether another message may follow this one; decided once its headers are complete."""
        return bool(llhttp.llhttp_should_keep_alive(&self.state))

    def should_upgrade(self):
        """Whether another protocol follows this message; decided once its headers are complete."""
        return bool(self.state.upgrade)

    def set_dangerous_leniencies(
        self,
        lenient_headers: bool | None = None,
        lenient_chunked_length: bool | None = None,
        lenient_keep_alive: bool | None = None,
        lenient_transfer_encoding: bool | None = None,
        lenient_version: bool | None = None,
        lenient_data_after_close: bool | None = None,
        lenient_optional_lf_after_cr: bool | None = None,
        lenient_optional_cr_before_lf: bool | None = None,
        lenient_optional_crlf_after_chunk: bool | None = None,
        lenient_spaces_after_chunk_size: bool | None = None,
    ):
        """Accept what RFC 9112 forbids; None leaves a switch as it is.

        Each of these can open the way to request smuggling: llhttp's documentation says how.
        """
        self.set_flag(llhttp.LENIENT_HEADERS, lenient_headers)
        self.set_flag(llhttp.LENIENT_CHUNKED_LENGTH, lenient_chunked_length)
        self.set_flag(llhttp.LENIENT_KEEP_ALIVE, lenient_keep_alive)
        self.set_flag(llhttp.LENIENT_TRANSFER_ENCODING, lenient_transfer_encoding)
        self.set_flag(llhttp.LENIENT_VERSION, lenient_version)
        self.set_flag(llhttp.LENIENT_DATA_AFTER_CLOSE, lenient_data_after_close)
        self.set_flag(llhttp.LENIENT_OPTIONAL_LF_AFTER_CR, lenient_optional_lf_after_cr)
        self.set_flag(llhttp.LENIENT_OPTIONAL_CR_BEFORE_LF, lenient_optional_cr_before_lf)
        self.set_flag(llhttp.LENIENT_OPTIONAL_CRLF_AFTER_CHUNK, lenient_optional_crlf_after_chunk)
        self.set_flag(llhttp.LENIENT_SPACES_AFTER_CHUNK_SIZE, lenient_spaces_after_chunk_size)

    cdef int set_flag(self, int flag, wanted) except -1:
        if wanted is not None:
            self.state.lenient_flags &= ~flag
            self.state.lenient_flags |= flag if wanted else 0
        return 0


cdef str failed_callback(str code, str reason):
    if code == "HPE_USER":  # "Span callback error in on_url"
        return reason.rpartition(" ")[2]
    if code == "HPE_CB_HEADER_VALUE_COMPLETE":
        return "on_header"
    return "on_" + code.removeprefix("HPE_CB_").lower()


cdef class HttpRequestParser(_Parser):
    """Parses requests and calls the methods that `protocol` has of those in HTTPProtocol."""

    def get_method(self):
        """The method, such as b"GET"."""
        return METHODS[self.state.method]


cdef class HttpResponseParser(_Parser):
    """Parses responses and calls the methods that `protocol` has of those in HTTPProtocol."""

    def get_status_code(self):
        """The status, such as 200; 0 before one is known."""
        return self.state.status_code


cdef tuple METHODS = tuple(
    [
        llhttp.llhttp_method_name(<llhttp.llhttp_method_t>number)
        for number in range(llhttp.HTTP_QUERY + 1)
    ]
)
for _method in METHODS:
    set_immortal(_method)


# --- calling the protocol ---

cdef inline int call(_Parser self, object callback) except -1:
    cdef PyObject *arguments[1]
    if self.instance is None:
        PyObject_CallNoArgs(callback)
    else:
        arguments[0] = <PyObject *>self.instance
        PyObject_Vectorcall(callback, arguments, 1, NULL)
    return 0


cdef inline int call_with(_Parser self, object callback, const char *at, size_t length) except -1:
    cdef bytes piece = PyBytes_FromStringAndSize(at, length)
    cdef PyObject *arguments[2]
    if self.instance is None:
        PyObject_CallOneArg(callback, piece)
    else:
        arguments[0] = <PyObject *>self.instance
        arguments[1] = <PyObject *>piece
        PyObject_Vectorcall(callback, arguments, 2, NULL)
    return 0


cdef inline int call_with_field(_Parser self, bytes name, bytes value) except -1:
    cdef PyObject *arguments[3]
    arguments[1] = <PyObject *>name
    arguments[2] = <PyObject *>value
    if self.instance is None:
        PyObject_Vectorcall(
            self.on_header, arguments + 1, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL
        )
    else:
        arguments[0] = <PyObject *>self.instance
        PyObject_Vectorcall(self.on_header, arguments, 3, NULL)
    return 0


# --- plain lines ---
#
# llhttp goes from octet to octet. At the start of a message and after each line of a head it is in
# a known state: what lies between two such states can be read here, a line at a time, if it is as
# plain as most of it is. Then llhttp is left as if it had read that: what the getters answer in a
# callback, and what an exception there leaves behind, is the same.
# tests/httpparser/test_lines.py compares the two.
#
# Where llhttp has read the end of a message, it stops at the first octet of the next one: that may
# be plain again.

cdef void *MESSAGE_START  # llhttp's state before the first octet of a message
cdef void *LINE_START  # its state after the first line, where an octet other than SP comes


cdef int find_states() except -1:
    cdef llhttp.llhttp_t state
    cdef llhttp.llhttp_settings_t nothing
    global MESSAGE_START, LINE_START
    llhttp.llhttp_settings_init(&nothing)
    llhttp.llhttp_init(&state, llhttp.HTTP_REQUEST, &nothing)
    MESSAGE_START = state._current
    llhttp.llhttp_execute(&state, b"GET / HTTP/1.1\r\n", 16)
    LINE_START = state._current
    return 0


find_states()


cdef inline llhttp.llhttp_errno_t read_messages(
    _Parser self, const char *at, const char *end
) except *:
    """As llhttp_execute(), with plain lines read here; 16 octets lie before `end`."""
    cdef llhttp.llhttp_t *state = &self.state
    cdef llhttp.llhttp_errno_t errno
    while True:
        at = read_plain(self, at, end)
        if at == end and state.error == llhttp.HPE_OK:
            return llhttp.HPE_OK
        # At the start of a message, read_plain() has left this one to llhttp.
        self.stops = state._current != MESSAGE_START and not state.lenient_flags
        errno = llhttp.llhttp_execute(state, at, end - at)
        self.stops = False
        if errno != llhttp.HPE_PAUSED:
            return errno
        at = state.error_pos
        llhttp.llhttp_resume(state)
        state._current = MESSAGE_START


cdef inline const char *read_plain(_Parser self, const char *at, const char *end) except NULL:
    """Read plain lines, if a message starts here; returns where llhttp is to go on."""
    cdef const char *after
    while at != end and not self.state.lenient_flags:
        if self.state._current == MESSAGE_START:
            after = read_first_line(self, at, end)
            if after == NULL:
                after = <const char *>memchr(at, c'\n', end - at)
                if after == NULL:
                    return at
                after += 1
                llhttp.llhttp_execute(&self.state, at, after - at)
            at = after
        if self.state._current == LINE_START and self.state.error == llhttp.HPE_OK:
            at = read_field_lines(self, at, end)
            if not ends_plainly(&self.state, at, end):
                return at
            at = read_end(self, at + 2)
        elif self.state._current != MESSAGE_START:  # else it was an empty line
            return at
    return at


cdef inline const char *read_first_line(
    _Parser self, const char *at, const char *end
) except? NULL:
    """What follows the request line; NULL: it is not plain, and nothing has changed."""
    cdef RequestLine line
    if self.state.type != llhttp.HTTP_REQUEST or not read_request_line(at, end, &line):
        return NULL
    self.state.finish = llhttp.HTTP_FINISH_UNSAFE
    if self.on_message_begin is not None:
        begin_callback(
            &self.state, at, llhttp.HPE_CB_MESSAGE_BEGIN, "`on_message_begin` callback error"
        )
        call(self, self.on_message_begin)
    self.state.method = line.method
    if self.on_url is not None:
        begin_callback(
            &self.state, line.target_end, llhttp.HPE_USER, "Span callback error in on_url"
        )
        call_with(self, self.on_url, line.target, line.target_end - line.target)
    self.state.error = llhttp.HPE_OK
    self.state.http_major = 1
    self.state.http_minor = line.http_1_1
    self.state._current = LINE_START
    return line.fields


cdef inline void begin_callback(
    llhttp.llhttp_t *state, const char *at, llhttp.llhttp_errno_t error, const char *reason
) noexcept:
    """The error that llhttp has if the callback raises; to be taken back if it does not."""
    state.error = error
    state.reason = reason
    state.error_pos = at


cdef inline const char *read_field_lines(
    _Parser self, const char *at, const char *end
) except NULL:
    """Returns the first line that is not plain, or the empty one."""
    cdef FieldLine line
    cdef bytes name, value
    cdef const char *after
    while at < end and at[0] != c'\r' and not self.state.lenient_flags:
        value = read_field(at, end, &line)
        if value is None:
            return at
        name = <bytes>line.name
        Py_DECREF(name)  # this was that of `line`
        after = at + line.length
        if (
            after == end or after[0] == c' ' or after[0] == c'\t'  # it may be folded
            # llhttp does not strip white space after a value
            or line.value + line.value_length + 2 != after
            or not take_meaning(&self.state, &line)
        ):
            return at
        if self.on_header is not None:
            begin_callback(
                &self.state, after, llhttp.HPE_CB_HEADER_VALUE_COMPLETE,
                "`on_header_value_complete` callback error",
            )
            call_with_field(self, name, value)
            self.state.error = llhttp.HPE_OK
        at = after
    return at


cdef inline bint ends_plainly(
    const llhttp.llhttp_t *state, const char *at, const char *end
) noexcept:
    """Whether the head ends here, and the message with it or with octets that are all there.

    All of its fields were plain: none has to do with codings or another protocol.
    """
    cdef uint64_t rest = end - at
    return (
        rest >= 2 and at[0] == c'\r' and at[1] == c'\n' and not state.lenient_flags
        and state.content_length <= rest - 2
        and (
            state.flags & llhttp.F_CONTENT_LENGTH
            # an earlier message may have left a length
            or state.content_length == 0 and state.type == llhttp.HTTP_REQUEST
        )
        and (
            state.method != llhttp.HTTP_CONNECT if state.type == llhttp.HTTP_REQUEST
            # RFC 9112 6.3: those without content, whatever the length
            else state.status_code >= 200 and state.status_code != 204 and state.status_code != 304
        )
        and llhttp.llhttp_should_keep_alive(state)
    )


cdef inline const char *read_end(_Parser self, const char *at) except NULL:
    """The head has ended: read the rest of the message."""
    cdef llhttp.llhttp_t *state = &self.state
    cdef uint64_t length = state.content_length
    state.upgrade = False
    if self.on_headers_complete is not None:
        begin_callback(state, at, llhttp.HPE_CB_HEADERS_COMPLETE, "User callback error")
        call(self, self.on_headers_complete)
    at += length
    state.content_length = 0
    if length and self.on_body is not None:
        begin_callback(state, at, llhttp.HPE_USER, "Span callback error in on_body")
        call_with(self, self.on_body, at - length, length)
    if self.on_message_complete is not None:
        begin_callback(
            state, at, llhttp.HPE_CB_MESSAGE_COMPLETE, "`on_message_complete` callback error"
        )
        call(self, self.on_message_complete)
    state.error = llhttp.HPE_OK
    state.finish = llhttp.HTTP_FINISH_SAFE
    state.flags = 0
    state.initial_message_completed = True
    state._current = MESSAGE_START
    return at


cdef inline bint take_meaning(llhttp.llhttp_t *state, const FieldLine *line) noexcept:
    """What the field means to llhttp; False, and nothing has changed: that is left to it."""
    cdef int64_t length
    if line.kind == CONNECTION and line.sense == KEEP_ALIVE:
        state.flags |= llhttp.F_CONNECTION_KEEP_ALIVE
    elif line.kind == CONNECTION and line.sense == CLOSE:
        state.flags |= llhttp.F_CONNECTION_CLOSE
    elif line.kind == CONTENT_LENGTH:
        length = parse_length(line.value, line.value_length)
        # llhttp counts on from what an earlier message may have left.
        if length < 0 or state.flags & llhttp.F_CONTENT_LENGTH or state.content_length:
            return False
        state.flags |= llhttp.F_CONTENT_LENGTH
        state.content_length = length
    else:
        return (
            line.kind == OTHER or line.kind == HOST or line.kind == EXPECT or line.kind == TE
        )
    return True


# --- llhttp's callbacks ---
cdef int message_begin(llhttp.llhttp_t *state) except -1:
    cdef _Parser self = <_Parser>state.data
    if self.stops:
        return llhttp.HPE_PAUSED
    return 0 if self.on_message_begin is None else call(self, self.on_message_begin)


cdef int url(llhttp.llhttp_t *state, const char *at, size_t length) except -1:
    return call_with(<_Parser>state.data, (<_Parser>state.data).on_url, at, length)


cdef int status(llhttp.llhttp_t *state, const char *at, size_t length) except -1:
    return call_with(<_Parser>state.data, (<_Parser>state.data).on_status, at, length)


cdef int header_field(llhttp.llhttp_t *state, const char *at, size_t length) except -1:
    return extend(&(<_Parser>state.data).name, at, length)


cdef int header_value(llhttp.llhttp_t *state, const char *at, size_t length) except -1:
    return extend(&(<_Parser>state.data).value, at, length)


cdef int header_complete(llhttp.llhttp_t *state) except -1:
    cdef _Parser self = <_Parser>state.data
    cdef bytes name = spelled_name(self.name.at, self.name.length)
    cdef bytes value = PyBytes_FromStringAndSize(self.value.at, self.value.length)
    forget(&self.name)
    forget(&self.value)
    return call_with_field(self, name, value)


cdef int headers_complete(llhttp.llhttp_t *state) except -1:
    return call(<_Parser>state.data, (<_Parser>state.data).on_headers_complete)


cdef int body(llhttp.llhttp_t *state, const char *at, size_t length) except -1:
    return call_with(<_Parser>state.data, (<_Parser>state.data).on_body, at, length)


cdef int message_complete(llhttp.llhttp_t *state) except -1:
    return call(<_Parser>state.data, (<_Parser>state.data).on_message_complete)


cdef int chunk_header(llhttp.llhttp_t *state) except -1:
    return call(<_Parser>state.data, (<_Parser>state.data).on_chunk_header)


cdef int chunk_complete(llhttp.llhttp_t *state) except -1:
    return call(<_Parser>state.data, (<_Parser>state.data).on_chunk_complete)
