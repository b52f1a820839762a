"""One HTTP/1 connection: bytes from the transport to requests, responses back, one at a time.

The state says where the connection is. `decide` says what comes next, after every event.

| state | bytes that arrive | it ends when | its deadline |
| --- | --- | --- | --- |
| NEW | begin a head: HEAD | | `timeout_first_byte`: close |
| IDLE | begin a head: HEAD | | `timeout_keep_alive`: close |
| HEAD | go to the parser | the head is whole: REQUEST, the app is called | `timeout_head`: 408 |
| REQUEST | go to the app, or nowhere once it has answered | the request is whole: RESPONSE | \
`timeout_body` without a byte while we read, or less than `min_body_rate`: 408 |
| RESPONSE | are kept: the next request | the response is complete: IDLE, LINGERING or CLOSED | \
the app's |
| LINGERING | are dropped, up to 1 MiB, then not read | | 2 s after all has arrived: abort |
| CLOSED | are dropped | the transport is closed | `timeout_send`, or 2 s after the last of the \
bytes that waited was sent: abort |

In every state `timeout_send` ends a client that reads nothing of what waits for it.

Rules:
- No request is started while the transport is congested: the client must read first.
- A turn serves a bounded number of requests in a few milliseconds, then the loop goes on.
- Reading pauses while what has arrived has no place: behind an unfinished response beyond
  `pipeline_bytes`, in a body that the app does not take beyond `write_high_water`. The deadline of
  a body that we do not read starts anew when we read again.
- The shared output holds the bytes of its owner alone. Who writes becomes the owner, and the bytes
  of the one before are set aside first, even when an app runs a nested loop.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t

from httpparser cimport CONTINUE, SWITCH, Output, Parser, RequestHead
from fastserve.asgi._exchange cimport (
    CLIENT_LEFT, COMPLETE, HEAD_GIVEN, Channel, Exchange, admit, describe_carrier, drained,
    new_exchange, record, record_refusal, text_of, wake_senders,
)
from fastserve.asgi._files cimport File
from fastserve.asgi._lingering cimport LINGER_SECONDS, close_our_side, drop_input
from fastserve.asgi._service cimport Service, coarse_time
from fastserve.asgi._slow cimport drips, is_stuck
from fastserve.asgi._task cimport DONE
from fastserve.asgi._transport cimport (
    direct, extra, limit, undelivered, write_bytes, write_output, write_parts,
)
from fastserve.http1._writer cimport (
    CHUNKED, NO_CONTENT, DefaultFields, Request, Writer, write_chunk, write_chunk_size,
)

import sys

from fastserve.errors import ClientDisconnected, Refusal
from fastserve.http1.sendfile import transmit
from fastserve.websocket import is_wanted as websocket_is_wanted
from fastserve.websocket import open_handshake
from httpparser.errors import HttpParserError

__all__ = ("Connection",)

cdef enum:
    START = 256  # bytes that tell the method, after the empty line of RFC 9112 2.2, for the log too
    TURN_REQUESTS = 64
    WORTH_NO_COPY = 16384  # larger bodies are given to the transport as they are
    MOST_READERS = 64  # of a loop that wait for a request
    DRAIN_SECONDS = 1

# What httpparser gives are these very objects, interned.
cdef str GET = sys.intern("GET"), VERSION_1_1 = sys.intern("1.1")
cdef bytes PREFACE = b"PRI "  # no method of HTTP/1: the rest of it is for HTTP/2 to check


@cython.final
cdef class RequestReader(Parser):
    """llhttp for a connection, from a request's first byte until its response is complete.

    It serves others meanwhile: half a kilobyte for each idle connection less, and what serves all
    of them in turn is in the processor's cache.
    """

    cdef Connection connection  # owned while it reads for it
    cdef RequestReader below  # owned: in the pile of those that no connection uses
    cdef int count  # of them, from this one down

    cdef int on_head(self, object head) except -1:
        self.connection.begin_request(<RequestHead> head)
        return SWITCH if self.connection.exchange.is_websocket else CONTINUE

    cdef int on_body(self, const char *at, size_t length) except -1:
        return self.connection.take_body(at, length)

    cdef int on_end(self) except -1:
        self.connection.end_request()
        return True


@cython.final
cdef class Connection(Channel):
    """An asyncio.Protocol, and the channel of the exchanges on it."""

    def __cinit__(self, Service service not None):
        self.service = service
        self.scheme = "http"
        self.writer = Writer.__new__(Writer)
        if service.default_fields is None:
            config = service.config
            service.default_fields = DefaultFields(
                config.own_server, config.own_date, config.extra_headers
            )
        self.writer.fields = service.default_fields

    # -- asyncio.Protocol ----------------------------------------------------------------------

    def connection_made(self, transport):
        cdef Service service = self.service
        self.transport = transport
        self.direct = direct(transport)
        tls = extra(transport, self.direct, "ssl_object")
        if service.counters is not None:
            service.counters.connected(tls is not None)
        if service.http2 is not None and tls is not None and tls.selected_alpn_protocol() == "h2":
            self.give_way()
            return
        limit(transport, self.direct, service.write_high_water)
        self.scheme = describe_carrier(self, transport)
        if service.parser_factory is not None:
            self.port = service.parser_factory(self, service.limits)
        self.deadline = service.after(service.timeout_first_byte)
        service.remember(self)
        if service.draining:
            self.drain()

    def data_received(self, bytes data not None):
        self.take(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))

    cdef int take(self, const char *at, size_t count) except -1:
        if self.state == LINGERING:
            self.service.count_received(count)
            drop_input(self.transport, count, &self.thrown_away, &self.reading_paused)
        elif self.state != CLOSED:
            if self.state == NEW and self.scheme == "http" and self.may_be_http2(at, count):
                return 0
            self.service.count_received(count)
            if self.unread:
                self.set_pending(self.input[:self.unread] + at[:count])
            else:
                self.input = at
                self.unread = count
            try:
                self.turn()
            finally:
                self.keep_input()
        return 0

    cdef int set_pending(self, bytes data) except -1:
        """This is what was not parsed."""
        self.pending = data
        self.input = PyBytes_AS_STRING(data)
        self.unread = PyBytes_GET_SIZE(data)
        return 0

    cdef bint may_be_http2(self, const char *at, size_t count) except -1:
        """The first bytes are, or may yet be, HTTP/2's preface. RFC 9113 3.3, 3.4"""
        cdef bytes data
        if not self.unread and (at[0] != c'P' or self.service.http2 is None):
            return False
        data = self.input[:self.unread] + at[:count]
        if data.startswith(PREFACE):
            self.give_way().data_received(data)
        elif PREFACE.startswith(data):
            if not self.unread:
                self.deadline = self.service.after(self.service.timeout_head)
            self.set_pending(data)
        else:
            self.service.count_received(self.unread)
            return False
        return True

    cdef object give_way(self):
        """The connection speaks HTTP/2: let its protocol have the transport."""
        protocol = self.service.http2(self.service)
        protocol.endpoints = self.endpoints
        transport = self.transport
        self.transport = self.direct = None
        self.release()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        return protocol

    def eof_received(self):
        """A half-closed client still gets its answers; True keeps the transport open for them."""
        self.eof = True
        self.read_on()
        if self.scheme == "http":
            if self.state == REQUEST:
                self.exchange.disconnect()  # its body will never be complete
                if self.exchange.phase != COMPLETE:
                    return True
            elif self.state == RESPONSE:
                if not self.exchange.is_websocket:
                    return True
            elif self.unread and self.state != NEW:
                return True
        self.close()
        return False

    def connection_lost(self, error):
        cdef Exchange exchange = self.exchange
        self.release()
        if exchange is not None:
            if exchange.phase != COMPLETE:
                record(exchange, CLIENT_LEFT)
            exchange.disconnect()
        wake_senders(self)
        if self.watcher is not None and not self.watcher.done():
            self.watcher.set_result(None)

    def pause_writing(self):
        """The transport's buffer is full."""
        self.congested = True
        self.stuck.until = 0

    def resume_writing(self):
        """The client has read."""
        self.congested = False
        if self.state == IDLE:
            self.deadline = self.service.after(self.service.timeout_keep_alive)
        elif self.state == HEAD:
            self.deadline = self.service.after(self.service.timeout_head)
        wake_senders(self)
        self.decide()

    cdef int release(self) except -1:
        """Let go of the transport, which is lost or another protocol's."""
        cdef Service service = self.service
        self.state = CLOSED
        self.gone = True
        self.exchange = None
        self.arrived = None
        self.forget_input()
        self.parts = None
        if self.parser is not None:
            (<RequestReader> self.parser).connection = None
            self.parser = None
        self.port = None
        return service.forget(self)

    # -- requests ------------------------------------------------------------------------------

    cdef int turn(self) except -1:
        """Serve what has arrived, as far as the rules allow; one write for all of it."""
        cdef int served = 0
        cdef double end = 0
        cdef bint nested = self.in_step
        if self.in_turn:  # an app runs a nested loop
            self.read_on()
            return self.steer_reading()
        self.in_turn = self.in_step = True
        try:
            while self.can_parse():
                self.parse()
                if self.exchange is not None and not self.exchange.called:
                    self.exchange.call()
                if self.state == RESPONSE and self.exchange.phase == COMPLETE:
                    self.end_exchange()
                    if not self.unread:
                        break
                    served += 1
                    if served == 1:
                        end = coarse_time() + self.service.turn_seconds
                    elif served == TURN_REQUESTS or coarse_time() > end:
                        break
        except (HttpParserError, Refusal) as error:
            self.refuse(error)
        finally:
            self.in_turn = False
            self.in_step = nested
            self.flush()
        return self.decide()

    cdef int read_on(self) except -1:
        """The rest of a request whose app runs a nested loop, or whose client has ended."""
        try:
            if self.state == REQUEST and self.unread:
                self.parse()
        except (HttpParserError, Refusal) as error:
            self.refuse(error)
            self.flush()
        return 0

    def resume(self):
        """The rest of a turn, or one that could not be taken at once."""
        self.turn_planned = False
        self.turn()

    cdef bint can_parse(self) noexcept:
        """Whether the rules let more of the input be parsed."""
        if not self.unread:
            return False
        if self.state <= HEAD:
            return not self.congested
        return self.state == REQUEST and self.wants_body()

    cdef inline bint wants_body(self) noexcept:
        return self.exchange.phase == COMPLETE or (
            self.exchange.buffered <= self.service.write_high_water
        )

    cdef int parse(self) except -1:
        """Up to the end of the input or of a request."""
        cdef bytes _owner = self.pending  # of what is read here, whatever a nested loop does
        cdef Parser parser
        cdef size_t consumed, given
        if self.port is None:
            if self.parser is None:
                self.parser = reader_for(self)
            parser = self.parser
            consumed = parser.execute(self.input, self.unread)
        else:
            given = self.unread
            consumed = self.port.feed(self.input[:given])
            if consumed > given:
                raise ValueError(f"feed() was given {given} bytes and has consumed {consumed}")
        if self.state <= HEAD:
            self.note_start()
            if self.state != HEAD:
                self.state = HEAD
                self.deadline = self.service.after(self.service.timeout_head)
        elif self.state == REQUEST:
            self.deadline = self.service.after(self.service.timeout_body)
        if self.unread:  # else a callback has ended the connection
            self.input += consumed
            self.unread -= consumed
        if not self.unread:
            self.pending = None
        return 0

    cdef int keep_input(self) except -1:
        """The memory that take() was given is another's again."""
        cdef size_t unread = self.unread
        if unread and self.pending is None:
            self.unread = 0  # if there is no memory for it
            self.set_pending(self.input[:unread])
        return 0

    cdef int forget_input(self) noexcept:
        self.pending = None
        self.unread = 0
        return 0

    cdef int begin_request(self, RequestHead head) except -1:
        cdef Service service = self.service
        self.state = REQUEST
        self.arrived = head
        self.deadline = 0
        self.thrown_away = 0
        self.body_bytes = 0
        self.body_since = service.now
        self.is_head = head.method is not GET and head.method == "HEAD"
        self.keep_alive = head.keep_alive and service.keep_alive and not service.draining
        admit(service, head)
        if (
            head.upgrade is not None and service.has_websockets
            and websocket_is_wanted(head.upgrade)
        ):
            if self.eof:
                raise Refusal(400, "the client has closed its side: no WebSocket is possible")
            if service.draining:
                raise Refusal(503, "the server is shutting down")
            self.exchange = open_handshake(self, head)
            self.keep_alive = False  # the parser reads nothing after it
        else:
            self.exchange = new_exchange(self, head)
        self.arrived = None
        return 0

    cdef int take_body(self, const char *at, size_t length) except -1:
        self.body_bytes += length
        if self.exchange.phase != COMPLETE:
            return self.exchange.add_body(at, length)
        self.thrown_away += length
        if self.thrown_away > self.service.drain_body:
            self.keep_alive = False
        return 0

    cdef int end_request(self) except -1:
        self.state = RESPONSE
        self.deadline = 0
        return self.exchange.end_body()

    def head(self, RequestHead head not None):
        """For parsers in Python: a whole head; true when another protocol follows."""
        self.begin_request(head)
        return self.exchange.is_websocket

    def body(self, bytes data not None):
        """For parsers in Python: a part of the body."""
        self.take_body(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))

    def end(self):
        """For parsers in Python: the end of the message; the parser stops here."""
        self.end_request()

    # -- what comes next -----------------------------------------------------------------------

    cdef int decide(self) except -1:
        """After every event: end what is over, go on with what can, read or not."""
        cdef Exchange exchange = self.exchange
        if self.in_turn or self.state >= LINGERING:
            return 0
        if exchange is not None and exchange.phase == COMPLETE and (
            self.state == RESPONSE or not self.keep_alive
        ):
            self.end_exchange()
            if self.state >= LINGERING:
                return 0
        if self.can_parse():
            # Not now: this may be inside a step of the app, and the next request is not its task's.
            self.plan_turn()
        elif self.state <= HEAD and not self.unread and self.eof:
            return self.close()
        return self.steer_reading()

    cdef int end_exchange(self) except -1:
        """The response is complete, the request too or not worth reading. RFC 9112 9.3 and 9.6"""
        cdef Service service = self.service
        cdef bint waits = self.exchange.is_websocket or not self.exchange.head.keep_alive
        self.exchange = None
        if self.keep_alive and not (self.eof and not self.unread):
            self.state = IDLE
            self.deadline = service.after(
                DRAIN_SECONDS if service.draining else service.timeout_keep_alive
            )
            if not self.unread and self.parser is not None:
                put_aside(<RequestReader> self.parser, service)
                self.parser = None
            return 0
        if self.state == RESPONSE and not self.unread and waits:  # it sends no more: RFC 6455 4.1
            return self.close()
        return self.linger()

    cdef int steer_reading(self) except -1:
        """Read while what arrives has a place."""
        cdef bint wanted
        if self.state == REQUEST:
            wanted = not self.unread and self.wants_body()
        else:
            wanted = not self.unread or self.unread <= self.service.pipeline_bytes
        if wanted == self.reading_paused and not self.gone:
            self.reading_paused = not wanted
            if self.state == REQUEST:  # the client is not to blame until we read again
                self.deadline = self.service.after(self.service.timeout_body) if wanted else 0
                if wanted:  # reading may have paused before this request
                    self.body_since += self.service.now - max(self.paused_since, self.body_since)
                self.paused_since = self.service.now
            if wanted:
                self.transport.resume_reading()
            else:
                self.transport.pause_reading()
        return 0

    cdef int plan_turn(self) except -1:
        if not self.turn_planned:
            self.turn_planned = True
            self.service.loop.call_soon(self.resume)
        return 0

    # -- responses -----------------------------------------------------------------------------

    cdef inline Output output(self):
        """The shared output, for this connection's bytes."""
        if self.service.output_owner is not self:
            self.claim()
        return self.service.output

    cdef int claim(self) except -1:
        cdef Service service = self.service
        if service.output_owner is not None:
            (<Connection> service.output_owner).spill()
        service.output_owner = self
        return 0

    cdef int spill(self) except -1:
        """Take our bytes out of the shared output; they keep their place before later ones."""
        cdef Output output = self.service.output
        if self.writer.pending and self.writer.held is None:
            self.writer.hold(output)
        if output.length:
            if self.parts is None:
                self.parts = []
            self.parts.append(output.take())
        self.service.output_owner = None
        return 0

    cdef int flush(self) except -1:
        """Give everything written so far to the transport, in one call."""
        cdef list parts
        if self.service.output_owner is self:
            if self.parts is None and not self.gone:
                return self.flush_output()
            self.spill()
        parts = self.parts
        if parts is None:
            return 0
        self.parts = None
        if self.gone:
            return 0
        if self.service.counters is not None:
            self.service.count_sent(sum(map(len, parts)))
        write_parts(self.transport, self.direct, parts)
        return 0

    cdef int flush_output(self) except -1:
        cdef Output output = self.service.output
        if self.writer.pending and self.writer.held is None:
            self.writer.hold(output)
        self.service.output_owner = None  # the transport may make others write
        if output.length:
            self.service.count_sent(output.length)
            write_output(self.transport, self.direct, output)
        return 0

    cpdef write(self, bytes data):
        """Write them after all that was written before. The caller counts them."""
        write_bytes(self.transport, self.direct, data)

    cdef int64_t send_head(self, Exchange exchange, object headers) except? -2:
        cdef int64_t declared = self.writer.begin(
            self.output(), exchange.status, headers,
            exchange.has_trailers and exchange.head.trailers,
        )
        if not self.in_step:
            self.flush()
        return declared

    cdef int drop_head(self) except -1:
        return self.writer.drop(self.service.output)

    cdef object send_body(self, Exchange exchange, bytes data, bint more):
        cdef Output output = self.output()
        cdef Py_ssize_t length = PyBytes_GET_SIZE(data)
        if self.writer.pending:
            self.finish_head(exchange, length, more)
        if length and self.writer.framing != NO_CONTENT:
            if length >= WORTH_NO_COPY:
                self.send_without_copy(data)
            elif self.writer.framing == CHUNKED:
                write_chunk(output, PyBytes_AS_STRING(data), length)
            else:
                output.append(PyBytes_AS_STRING(data), length)
        if not more:
            self.writer.end(output, exchange.has_trailers)
        return self.sent(more)

    cdef int send_without_copy(self, bytes data) except -1:
        """A large piece of a body; the end of a chunk follows in the shared output."""
        if self.writer.framing == CHUNKED:
            write_chunk_size(self.output(), PyBytes_GET_SIZE(data))
        self.spill()
        self.output()
        if self.parts is None:
            self.parts = []
        self.parts.append(data)
        if self.writer.framing == CHUNKED:
            self.output().append(b"\r\n", 2)
        return 0

    cdef int finish_head(self, Exchange exchange, Py_ssize_t length, bint more) except -1:
        cdef Request request
        request.http_1_1 = is_1_1(exchange.head)
        request.has_content = exchange.has_content
        if not exchange.ended and (
            exchange.continue_wanted
            or exchange.head.content_length > <long long> self.service.drain_body
        ):
            self.keep_alive = False  # the rest of the request is not worth reading
        self.keep_alive = self.writer.finish(
            self.output(), &request, length, more, self.keep_alive
        )
        return 0

    cdef object sent(self, bint more):
        """An awaitable: the app's message is written. In a step only what has piled up is sent.

        OSError when `more` is to come and the client has gone.
        """
        if not self.in_step or self.parts is not None or (
            self.service.output.length > self.service.write_high_water
        ):
            self.flush()
            if more:
                self.check_client()
        return self.wait_drained() if self.congested else DONE

    def wait_drained(self):
        """An awaitable: the transport's buffer is below its mark. OSError after a disconnect."""
        return DONE if not self.congested or self.gone else drained(self)

    cdef bint must_wait(self) except -1:
        if self.congested and self.gone:
            raise ClientDisconnected("the client has disconnected")
        return self.congested

    cdef int check_client(self) except -1:
        """The loop tells of a lost connection only after the step, and a step may be long.

        Between two steps it tells in time, those first who wait in `receive`.
        """
        if self.in_step and not self.gone and self.transport.is_closing():
            self.gone = True
            raise ClientDisconnected("the client has disconnected")
        return 0

    cdef object send_trailers(self, Exchange exchange, object headers, bint more):
        self.writer.trailers(self.output(), headers, more)
        return self.sent(more)

    cdef object send_early_hint(self, Exchange exchange, object links):
        if not is_1_1(exchange.head):
            return DONE  # RFC 9110 15.2: no 1xx to an HTTP/1.0 client
        self.writer.early_hint(self.output(), links)
        self.flush()
        self.check_client()  # the transport, when asked, holds it no longer
        return self.wait_drained()

    cdef object send_file(self, Exchange exchange, File file, bint more):
        cdef Py_ssize_t sent
        if self.writer.pending:
            self.finish_head(exchange, file.count, more)
        if not file.count or self.writer.framing == NO_CONTENT:
            return self.sent(more)
        if self.writer.framing != CHUNKED and self.direct is not None:
            self.direct.more = True
            try:
                self.flush()
            finally:
                self.direct.more = False
            sent = self.direct.put_file(file)
            if sent > 0:
                self.service.count_sent(sent)
                file.advance(sent)
                if not file.count:
                    return DONE
        return self.transmit_file(file)

    async def transmit_file(self, File file):
        """What the client does not take at once, and chunks."""
        cdef int64_t count = file.count
        cdef bint chunked = self.writer.framing == CHUNKED
        if chunked:
            write_chunk_size(self.output(), count)
        self.flush()
        try:
            await transmit(self, file, self.service.timeout_send)
        finally:
            self.service.count_sent(count - file.count)
        if chunked:
            self.output().append(b"\r\n", 2)
        self.flush()

    cdef int send_continue(self) except -1:
        self.writer.proceed(self.output())
        return self.flush()

    cdef int taken(self, Exchange exchange) except -1:
        if self.exchange is exchange and (self.reading_paused or self.unread):
            # Within a turn, it decides; but a nested loop that waits for more holds it up.
            return self.plan_turn() if self.in_turn else self.decide()
        return 0

    cdef int end_step(self) except -1:
        self.flush()
        return self.decide()

    cdef int finished(self, Exchange exchange) except -1:
        if self.exchange is not exchange:
            return 0
        record(exchange, exchange.status)
        if exchange.continue_wanted:
            self.keep_alive = False  # whether the body still comes cannot be known
        if self.in_step:
            return 0
        self.flush()
        return self.decide()

    cdef int answer(self, Exchange exchange, int status, str text, object headers=()) except -1:
        self.keep_alive = False
        self.write_answer(status, text, headers)
        return self.finished(exchange)

    cdef int write_answer(self, int status, str text, object headers) except -1:
        cdef Request request
        request.http_1_1 = True
        request.has_content = not self.is_head
        return self.writer.answer(self.output(), &request, status, text, headers)

    cdef int cut(self, Exchange exchange) except -1:
        record(exchange, exchange.status)
        return self.linger()

    cdef object upgrade(self, Exchange exchange, object session, object fields):
        """The transport, the bytes of the 101 to write first, and what the client has sent."""
        cdef bytes early = self.input[:self.unread]
        self.flush()
        self.writer.switch(self.output(), fields)
        transport = self.transport
        head = self.service.output.take()
        self.service.output_owner = None
        if self.reading_paused:
            transport.resume_reading()
        transport.set_protocol(session)
        if self.congested:
            session.pause_writing()
        self.transport = self.direct = None
        self.release()
        return transport, head, early

    # -- the end -------------------------------------------------------------------------------

    cdef int refuse(self, object error) except -1:
        """A request that cannot be accepted: a clear answer and a close. RFC 9112 9.6"""
        cdef Exchange exchange = self.exchange
        if self.state <= HEAD:
            self.note_start()
            if self.start.startswith(b"\x16\x03"):  # RFC 8446 5.1: a handshake record
                error = Refusal(400, "the client speaks TLS, and this port does not")
        record_refusal(self, exchange, self.arrived, self.start, error.status)
        self.arrived = None
        if exchange is not None:
            if exchange.called:
                exchange.disconnect()
                if exchange.phase > HEAD_GIVEN:
                    return self.linger()
                self.drop_head()
            else:
                self.exchange = None
        self.write_answer(error.status, str(error), getattr(error, "headers", ()))
        self.service.logger.debug("refused %s: %d %s", text_of(self.client), error.status, error)
        return self.linger()

    cdef int note_start(self) except -1:
        """Whether it is a HEAD, even if its head never becomes whole. RFC 9110 9.3.2"""
        if self.state != HEAD:
            self.start = b""
        if PyBytes_GET_SIZE(self.start) < START:
            known = self.start + self.input[:min(self.unread, <size_t> START)]
            self.start = known.lstrip(b"\r\n")
        self.is_head = self.start.startswith(b"HEAD ")
        return 0

    cdef int linger(self) except -1:
        """Say that nothing more comes, and read on for a while. RFC 9112 9.6"""
        self.flush()
        if self.gone:
            return 0
        if self.eof or not self.transport.can_write_eof():
            return self.close()
        self.state = LINGERING
        self.stuck.until = 0
        self.deadline = self.service.after(LINGER_SECONDS)
        self.forget_input()
        self.steer_reading()
        self.gone = True
        self.thrown_away = 0
        return 0 if close_our_side(self.transport) else self.close()

    cdef int close(self) except -1:
        """Close once everything written has gone out."""
        self.flush()
        if self.state != CLOSED:
            self.state = CLOSED
            self.stuck.until = 0
            self.gone = True
            self.forget_input()
            self.deadline = self.service.after(self.service.timeout_send)
            self.transport.close()
        return 0

    def abort(self):
        """Close now; what was not sent is lost."""
        self.state = CLOSED
        self.gone = True
        self.transport.abort()

    def drain(self):
        """The server stops: close after the next response, or after a second without a request."""
        if self.exchange is None or self.exchange.phase <= HEAD_GIVEN:  # else the head has said so
            self.keep_alive = False
        if self.state <= IDLE:  # a request may be on the way
            self.deadline = self.service.after(DRAIN_SECONDS)

    def warn(self):
        """The server stops soon: tell an app that still answers."""
        if self.exchange is not None and self.exchange.called and not self.exchange.is_websocket:
            self.exchange.warn()

    def sweep(self):
        """Once a second: deadlines."""
        cdef Exchange exchange = self.exchange
        if self.in_step:
            self.flush()  # the app runs a nested loop, and has sent something there
        if self.congested or self.state >= LINGERING and undelivered(self.transport, self.direct):
            if is_stuck(&self.stuck, undelivered(self.transport, self.direct), self.service):
                self.abort()
            if self.state <= HEAD:
                return
            if self.state >= LINGERING:
                self.deadline = self.service.after(LINGER_SECONDS)
                return
        if self.eof and exchange is not None and not exchange.disconnected:
            exchange.disconnect()  # half-closed for a second: tell an app that listens
        if self.state == REQUEST and not self.reading_paused and drips(
            self.service, self.body_since, self.body_bytes
        ):
            self.refuse(Refusal(408, "the request body arrives too slowly"))
            return
        if self.deadline == 0 or self.service.now < self.deadline:
            return
        if self.state <= IDLE and not undelivered(self.transport, self.direct):
            self.close()
        elif self.state <= IDLE:
            self.linger()
        elif self.state == HEAD:
            self.refuse(Refusal(408, "the request did not arrive in time"))
        elif self.state == REQUEST:
            self.refuse(Refusal(408, "the request body did not arrive in time"))
        else:
            self.abort()


cdef inline bint is_1_1(RequestHead head):
    return head.version is VERSION_1_1 or head.version == "1.1"


cdef RequestReader reader_for(Connection connection):
    """One at the start of a message."""
    cdef Service service = connection.service
    cdef RequestReader reader = <RequestReader> service.readers
    if reader is not None:
        service.readers = reader.below
        reader.below = None
    else:
        reader = RequestReader.__new__(RequestReader)
        reader.setup(False, service.limits)
        reader.strict = True
        reader.any_method = True
    reader.connection = connection
    return reader


cdef int put_aside(RequestReader reader, Service service) except -1:
    """Its connection is idle; the next may have it."""
    cdef RequestReader before = <RequestReader> service.readers
    reader.connection = None
    if (before is None or before.count < MOST_READERS) and reader.restart():
        reader.below = before
        reader.count = 1 if before is None else before.count + 1
        service.readers = reader
    return 0
