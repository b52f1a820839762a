"""The batch interface: bytes in, a list of events out."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize
from cpython.bytes cimport PyBytes_GET_SIZE
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport uint8_t, uint64_t
from libc.stdlib cimport free

from enum import Enum

from httpparser._threads cimport acquire, release, set_immortal
from httpparser.http1._head cimport RequestHead, ResponseHead, add_members
from httpparser.http1._limits cimport Limits
from httpparser.http1._parser cimport CONTINUE, HELD, NO_BODY, SWITCH, SWITCHED, Parser
from httpparser.http1._span cimport Span, append, forget

from httpparser.errors import HttpParserError

__all__ = (
    "BatchParser", "Chunk", "End", "RequestParser", "ResponseParser", "Trailers", "WholeRequest",
    "WholeRequestParser",
)

cdef enum:
    WORTH_A_VIEW = 4096  # below this a copy is cheaper than a memoryview
    EVERY_LENIENCY = 0x3FF  # llhttp 9.4.3 loops for ever on NUL under LENIENT_HEADER_VALUE_RELAXED

cdef Limits DEFAULTS = Limits()
cdef Limits WHOLE_DEFAULTS = Limits(body=1048576)
cdef bytes NO_BYTES = b""


class End(Enum):
    """The type of END, which ends each message."""

    END = "END"

    def __repr__(self):
        return "END"


cdef object MESSAGE_END = End.END
set_immortal(MESSAGE_END)
set_immortal(DEFAULTS)
set_immortal(NO_BYTES)


cdef class Trailers:
    """Fields after a chunked body, apart from the headers (RFC 9110 6.5)."""

    cdef readonly list headers

    def __repr__(self):
        return f"Trailers({self.headers!r})"


cdef class Chunk:
    """The beginning of a chunk: its size and its extensions as they were sent (b";name=value")."""

    cdef readonly uint64_t size
    cdef readonly bytes extensions

    def __repr__(self):
        return f"Chunk({self.size}, {self.extensions!r})"


cdef extern from *:
    """
    /* Room for a head and END, which are most of what one call returns. */
    static inline PyObject *httpparser_new_events(void) {
        PyObject *events = PyList_New(2);
        if (events != NULL)
            Py_SET_SIZE(events, 0);
        return events;
    }

    static inline int httpparser_add_event(PyObject *events, PyObject *event) {
        Py_ssize_t size = PyList_GET_SIZE(events);
        if (size >= 2)
            return PyList_Append(events, event);
        Py_SET_SIZE(events, size + 1);
        Py_INCREF(event);
        PyList_SET_ITEM(events, size, event);
        return 0;
    }
    """
    list new_events "httpparser_new_events"()
    int add_event "httpparser_add_event"(list, object) except -1


cdef bytes copy(object data):
    """Any contiguous buffer as bytes."""
    cdef Py_buffer view
    if PyBytes_CheckExact(data):
        return <bytes> data
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        return PyBytes_FromStringAndSize(<const char *> view.buf, view.len)
    finally:
        PyBuffer_Release(&view)


cdef class BatchParser(Parser):
    """What request and response parsers share."""

    cdef uint8_t busy  # a call is under way
    cdef list events  # of the call under way; None between calls
    cdef bytes owner  # the input if it is bytes: views of it remain valid
    cdef bint pause  # after each message
    cdef bint is_paused
    cdef bytes pending  # given but not parsed: paused, held, or another protocol
    cdef Py_ssize_t pending_at  # where what is left of it begins
    cdef list queue  # what was given after it
    cdef bint eof

    def __cinit__(self, *args, **kwargs):
        self.setup(False, DEFAULTS)
        self.drop_pending()

    @cython.final
    cdef int enter(self) except -1:
        if not acquire(&self.busy):
            raise RuntimeError("the parser is parsing already: give each thread its own")
        return 0

    @cython.final
    cdef void leave(self) noexcept:
        release(&self.busy)

    cdef int configure(self, bint response, bint strict, Limits limits, int lenient, bint pause,
                       bint chunk_extensions) except -1:
        if lenient & ~EVERY_LENIENCY:
            raise ValueError(f"{lenient:#x} is not a combination of Leniency flags")
        self.enter()
        try:
            self.setup(response, DEFAULTS if limits is None else limits)
            self.drop_pending()
            self.pause = pause
            self.strict = strict
            self.chunk_extensions = chunk_extensions
            self.llhttp.lenient_flags = lenient
        finally:
            self.leave()
        return 0

    cdef int on_head(self, object head) except -1:
        add_event(self.events, head)
        return CONTINUE

    cdef int on_body(self, const char *at, size_t length) except -1:
        cdef bytes owner = self.owner
        cdef Py_ssize_t start
        if owner is None:
            add_event(self.events, PyBytes_FromStringAndSize(at, length))
        elif length == <size_t> PyBytes_GET_SIZE(owner):
            add_event(self.events, owner)
        elif length < WORTH_A_VIEW:
            add_event(self.events, PyBytes_FromStringAndSize(at, length))
        else:
            start = at - PyBytes_AS_STRING(owner)
            add_event(self.events, memoryview(owner)[start:start + length])
        return 0

    cdef int on_chunk(self, uint64_t size, bytes extensions) except -1:
        cdef Chunk chunk = Chunk.__new__(Chunk)
        chunk.size = size
        chunk.extensions = extensions
        add_event(self.events, chunk)
        return 0

    cdef int on_trailers(self, list headers) except -1:
        cdef Trailers trailers = Trailers.__new__(Trailers)
        trailers.headers = headers
        add_event(self.events, trailers)
        return 0

    cdef int on_end(self) except -1:
        add_event(self.events, MESSAGE_END)
        self.is_paused = self.pause
        return self.pause

    def feed(self, data not None):
        """Parse one piece of input and return its events.

        `data` is bytes or any contiguous buffer; a buffer that may change is copied where an event
        needs it. While the parser is paused, held or switched, input is only kept. Raises
        HttpParserError and its subclasses, whose `events` are those before the error; errors are
        final. BufferError for a buffer that is not contiguous, TypeError for what is not a
        buffer. RuntimeError while another thread is inside the same parser.
        """
        self.enter()
        try:
            if not self.is_stopped():
                return self.parse(data, 0)
            if self.pending_at == PyBytes_GET_SIZE(self.pending):
                self.pending = copy(data)
                self.pending_at = 0
            else:
                self.queue.append(copy(data))
            return []
        finally:
            self.leave()

    def resume(self):
        """Go on after a pause, or after a held head whose upgrade is not wanted."""
        self.enter()
        try:
            if self.phase == HELD:
                self.decide(CONTINUE)
            return self.parse_pending()
        finally:
            self.leave()

    def feed_eof(self):
        """The other side has closed: end a body that lasts until then.

        Raises IncompleteMessage inside a message; after a pause or a held head, `resume()` does.
        """
        self.enter()
        try:
            self.eof = True
            return [] if self.is_stopped() else self.parse(b"", 0)
        finally:
            self.leave()

    def reset(self):
        """Begin anew, as for a new connection, with the same settings."""
        self.enter()
        try:
            self.clear()
            self.drop_pending()
        finally:
            self.leave()

    @property
    def paused(self):
        """Whether a message has ended and `resume()` is awaited."""
        return self.is_paused

    @property
    def held(self):
        """Whether a head waits for `switch()` or `resume()`."""
        return self.phase == HELD

    @property
    def leftover(self):
        """What was given but not parsed: after an upgrade, the other protocol's first bytes."""
        self.enter()
        try:
            self.join_pending()
            return self.pending
        finally:
            self.leave()

    @property
    def switched(self):
        """Whether what follows is another protocol's."""
        return self.phase == SWITCHED

    @cython.final
    cdef bint is_stopped(self) noexcept:
        return self.is_paused or self.phase == HELD or self.phase == SWITCHED

    @cython.final
    cdef int drop_pending(self) except -1:
        self.pending = b""
        self.pending_at = 0
        self.queue = []
        self.eof = False
        self.is_paused = False
        return 0

    @cython.final
    cdef int join_pending(self) except -1:
        if self.pending_at or self.queue:
            self.pending = b"".join([self.pending[self.pending_at:], *self.queue])
            self.pending_at = 0
            self.queue = []
        return 0

    @cython.final
    cdef list parse_pending(self):
        cdef bytes data
        cdef Py_ssize_t start
        if self.queue:
            self.join_pending()
        data = self.pending
        start = self.pending_at
        self.pending = b""
        self.pending_at = 0
        self.is_paused = False
        return self.parse(data, start)

    @cython.final
    cdef list parse(self, object data, Py_ssize_t start):
        cdef list events = new_events()
        self.events = events
        try:
            if PyBytes_CheckExact(data):
                self.owner = <bytes> data
                self.parse_bytes(<bytes> data, start)
            else:
                self.parse_buffer(data)
            if self.eof and not self.is_stopped():
                self.finish()
        except HttpParserError as error:
            error.events = events
            raise
        finally:
            self.owner = None
            self.events = None
        return events

    @cython.final
    cdef int parse_bytes(self, bytes data, Py_ssize_t start) except -1:
        cdef Py_ssize_t length = PyBytes_GET_SIZE(data)
        start += self.execute(PyBytes_AS_STRING(data) + start, length - start)
        if start < length:
            self.pending = data
            self.pending_at = start
        return 0

    @cython.final
    cdef int parse_buffer(self, object data) except -1:
        cdef Py_buffer view
        cdef Py_ssize_t consumed
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            consumed = self.execute(<const char *> view.buf, view.len)
            if consumed < view.len:
                self.pending = PyBytes_FromStringAndSize(
                    <const char *> view.buf + consumed, view.len - consumed
                )
                self.pending_at = 0
        finally:
            PyBuffer_Release(&view)
        return 0


cdef class RequestParser(BatchParser):
    """Requests as a server reads them.

    `feed()` returns a list of events: `RequestHead`, body parts (bytes, or a memoryview of the
    input where that is large), `Chunk` (with `chunk_extensions`), `Trailers`, `END`.

    - `strict`: refuse what RFC 9110 and 9112 forbid and llhttp accepts.
    - `limits`: a `Limits`; `lenient`: `Leniency` flags.
    - `any_method`: accept every token as method, not only those that llhttp knows.
    - `pause`: stop after each message until `resume()`.
    - `hold`: stop after a head with `upgrade` or the method CONNECT, until `switch()` accepts the
      other protocol or `resume()` refuses it. Without `hold` upgrades are ignored.
    """

    def __init__(self, *, bint strict=True, Limits limits=None, int lenient=0,
                 bint any_method=False, bint pause=False, bint hold=False,
                 bint chunk_extensions=False):
        self.configure(False, strict, limits, lenient, pause, chunk_extensions)
        self.enter()
        self.any_method = any_method
        self.hold = hold
        self.leave()

    def switch(self):
        """Accept the upgrade of the held head: the body, if any, still comes, then `END`."""
        self.enter()
        try:
            self.decide(SWITCH)
            return self.parse_pending()
        finally:
            self.leave()


cdef class WholeRequest(RequestHead):
    """A request with its body.

    `body` is bytes; `trailer_fields` are those after a chunked body, in the form of `headers`, or
    None (RFC 9110 6.5). The rest is that of a RequestHead.
    """

    cdef readonly bytes body
    cdef readonly list trailer_fields

    def __cinit__(self, *args):
        self.body = NO_BYTES

    def __repr__(self):
        return (
            f"<WholeRequest {self.method} {self.target!r} HTTP/{self.version}, "
            f"{len(self.body)} bytes>"
        )


cdef class WholeRequestParser(BatchParser):
    """Requests for who wants each of them as one object: `feed()` returns a list of WholeRequest.

    A body is kept here until it is complete, so that its length is always limited: to 1 MiB, unless
    `limits` says otherwise. Upgrades are ignored. The options are those of RequestParser.
    """

    cdef WholeRequest current  # whose body is still to come, else None
    cdef Span body  # of `current`, so far

    def __init__(self, *, bint strict=True, Limits limits=None, int lenient=0,
                 bint any_method=False, bint pause=False):
        self.configure(False, strict, WHOLE_DEFAULTS if limits is None else limits, lenient, pause,
                       False)
        self.enter()
        self.any_method = any_method
        self.leave()

    def __dealloc__(self):
        free(self.body.buffer)

    @property
    def expect_continue(self):
        """Whether the client waits for 100 (Continue) before it sends a body. RFC 9110 10.1.1"""
        self.enter()
        try:
            return self.current is not None and self.current.expect_continue and (
                self.body.length == 0
            )
        finally:
            self.leave()

    cdef int clear(self) except -1:
        self.current = None
        forget(&self.body)
        return Parser.clear(self)

    cdef RequestHead new_request(self):
        return WholeRequest.__new__(WholeRequest)

    cdef int on_head(self, object head) except -1:
        self.current = <WholeRequest> head
        return CONTINUE

    cdef int on_body(self, const char *at, size_t length) except -1:
        if length == <uint64_t> self.current.content_length:
            self.current.body = PyBytes_FromStringAndSize(at, length)
        else:
            append(&self.body, at, length)
        return 0

    cdef int on_trailers(self, list headers) except -1:
        self.current.trailer_fields = headers
        return 0

    cdef int on_end(self) except -1:
        if self.body.length:
            self.current.body = PyBytes_FromStringAndSize(self.body.at, self.body.length)
            forget(&self.body)
        add_event(self.events, self.current)
        self.current = None
        self.is_paused = self.pause
        return self.pause


cdef class ResponseParser(BatchParser):
    """Responses as a client reads them.

    `method` is that of the request being answered and may be set before each response: answers to
    HEAD have no body, a 2xx to CONNECT switches. Events as in `RequestParser`, with
    `ResponseHead`; an interim response (1xx) is a head and `END`, and the final one follows.
    """

    cdef str answered  # the method of the request, or None

    def __cinit__(self, *args, **kwargs):
        self.setup(True, DEFAULTS)

    def __init__(self, *, str method=None, bint strict=True, Limits limits=None, int lenient=0,
                 bint pause=False, bint chunk_extensions=False):
        self.configure(True, strict, limits, lenient, pause, chunk_extensions)
        self.method = method

    @property
    def method(self):
        """The method of the request that is answered next; None: none that matters."""
        self.enter()
        try:
            return self.answered
        finally:
            self.leave()

    @method.setter
    def method(self, str method):
        self.enter()
        try:
            self.answered = method
        finally:
            self.leave()

    cdef int on_head(self, object head) except -1:
        add_event(self.events, head)
        if self.answered is not None:
            if self.answered == "HEAD":
                return NO_BODY
            if self.answered == "CONNECT" and 200 <= (<ResponseHead> head).status < 300:
                return SWITCH
        return CONTINUE


cdef int make_members() except -1:
    cdef WholeRequest request = WholeRequest.__new__(WholeRequest)
    request.body = bytes([0, 0])
    request.trailer_fields = []
    return add_members(
        request, {"body": request.body, "trailer_fields": request.trailer_fields}
    )


make_members()
