"""asyncio.Protocol: from the transport's bytes to requests, one after the other."""

from cpython.bytes cimport (
    PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE,
)
from cpython.dict cimport PyDict_Copy

from httpparser._core cimport CONTINUE, SWITCH, Parser
from httpparser._head cimport RequestHead
from fastserve.http._cycle cimport Cycle
from fastserve.http._ending cimport ARRIVING, BUSY, ENDED, LINGERING, QUIET, Ending, text_of
from fastserve.http._response cimport COMPLETE
from fastserve.http._service cimport Service

import sys
from time import perf_counter_ns

from fastserve.http._refusal import Refusal
from fastserve.http.tls_scope import describe
from fastserve.websocket import Refusal as HandshakeRefusal
from fastserve.websocket import is_wanted as websocket_is_wanted
from fastserve.websocket import Session
from fastserve.websocket import read as read_handshake
from httpparser.errors import HttpParserError

__all__ = ("Connection",)

# What the template says already; httpparser gives these very objects, interned.
cdef str VERSION_1_1 = sys.intern("1.1"), GET = sys.intern("GET")
cdef bytes SLASH = b"/", EMPTY = b""

cdef enum:
    OPENING = 16  # bytes that tell a method, behind the empty line of RFC 9112 2.2


cdef class Connection(Ending):
    def __init__(self, Service service not None):
        self.service = service
        self.scheme = "http"

    # -- asyncio.Protocol ----------------------------------------------------------------------

    def connection_made(self, transport):
        cdef Service service = self.service
        self.transport = transport
        transport.set_write_buffer_limits(high=service.write_high_water)
        self.client = address(transport.get_extra_info("peername"))
        tls = transport.get_extra_info("ssl_object")
        if tls is not None:
            self.scheme = "https"
            self.tls = describe(tls, service.server_certificate)
        self.scope = service.scope_of(address(transport.get_extra_info("sockname")), self.scheme)
        if service.parser_factory is None:
            self.parser = Parser.__new__(Parser)
            self.parser.setup(False, self, service.limits)
            self.parser.strict = True
            self.parser.any_method = True
        else:
            self.port = service.parser_factory(self, service.limits)
        self.proxied = service.proxies is not None and service.proxies.trust(self.client)
        self.deadline = service.after(service.first_byte_timeout)
        service.connections.add(self)
        if service.draining:
            self.drain()

    def data_received(self, bytes data):
        if self.stage == BUSY and self.message_ended:
            self.keep(data)
        elif self.stage == LINGERING:
            self.throw_away(PyBytes_GET_SIZE(data))
        elif self.stage != ENDED:
            self.consume(data)

    def eof_received(self):
        """A half-closed client still gets its answers; True keeps the transport open for them."""
        self.eof = True
        if self.stage == BUSY and self.scheme == "http":
            if self.message_ended:
                return True
            self.cycle.disconnect()  # its body will never be complete
            if self.cycle.phase != COMPLETE:
                return True
        self.close()
        return False

    def connection_lost(self, error):
        cdef Cycle cycle = self.cycle
        self.stage = ENDED
        self.gone = True
        self.cycle = None
        self.pending = None
        self.parser = None
        self.port = None
        self.service.forget(self)
        if cycle is not None:
            cycle.disconnect()
        self.wake_drain()

    # -- requests ------------------------------------------------------------------------------

    cdef int consume(self, bytes data) except -1:
        """Parse and answer as far as it goes without waiting; one write for all of it."""
        cdef Py_ssize_t at = 0, length = PyBytes_GET_SIZE(data)
        self.stepping = self.consuming = True
        try:
            while True:
                at += self.parse(data, at)
                if self.waiting:
                    self.run_app()
                if not self.exchange_over():
                    break
                self.end_exchange()
                if self.stage != QUIET or at == length:
                    break
        except (HttpParserError, HandshakeRefusal) as error:
            if self.stage != BUSY:
                self.note_opening(data, at)
            self.refuse(error)
        finally:
            self.consuming = False
            self.flush()
            self.stepping = False
        if self.stage == BUSY:
            self.after_consuming(data, at)
        elif self.leaving:
            self.leave()
        return 0

    cdef int after_consuming(self, bytes data, Py_ssize_t at) except -1:
        """The request is not over: keep what is behind it, or watch for the rest of its body."""
        if self.upgrade is not None:
            return self.switch(data[at:])
        if self.message_ended:
            if at < PyBytes_GET_SIZE(data):
                self.keep(data[at:] if at else data)
        elif self.cycle.phase == COMPLETE:
            if not self.keep_alive:
                return self.leave()
        elif self.cycle.buffered > <Py_ssize_t> self.service.write_high_water:
            self.pause_reading()
            return 0
        if not self.message_ended:
            self.deadline = self.service.after(self.service.body_timeout)
        return 0

    cdef Py_ssize_t parse(self, bytes data, Py_ssize_t start) except -1:
        cdef Py_ssize_t consumed
        if self.parser is not None:
            consumed = self.parser.execute(PyBytes_AS_STRING(data) + start,
                                           PyBytes_GET_SIZE(data) - start)
        else:
            consumed = self.port.feed(data[start:] if start else data)
        if self.stage < BUSY:
            self.note_opening(data, start)
        if self.stage == QUIET:
            self.stage = ARRIVING
            self.deadline = self.service.after(self.service.head_timeout)
        return consumed

    cdef int note_opening(self, bytes data, Py_ssize_t start) except -1:
        """Whether it is a HEAD, even if its head never becomes whole. RFC 9110 9.3.2"""
        if self.stage == QUIET:
            self.opening = b""
        if PyBytes_GET_SIZE(self.opening) < OPENING:
            self.opening = (self.opening + data[start:start + OPENING]).lstrip(b"\r\n")
        self.is_head = self.opening.startswith(b"HEAD ")
        return 0

    cdef int on_head(self, object head) except -1:
        self.begin_request(<RequestHead> head)
        return SWITCH if self.upgrade is not None else CONTINUE

    cdef int on_body(self, const char *at, size_t length) except -1:
        if self.cycle.phase != COMPLETE:
            self.cycle.add_body(PyBytes_FromStringAndSize(at, length))
        else:
            self.thrown_away += length
            if self.thrown_away > self.service.drain_body:
                self.keep_alive = False
        return 0

    cdef int on_end(self) except -1:
        self.message_ended = True
        if self.cycle is not None:
            self.cycle.end()
        return True

    def head(self, RequestHead head not None):
        """For parsers in Python: a whole head; true when another protocol follows."""
        return self.on_head(head) == SWITCH

    def body(self, bytes data not None):
        """For parsers in Python: a part of the body."""
        self.on_body(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))

    def end(self):
        """For parsers in Python: the end of the message; the parser stops here."""
        self.on_end()

    cdef int begin_request(self, RequestHead head) except -1:
        cdef Service service = self.service
        cdef Cycle cycle
        self.stage = BUSY
        self.used = True
        self.deadline = 0
        self.thrown_away = 0
        self.message_ended = False
        self.is_head = head.method is not GET and head.method == "HEAD"
        self.keep_alive = head.keep_alive and not service.draining
        if head.method == "CONNECT":  # an origin server is no tunnel
            raise Refusal(501, "CONNECT is not supported")
        # RFC 9110 9.1: methods are case-sensitive, while ASGI upper-cases them
        if head.method is not GET and head.method != head.method.upper():
            raise Refusal(501, "the method is not known")
        if service.limit_concurrency and service.active >= service.limit_concurrency:
            raise Refusal(503, "too many requests at once")
        if head.upgrade is not None and websocket_is_wanted(head.upgrade):
            self.handshake = read_handshake(head.method, head.version, head.headers)
            self.upgrade = head
            return 0
        cycle = Cycle.__new__(Cycle)
        cycle.wire = self
        cycle.head = head
        cycle.remaining = -1
        cycle.continue_wanted = head.expect_continue
        cycle.scope = self.make_scope(head)
        if service.timed:
            cycle.started_at = perf_counter_ns()
        self.cycle = cycle
        self.waiting = True
        return 0

    cdef dict make_scope(self, RequestHead head):
        cdef Service service = self.service
        cdef dict scope = PyDict_Copy(self.scope)
        cdef dict extensions
        scope["asgi"] = PyDict_Copy(service.asgi)
        if head.version is VERSION_1_1:
            scope["extensions"] = extensions = PyDict_Copy(service.extensions_1_1)
        else:
            scope["http_version"] = head.version
            scope["extensions"] = extensions = PyDict_Copy(service.extensions_1_0)
        if head.method is not GET:
            scope["method"] = head.method
        if head.raw_path is not SLASH:
            scope["path"] = head.path
            scope["raw_path"] = head.raw_path
        if head.query is not EMPTY:
            scope["query_string"] = head.query
        scope["headers"] = head.headers
        scope["client"] = self.client
        if head.trailers:
            extensions["http.response.trailers"] = {}
        if self.tls is not None:
            extensions["tls"] = self.tls.copy()
        if service.state is not None:
            scope["state"] = service.state.copy()
        if self.proxied:
            service.proxies.apply(scope)
            self.client_text = text_of(scope["client"])
        return scope

    cdef int run_app(self) except -1:
        self.waiting = False
        self.service.active += 1
        return self.service.runner.run(self.cycle)

    cdef inline bint exchange_over(self) noexcept:
        return self.message_ended and self.cycle is not None and self.cycle.phase == COMPLETE

    cdef int response_complete(self) except -1:
        """Called by the cycle as its response ends, perhaps long before the app does."""
        cdef Service service = self.service
        cdef Cycle cycle = self.cycle
        if cycle is None:
            return 0
        service.served += 1
        cycle.wake()
        if service.access_log is not None:
            self.log(cycle)
        if cycle.continue_wanted:
            self.keep_alive = False  # whether the body still comes cannot be known
        if self.consuming:
            return 0
        if self.message_ended and self.pending is None and self.keep_alive and not self.eof:
            return self.end_exchange()
        # Not from within the app's step: the next request is not for this task.
        service.loop.call_soon(self.resume)
        return 0

    cdef int log(self, Cycle cycle) except -1:
        cdef RequestHead head = cycle.head
        cdef long long elapsed = perf_counter_ns() - cycle.started_at if self.service.timed else 0
        if self.client_text is None:
            self.client_text = text_of(self.client)
        self.service.access_log.record(
            self.client_text, head.method, head.raw_path, head.query, head.version, cycle.status,
            cycle.sent, elapsed,
        )
        return 0

    def resume(self):
        """After a response that came later than its request: the next request, or the end."""
        cdef bytes pending = self.pending
        if self.stage != BUSY or self.gone:
            return
        if self.exchange_over():
            self.end_exchange()
        elif self.cycle is None or self.cycle.phase != COMPLETE:
            return
        elif not self.keep_alive or self.eof:
            self.leaving = True
        if self.leaving:
            self.leave()
        elif self.stage == QUIET and pending is not None:
            self.pending = None
            self.resume_reading()
            self.consume(pending)
            if self.eof and self.stage != BUSY:
                self.close()

    cdef int end_exchange(self) except -1:
        """Request and response are both complete. RFC 9112 9.3 and 9.6"""
        self.cycle = None
        self.stage = QUIET
        self.deadline = self.service.after(self.service.keep_alive_timeout)
        if self.reading_paused and self.pending is None:
            self.resume_reading()
        if not self.keep_alive or self.broken or self.service.draining or (
            self.eof and self.pending is None and not self.consuming
        ):
            self.stage = ARRIVING  # no further request is read
            self.leaving = True
        return 0

    cdef int settle_keep_alive(self) except -1:
        """As the head goes out: can the rest of the request be read away afterwards?"""
        cdef Cycle cycle = self.cycle
        if cycle is not None and not cycle.ended and (
            cycle.continue_wanted
            or cycle.head.content_length > <long long> self.service.drain_body
        ):
            self.keep_alive = False
        return 0

    cdef int keep(self, bytes data) except -1:
        """Raw bytes behind a request that is being answered: so many, then reading stops."""
        self.pending = data if self.pending is None else self.pending + data
        if <size_t> PyBytes_GET_SIZE(self.pending) > self.service.pipeline_bytes:
            self.pause_reading()
        return 0

    cdef int want_body(self) except -1:
        if self.reading_paused and not self.message_ended:
            self.resume_reading()
            self.deadline = self.service.after(self.service.body_timeout)
        return 0

    cdef int switch(self, bytes leftover) except -1:
        """Hand the transport over to a WebSocket session."""
        cdef RequestHead head = self.upgrade
        cdef Service service = self.service
        cdef dict scope = self.make_scope(head)
        scope["type"] = "websocket"
        scope["scheme"] = "wss" if scope["scheme"] == "https" else "ws"
        scope["subprotocols"] = self.handshake.subprotocols
        scope["extensions"] = {"websocket.http.response": {}}
        if self.tls is not None:
            scope["extensions"]["tls"] = self.tls.copy()
        del scope["method"]
        session = Session(service, self.transport, scope, self.handshake, leftover)
        self.transport.set_protocol(session)
        self.upgrade = None
        self.handshake = None
        self.parser = None
        self.port = None
        self.transport = None
        self.stage = ENDED
        self.gone = True
        session.start()
        return service.forget(self)


cdef object address(object name):
    """As ASGI wants it: (host, port), or [path, None] for a Unix socket."""
    if isinstance(name, tuple):
        return name[:2]
    if isinstance(name, (str, bytes)) and name:
        return [name if isinstance(name, str) else name.decode(), None]
    return None
