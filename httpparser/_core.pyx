"""llhttp, driven: bytes in, and what is found in them into a `Sink`.

A `Parser` is one side of one connection. Tokens, heads and bodies are made in `_message`, fields
in `_fields`; here is what goes from message to message: pauses, upgrades, errors and the end.
"""

from cpython.bytes cimport PyBytes_AS_STRING
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memchr, memcmp

from httpparser._fields cimport (
    BODY, END, FAILED, HELD, LINE, START, SWITCHED, Field, offset_of,
)
from httpparser._limits cimport Limits
from httpparser._message cimport Message, request_settings, response_settings
from httpparser._sink cimport NO_BODY, SWITCH, Sink
from httpparser.llhttp cimport *

from httpparser.errors import (
    HttpParserError, HttpParserInvalidMethodError, HttpParserInvalidStatusError,
    HttpParserInvalidURLError, IncompleteMessage, MethodNotImplemented, VersionNotSupported,
)

__all__ = ("LLHTTP_VERSION", "Parser")

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

# Those of RFC 9110, 5789, 4918, 3253, 5842, 4791, 2068 and UPnP that llhttp parses over HTTP.
PARSED_METHODS = frozenset(
    b"ACL BIND CHECKOUT CONNECT COPY DELETE GET HEAD LINK LOCK M-SEARCH MERGE MKACTIVITY "
    b"MKCALENDAR MKCOL MOVE NOTIFY OPTIONS PATCH POST PRI PROPFIND PROPPATCH PURGE PUT REBIND "
    b"REPORT SEARCH SUBSCRIBE TRACE UNBIND UNLINK UNLOCK UNSUBSCRIBE".split()
)
TOKEN = frozenset(b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")

LLHTTP_VERSION = f"{LLHTTP_VERSION_MAJOR}.{LLHTTP_VERSION_MINOR}.{LLHTTP_VERSION_PATCH}"


cdef class Parser(Message):
    """One side of one connection. `setup()` before anything else."""

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
        self.use_table(fields, FIELDS_ON_STACK)
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
            self.leave_table()

    cdef int fail(self, object error) except -1:
        """Keep the error for every later call."""
        cdef uint64_t place = self.base
        if self.llhttp.error != HPE_OK and self.llhttp.error_pos != NULL:
            place = offset_of(self, self.llhttp.error_pos)
        elif START < self.phase < END:  # where the input ended: too long by now
            place = offset_of(self, self.stop)
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
                if self.llhttp.flags & F_CHUNKED:
                    self.begin_chunk_line(offset_of(self, at))
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
                                      code="HPE_CLOSED_CONNECTION", offset=offset_of(self, at))
            self.line_start = offset_of(self, at)
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
            raise MethodNotImplemented(  # RFC 9112 3
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
            offset=offset_of(self, position) if position != NULL else self.base,
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
