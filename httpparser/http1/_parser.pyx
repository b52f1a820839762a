"""llhttp, driven: bytes in, and what is found in them to the `on_` methods of a `Parser`.

Within one piece of input a token is a pointer and a length. Only what the end of the input cuts in
two is copied (`_span`), so that the cost is linear in any split. Objects are made when a head, or
the trailers, are complete; each limit is checked while the field still arrives. What llhttp accepts
and RFC 9112 does not is refused here; rules for whole fields are in `_head`.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.list cimport PyList_New, PyList_SET_ITEM
from cpython.ref cimport Py_INCREF
from libc.stdint cimport uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memchr, memcmp, memcpy

from httpparser._threads cimport set_immortal
from httpparser.http1._fields cimport (
    UPGRADE, Facts, Kind, add_fact, clear_facts, is_token, make_pair, read_fields,
)
from httpparser.http1._head cimport HTTP_1_0, HTTP_1_1, RequestHead, ResponseHead
from httpparser.http1._request_line cimport RequestLine, read_request_line
from httpparser.http1._span cimport append, copy_span, extend, forget
from httpparser.http1.llhttp cimport *

import sys

from httpparser.errors import (
    ChunkExtensionsTooLarge, ContentTooLarge, HeaderFieldsTooLarge, HttpParserError,
    HttpParserInvalidMethodError, HttpParserInvalidStatusError, HttpParserInvalidURLError,
    IncompleteMessage, MethodNotImplemented, UriTooLong, VersionNotSupported,
)

__all__ = ("LLHTTP_VERSION", "Parser")

cdef enum:
    FIELDS_ON_STACK = 64
    LARGEST_TABLE = 4096  # in bytes; one that has grown past this is freed with its input
    LONGEST_METHOD = 32
    LONGEST_EMPTY = 1024  # bytes of empty lines before a message
    MOST_DIGITS = 16
    VERSION_LENGTH = 8  # of "HTTP/1.1"

cdef extern from *:
    """
    #define HTTPPARSER_NAME(number, name, string) [number] = #string,
    static const char *const httpparser_methods[] = { HTTP_ALL_METHOD_MAP(HTTPPARSER_NAME) };
    """
    const char *method_names "httpparser_methods"[]

cdef tuple METHODS = tuple(
    [sys.intern(method_names[number].decode()) for number in range(HTTP_QUERY + 1)]
)
cdef str VERSION_1_0 = sys.intern("1.0"), VERSION_1_1 = sys.intern("1.1")
for _name in METHODS:
    set_immortal(_name)

# Those of RFC 9110, 5789, 4918, 3253, 5842, 4791, 2068 and UPnP that llhttp parses over HTTP.
PARSED_METHODS = frozenset(
    b"ACL BIND CHECKOUT CONNECT COPY DELETE GET HEAD LINK LOCK M-SEARCH MERGE MKACTIVITY "
    b"MKCALENDAR MKCOL MOVE NOTIFY OPTIONS PATCH POST PRI PROPFIND PROPPATCH PURGE PUT REBIND "
    b"REPORT SEARCH SUBSCRIBE TRACE UNBIND UNLINK UNLOCK UNSUBSCRIBE".split()
)
ERRORS = {
    HPE_INVALID_METHOD: HttpParserInvalidMethodError,
    HPE_INVALID_STATUS: HttpParserInvalidStatusError,
    HPE_INVALID_URL: HttpParserInvalidURLError,
    HPE_INVALID_VERSION: VersionNotSupported,
    HPE_PAUSED_H2_UPGRADE: VersionNotSupported,
}
LLHTTP_VERSION = f"{LLHTTP_VERSION_MAJOR}.{LLHTTP_VERSION_MINOR}.{LLHTTP_VERSION_PATCH}"


cdef class Parser:
    """One side of one connection: for Cython classes that override the `on_` methods.

    `setup()` before anything else. The caller holds a reference to the parser during each call.
    """

    def __dealloc__(self):
        free(self.line.buffer)
        free(self.name.buffer)
        free(self.value.buffer)
        free(self.extensions.buffer)
        free(self.grown)

    cdef int setup(self, bint response, Limits limits) except -1:
        if limits is None:
            raise TypeError("limits are needed, not None")
        self.response = response
        self.limits = limits
        if response:
            llhttp_init(&self.llhttp, HTTP_RESPONSE, &response_settings)
        else:
            llhttp_init(&self.llhttp, HTTP_REQUEST, &request_settings)
        self.llhttp.data = <void *> self
        return self.clear()

    cdef int clear(self) except -1:
        """Forget everything but the settings."""
        llhttp_reset(&self.llhttp)
        self.phase = START
        self.closed = False
        self.error = None
        self.base = 0
        self.partial_method = None
        forget(&self.name)
        forget(&self.value)
        forget(&self.extensions)
        forget_message(self)
        return 0

    cdef bint restart(self) noexcept:
        """Between two messages: what comes next is another input's first. Else only False."""
        if self.phase != START or self.closed or self.empty_lines:
            return False
        self.base = 0
        return True

    cdef Py_ssize_t execute(self, const char *data, size_t length) except -1:
        """Parse until the input ends, on_end() pauses, a head is held or another protocol begins.

        Returns how many bytes were consumed; give the rest again. Raises HttpParserError and its
        subclasses, and what an on_ method raises; after that every call raises until clear().
        """
        cdef Field[FIELDS_ON_STACK] fields
        cdef Py_ssize_t consumed
        if self.phase == FAILED:
            raise copy_error(self.error)
        if self.limits is None:
            raise RuntimeError("the parser was not set up")
        if length == 0:
            return 0
        self.data = data
        self.stop = data + length
        if self.grown == NULL:
            self.fields = fields
            self.field_room = FIELDS_ON_STACK
        try:
            consumed = run(self, data, length)
        except BaseException as error:  # whatever it is, llhttp does not go on after it
            fail(self, error)
            raise
        self.base += consumed
        end_input(self)
        return consumed

    cdef int decide(self, int action) except -1:
        """After a held head: what on_head could have answered."""
        if self.phase != HELD:
            raise RuntimeError("no head is waiting for a decision")
        self.phase = BODY
        self.action = action
        self.llhttp.upgrade = action == SWITCH
        if action == NO_BODY:
            self.llhttp.flags |= F_SKIPBODY
        return 0

    cdef int finish(self) except -1:
        """The other side will send nothing more. Raises IncompleteMessage inside a message."""
        if self.phase == FAILED:
            raise copy_error(self.error)
        if self.phase == BODY and self.llhttp.finish == HTTP_FINISH_SAFE_WITH_CB:
            self.phase = END  # RFC 9112 6.3: a response's body may last until the close
            end_message(self)
        elif self.phase not in (START, SWITCHED) or self.partial_method is not None:
            self.phase = FAILED
            self.error = IncompleteMessage(
                "the input ended inside a message", code="HPE_INVALID_EOF_STATE", offset=self.base
            )
            raise copy_error(self.error)
        self.closed = True
        return 0

    cdef int on_head(self, object head) except -1:
        return CONTINUE

    cdef RequestHead new_request(self):
        return RequestHead.__new__(RequestHead)

    cdef int on_body(self, const char *at, size_t length) except -1:
        return 0

    cdef int on_chunk(self, uint64_t size, bytes extensions) except -1:
        return 0

    cdef int on_trailers(self, list trailers) except -1:
        return 0

    cdef int on_end(self) except -1:
        return 0


# What follows are functions: methods of a class that others extend are called through a table.

cdef inline uint64_t offset_of(Parser self, const char *at) noexcept:
    return self.base + <uint64_t> (at - self.data)


# -- from message to message -----------------------------------------------------------------------

cdef inline Py_ssize_t run(Parser self, const char *data, size_t length) except -1:
    cdef const char *at = data
    cdef const char *end = data + length
    cdef const char *after
    cdef llhttp_errno_t code
    cdef bint stop
    while True:
        if self.phase == START:
            after = read_plain(self, at, end)
            if after == NULL:
                at = begin_message(self, at, end)
                if at == end:
                    break
            else:
                at = after
        elif self.phase == SWITCHED or self.phase == HELD:
            break
        if self.body_left:
            at = read_body(self, at, end)
            if self.body_left:
                break
        if self.phase == END:
            stop = end_plain(self)
        else:
            code = llhttp_execute(&self.llhttp, at, end - at)
            if code == HPE_OK:
                at = end
                break
            at = llhttp_get_error_pos(&self.llhttp)
            if code != HPE_PAUSED:
                raise failure(self, code)
            llhttp_resume(&self.llhttp)
            if self.phase != END:  # at the head: held, or to learn where the first chunk begins
                if self.llhttp.flags & F_CHUNKED:
                    begin_chunk_line(self, offset_of(self, at))
                continue
            stop = end_message(self)
        if stop:
            return at - data
        if at == end:
            return length
    if self.phase != START:
        suspend(self, at)
    return at - data


cdef inline void end_input(Parser self) noexcept:
    self.data = NULL
    self.stop = NULL
    self.fields = self.grown
    if self.grown != NULL and self.field_room * sizeof(Field) > LARGEST_TABLE:
        free(self.grown)
        self.grown = self.fields = NULL


cdef inline void forget_message(Parser self) noexcept:
    forget(&self.line)
    self.unknown_method = None
    self.headers = None
    self.upgrade = None
    clear_facts(&self.facts)
    self.field_count = 0
    self.section_length = 0
    self.body_length = 0
    self.body_left = 0
    self.in_chunk_line = False
    self.extensions_length = 0
    self.in_extension = False
    self.empty_lines = 0
    self.action = CONTINUE


cdef inline const char *begin_message(Parser self, const char *at, const char *end) except NULL:
    """Skip empty lines before a message (RFC 9112 2.2) and look at its method."""
    cdef const char *first = at
    if self.partial_method is None:
        while at < end and (at[0] == c'\r' or at[0] == c'\n'):
            at += 1
        if at != first:
            self.empty_lines += at - first
            if self.empty_lines > LONGEST_EMPTY:
                raise HttpParserError("too many empty lines before a message",
                                      code="LIMIT_EMPTY_LINES", offset=offset_of(self, at))
        if at == end:
            return at
        if self.closed:
            if self.llhttp.lenient_flags & LENIENT_DATA_AFTER_CLOSE:
                return end
            raise HttpParserError("data after the last message of the connection",
                                  code="HPE_CLOSED_CONNECTION", offset=offset_of(self, at))
        self.line_start = offset_of(self, at)
        if (
            self.response or not self.any_method
            or end - at > 4 and (memcmp(at, b"GET ", 4) == 0 or memcmp(at, b"POST ", 5) == 0)
        ):
            self.phase = LINE
            return at
    return begin_method(self, at, end)


cdef const char *begin_method(Parser self, const char *at, const char *end) except NULL:
    """With any_method every token is a method: llhttp reads PUT for one that it does not know."""
    cdef const char *space = <const char *> memchr(at, c' ', end - at)
    cdef const char *stop = space if space != NULL else end
    cdef bytes token = at[:min(stop - at, LONGEST_METHOD + 1)]
    cdef bytes known
    if self.partial_method is not None:
        token = self.partial_method + token
    if not is_token(PyBytes_AS_STRING(token), len(token)):
        raise HttpParserInvalidMethodError(
            "the method is not a token", code="HPE_INVALID_METHOD", offset=self.line_start
        )
    if len(token) > LONGEST_METHOD:
        raise MethodNotImplemented(  # RFC 9112 3
            "the method is too long", code="HPE_INVALID_METHOD", offset=self.line_start
        )
    if space == NULL:
        self.partial_method = token
        return end
    self.phase = LINE
    known = token
    if token not in PARSED_METHODS:
        self.unknown_method = token.decode("ascii")
        known = b"PUT"
    elif self.partial_method is None:
        return at
    self.partial_method = None
    if llhttp_execute(&self.llhttp, PyBytes_AS_STRING(known), len(known)) != HPE_OK:
        self.llhttp.error_pos = at
        raise failure(self, self.llhttp.error)
    return stop


cdef int suspend(Parser self, const char *end) except -1:
    """The input ends inside a message: copy what it began, refuse what grew too long."""
    cdef uint64_t here = offset_of(self, end)
    if self.line.length:
        copy_span(&self.line, 0)
    if self.phase == LINE:
        # Perhaps with the line's CRLF, which does not count.
        if here - self.line_start > 2 and here - self.line_start - 2 > self.limits.request_line:
            raise line_too_long(self)
    elif self.phase == FIELDS or self.phase == TRAILERS:
        flush_fields(self)
        if self.name.length:
            copy_span(&self.name, 0)
            if self.value.length:
                copy_span(&self.value, 0)
            check_field(self, here - self.field_start)
    elif self.in_chunk_line:
        check_digits(self, end)
    return 0


cdef inline int end_message(Parser self) except -1:
    """The message is complete; true: stop here."""
    cdef bint stop
    if self.headers is not None or self.field_count:
        self.on_trailers(take_fields(self))
    self.phase = SWITCHED if self.action == SWITCH else START
    # RFC 9112 9.3: nothing follows the last message
    self.closed = not (self.keep_alive or self.llhttp.lenient_flags & LENIENT_KEEP_ALIVE)
    forget_message(self)
    stop = self.on_end()
    return stop or self.phase == SWITCHED


# -- plain requests --------------------------------------------------------------------------------
#
# Most heads arrive whole and say nothing unusual. They are read here, a line at a time; llhttp goes
# from octet to octet and has the rest: what is cut in two, wrong, chunked, to be upgraded or odd.
# Both take the same requests for the same: tests/httpparser/test_plain.py compares them.

cdef const char *read_plain(Parser self, const char *at, const char *end) except? NULL:
    """The request's head; returns what is after it. NULL: it is not plain, and nothing has changed.
    """
    cdef RequestLine line
    cdef Facts facts
    cdef RequestHead head
    cdef list headers
    if (
        self.response or not self.strict or self.closed
        or self.llhttp.lenient_flags or self.partial_method is not None
        or not read_request_line(at, end, &line)
        or <size_t> (line.fields - 2 - at) > self.limits.request_line
    ):
        return NULL
    at = line.fields
    clear_facts(&facts)
    headers = read_fields(&at, end, self.limits, &facts)
    if headers is None:
        return NULL
    self.phase = LINE
    self.stop = at  # where an error is
    head = self.new_request()
    head.method = <str> METHODS[line.method]
    head.headers = headers
    head.set_plain(HTTP_1_1 if line.http_1_1 else HTTP_1_0, &facts, line.target, line.target_end,
                   line.mark, line.percent)
    self.keep_alive = head.keep_alive
    if head.content_length > 0 and <uint64_t> head.content_length > self.limits.body:
        raise body_too_large(self)
    self.phase = BODY
    self.action = self.on_head(head)
    self.stop = end
    if head.content_length > 0 and self.action != NO_BODY:
        self.body_left = head.content_length
    else:
        self.phase = END
    return at


cdef inline const char *read_body(Parser self, const char *at, const char *end) except NULL:
    """What is there of a body whose length is known, when its head was plain."""
    cdef size_t length = min(<uint64_t> (end - at), self.body_left)
    if length:
        self.body_left -= length
        self.stop = at + length  # where an error is
        self.on_body(at, length)
        self.stop = end
        if self.body_left == 0:
            self.phase = END
    return at + length


cdef inline int end_plain(Parser self) except -1:
    """What end_message() does, where there is less to forget."""
    cdef bint stop
    self.phase = SWITCHED if self.action == SWITCH else START
    self.closed = not self.keep_alive
    self.action = CONTINUE
    self.empty_lines = 0
    stop = self.on_end()
    return stop or self.phase == SWITCHED


# -- errors ----------------------------------------------------------------------------------------

cdef int fail(Parser self, object error) except -1:
    """Keep the error for every later call."""
    cdef uint64_t place = self.base
    if self.llhttp.error != HPE_OK and self.llhttp.error_pos != NULL:
        place = offset_of(self, self.llhttp.error_pos)
    elif START < self.phase < END:  # where the input ended: too long by now
        place = offset_of(self, self.stop)
    self.phase = FAILED
    end_input(self)
    if not isinstance(error, HttpParserError):
        self.error = HttpParserError(f"parsing was stopped by {error!r}", offset=place)
        return 0
    if error.offset is None:
        error.offset = place
    self.error = copy_error(error)
    return 0


cdef object copy_error(object error):
    """The same error to raise again, without the traceback, whose frames hold the parser."""
    copy = type(error).__new__(type(error), *error.args)
    copy.__dict__.update(error.__dict__)
    copy.events = []
    return copy


cdef object failure(Parser self, int code):
    """The exception for llhttp's error."""
    cdef const char *position = llhttp_get_error_pos(&self.llhttp)
    cdef object kind = ERRORS.get(code, HttpParserError)
    cdef str reason = llhttp_get_error_reason(&self.llhttp).decode()
    if code == HPE_PAUSED_H2_UPGRADE:
        reason = "HTTP/2 is not supported"
    elif code == HPE_INVALID_VERSION and reason != "Invalid HTTP version":
        kind = HttpParserError  # not a version at all
    return kind(
        reason,
        code=llhttp_errno_name(<llhttp_errno_t> code).decode(),
        offset=offset_of(self, position) if position != NULL else self.base,
    )


cdef object line_too_long(Parser self):
    return UriTooLong(
        f"the request line is longer than {self.limits.request_line} bytes (request_line)",
        code="LIMIT_REQUEST_LINE",
    )


cdef object fields_too_large(str name, size_t limit):
    return HeaderFieldsTooLarge(f"the fields are past the limit {name}={limit}",
                                code=f"LIMIT_{name.upper()}")


cdef object body_too_large(Parser self):
    return ContentTooLarge(f"the body is larger than {self.limits.body} bytes (body)",
                           code="LIMIT_BODY")


# -- fields ----------------------------------------------------------------------------------------

cdef inline int end_field(Parser self) except -1:
    """A name and its value are complete."""
    cdef Field *entry
    count_field(self, self.field_end - self.field_start)
    # What is in a buffer must leave it: the next field needs the room.
    if self.name.at == self.name.buffer or self.value.at == self.value.buffer:
        flush_fields(self)
        if self.headers is None:
            self.headers = []
        self.headers.append(
            take_field(self, self.name.at, self.name.length, self.value.at, self.value.length)
        )
        forget(&self.name)
        forget(&self.value)
        return 0
    if self.field_count == self.field_room:
        grow_fields(self)
    entry = &self.fields[self.field_count]
    self.field_count += 1
    entry.name = self.name.at
    entry.name_length = self.name.length
    entry.value = self.value.at
    entry.value_length = self.value.length
    self.name.length = 0
    self.value.length = 0
    return 0


cdef int grow_fields(Parser self) except -1:
    cdef size_t room = self.field_room * 2
    cdef Field *grown = <Field *> realloc(self.grown, room * sizeof(Field))
    if grown == NULL:
        raise MemoryError
    if self.grown == NULL:
        memcpy(grown, self.fields, self.field_count * sizeof(Field))
    self.grown = self.fields = grown
    self.field_room = room
    return 0


cdef inline int count_field(Parser self, uint64_t length) except -1:
    """One more field line of this length, without its CRLF."""
    cdef Limits limits = self.limits
    cdef size_t count = self.field_count
    if length > limits.field:
        raise fields_too_large("field", limits.field)
    self.section_length += length + 2
    if self.phase == TRAILERS:
        if self.section_length > limits.trailers:
            raise fields_too_large("trailers", limits.trailers)
    elif self.section_length > limits.fields:
        raise fields_too_large("fields", limits.fields)
    if self.headers is not None:
        count += len(self.headers)
    if count >= limits.count:
        raise fields_too_large("count", limits.count)
    return 0


cdef int check_field(Parser self, uint64_t length) except -1:
    """The same for one that still arrives, perhaps with a part of its CRLF."""
    cdef uint64_t before = self.section_length
    count_field(self, length - 2 if length > 2 else 0)
    self.section_length = before
    return 0


cdef int flush_fields(Parser self) except -1:
    cdef list pairs
    if self.field_count:
        pairs = take_fields(self)
        self.headers = pairs
    return 0


cdef list take_fields(Parser self):
    """All complete fields as pairs."""
    cdef size_t i, count = self.field_count
    cdef Field *fields = self.fields
    cdef list pairs
    cdef tuple pair
    if self.headers is None:
        pairs = PyList_New(count)
        for i in range(count):
            pair = take_field(self, fields[i].name, fields[i].name_length, fields[i].value,
                              fields[i].value_length)
            Py_INCREF(pair)
            PyList_SET_ITEM(pairs, i, pair)
    else:
        pairs = self.headers
        for i in range(count):
            pairs.append(take_field(self, fields[i].name, fields[i].name_length, fields[i].value,
                                    fields[i].value_length))
        self.headers = None
    self.field_count = 0
    return pairs


cdef inline tuple take_field(Parser self, const char *name, size_t name_length, const char *value,
                             size_t value_length):
    cdef Kind kind
    cdef tuple pair
    # RFC 9112 5.1: white space around the value is not part of it
    while value_length and value[value_length - 1] in (c' ', c'\t'):
        value_length -= 1
    pair = make_pair(name, name_length, value, value_length, &kind)
    if kind and self.phase < BODY:  # RFC 9110 6.5.1: a trailer changes nothing
        add_fact(&self.facts, kind, value, value_length, self.strict and not self.response)
        if kind == UPGRADE:  # RFC 9110 5.3: fields of one name are one list
            self.upgrade = <bytes> pair[1] if self.upgrade is None else (
                self.upgrade + b", " + <bytes> pair[1]
            )
    return pair


# -- heads -----------------------------------------------------------------------------------------

cdef int end_line_without_version(Parser self) except -1:
    if self.strict and not self.response:  # RFC 9112 3: HTTP/0.9 had no version
        raise HttpParserError("the request line has no version", code="STRICT_VERSION")
    self.phase = FIELDS
    return 0


cdef inline int check_version(Parser self) except -1:
    """RFC 9110 6.2: 505 for a major version that is not spoken here."""
    if self.llhttp.http_major != 1 or self.llhttp.http_minor > 1:
        raise VersionNotSupported(
            f"HTTP/{self.llhttp.http_major}.{self.llhttp.http_minor} is not supported",
            code="STRICT_VERSION",
        )
    return 0


cdef RequestHead take_request(Parser self):
    cdef RequestHead head = self.new_request()
    cdef bint first = self.llhttp.http_major > 0 and self.llhttp.http_minor > 0
    if self.strict:
        check_version(self)
    head.method = self.unknown_method
    if head.method is None:
        head.method = <str> METHODS[self.llhttp.method]
    head.headers = take_fields(self)
    head.upgrade = self.upgrade
    if not self.strict:
        self.facts.chunked = self.llhttp.flags & F_CHUNKED != 0
    head.set_facts(HTTP_1_1 if first else HTTP_1_0, &self.facts, self.strict)
    if self.line.length:
        head.set_target(self.line.at, self.line.length, self.strict)
        self.line.length = 0
    self.keep_alive = head.keep_alive
    if head.content_length > 0 and <uint64_t> head.content_length > self.limits.body:
        raise body_too_large(self)
    return head


cdef ResponseHead take_response(Parser self):
    cdef ResponseHead head = ResponseHead.__new__(ResponseHead)
    if self.strict:
        check_version(self)
    head.status = self.llhttp.status_code
    head.version = VERSION_1_1 if self.llhttp.http_minor else VERSION_1_0
    head.reason = PyBytes_FromStringAndSize(self.line.at, self.line.length)
    self.line.length = 0
    if self.strict:
        check_status_line(head)
    head.headers = take_fields(self)
    # RFC 9112 6.1
    if self.strict and self.facts.transfer_encoding and self.llhttp.http_minor == 0:
        raise HttpParserError("Transfer-Encoding in HTTP/1.0", code="STRICT_TRANSFER_ENCODING")
    head.upgrade = self.upgrade if self.facts.upgrade else None
    head.chunked = (self.llhttp.flags & F_CHUNKED) != 0
    if self.llhttp.flags & F_CONTENT_LENGTH and not self.facts.transfer_encoding:
        head.content_length = self.llhttp.content_length
    head.keep_alive = self.keep_alive = llhttp_should_keep_alive(&self.llhttp)
    return head


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


cdef int frame_response(Parser self, ResponseHead head) except -1:
    """What llhttp must know: how long the body is. RFC 9112 6.3, in its order"""
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
        raise body_too_large(self)
    return HPE_PAUSED if head.chunked else 0


# -- chunks ----------------------------------------------------------------------------------------

cdef inline void begin_chunk_line(Parser self, uint64_t start) noexcept:
    self.in_chunk_line = True
    self.chunk_start = start
    self.digits = 0


cdef int check_digits(Parser self, const char *end) except -1:
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


cdef int add_extension(Parser self, char mark, const char *at, size_t length) except -1:
    if not self.in_extension:
        self.in_extension = True
        self.extensions_length += 1
        if self.chunk_extensions:
            append(&self.extensions, &mark, 1)
    self.extensions_length += length
    if self.extensions_length > self.limits.chunk_extensions:
        raise ChunkExtensionsTooLarge(
            f"the chunk extensions are longer than {self.limits.chunk_extensions} bytes "
            "(chunk_extensions)",
            code="LIMIT_CHUNK_EXTENSIONS",
        )
    if self.chunk_extensions:
        append(&self.extensions, at, length)
    return 0


# -- llhttp's callbacks ----------------------------------------------------------------------------

cdef int on_name(llhttp_t *llhttp, const char *at, size_t length) except -1:
    return add_name(<Parser> llhttp.data, at, length)


cdef inline int add_name(Parser self, const char *at, size_t length) except -1:
    if self.phase != FIELDS and self.phase != TRAILERS:
        begin_section(self)
    if self.name.length:
        return extend(&self.name, at, length)
    self.name.at = at
    self.name.length = length
    self.field_start = offset_of(self, at)
    return 0


cdef int begin_section(Parser self) except -1:
    """The first name of a head or of trailers, where nothing else has announced them."""
    if self.phase == LINE:
        return end_line_without_version(self)
    self.phase = TRAILERS
    self.section_length = 0
    return 0


cdef int on_value(llhttp_t *llhttp, const char *at, size_t length) except -1:
    return add_value(<Parser> llhttp.data, at, length)


cdef inline int add_value(Parser self, const char *at, size_t length) except -1:
    """The end is noted here, with empty values too: llhttp calls for them as for others."""
    self.field_end = offset_of(self, at) + length
    if self.value.length:
        return extend(&self.value, at, length)
    self.value.at = at
    self.value.length = length
    return 0


cdef int on_value_complete(llhttp_t *llhttp) except -1:
    return end_field(<Parser> llhttp.data)


cdef int on_target(llhttp_t *llhttp, const char *at, size_t length) except -1:
    cdef Parser self = <Parser> llhttp.data
    cdef uint64_t here = offset_of(self, at)
    # RFC 9112 3: a single space between the parts
    if self.strict and self.line.length == 0 and here != self.line_start + 1 + <uint64_t> len(
        self.unknown_method if self.unknown_method is not None else <str> METHODS[llhttp.method]
    ):
        raise HttpParserError("one space is needed after the method", code="STRICT_SPACE",
                              offset=here)
    extend(&self.line, at, length)
    self.line_next = here + length + 1
    if self.line_next - self.line_start + VERSION_LENGTH > self.limits.request_line:
        raise line_too_long(self)
    return 0


cdef int on_protocol(llhttp_t *llhttp, const char *at, size_t length) except -1:
    cdef Parser self = <Parser> llhttp.data
    if self.phase == LINE:
        self.phase = FIELDS
        if self.strict and offset_of(self, at) != self.line_next:
            raise HttpParserError("one space is needed before the version", code="STRICT_SPACE",
                                  offset=offset_of(self, at))
        if self.strict and at[0] != c'H':  # RTSP and ICE, which llhttp parses too
            raise HttpParserError("the protocol is not HTTP", code="STRICT_PROTOCOL",
                                  offset=offset_of(self, at))
    return 0


cdef int on_reason(llhttp_t *llhttp, const char *at, size_t length) except -1:
    cdef Parser self = <Parser> llhttp.data
    extend(&self.line, at, length)
    if offset_of(self, at) + length - self.line_start > self.limits.request_line:
        raise line_too_long(self)
    return 0


cdef int on_reason_complete(llhttp_t *llhttp) except -1:
    (<Parser> llhttp.data).phase = FIELDS
    return 0


cdef int on_headers_complete(llhttp_t *llhttp) except -1:
    cdef Parser self = <Parser> llhttp.data
    cdef RequestHead request
    cdef ResponseHead response
    if self.phase == LINE:
        end_line_without_version(self)
    if self.response:
        response = take_response(self)
        self.phase = BODY
        self.action = self.on_head(response)
        return frame_response(self, response)
    request = take_request(self)
    if request.keep_alive:  # llhttp also heeds Proxy-Connection, which RFC 9112 C.2.2 does not
        llhttp.flags = llhttp.flags & ~F_CONNECTION_CLOSE | F_CONNECTION_KEEP_ALIVE
    self.phase = BODY
    if self.hold and (request.upgrade is not None or llhttp.method == HTTP_CONNECT):
        self.phase = HELD
    self.action = self.on_head(request)
    if self.phase == HELD:
        return HPE_PAUSED
    llhttp.upgrade = self.action == SWITCH
    if self.action == NO_BODY:
        return NO_BODY
    return HPE_PAUSED if llhttp.flags & F_CHUNKED else 0


cdef int on_body(llhttp_t *llhttp, const char *at, size_t length) except -1:
    cdef Parser self = <Parser> llhttp.data
    if length == 0:
        return 0
    self.body_length += length
    self.chunk_start = offset_of(self, at) + length
    if self.body_length > self.limits.body:
        raise body_too_large(self)
    self.on_body(at, length)
    return 0


cdef int on_chunk_header(llhttp_t *llhttp) except -1:
    cdef Parser self = <Parser> llhttp.data
    check_digits(self, self.stop)
    self.in_chunk_line = False
    if llhttp.content_length > self.limits.body - self.body_length:
        raise body_too_large(self)
    if self.chunk_extensions:
        extensions = PyBytes_FromStringAndSize(self.extensions.at, self.extensions.length)
        self.on_chunk(llhttp.content_length, extensions)
        forget(&self.extensions)
    return 0


cdef int on_chunk_complete(llhttp_t *llhttp) except -1:
    begin_chunk_line(<Parser> llhttp.data, (<Parser> llhttp.data).chunk_start)
    return 0


cdef int on_extension_name(llhttp_t *llhttp, const char *at, size_t length) except -1:
    return add_extension(<Parser> llhttp.data, c';', at, length)


cdef int on_extension_value(llhttp_t *llhttp, const char *at, size_t length) except -1:
    return add_extension(<Parser> llhttp.data, c'=', at, length)


cdef int on_extension_complete(llhttp_t *llhttp) except -1:
    (<Parser> llhttp.data).in_extension = False
    return 0


cdef int on_message_complete(llhttp_t *llhttp) except -1:
    (<Parser> llhttp.data).phase = END
    return HPE_PAUSED


cdef llhttp_settings_t request_settings
cdef llhttp_settings_t response_settings


cdef void fill_settings(llhttp_settings_t *settings) noexcept:
    llhttp_settings_init(settings)
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
