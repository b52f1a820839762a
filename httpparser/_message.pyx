"""One message as it arrives: the start line, the whole head, the body's parts and chunks.

llhttp calls the functions at the end with spans; what they make of them goes to a `Sink`. What
llhttp accepts and RFC 9112 does not, as far as it is no matter of whole fields, is refused here.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint64_t
from libc.string cimport memset

from httpparser._fields cimport (
    BODY, END, FIELDS, HELD, LINE, TRAILERS, Section, offset_of, on_name, on_value,
    on_value_complete,
)
from httpparser._head cimport HTTP_1_0, HTTP_1_1, RequestHead, ResponseHead
from httpparser._limits cimport body_too_large, extensions_too_large, line_too_long
from httpparser._sink cimport CONTINUE, NO_BODY, SWITCH
from httpparser.llhttp cimport *

import sys

from httpparser.errors import (
    HttpParserError, HttpParserInvalidStatusError, VersionNotSupported,
)

__all__ = ("Message",)

cdef enum:
    MOST_DIGITS = 16
    VERSION_LENGTH = 8  # of "HTTP/1.1"

cdef extern from *:
    """
    #define FASTSERVE_NAME(number, name, string) [number] = #string,
    static const char *const fastserve_methods[] = { HTTP_ALL_METHOD_MAP(FASTSERVE_NAME) };
    """
    const char *method_names "fastserve_methods"[]

cdef list METHODS = [sys.intern(method_names[number].decode()) for number in range(HTTP_QUERY + 1)]
cdef str VERSION_1_0 = sys.intern("1.0"), VERSION_1_1 = sys.intern("1.1")


cdef class Message(Section):
    """What is known of the message being read."""

    cdef void forget(self) noexcept:
        """Between messages."""
        self.forget_fields()
        self.method = None
        self.target = None
        self.line_length = 0
        self.body_length = 0
        self.in_chunk_line = False
        self.extensions_length = 0
        self.in_extension = False
        self.action = CONTINUE

    cdef int begin_section(self) except -1:
        if self.phase == LINE:
            self.end_line_without_version()
        else:
            self.phase = TRAILERS
            self.section_length = 0
        return 0

    cdef int suspend(self, const char *end) except -1:
        """The input ends inside a message: keep what it began, refuse what grew too long."""
        cdef uint64_t here = offset_of(self, end)
        if self.phase == LINE:
            # Perhaps with the line's CRLF, which does not count.
            if here - self.line_start > 2 and here - self.line_start - 2 > self.limits.request_line:
                raise line_too_long(self.limits.request_line)
            if self.line_length:
                self.carry_over(self.line, self.line_length)
                self.line_length = 0
            return 0
        if self.line_length:
            self.target = PyBytes_FromStringAndSize(self.line, self.line_length)
            self.line_length = 0
        if self.phase == FIELDS or self.phase == TRAILERS:
            self.suspend_fields(here)
        elif self.in_chunk_line:
            self.check_digits(end)
        return 0

    cdef int end_line(self) except -1:
        """The target, or the reason, is complete."""
        self.phase = FIELDS
        if self.carry_length:
            self.target = PyBytes_FromStringAndSize(self.carry, self.carry_length)
            self.carry_length = 0
        return 0

    cdef int end_line_without_version(self) except -1:
        if self.strict and not self.response:  # RFC 9112 3: HTTP/0.9 had no version
            raise HttpParserError("the request line has no version", code="STRICT_VERSION")
        return self.end_line()

    cdef object take_head(self):
        return self.take_response() if self.response else self.take_request()

    cdef int check_version(self) except -1:
        """RFC 9110 6.2: 505 for a major version that is not spoken here."""
        if self.llhttp.http_major != 1 or self.llhttp.http_minor > 1:
            raise VersionNotSupported(
                f"HTTP/{self.llhttp.http_major}.{self.llhttp.http_minor} is not supported",
                code="STRICT_VERSION",
            )
        return 0

    cdef object take_request(self):
        cdef RequestHead head = RequestHead.__new__(RequestHead)
        cdef bint first = self.llhttp.http_major > 0 and self.llhttp.http_minor > 0
        if self.strict:
            self.check_version()
        head.method = self.method
        if head.method is None:
            head.method = <str> METHODS[self.llhttp.method]
        head.headers = self.take_fields()
        head.upgrade = self.upgrade
        if not self.strict:
            self.facts.chunked = self.llhttp.flags & F_CHUNKED != 0
        head.settle(HTTP_1_1 if first else HTTP_1_0, &self.facts, self.strict)
        if self.line_length:
            head.set_target(self.line, self.line_length, self.strict)
            self.line_length = 0
        elif self.target is not None:
            head.set_target(PyBytes_AS_STRING(self.target), len(self.target), self.strict)
        self.keep_alive = head.keep_alive
        if head.content_length > 0 and <uint64_t> head.content_length > self.limits.body:
            raise body_too_large(self.limits.body)
        return head

    cdef object take_response(self):
        cdef ResponseHead head = ResponseHead.__new__(ResponseHead)
        if self.strict:
            self.check_version()
        head.status = self.llhttp.status_code
        head.version = VERSION_1_1 if self.llhttp.http_minor else VERSION_1_0
        if self.line_length:
            self.target = PyBytes_FromStringAndSize(self.line, self.line_length)
            self.line_length = 0
        head.reason = self.target if self.target is not None else b""
        if self.strict:
            check_status_line(head)
        head.headers = self.take_fields()
        if self.strict and self.facts.coded and self.llhttp.http_minor == 0:  # RFC 9112 6.1
            raise HttpParserError("Transfer-Encoding in HTTP/1.0", code="STRICT_TRANSFER_ENCODING")
        head.upgrade = self.upgrade if self.facts.switch else None
        head.chunked = (self.llhttp.flags & F_CHUNKED) != 0
        if self.llhttp.flags & F_CONTENT_LENGTH and not self.facts.coded:
            head.content_length = self.llhttp.content_length
        head.keep_alive = self.keep_alive = llhttp_should_keep_alive(&self.llhttp)
        return head

    cdef int frame_response(self, ResponseHead head) except -1:
        """What llhttp is to be told: how long the body is. RFC 9112 6.3, in its order"""
        if head.status == 101:
            self.action = SWITCH  # llhttp knows by itself
            return 0
        if self.action == SWITCH:  # a 2xx to CONNECT: no body, whatever the fields say
            return SWITCH
        if self.action == NO_BODY or 100 <= head.status < 200:
            self.llhttp.flags |= F_SKIPBODY
            if head.status < 200:  # RFC 9112 9.6: only a final response can be the last
                self.llhttp.flags &= ~F_CONNECTION_CLOSE
                self.llhttp.flags |= F_CONNECTION_KEEP_ALIVE
            head.keep_alive = self.keep_alive = llhttp_should_keep_alive(&self.llhttp)
            return NO_BODY
        if (
            head.content_length > 0 and <uint64_t> head.content_length > self.limits.body
            and head.status != 204 and head.status != 304
        ):
            raise body_too_large(self.limits.body)
        return HPE_PAUSED if head.chunked else 0

    cdef int check_digits(self, const char *end) except -1:
        """Refuse a chunk size of more than 16 digits; leading zeros count. RFC 9112 7.1."""
        cdef const char *at = self.data
        if self.digits < 0:
            return 0
        if self.chunk_start > self.base:
            at += self.chunk_start - self.base
        while at < end:
            if c'0' <= at[0] <= c'9' or c'a' <= at[0] | 0x20 <= c'f':
                self.digits += 1
                if self.digits > MOST_DIGITS:
                    raise HttpParserError("the chunk size has more than 16 digits",
                                          code="HPE_INVALID_CHUNK_SIZE", offset=offset_of(self, at))
            elif self.digits or at[0] != c'\r' and at[0] != c'\n':  # those end the last chunk
                self.digits = -1
                return 0
            at += 1
        return 0

    cdef int begin_chunk_line(self, uint64_t start) except -1:
        self.in_chunk_line = True
        self.chunk_start = start
        self.digits = 0
        return 0


cdef int check_status_line(ResponseHead head) except -1:
    """RFC 9110 15: a status begins at 100. RFC 9112 4: no controls in a reason but HTAB."""
    cdef unsigned char c
    if head.status < 100:
        raise HttpParserInvalidStatusError("the status is less than 100", code="STRICT_STATUS")
    for c in head.reason:
        if c < 0x20 and c != c'\t' or c == 0x7F:
            raise HttpParserInvalidStatusError("the reason holds a control character",
                                               code="STRICT_STATUS")
    return 0


# -- llhttp's callbacks ------------------------------------------------------------------------

cdef int on_target(llhttp_t *llhttp, const char *at, size_t length) except -1:
    cdef Message self = <Message> llhttp.data
    cdef uint64_t here = offset_of(self, at)
    if self.carry_length:
        self.carry_over(at, length)
    elif self.line_length:
        self.line_length += length
    else:
        self.line = at
        self.line_length = length
        # RFC 9112 3: a single space between the parts
        if self.strict and here != self.line_start + 1 + <uint64_t> len(
            self.method if self.method is not None else <str> METHODS[llhttp.method]
        ):
            raise HttpParserError("one space is needed after the method", code="STRICT_SPACE",
                                  offset=here)
    self.line_next = here + length + 1
    if self.line_next - self.line_start + VERSION_LENGTH > self.limits.request_line:
        raise line_too_long(self.limits.request_line)
    return 0


cdef int on_protocol(llhttp_t *llhttp, const char *at, size_t length) except -1:
    cdef Message self = <Message> llhttp.data
    if self.phase == LINE:
        self.end_line()
        if self.strict and offset_of(self, at) != self.line_next:
            raise HttpParserError("one space is needed before the version", code="STRICT_SPACE",
                                  offset=offset_of(self, at))
        if self.strict and at[0] != c'H':  # RTSP and ICE, which llhttp parses too
            raise HttpParserError("the protocol is not HTTP", code="STRICT_PROTOCOL",
                                  offset=offset_of(self, at))
    return 0


cdef int on_reason(llhttp_t *llhttp, const char *at, size_t length) except -1:
    cdef Message self = <Message> llhttp.data
    if self.carry_length:
        self.carry_over(at, length)
    elif self.line_length:
        self.line_length += length
    else:
        self.line = at
        self.line_length = length
    if offset_of(self, at) + length - self.line_start > self.limits.request_line:
        raise line_too_long(self.limits.request_line)
    return 0


cdef int on_reason_complete(llhttp_t *llhttp) except -1:
    return (<Message> llhttp.data).end_line()


cdef int on_headers_complete(llhttp_t *llhttp) except -1:
    cdef Message self = <Message> llhttp.data
    cdef object head
    if self.phase == LINE:
        self.end_line_without_version()
    head = self.take_head()
    self.phase = BODY
    if self.hold and not self.response and (
        (<RequestHead> head).upgrade is not None or llhttp.method == HTTP_CONNECT
    ):
        self.phase = HELD
    self.action = self.sink.on_head(head)
    if self.response:
        return self.frame_response(<ResponseHead> head)
    if self.phase == HELD:
        return HPE_PAUSED
    llhttp.upgrade = self.action == SWITCH
    if self.action == NO_BODY:
        return NO_BODY
    return HPE_PAUSED if llhttp.flags & F_CHUNKED else 0


cdef int on_body(llhttp_t *llhttp, const char *at, size_t length) except -1:
    cdef Message self = <Message> llhttp.data
    if length == 0:
        return 0
    self.body_length += length
    self.chunk_start = offset_of(self, at) + length
    if self.body_length > self.limits.body:
        raise body_too_large(self.limits.body)
    self.sink.on_body(at, length)
    return 0


cdef int on_chunk_header(llhttp_t *llhttp) except -1:
    cdef Message self = <Message> llhttp.data
    self.check_digits(self.stop)
    self.in_chunk_line = False
    if llhttp.content_length > self.limits.body - self.body_length:
        raise body_too_large(self.limits.body)
    if self.chunk_extensions:
        extensions = PyBytes_FromStringAndSize(self.carry, self.carry_length)
        self.sink.on_chunk(llhttp.content_length, extensions)
    self.carry_length = 0
    return 0


cdef int on_chunk_complete(llhttp_t *llhttp) except -1:
    cdef Message self = <Message> llhttp.data
    self.begin_chunk_line(self.chunk_start)
    return 0


cdef int on_extension_name(llhttp_t *llhttp, const char *at, size_t length) except -1:
    return on_extension(<Message> llhttp.data, c';', at, length)


cdef int on_extension_value(llhttp_t *llhttp, const char *at, size_t length) except -1:
    return on_extension(<Message> llhttp.data, c'=', at, length)


cdef int on_extension(Message self, char mark, const char *at, size_t length) except -1:
    if not self.in_extension:
        self.in_extension = True
        self.extensions_length += 1
        if self.chunk_extensions:
            self.carry_over(&mark, 1)
    self.extensions_length += length
    if self.extensions_length > self.limits.chunk_extensions:
        raise extensions_too_large(self.limits.chunk_extensions)
    if self.chunk_extensions:
        self.carry_over(at, length)
    return 0


cdef int on_extension_complete(llhttp_t *llhttp) except -1:
    (<Message> llhttp.data).in_extension = False
    return 0


cdef int on_message_complete(llhttp_t *llhttp) except -1:
    (<Message> llhttp.data).phase = END
    return HPE_PAUSED


cdef void fill_settings(llhttp_settings_t *settings) noexcept:
    memset(settings, 0, sizeof(llhttp_settings_t))
    settings.on_header_field = on_name
    settings.on_header_value = on_value
    settings.on_header_value_complete = on_value_complete
    settings.on_headers_complete = on_headers_complete
    settings.on_body = on_body
    settings.on_chunk_header = on_chunk_header
    settings.on_chunk_complete = on_chunk_complete
    settings.on_chunk_extension_name = on_extension_name
    settings.on_chunk_extension_value = on_extension_value
    settings.on_chunk_extension_name_complete = on_extension_complete
    settings.on_chunk_extension_value_complete = on_extension_complete
    settings.on_message_complete = on_message_complete


fill_settings(&request_settings)
request_settings.on_url = on_target
request_settings.on_protocol = on_protocol
fill_settings(&response_settings)
response_settings.on_status = on_reason
response_settings.on_status_complete = on_reason_complete
