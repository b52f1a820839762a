"""llhttp, driven: spans while bytes arrive, Python objects once the head is complete.

A `Parser` pushes what it finds into a `Sink`: a whole head, body spans, trailers, the end. Within
one piece of input a token is a pointer and a length; only what a piece of input cuts in two is
copied, into one growing buffer, so that the cost is linear in any split. Each limit is checked
while the token still arrives.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.list cimport PyList_New, PyList_SET_ITEM
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport uint8_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memchr, memcmp, memcpy

from httpparser._head cimport (
    HTTP_1_0, HTTP_1_1, Facts, RequestHead, ResponseHead, no_facts, note,
)
from httpparser._headers cimport UPGRADE, Kind, field
from httpparser.llhttp cimport *

import sys

from httpparser.errors import (
    ChunkExtensionsTooLarge, ContentTooLarge, HeaderFieldsTooLarge, HttpParserError,
    HttpParserInvalidMethodError, HttpParserInvalidStatusError, HttpParserInvalidURLError,
    IncompleteMessage, UriTooLong, VersionNotSupported,
)

cdef extern from *:
    """
    /* One feed at a time: a second one, from a callback or another thread, is refused. */
    #ifdef Py_GIL_DISABLED
    #define FASTSERVE_ACQUIRE(flag) (!__atomic_exchange_n((flag), 1, __ATOMIC_ACQUIRE))
    #define FASTSERVE_RELEASE(flag) __atomic_store_n((flag), 0, __ATOMIC_RELEASE)
    #else
    #define FASTSERVE_ACQUIRE(flag) (*(flag) ? 0 : (*(flag) = 1))
    #define FASTSERVE_RELEASE(flag) (*(flag) = 0)
    #endif
    """
    bint acquire "FASTSERVE_ACQUIRE"(uint8_t *flag) noexcept nogil
    void release "FASTSERVE_RELEASE"(uint8_t *flag) noexcept nogil

cdef enum:
    FIELDS_ON_STACK = 64
    LONGEST_METHOD = 32
    MOST_DIGITS = 16
    ROOM_KEPT = 4096  # a buffer or table that has grown past this is not kept for the next message
    SP_VERSION = 9  # the length of " HTTP/1.1"

# Those of RFC 9110, 5789, 4918, 3253, 5842, 4791, 2068 and UPnP that llhttp parses over HTTP.
PARSED_METHODS = frozenset(
    b"ACL BIND CHECKOUT CONNECT COPY DELETE GET HEAD LINK LOCK M-SEARCH MERGE MKACTIVITY "
    b"MKCALENDAR MKCOL MOVE NOTIFY OPTIONS PATCH POST PRI PROPFIND PROPPATCH PURGE PUT REBIND "
    b"REPORT SEARCH SUBSCRIBE TRACE UNBIND UNLINK UNLOCK UNSUBSCRIBE".split()
)
TOKEN = frozenset(b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")

cdef list METHODS = [
    sys.intern(llhttp_method_name(<llhttp_method_t> number).decode()) for number in range(HTTP_QUERY + 1)
]
LLHTTP_VERSION = f"{LLHTTP_VERSION_MAJOR}.{LLHTTP_VERSION_MINOR}.{LLHTTP_VERSION_PATCH}"
cdef str VERSION_1_0 = "1.0", VERSION_1_1 = "1.1"


cdef class Limits:
    """How much a message may hold, in bytes; 0 lifts a limit.

    `request_line` (414; a response's status line too), `field` (one field line, 431), `fields`
    (all of them, 431), `count` (their number, 431), `trailers` (431), `chunk_extensions` (per
    message, 413), `body` (413; not limited by default).
    """

    def __init__(self, *, size_t request_line=8192, size_t field=16384, size_t fields=65536,
                 size_t count=128, size_t trailers=16384, size_t chunk_extensions=16384,
                 uint64_t body=0):
        cdef size_t none = <size_t> -1
        self.request_line = request_line or none
        self.field = field or none
        self.fields = fields or none
        self.count = count or none
        self.trailers = trailers or none
        self.chunk_extensions = chunk_extensions or none
        self.body = body or <uint64_t> -1

    def __repr__(self):
        return (
            f"Limits(request_line={shown(self.request_line)}, field={shown(self.field)}, "
            f"fields={shown(self.fields)}, count={shown(self.count)}, "
            f"trailers={shown(self.trailers)}, chunk_extensions={shown(self.chunk_extensions)}, "
            f"body={shown(self.body)})"
        )


cdef object shown(uint64_t limit):
    return 0 if limit == <uint64_t> -1 else limit


cdef class Sink:
    """What a parser pushes into; a cdef class in another package overrides the methods."""

    cdef int on_head(self, object head) except -1:
        return CONTINUE

    cdef int on_body(self, const char *at, size_t length) except -1:
        return 0

    cdef int on_chunk(self, uint64_t size, bytes extensions) except -1:
        return 0

    cdef int on_trailers(self, list trailers) except -1:
        return 0

    cdef int on_end(self) except -1:
        return 0


cdef class Parser:
    """One side of one connection. `setup()` before anything else."""

    def __dealloc__(self):
        free(self.carry)
        free(self.grown)

    cdef int setup(self, bint response, Sink sink, Limits limits) except -1:
        self.enter()
        try:
            return self.make(response, sink, limits)
        finally:
            self.leave()

    cdef int restart(self) except -1:
        """Forget everything but the settings."""
        self.enter()
        try:
            return self.clear()
        finally:
            self.leave()

    cdef Py_ssize_t execute(self, const char *data, size_t length) except -1:
        """Parse until the input ends, the sink pauses or another protocol begins.

        Returns how many bytes were consumed; the rest is to be given again.
        """
        self.enter()
        try:
            return self.advance(data, length)
        finally:
            self.leave()

    cdef int go_on(self, int action) except -1:
        """After a held head: what on_head could have answered."""
        self.enter()
        try:
            return self.decide(action)
        finally:
            self.leave()

    cdef int end_of_input(self) except -1:
        """The other side has no more to send. Raises IncompleteMessage inside a message."""
        self.enter()
        try:
            return self.finish()
        finally:
            self.leave()

    # -- one call at a time ----------------------------------------------------------------------

    cdef int enter(self) except -1:
        if not acquire(&self.busy):
            raise RuntimeError("the parser is parsing already: give each thread its own")
        Py_INCREF(self)  # the sink may let go of the parser before this call is over
        return 0

    cdef void leave(self) noexcept:
        release(&self.busy)
        Py_DECREF(self)

    cdef int make(self, bint response, Sink sink, Limits limits) except -1:
        if sink is None or limits is None:
            raise TypeError("a sink and limits are needed")
        self.response = response
        self.sink = sink
        self.limits = limits
        if response:
            llhttp_init(&self.llhttp, HTTP_RESPONSE, &response_settings)
        else:
            llhttp_init(&self.llhttp, HTTP_REQUEST, &request_settings)
        self.llhttp.data = <void *> self
        return self.clear()

    cdef int clear(self) except -1:
        llhttp_reset(&self.llhttp)
        self.phase = START
        self.closed = False
        self.error = None
        self.base = 0
        self.forget()
        self.partial_method = None
        return 0

    cdef void forget(self) noexcept:
        """Between messages."""
        self.headers = None
        self.method = None
        self.target = None
        self.upgrade = None
        no_facts(&self.facts)
        self.field_count = 0
        self.section_length = 0
        self.line_length = 0
        self.name_length = 0
        self.value_length = 0
        self.carry_name = 0
        self.carry_length = 0
        self.body_length = 0
        self.in_chunk_line = False
        self.extensions_length = 0
        self.in_extension = False
        self.action = CONTINUE
        if self.carry_room > ROOM_KEPT:
            free(self.carry)
            self.carry = NULL
            self.carry_room = 0

    cdef inline uint64_t offset(self, const char *at) noexcept:
        return self.base + <uint64_t> (at - self.data)

    cdef Py_ssize_t advance(self, const char *data, size_t length) except -1:
        cdef Field[FIELDS_ON_STACK] fields
        cdef Py_ssize_t consumed
        if self.phase == FAILED:
            raise twin(self.error)
        if self.sink is None:
            raise RuntimeError("the parser was not set up")
        if length == 0:
            return 0
        self.data = data
        self.stop = data + length
        if self.grown == NULL:
            self.fields = fields
            self.field_room = FIELDS_ON_STACK
        else:
            self.fields = self.grown
        try:
            consumed = self.run(data, length)
            self.base += consumed
            return consumed
        except BaseException as error:  # whatever it is, llhttp does not go on after it
            self.fail(error)
            raise
        finally:
            self.data = NULL
            self.stop = NULL
            self.fields = NULL
            if self.grown != NULL and self.field_room * sizeof(Field) > ROOM_KEPT:
                free(self.grown)
                self.grown = NULL

    cdef int fail(self, object error) except -1:
        """Keep the error for every later call."""
        cdef uint64_t place = self.base
        if self.llhttp.error != HPE_OK and self.llhttp.error_pos != NULL:
            place = self.offset(self.llhttp.error_pos)
        self.phase = FAILED
        if not isinstance(error, HttpParserError):
            self.error = HttpParserError(f"parsing was stopped by {error!r}", offset=place)
            return 0
        if error.offset is None:
            error.offset = place
        self.error = twin(error)
        return 0

    cdef Py_ssize_t run(self, const char *data, size_t length) except -1:
        cdef const char *at = data
        cdef const char *end = data + length
        cdef llhttp_errno_t code
        while True:
            if self.phase == START:
                at = self.begin(at, end)
                if at == end:
                    break
            elif self.phase == SWITCHED or self.phase == HELD:
                break
            code = llhttp_execute(&self.llhttp, at, end - at)
            if code == HPE_OK:
                at = end
                break
            at = llhttp_get_error_pos(&self.llhttp)
            if code != HPE_PAUSED:
                raise self.failure(code)
            llhttp_resume(&self.llhttp)
            if self.phase == END:
                if self.end_message():
                    return at - data
                if at == end:
                    return length
            else:  # paused at the head: held, or to learn where the first chunk begins
                self.chunk_start = self.offset(at)
                self.in_chunk_line = self.llhttp.flags & F_CHUNKED != 0
                self.digits = 0
        if self.phase != START:
            self.suspend(at)
        return at - data

    cdef const char *begin(self, const char *at, const char *end) except NULL:
        """Skip empty lines before a message (RFC 9112 2.2) and see to its method."""
        if self.partial_method is None:
            while at < end and (at[0] == c'\r' or at[0] == c'\n'):
                at += 1
            if at == end:
                return at
            if self.closed:
                if self.llhttp.lenient_flags & LENIENT_DATA_AFTER_CLOSE:
                    return end
                raise HttpParserError("data after the last message of the connection",
                                      code="HPE_CLOSED_CONNECTION", offset=self.offset(at))
            self.line_start = self.offset(at)
            if (
                self.response or not self.any_method
                or end - at > 4 and (memcmp(at, b"GET ", 4) == 0 or memcmp(at, b"POST ", 5) == 0)
            ):
                self.phase = LINE
                return at
        return self.begin_method(at, end)

    cdef const char *begin_method(self, const char *at, const char *end) except NULL:
        """Any token is a method here: llhttp is told PUT for one that it does not know."""
        cdef const char *space = <const char *> memchr(at, c' ', end - at)
        cdef const char *stop = space if space != NULL else end
        cdef bytes token = at[:min(stop - at, LONGEST_METHOD + 1)]
        cdef bytes spoken
        if self.partial_method is not None:
            token = self.partial_method + token
        if not TOKEN.issuperset(token) or (space != NULL and not token):
            raise HttpParserInvalidMethodError(
                "the method is not a token", code="HPE_INVALID_METHOD", offset=self.line_start
            )
        if len(token) > LONGEST_METHOD:
            raise HttpParserInvalidMethodError(
                "the method is too long", code="HPE_INVALID_METHOD", offset=self.line_start
            )
        if space == NULL:
            self.partial_method = token
            return end
        self.phase = LINE
        spoken = token
        if token not in PARSED_METHODS:
            self.method = token.decode("ascii")
            spoken = b"PUT"
        elif self.partial_method is None:
            return at
        self.partial_method = None
        if llhttp_execute(&self.llhttp, PyBytes_AS_STRING(spoken), len(spoken)) != HPE_OK:
            self.llhttp.error_pos = at
            raise self.failure(self.llhttp.error)
        return stop

    cdef int decide(self, int action) except -1:
        if self.phase != HELD:
            raise RuntimeError("no head is waiting for a decision")
        self.phase = BODY
        self.action = action
        self.llhttp.upgrade = action == SWITCH
        if action == NO_BODY:
            self.llhttp.flags |= F_SKIPBODY
        return 0

    cdef int end_message(self) except -1:
        """The message is complete; true: stop here."""
        cdef bint stop
        if self.headers is not None or self.field_count:
            self.sink.on_trailers(self.take_fields())
        self.phase = SWITCHED if self.action == SWITCH else START
        # RFC 9112 9.3: what follows the last message is none
        self.closed = not (self.keep_alive or self.llhttp.lenient_flags & LENIENT_KEEP_ALIVE)
        self.forget()
        stop = self.sink.on_end()
        return stop or self.phase == SWITCHED

    cdef int finish(self) except -1:
        if self.phase == FAILED:
            raise twin(self.error)
        if self.phase == BODY and self.llhttp.finish == HTTP_FINISH_SAFE_WITH_CB:
            self.phase = END  # RFC 9112 6.3: a response's body may last until the close
            self.end_message()
        elif self.phase not in (START, SWITCHED) or self.partial_method is not None:
            self.phase = FAILED
            self.error = IncompleteMessage(
                "the input ended inside a message", code="HPE_INVALID_EOF_STATE", offset=self.base
            )
            raise twin(self.error)
        self.closed = True
        return 0

    # -- tokens that one input began and another ends ------------------------------------------

    cdef int suspend(self, const char *end) except -1:
        """The input ends inside a message: keep what it began, refuse what grew too long."""
        cdef uint64_t here = self.offset(end)
        cdef list fields
        if self.phase == LINE:
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
            if self.field_count:
                fields = self.take_fields()
                self.headers = fields
            if self.name_length:
                self.carry_field()
            if self.carry_name:
                self.check_field(here - self.field_start)
        elif self.in_chunk_line:
            self.check_digits(end)
        return 0

    cdef int carry_field(self) except -1:
        self.carry_over(self.name, self.name_length)
        self.carry_name = self.name_length
        self.field_end = self.field_start + self.name_length
        if self.value != NULL:
            self.field_end = self.offset(self.value) + self.value_length
            self.carry_over(self.value, self.value_length)
        self.name_length = 0
        self.value_length = 0
        return 0

    cdef int carry_over(self, const char *at, size_t length) except -1:
        cdef size_t needed = self.carry_length + length, room
        cdef char *grown
        if needed > self.carry_room:
            room = needed * 2 if needed > 128 else 256
            grown = <char *> realloc(self.carry, room)
            if grown == NULL:
                raise MemoryError
            self.carry = grown
            self.carry_room = room
        memcpy(self.carry + self.carry_length, at, length)
        self.carry_length = needed
        return 0

    cdef int end_line(self) except -1:
        """The target, or the reason, is complete."""
        self.phase = FIELDS
        if self.carry_length:
            self.target = PyBytes_FromStringAndSize(self.carry, self.carry_length)
            self.carry_length = 0
        return 0

    cdef int end_field(self) except -1:
        """A name and its value are complete."""
        cdef Field *field
        if self.carry_name:
            if self.headers is None:
                self.headers = []
            self.count_field(self.field_end - self.field_start)
            self.headers.append(
                self.take(self.carry, self.carry_name, self.carry + self.carry_name,
                          self.carry_length - self.carry_name)
            )
            self.carry_name = 0
            self.carry_length = 0
            return 0
        if self.value == NULL:
            self.value = self.name + self.name_length
        self.count_field(self.value - self.name + self.value_length)
        if self.field_count == self.field_room:
            self.grow_fields()
        field = &self.fields[self.field_count]
        self.field_count += 1
        field.name = self.name
        field.name_length = self.name_length
        field.value = self.value
        field.value_length = self.value_length
        self.name_length = 0
        self.value_length = 0
        return 0

    cdef int grow_fields(self) except -1:
        cdef size_t room = self.field_room * 2
        cdef Field *grown = <Field *> realloc(self.grown, room * sizeof(Field))
        if grown == NULL:
            raise MemoryError
        if self.grown == NULL:
            memcpy(grown, self.fields, self.field_count * sizeof(Field))
        self.grown = self.fields = grown
        self.field_room = room
        return 0

    cdef int count_field(self, uint64_t length) except -1:
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

    cdef int check_field(self, uint64_t length) except -1:
        """The same for one that still arrives; of its CRLF none, one or both bytes are here."""
        cdef uint64_t before = self.section_length
        self.count_field(length - 2 if length > 2 else 0)
        self.section_length = before
        return 0

    # -- Python objects ------------------------------------------------------------------------

    cdef list take_fields(self):
        """All complete fields as pairs."""
        cdef size_t i, count = self.field_count
        cdef Field *fields = self.fields
        cdef list pairs
        cdef tuple pair
        if self.headers is None:
            pairs = PyList_New(count)
            for i in range(count):
                pair = self.take(fields[i].name, fields[i].name_length, fields[i].value,
                                 fields[i].value_length)
                Py_INCREF(pair)
                PyList_SET_ITEM(pairs, i, pair)
        else:
            pairs = self.headers
            for i in range(count):
                pairs.append(self.take(fields[i].name, fields[i].name_length, fields[i].value,
                                       fields[i].value_length))
            self.headers = None
        self.field_count = 0
        return pairs

    cdef tuple take(self, const char *name, size_t name_length, const char *value,
                    size_t value_length):
        cdef Kind kind
        cdef tuple pair
        # RFC 9112 5.1: white space around the value is not part of it
        while value_length and (value[value_length - 1] == c' ' or value[value_length - 1] == c'\t'):
            value_length -= 1
        pair = field(name, name_length, value, value_length, &kind)
        if kind and self.phase < BODY:  # RFC 9110 6.5.1: a trailer changes nothing
            note(&self.facts, kind, value, value_length, self.strict and not self.response)
            if kind == UPGRADE:
                self.upgrade = <bytes> pair[1] if self.upgrade is None else (
                    self.upgrade + b", " + <bytes> pair[1]
                )
        return pair

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
            if self.facts.coded and self.llhttp.http_minor == 0:  # RFC 9112 6.1
                raise HttpParserError("Transfer-Encoding in HTTP/1.0",
                                      code="STRICT_TRANSFER_ENCODING")
        head.status = self.llhttp.status_code
        head.version = VERSION_1_1 if self.llhttp.http_minor else VERSION_1_0
        if self.line_length:
            self.target = PyBytes_FromStringAndSize(self.line, self.line_length)
            self.line_length = 0
        head.reason = self.target if self.target is not None else b""
        head.headers = self.take_fields()
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
        if self.action == NO_BODY or head.status < 200:
            self.llhttp.flags |= F_SKIPBODY
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
                                          code="HPE_INVALID_CHUNK_SIZE", offset=self.offset(at))
            elif self.digits or at[0] != c'\r' and at[0] != c'\n':  # those end the last chunk
                self.digits = -1
                return 0
            at += 1
        return 0

    cdef object failure(self, int code):
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
            offset=self.offset(position) if position != NULL else self.base,
        )


cdef object twin(object error):
    """The same error to raise again: without the traceback, whose frames hold the parser."""
    other = type(error).__new__(type(error), *error.args)
    other.__dict__.update(error.__dict__)
    other.events = []
    return other


ERRORS = {
    HPE_INVALID_METHOD: HttpParserInvalidMethodError,
    HPE_INVALID_STATUS: HttpParserInvalidStatusError,
    HPE_INVALID_URL: HttpParserInvalidURLError,
    HPE_INVALID_VERSION: VersionNotSupported,
    HPE_PAUSED_H2_UPGRADE: VersionNotSupported,
}


cdef object line_too_long(size_t limit):
    return UriTooLong(f"the request line is longer than {limit} bytes (request_line)",
                      code="LIMIT_REQUEST_LINE")


cdef object fields_too_large(str name, size_t limit):
    return HeaderFieldsTooLarge(f"the fields are past the limit {name}={limit}",
                                code=f"LIMIT_{name.upper()}")


cdef object body_too_large(uint64_t limit):
    return ContentTooLarge(f"the body is larger than {limit} bytes (body)", code="LIMIT_BODY")


# -- llhttp's callbacks ------------------------------------------------------------------------

cdef int on_target(llhttp_t *llhttp, const char *at, size_t length) except -1:
    cdef Parser self = <Parser> llhttp.data
    cdef uint64_t here = self.offset(at)
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
    if self.line_next - self.line_start + SP_VERSION - 1 > self.limits.request_line:
        raise line_too_long(self.limits.request_line)
    return 0


cdef int on_protocol(llhttp_t *llhttp, const char *at, size_t length) except -1:
    cdef Parser self = <Parser> llhttp.data
    if self.phase == LINE:
        self.end_line()
        if self.strict and self.offset(at) != self.line_next:
            raise HttpParserError("one space is needed before the version", code="STRICT_SPACE",
                                  offset=self.offset(at))
        if self.strict and at[0] != c'H':  # RTSP and ICE, which llhttp parses too
            raise HttpParserError("the protocol is not HTTP", code="STRICT_PROTOCOL",
                                  offset=self.offset(at))
    return 0


cdef int on_reason(llhttp_t *llhttp, const char *at, size_t length) except -1:
    cdef Parser self = <Parser> llhttp.data
    if self.carry_length:
        self.carry_over(at, length)
    elif self.line_length:
        self.line_length += length
    else:
        self.line = at
        self.line_length = length
    if self.offset(at) + length - self.line_start > self.limits.request_line:
        raise line_too_long(self.limits.request_line)
    return 0


cdef int on_reason_complete(llhttp_t *llhttp) except -1:
    return (<Parser> llhttp.data).end_line()


cdef int on_name(llhttp_t *llhttp, const char *at, size_t length) except -1:
    cdef Parser self = <Parser> llhttp.data
    if self.phase == BODY:
        self.phase = TRAILERS
        self.section_length = 0
        self.in_chunk_line = False
    if self.carry_name:
        self.carry_over(at, length)
        self.carry_name += length
    elif self.name_length:
        self.name_length += length
    else:
        self.name = at
        self.name_length = length
        self.value = NULL
        self.field_start = self.offset(at)
    return 0


cdef int on_value(llhttp_t *llhttp, const char *at, size_t length) except -1:
    cdef Parser self = <Parser> llhttp.data
    cdef list fields
    if self.carry_name:
        self.carry_over(at, length)
        self.field_end = self.offset(at) + length
    elif self.value_length == 0:
        self.value = at
        self.value_length = length
    elif at == self.value + self.value_length:
        self.value_length += length
    else:  # a folded value, where a leniency allows it
        if self.field_count:
            fields = self.take_fields()
            self.headers = fields
        self.carry_field()
        self.carry_over(at, length)
        self.field_end = self.offset(at) + length
    return 0


cdef int on_value_complete(llhttp_t *llhttp) except -1:
    return (<Parser> llhttp.data).end_field()


cdef int on_headers_complete(llhttp_t *llhttp) except -1:
    cdef Parser self = <Parser> llhttp.data
    cdef object head
    if self.phase == LINE:
        if self.strict and not self.response:  # RFC 9112 3: HTTP/0.9 had no version
            raise HttpParserError("the request line has no version", code="STRICT_VERSION")
        self.end_line()
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
    cdef Parser self = <Parser> llhttp.data
    if length == 0:
        return 0
    self.body_length += length
    self.chunk_start = self.offset(at) + length
    if self.body_length > self.limits.body:
        raise body_too_large(self.limits.body)
    self.sink.on_body(at, length)
    return 0


cdef int on_chunk_header(llhttp_t *llhttp) except -1:
    cdef Parser self = <Parser> llhttp.data
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
    cdef Parser self = <Parser> llhttp.data
    self.in_chunk_line = True
    self.digits = 0
    return 0


cdef int on_extension_name(llhttp_t *llhttp, const char *at, size_t length) except -1:
    return on_extension(<Parser> llhttp.data, c';', at, length)


cdef int on_extension_value(llhttp_t *llhttp, const char *at, size_t length) except -1:
    return on_extension(<Parser> llhttp.data, c'=', at, length)


cdef int on_extension(Parser self, char mark, const char *at, size_t length) except -1:
    if not self.in_extension:
        self.in_extension = True
        self.extensions_length += 1
        if self.chunk_extensions:
            self.carry_over(&mark, 1)
    self.extensions_length += length
    if self.extensions_length > self.limits.chunk_extensions:
        raise ChunkExtensionsTooLarge(
            f"the chunk extensions are longer than {self.limits.chunk_extensions} bytes "
            "(chunk_extensions)", code="LIMIT_CHUNK_EXTENSIONS",
        )
    if self.chunk_extensions:
        self.carry_over(at, length)
    return 0


cdef int on_extension_complete(llhttp_t *llhttp) except -1:
    (<Parser> llhttp.data).in_extension = False
    return 0


cdef int on_message_complete(llhttp_t *llhttp) except -1:
    (<Parser> llhttp.data).phase = END
    return HPE_PAUSED


cdef llhttp_settings_t request_settings, response_settings


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
