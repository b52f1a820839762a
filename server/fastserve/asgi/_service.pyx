"""What the connections of one event loop share: the app, the options, the clock, the counters."""

import contextvars
import logging
import sys
from urllib.parse import quote

from httpparser cimport Limits, Output
from httpparser._threads cimport set_immortal
from fastserve.asgi._task cimport Runner

from fastserve.asgi.tls_scope import server_certificate
from fastserve.proxy import Proxies
from fastserve.repeats import REPEATS

__all__ = ("Service",)

SWEEP_SECONDS = 1.0


class NoParameters(dict):
    """The empty dict of an extension without parameters, which nobody can fill."""

    def _refuse(self, *args, **kwargs):
        raise TypeError("the extensions of a scope are shared by all requests: replace, not fill")

    __setitem__ = __ior__ = update = setdefault = _refuse


cdef object uncounted():
    """The one for all scopes, in every thread."""
    parameters = NoParameters()
    set_immortal(parameters)
    return parameters


# What every scope and every message begin as. Each service copies them, so that no two threads use
# the same dict; what is in them is interned or uncounted.
cdef object NO_PARAMETERS = uncounted()
cdef str VERSION_1_1 = sys.intern("1.1")
cdef str EARLY_HINT = sys.intern("http.response.early_hint")
cdef dict ASGI = {"version": sys.intern("3.0"), "spec_version": sys.intern("2.5")}
cdef dict EXTENSIONS = {
    sys.intern("http.response.pathsend"): NO_PARAMETERS,
    sys.intern("http.response.zerocopysend"): NO_PARAMETERS,
    EARLY_HINT: NO_PARAMETERS,
}
cdef dict MESSAGE = {"type": sys.intern("http.request"), "body": b"", "more_body": True}


cdef class Service:
    """One per loop. `connection()` is the protocol factory for the loop's servers.

    `app` is an ASGI 3 callable, `config` a `fastserve.Config`, `protocol` makes a connection from a
    service, `state` is the lifespan's state or None when the app has no lifespan, `access_log` has
    `record(entry)` or is None, `parser_factory` is None for llhttp, `http2` makes the protocol of a
    connection that turns out to speak HTTP/2, None when it is off; `counters` is None when metrics
    are off.
    """

    def __cinit__(self, app, config, loop, protocol, *, state=None, access_log=None,
                  parser_factory=None, http2=None, counters=None):
        self.protocol = protocol
        self.http2 = http2
        self.app = app
        self.config = config
        self.loop = loop
        self.state = state
        self.access_log = access_log
        self.counters = counters
        self.timed = counters is not None
        if access_log is not None:
            self.timed = self.timed or access_log.timed
            self.wants_headers = access_log.wants_headers
            self.wants_response_headers = access_log.wants_response_headers
        self.parser_factory = parser_factory
        trusts_proxies = config.proxy_headers and config.forwarded_allow_ips
        if trusts_proxies:
            self.proxies = Proxies(
                config.forwarded_allow_ips, config.forwarded_headers, config.forwarded_host
            )
        self.logger = logging.getLogger("fastserve")
        self.context = contextvars.copy_context()
        self.runner = Runner(loop, self.context, config.task_per_request)
        self.turn_seconds = 0.004
        self.connections = set()
        self.websockets = set()
        self.output = Output.__new__(Output)
        self.now = loop.time()
        self.limits = Limits(
            request_line=config.limit_request_line,
            field=config.limit_field,
            fields=config.limit_fields,
            count=config.limit_field_count,
            trailers=config.limit_trailers,
            chunk_extensions=config.limit_chunk_extensions,
            body=config.limit_body,
        )
        self.timeout_first_byte = config.timeout_first_byte
        self.timeout_head = config.timeout_head
        self.timeout_body = config.timeout_body
        self.min_body_rate = config.min_body_rate
        self.keep_alive = config.timeout_keep_alive != 0
        seconds = config.timeout_keep_alive
        # HTTP/2 has no field to close with; a deadline of 0 would be none.
        self.timeout_keep_alive = 0 if seconds is None else max(seconds, 0.001)
        self.timeout_send = config.timeout_send
        self.pipeline_bytes = config.pipeline_bytes
        self.write_high_water = config.write_high_water
        self.drain_body = config.drain_body
        self.limit_concurrency = config.limit_concurrency
        self.has_websockets = config.ws != "none"
        self.server_certificate = server_certificate(config)
        root_path = config.root_path[:1] + config.root_path[1:]  # a str of this thread's own
        self.root_path = root_path or None
        self.raw_root_path = quote(config.root_path).encode()
        self.asgi = ASGI.copy()
        self.extensions_1_1 = EXTENSIONS.copy()
        self.extensions_1_0 = EXTENSIONS.copy()
        del self.extensions_1_0[EARLY_HINT]  # RFC 9110 15.2: no 1xx in HTTP/1.0
        self.part_message = MESSAGE.copy()
        self.last_message = {**MESSAGE, "more_body": False}
        # Every key stands here, so that a request's copy is filled without growing.
        self.scopes = {}
        self.scope = {
            "type": "http",
            "asgi": self.asgi,
            "http_version": VERSION_1_1,
            "method": "GET",
            "scheme": "http",
            "path": config.root_path + "/",
            "raw_path": self.raw_root_path + b"/",
            "query_string": b"",
            "root_path": root_path,
            "headers": None,
            "client": None,
            "server": None,
            "extensions": None,
        }
        if state is not None:
            self.scope["state"] = None

    cdef dict scope_of(self, object server, str scheme):
        """The template for connections that came in there; all of them share it."""
        cdef dict scope
        if server is not None and server is self.server and scheme is self.scheme:
            return self.last_scope
        key = (scheme, *server) if server is not None else scheme
        scope = self.scopes.get(key)
        if scope is None:
            scope = {**self.scope, "server": server, "scheme": scheme}
            if len(self.scopes) < 1000:  # a server may listen on any number of addresses
                self.scopes[key] = scope
        self.server, self.scheme, self.last_scope = server, scheme, scope
        return scope

    cdef bint trusts(self, object client) except -1:
        """Whether the peer is a trusted proxy: most come from where the last one came."""
        cdef object host = (<tuple> client)[0] if type(client) is tuple else None
        if host is None or host != self.host:
            self.trusts_host = self.proxies.trust(client)
            self.host = host
        return self.trusts_host

    def connection(self, endpoints=None):
        """A new protocol: the factory for `loop.create_server()`.

        `endpoints` are the addresses of client and server, if the PROXY protocol has told them.
        """
        protocol = self.protocol(self)
        if endpoints is not None:
            protocol.endpoints = endpoints
        return protocol

    def reload_certificate(self):
        """Show the certificate as it is in its file now to later connections."""
        self.server_certificate = server_certificate(self.config)

    @property
    def open_connections(self):
        """How many clients' connections are open, whatever they speak."""
        return len(self.connections) + len(self.websockets) - self.on_streams

    @property
    def idle(self):
        """Whether no connection is open and no request in progress."""
        return not self.connections and not self.websockets and not self.active

    def start(self):
        """Begin to sweep: one coarse timer serves the deadlines of all connections."""
        self.now = self.loop.time()
        self.timer = self.loop.call_later(SWEEP_SECONDS, self.sweep)
        if self.counters is not None:
            self.counters.beat(0)

    def sweep(self):
        """Once a second: end what is past its deadline."""
        now = self.loop.time()
        if self.counters is not None:
            self.counters.beat(now - self.now - SWEEP_SECONDS)
        self.now = now
        self.timer = self.loop.call_later(SWEEP_SECONDS, self.sweep)
        for connection in tuple(self.connections):
            try:
                connection.sweep()
            except Exception as error:
                self.report(connection, error)
        for session in tuple(self.websockets):
            try:
                session.sweep(self.now)
            except Exception as error:
                self.report(session, error)
        REPEATS.tell()

    def drain(self):
        """Close idle connections in a second, busy ones after their response, WebSockets with 1012.

        A request that is on its way on an idle connection is still answered.
        """
        self.draining = True
        for connection in tuple(self.connections):
            connection.drain()
        for session in tuple(self.websockets):
            session.shutdown()

    def warn(self):
        """Tell the apps that still answer, and those of requests that come after this.

        `receive` gives http.disconnect after the whole request, `send` goes on.
        """
        self.warned = True
        for connection in tuple(self.connections):
            connection.warn()

    def abort(self):
        """Close everything now and cancel the app's calls."""
        for peer in (*self.connections, *self.websockets):
            try:
                peer.abort()
            except Exception as error:
                self.report(peer, error)
        self.runner.cancel()

    cdef int report(self, object peer, object error) except -1:
        """One failed where all are gone through: the others are not to suffer."""
        self.loop.call_exception_handler(
            {"message": "a connection failed", "exception": error, "protocol": peer}
        )
        return 0

    def stop(self):
        """End the timer and the parked task."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        self.runner.close()
        REPEATS.tell(at_end=True)

    async def wait_closed(self):
        """Wait until `idle`."""
        while not self.idle:
            closed = self.closed = self.loop.create_future()
            try:
                await closed
            finally:
                if self.closed is closed:  # a second caller may wait by now
                    self.closed = None

    cdef int remember(self, object connection) except -1:
        """A connection is open."""
        self.connections.add(connection)
        if self.counters is not None:
            self.counters.counts.levels.connections = len(self.connections)
        return 0

    cdef int forget(self, object connection) except -1:
        self.connections.discard(connection)
        if self.counters is not None:
            self.counters.counts.levels.connections = len(self.connections)
        self.notice()
        return 0

    cpdef notice(self):
        """A connection, a WebSocket or a request is over; perhaps it was the last."""
        if self.closed is not None and self.idle and not self.closed.done():
            self.closed.set_result(None)
