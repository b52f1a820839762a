"""The callback interface: HttpRequestParser and HttpResponseParser as httptools 0.9 has them.

One llhttp callback per protocol callback, and none at all for those that the protocol lacks. A
Python exception passes straight through llhttp: the callback returns -1, llhttp stops, and
`feed_data` finds the exception set.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport (
    PyBytes_AS_STRING,
    PyBytes_CheckExact,
    PyBytes_FromStringAndSize,
    PyBytes_GET_SIZE,
)
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from libc.stdint cimport uint64_t
from libc.string cimport memcmp, memcpy

from . cimport llhttp

from .errors import (
    HttpParserCallbackError,
    HttpParserError,
    HttpParserInvalidMethodError,
    HttpParserInvalidStatusError,
    HttpParserInvalidURLError,
    HttpParserUpgrade,
)

__all__ = ("HttpRequestParser", "HttpResponseParser")

cdef extern from *:
    """
    #ifdef Py_GIL_DISABLED
    #define enter_feed(flag) (!__atomic_exchange_n(flag, 1, __ATOMIC_ACQUIRE))
    #define leave_feed(flag) __atomic_store_n(flag, 0, __ATOMIC_RELEASE)
    #define NAMES_ARE_SHARED 0
    #else
    #define enter_feed(flag) (*(flag) ? 0 : (*(flag) = 1))
    #define leave_feed(flag) (*(flag) = 0)
    #define NAMES_ARE_SHARED 1
    #endif
    """
    bint enter_feed(char *flag)
    void leave_feed(char *flag)
    bint NAMES_ARE_SHARED

cdef extern from "Python.h":
    bint PyMethod_Check(object)
    PyObject *PyMethod_GET_SELF(object method)
    PyObject *PyMethod_GET_FUNCTION(object method)
    size_t PY_VECTORCALL_ARGUMENTS_OFFSET
    object PyObject_Vectorcall(object function, PyObject **arguments, size_t count, PyObject *names)
    object PyObject_CallNoArgs(object function)
    object PyObject_CallOneArg(object function, object argument)


# --- a run of input that may continue in the next read ---------------------------------------

cdef enum:
    LARGEST_KEPT = 16384  # a buffer that has grown past this is not held for the next field


cdef struct Span:
    const char *at  # borrowed from the input until feed_data returns, or equal to `kept`
    size_t length
    char *kept  # owned; grows by doubling, so that any split of the input costs linear time
    size_t room


cdef int extend(Span *span, const char *at, size_t length) except -1:
    if span.length == 0:
        span.at = at
        span.length = length
    elif span.at != span.kept and span.at + span.length == at:
        span.length += length
    else:
        keep(span, length)
        memcpy(span.kept + span.length, at, length)
        span.length += length
    return 0


cdef int keep(Span *span, size_t more) except -1:
    """Own the bytes so far, with room for `more`."""
    cdef size_t room = span.room or 64
    cdef char *kept
    while room < span.length + more:
        room *= 2
    if room != span.room:
        kept = <char *>PyMem_Realloc(span.kept, room)
        if kept == NULL:
            raise MemoryError
        if span.at == span.kept:
            span.at = kept
        span.kept = kept
        span.room = room
    if span.at != span.kept:
        memcpy(span.kept, span.at, span.length)
        span.at = span.kept
    return 0


cdef inline void forget(Span *span) noexcept:
    span.length = 0
    if span.room > LARGEST_KEPT:
        PyMem_Free(span.kept)
        span.kept = NULL
        span.room = 0


# --- field names come again and again, in the same spelling ----------------------------------

cdef enum:
    NAMES = 512
    LONGEST_NAME = 40

cdef PyObject *names[NAMES]  # each owned; a name takes the place of the one it collides with


cdef inline bytes field_name(const char *at, size_t length):
    cdef size_t place
    cdef PyObject *known
    cdef bytes name
    if not NAMES_ARE_SHARED or length == 0 or length > LONGEST_NAME:
        return PyBytes_FromStringAndSize(at, length)
    place = (
        length * 37 + <unsigned char>at[0] * 5 + <unsigned char>at[length - 1] * 17
        + <unsigned char>at[length >> 1] * 3
    ) % NAMES
    known = names[place]
    if (
        known != NULL
        and <size_t>PyBytes_GET_SIZE(<bytes>known) == length
        and memcmp(PyBytes_AS_STRING(<bytes>known), at, length) == 0
    ):
        return <bytes>known
    name = PyBytes_FromStringAndSize(at, length)
    Py_INCREF(name)
    names[place] = <PyObject *>name
    Py_XDECREF(known)
    return name


# --- the parsers -----------------------------------------------------------------------------

cdef class _Parser:
    cdef llhttp.llhttp_t state
    cdef llhttp.llhttp_settings_t settings  # only what the protocol has
    cdef char feeding
    cdef object on_message_begin
    cdef object on_header  # the plain function, when `header_self` is its bound instance
    cdef object header_self
    cdef object on_headers_complete
    cdef object on_body
    cdef object on_message_complete
    cdef object on_chunk_header
    cdef object on_chunk_complete
    cdef Span name
    cdef Span value
    cdef uint64_t consumed  # bytes of the feeds before this one
    cdef object error_offset

    def __init__(self, protocol):
        if self.feeding:
            raise HttpParserError(
                "the parser cannot be set up again while it is fed", code="REENTRANT_FEED"
            )
        llhttp.llhttp_settings_init(&self.settings)
        self.on_message_begin = getattr(protocol, "on_message_begin", None)
        if self.on_message_begin is not None:
            self.settings.on_message_begin = message_begin
        self.on_header = getattr(protocol, "on_header", None)
        self.header_self = None
        if self.on_header is not None:
            if PyMethod_Check(self.on_header):
                self.header_self = <object>PyMethod_GET_SELF(self.on_header)
                self.on_header = <object>PyMethod_GET_FUNCTION(self.on_header)
            self.settings.on_header_field = header_field
            self.settings.on_header_value = header_value
            self.settings.on_header_value_complete = header_complete
        self.on_headers_complete = getattr(protocol, "on_headers_complete", None)
        if self.on_headers_complete is not None:
            self.settings.on_headers_complete = headers_complete
        self.on_body = getattr(protocol, "on_body", None)
        if self.on_body is not None:
            self.settings.on_body = body
        self.on_message_complete = getattr(protocol, "on_message_complete", None)
        if self.on_message_complete is not None:
            self.settings.on_message_complete = message_complete
        self.on_chunk_header = getattr(protocol, "on_chunk_header", None)
        if self.on_chunk_header is not None:
            self.settings.on_chunk_header = chunk_header
        self.on_chunk_complete = getattr(protocol, "on_chunk_complete", None)
        if self.on_chunk_complete is not None:
            self.settings.on_chunk_complete = chunk_complete

    def __dealloc__(self):
        PyMem_Free(self.name.kept)
        PyMem_Free(self.value.kept)

    def feed_data(self, data):
        """Parse more input, calling the protocol's methods.

        `data` is bytes or any contiguous buffer; it is not needed afterwards. Raises
        HttpParserError or a subclass, the same again on every later call; HttpParserUpgrade once
        the message before another protocol is complete, with the offset in `data` of that
        protocol's first byte.
        """
        cdef Py_buffer view
        if not enter_feed(&self.feeding):
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
            leave_feed(&self.feeding)

    cdef int execute(self, const char *data, size_t length) except -1:
        cdef bint failed_before = self.state.error != llhttp.HPE_OK
        cdef llhttp.llhttp_errno_t errno
        try:
            errno = llhttp.llhttp_execute(&self.state, data, length)
            if errno == llhttp.HPE_OK:
                self.keep_field()
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

    cdef int keep_field(self) except -1:
        """The input goes away: own what there is of a field that is not complete."""
        if self.name.length:
            keep(&self.name, 0)
        if self.value.length:
            keep(&self.value, 0)
        return 0

    cdef int note_failure(self, const char *data, bint failed_before) except -1:
        if failed_before:
            return 0
        forget(&self.name)
        forget(&self.value)
        if self.state.error == llhttp.HPE_OK:  # no memory for what keep_field() wanted
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
        if lenient_headers is not None:
            llhttp.llhttp_set_lenient_headers(&self.state, lenient_headers)
        if lenient_chunked_length is not None:
            llhttp.llhttp_set_lenient_chunked_length(&self.state, lenient_chunked_length)
        if lenient_keep_alive is not None:
            llhttp.llhttp_set_lenient_keep_alive(&self.state, lenient_keep_alive)
        if lenient_transfer_encoding is not None:
            llhttp.llhttp_set_lenient_transfer_encoding(&self.state, lenient_transfer_encoding)
        if lenient_version is not None:
            llhttp.llhttp_set_lenient_version(&self.state, lenient_version)
        if lenient_data_after_close is not None:
            llhttp.llhttp_set_lenient_data_after_close(&self.state, lenient_data_after_close)
        if lenient_optional_lf_after_cr is not None:
            llhttp.llhttp_set_lenient_optional_lf_after_cr(
                &self.state, lenient_optional_lf_after_cr
            )
        if lenient_optional_cr_before_lf is not None:
            llhttp.llhttp_set_lenient_optional_cr_before_lf(
                &self.state, lenient_optional_cr_before_lf
            )
        if lenient_optional_crlf_after_chunk is not None:
            llhttp.llhttp_set_lenient_optional_crlf_after_chunk(
                &self.state, lenient_optional_crlf_after_chunk
            )
        if lenient_spaces_after_chunk_size is not None:
            llhttp.llhttp_set_lenient_spaces_after_chunk_size(
                &self.state, lenient_spaces_after_chunk_size
            )


cdef str failed_callback(str code, str reason):
    if code == "HPE_USER":  # "Span callback error in on_url"
        return reason.rpartition(" ")[2]
    if code == "HPE_CB_HEADER_VALUE_COMPLETE":
        return "on_header"
    return "on_" + code.removeprefix("HPE_CB_").lower()


cdef class HttpRequestParser(_Parser):
    """Parses requests and calls the methods that `protocol` has of those in HTTPProtocol."""

    cdef object on_url

    def __cinit__(self, *args, **kwargs):
        llhttp.llhttp_init(&self.state, llhttp.HTTP_REQUEST, &self.settings)
        self.state.data = <void *>self

    def __init__(self, protocol):
        _Parser.__init__(self, protocol)
        self.on_url = getattr(protocol, "on_url", None)
        if self.on_url is not None:
            self.settings.on_url = url

    def get_method(self):
        """The method, such as b"GET"."""
        return METHODS[self.state.method]


cdef class HttpResponseParser(_Parser):
    """Parses responses and calls the methods that `protocol` has of those in HTTPProtocol."""

    cdef object on_status

    def __cinit__(self, *args, **kwargs):
        llhttp.llhttp_init(&self.state, llhttp.HTTP_RESPONSE, &self.settings)
        self.state.data = <void *>self

    def __init__(self, protocol):
        _Parser.__init__(self, protocol)
        self.on_status = getattr(protocol, "on_status", None)
        if self.on_status is not None:
            self.settings.on_status = status

    def get_status_code(self):
        """The status, such as 200; 0 before one is known."""
        return self.state.status_code


cdef tuple METHODS = tuple(
    [llhttp.llhttp_method_name(<llhttp.llhttp_method_t>number) for number in range(46)]
)


# --- llhttp's callbacks ----------------------------------------------------------------------

cdef int message_begin(llhttp.llhttp_t *state) except -1:
    PyObject_CallNoArgs((<_Parser>state.data).on_message_begin)
    return 0


cdef int url(llhttp.llhttp_t *state, const char *at, size_t length) except -1:
    cdef HttpRequestParser self = <HttpRequestParser>state.data
    PyObject_CallOneArg(self.on_url, PyBytes_FromStringAndSize(at, length))
    return 0


cdef int status(llhttp.llhttp_t *state, const char *at, size_t length) except -1:
    cdef HttpResponseParser self = <HttpResponseParser>state.data
    PyObject_CallOneArg(self.on_status, PyBytes_FromStringAndSize(at, length))
    return 0


cdef int header_field(llhttp.llhttp_t *state, const char *at, size_t length) except -1:
    return extend(&(<_Parser>state.data).name, at, length)


cdef int header_value(llhttp.llhttp_t *state, const char *at, size_t length) except -1:
    return extend(&(<_Parser>state.data).value, at, length)


cdef int header_complete(llhttp.llhttp_t *state) except -1:
    cdef _Parser self = <_Parser>state.data
    cdef bytes name = field_name(self.name.at, self.name.length)
    cdef bytes value = PyBytes_FromStringAndSize(self.value.at, self.value.length)
    cdef PyObject *arguments[3]
    arguments[1] = <PyObject *>name
    arguments[2] = <PyObject *>value
    forget(&self.name)
    forget(&self.value)
    if self.header_self is not None:
        arguments[0] = <PyObject *>self.header_self
        PyObject_Vectorcall(self.on_header, arguments, 3, NULL)
    else:
        PyObject_Vectorcall(
            self.on_header, arguments + 1, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL
        )
    return 0


cdef int headers_complete(llhttp.llhttp_t *state) except -1:
    PyObject_CallNoArgs((<_Parser>state.data).on_headers_complete)
    return 0


cdef int body(llhttp.llhttp_t *state, const char *at, size_t length) except -1:
    PyObject_CallOneArg((<_Parser>state.data).on_body, PyBytes_FromStringAndSize(at, length))
    return 0


cdef int message_complete(llhttp.llhttp_t *state) except -1:
    PyObject_CallNoArgs((<_Parser>state.data).on_message_complete)
    return 0


cdef int chunk_header(llhttp.llhttp_t *state) except -1:
    PyObject_CallNoArgs((<_Parser>state.data).on_chunk_header)
    return 0


cdef int chunk_complete(llhttp.llhttp_t *state) except -1:
    PyObject_CallNoArgs((<_Parser>state.data).on_chunk_complete)
    return 0
