"""One HTTP/2 connection, and its streams as channels of their exchanges. RFC 9113, 8441, 9218

`httpparser.http2.Session` knows the wire; this file knows the transport, the deadlines and the
limits. What arrives is read to the end before an app is called, so that no app runs inside the
session; everything that a turn of the loop makes is written at its end.

| what | may last |
| --- | --- |
| the preface | `timeout_first_byte` until it begins, `timeout_head` until it is whole |
| a frame that has arrived in part, a field block without its end | `timeout_head` |
| a request's body whose window is open | `timeout_body` without a byte, or less than \
`min_body_rate` |
| content that waits for a window, of the stream or the connection | `timeout_send` |
| a transport whose client reads nothing | `timeout_send` |
| a connection without streams | `timeout_keep_alive` |
| the silence after a PING, where these are on | `h2_ping_timeout` |

Rules:
- No app is called while the transport is congested, and nothing is read then: nothing that waits
  for the client can grow.
- A stream that is reset before its app was called never reaches it. An app that goes on after its
  stream was reset counts as a stream, until it returns: streams beyond `h2_max_concurrent_streams`
  are refused. One that goes on after its response is complete lets later ones wait, if so many run.
- What could not arrive while we did not read is not late: pausing reading moves the deadlines.
- A turn calls apps for a few milliseconds, then the loop goes on.
- An app that runs a nested loop holds up no other: what arrives meanwhile, and its end, has a turn
  within that turn.
- The window of a stream opens as its app takes the body, that of the connection as it arrives: an
  app that does not read holds up nobody else, and its stream's window bounds what it can hold.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint64_t
from libc.time cimport time

from httpparser cimport Output, RequestHead
from httpparser.http2 cimport (
    BETWEEN_FRAMES, CANCEL, IN_DATA, INTERNAL_ERROR, IN_PREFACE, NO_ERROR, REFUSED_STREAM,
    Session, Stream, sendable,
)
from fastserve.asgi._exchange cimport (
    CLIENT_LEFT, COMPLETE, EXPECT_TRAILERS, Channel, Exchange, admit, describe_carrier, drained,
    new_exchange, record, record_refusal, text_of, wake_senders,
)
from fastserve.asgi._files cimport File
from fastserve.asgi._lingering cimport LINGER_SECONDS, close_our_side, drop_input
from fastserve.asgi._making cimport may_make, will_make
from fastserve.asgi._service cimport Service, coarse_time
from fastserve.asgi._slow cimport drips, is_stuck
from fastserve.asgi._task cimport DONE
from fastserve.asgi._transport cimport direct, undelivered, write_output

from email.utils import formatdate
from http import HTTPStatus

from fastserve.errors import ClientDisconnected, Refusal
from fastserve.repeats import MAY_REPEAT
from fastserve.websocket import is_wanted as websocket_is_wanted
from fastserve.websocket import open_handshake

__all__ = ("Connection",)

cdef enum:
    WRITE_SIZE = 65536  # bytes for one call of the transport
    QUEUED_FRAMES = 1000  # above which nothing is read
    DRAIN_SECONDS = 1  # between the two GOAWAYs
    START = 256  # bytes of a request that is refused, for the log
    WIDE_STREAMS = 4
    WIDE_AFTER = 32768  # bytes of a body whose app keeps up

cdef bytes EMPTY = b""


cdef class Shared:
    """What the HTTP/2 connections of one loop share."""

    def __cinit__(self, Service service not None):
        config = service.config
        self.options = {
            "max_concurrent_streams": config.h2_max_concurrent_streams,
            "initial_window_size": config.h2_initial_window_size,
            "connection_window_size": config.h2_connection_window_size,
            "field_block": config.h2_max_field_block,
            "resets": config.h2_max_resets,
            "frames": config.h2_max_control_frames,
            "room": config.write_high_water,
            "extended_connect": service.has_websockets,
        }
        self.max_streams = config.h2_max_concurrent_streams
        self.max_window = config.h2_max_window_size
        if self.max_window <= config.h2_initial_window_size:
            self.max_window = 0
        self.ping_interval = config.h2_ping_interval
        self.ping_timeout = config.h2_ping_timeout
        self.output = Output.__new__(Output)
        self.server_name = b"fastserve" if config.own_server else None
        self.date_field = config.own_date
        self.extra = sendable(config.extra_headers)

    cdef int renew(self) except -1:
        """Make the date anew when the second has changed. RFC 9110 6.6.1"""
        cdef long long second = time(NULL)
        if second == self.second:
            return 0
        self.second = second
        self.fields = []
        if self.server_name is not None:
            self.fields.append((b"server", self.server_name))
        if self.date_field:
            self.fields.append((b"date", formatdate(second, usegmt=True).encode()))
        self.fields += self.extra
        return 0


cdef class RequestReader(Session):
    """The session of a connection; it tells the connection and the streams' channels."""

    cdef Connection connection  # owned until the connection is lost

    cdef int on_request(self, Stream stream, RequestHead head) except -1:
        return self.connection.begin_request(stream, head)

    cdef int on_refused(self, Stream stream, object error) except -1:
        return self.connection.refuse(stream, error)

    cdef int on_data(self, Stream stream, const char *at, size_t length) except -1:
        if stream.owner is not None:
            (<StreamChannel> stream.owner).take(at, length)
        return 0

    cdef int on_end(self, Stream stream) except -1:
        if stream.owner is not None:
            (<StreamChannel> stream.owner).end_request()
        return 0

    cdef int on_room(self, Stream stream) except -1:
        if stream.owner is not None:
            (<StreamChannel> stream.owner).has_room()
        return 0

    cdef int on_closed(self, Stream stream, unsigned int code) except -1:
        if stream.owner is not None:
            (<StreamChannel> stream.owner).closed(code)
        return 0

    cdef int on_pong(self) except -1:
        self.connection.pinged = False
        return 0


cdef class Connection(Sink):
    """An asyncio.Protocol."""

    def __cinit__(self, Service service not None):
        self.service = service
        if service.http2_shared is None:
            service.http2_shared = Shared(service)
        self.shared = service.http2_shared
        self.begun = []
        self.fed = []
        self.origin = Channel.__new__(Channel)
        self.origin.service = service

    # -- asyncio.Protocol ----------------------------------------------------------------------

    def connection_made(self, transport):
        cdef Service service = self.service
        cdef RequestReader session = RequestReader.__new__(RequestReader)
        self.transport = transport
        self.direct = direct(transport)
        transport.set_write_buffer_limits(high=service.write_high_water)
        self.origin.endpoints = self.endpoints
        describe_carrier(self.origin, transport)
        self.origin.client_text = text_of(self.origin.client)
        session.connection = self
        self.session = session
        session.setup(False, service.limits, self.shared.options)
        self.incomplete_until = service.after(service.timeout_first_byte)
        service.remember(self)
        if service.counters is not None:
            service.counters.counts.totals.http2_connections += 1
            service.counters.counts.levels.http2_connections += 1
        if service.draining:
            self.drain()

    def data_received(self, bytes data not None):
        self.take(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))

    cdef int take(self, const char *at, size_t count) except -1:
        self.heard = True
        self.service.count_received(count)
        if self.state == LINGERING:
            drop_input(self.transport, count, &self.thrown_away, &self.reading_paused)
        elif self.state == OPEN:
            self.turn(at, count)
        return 0

    def eof_received(self):
        """A half-closed client still gets its answers; True keeps the transport open for them."""
        cdef Stream stream
        cdef StreamChannel channel
        self.eof = True
        if self.state == OPEN and self.session.streams and self.origin.tls is None:
            for stream in self.session.in_order():
                channel = stream.owner
                if stream.ended:
                    continue
                if stream.tunnel:  # its END_STREAM will never come
                    stream.tunnel = False
                    if stream.finished and not stream.unsent:
                        stream.reset(NO_ERROR)
                if channel is not None:
                    channel.end_input()
            self.leave_turn()
            self.plan_turn()
            return True
        self.close()
        return False

    def connection_lost(self, error):
        cdef RequestReader session = self.session
        self.state = CLOSED
        self.session.close()
        session.connection = None
        self.deliver()
        self.begun.clear()
        self.called = 0
        if self.service.counters is not None:
            self.service.counters.counts.levels.http2_connections -= 1
        self.service.forget(self)

    def pause_writing(self):
        """The transport's buffer is full."""
        self.congested = True
        self.stuck.until = 0

    def resume_writing(self):
        """The client has read."""
        self.congested = False
        self.leave_turn()
        self.plan_turn()

    # -- requests ------------------------------------------------------------------------------

    cdef int turn(self, const char *at, size_t count) except -1:
        """Read what has arrived, call the apps, write what they sent."""
        self.in_turn = True
        try:
            if count:
                self.session.execute(at, count)
                self.watch_input()
            self.deliver()
            self.call_apps()
        finally:
            self.in_turn = False
            self.flush()
            self.decide()
        return 0

    cdef int leave_turn(self) noexcept:
        """The loop has called us. A turn that has not ended is held up by an app, which runs a
        nested loop: what is written from now on must not wait for it."""
        self.in_turn = False
        return 0

    def resume(self):
        """The rest of a turn, or what was written between two."""
        self.turn_planned = False
        if self.state == OPEN:
            self.turn(NULL, 0)

    cdef int plan_turn(self) except -1:
        if not self.turn_planned and not self.in_turn and self.state == OPEN:
            self.turn_planned = True
            self.service.loop.call_soon(self.resume)
        return 0

    cdef StreamChannel add_channel(self, Stream stream):
        """The channel of a stream that has begun."""
        cdef Channel origin = self.origin
        cdef StreamChannel channel = StreamChannel.__new__(StreamChannel)
        channel.service = self.service
        channel.scope = origin.scope
        channel.client = origin.client
        channel.server = origin.server
        channel.tls = origin.tls
        channel.proxied = origin.proxied
        channel.client_text = origin.client_text
        channel.counts_apps = True
        channel.connection = self
        channel.stream = stream
        channel.declared = -1
        stream.owner = channel
        if self.service.counters is not None:
            self.service.counters.counts.totals.streams += 1
            self.service.counters.counts.levels.streams += 1
        self.deadline = 0
        return channel

    cdef int begin_request(self, Stream stream, RequestHead head) except -1:
        """A head has arrived: its app is called once everything that arrived was read."""
        cdef Service service = self.service
        cdef StreamChannel channel
        if self.apps >= self.shared.max_streams:
            return stream.reset(REFUSED_STREAM)  # RFC 9113 8.7: it can be sent again
        if service.draining and head.upgrade is not None and websocket_is_wanted(head.upgrade):
            return stream.reset(REFUSED_STREAM)  # it would be closed at once: for another server
        channel = self.add_channel(stream)
        if head.upgrade is None:
            channel.exchange = new_exchange(channel, head)
        else:
            try:
                if not (service.has_websockets and websocket_is_wanted(head.upgrade)):
                    raise Refusal(501, "the protocol is not known")
                channel.exchange = open_handshake(channel, head)
            except Refusal as error:
                return self.refuse(stream, error, head)
            stream.tunnel = True
        if not stream.ended and not stream.tunnel:
            channel.body_since = service.now
            channel.deadline = service.after(service.timeout_body)
        channel.counted = True
        self.apps += 1
        self.begun.append(channel)
        return 0

    cdef bint may_call(self) noexcept:
        """Whether an app waits to be called, and may be."""
        return (
            self.called < len(self.begun) and not self.congested
            and self.running < self.shared.max_streams
        )

    cdef int call_apps(self) except -1:
        """For a few milliseconds; what is left has another turn."""
        cdef double end = 0
        cdef StreamChannel channel
        while self.may_call():
            channel = self.begun[self.called]
            self.called += 1
            if channel.stream.closed or channel.exchange is None:  # reset or refused before
                channel.left()
                continue
            try:
                admit(self.service, channel.exchange.head)
            except Refusal as error:
                channel.left()
                self.refuse(channel.stream, error)
                continue
            channel.running = True
            self.running += 1
            channel.exchange.call()
            if channel.input_ended and not channel.stream.ended:
                channel.end_input()
            if self.called < len(self.begun):
                if end == 0:
                    end = coarse_time() + self.service.turn_seconds
                elif coarse_time() > end:
                    break
        if self.called == len(self.begun):
            if self.called:
                self.begun.clear()
                self.called = 0
        return 0

    cdef int deliver(self) except -1:
        """Hand WebSockets what has arrived for them."""
        cdef StreamChannel channel
        cdef list fed
        while self.fed:
            fed, self.fed = self.fed, []
            for channel in fed:
                channel.deliver()
        return 0

    cdef int refuse(self, Stream stream, object error, RequestHead head=None) except -1:
        """A request that cannot be accepted, or not to its end; `head` if it has no exchange."""
        cdef StreamChannel channel = stream.owner
        cdef Exchange exchange = None if channel is None else channel.exchange
        cdef bint is_head = self.session.method == "HEAD"
        if channel is not None and channel.gone:
            return 0  # it is refused already
        if stream.answered:
            if exchange is not None:
                record_refusal(channel, exchange, None, None, error.status)
            return stream.reset(CANCEL)
        if channel is None:
            channel = self.add_channel(stream)  # its answer has a deadline as any other has
        if exchange is not None:
            is_head = exchange.head.method == "HEAD"
            channel.exchange = None
        record_refusal(
            channel, exchange, head, None if exchange is not None else self.start(), error.status
        )
        if exchange is not None:
            if exchange.called:
                exchange.disconnect()
            stream.drop_head()
        channel.gone = True
        self.service.logger.debug(
            "refused %s: %d %s", text_of(self.origin.client), error.status, error
        )
        return self.answer(stream, error.status, str(error), getattr(error, "headers", ()), is_head)

    cdef bytes start(self):
        """What is known of the request whose fields were refused, as HTTP/1 would have it."""
        cdef Session session = self.session
        method = (session.method or "-").encode()
        return b" ".join((method, session.path or b"-", b"HTTP/2"))[:START]

    cdef int answer(self, Stream stream, int status, str text, object headers,
                    bint is_head) except -1:
        """Send a whole response of the server's own."""
        cdef bytes body = f"{text or HTTPStatus(status).phrase}\n".encode()
        own = (b"content-type", b"text/plain; charset=utf-8")
        stream.tunnel = False
        stream.keep_head(status, [*headers, own])
        self.send_head(stream, not is_head, PyBytes_GET_SIZE(body))
        return 0 if is_head else stream.send(body, False)

    cdef int send_head(self, Stream stream, bint has_body, int64_t length) except -1:
        """Send the head that a stream keeps, with the fields of every response."""
        self.shared.renew()
        self.session.default_fields = self.shared.fields
        return stream.send_head(has_body, length)

    # -- what comes next -----------------------------------------------------------------------

    cdef int flush(self) except -1:
        """Make frames of what waits, and write them, while the client reads."""
        cdef Output out = self.shared.output
        cdef bint more
        if self.session.busy:
            return 0
        while not self.congested and self.state == OPEN:
            more = self.session.produce(out, WRITE_SIZE)
            if out.length:
                self.service.count_sent(out.length)
                write_output(self.transport, self.direct, out)
            if not more or self.transport.is_closing():
                break
        return 0

    cdef int decide(self) except -1:
        """After every turn: end what is over, go on with what can, read or not."""
        if self.state != OPEN:
            return 0
        if self.session.is_over():
            if self.session.reason is not None:
                self.service.logger.info(
                    "ended the HTTP/2 connection of %s: %s", text_of(self.origin.client),
                    self.session.reason, extra=MAY_REPEAT,
                )
            return self.linger()
        if self.session.streams:
            self.deadline = 0
        elif self.eof:
            return self.close()
        elif not self.service.keep_alive and self.session.last_id and not self.session.failed:
            self.session.terminate(NO_ERROR, None)
            self.plan_turn()
        elif self.deadline == 0:
            self.deadline = self.service.after(self.service.timeout_keep_alive)
        if self.may_call() or self.fed:
            self.plan_turn()
        return self.steer_reading()

    cdef int steer_reading(self) except -1:
        """Read while what arrives makes nothing grow that waits for the client."""
        cdef bint wanted = not self.congested and self.session.queued() < QUEUED_FRAMES
        if wanted == self.reading_paused:
            self.reading_paused = not wanted
            if wanted:
                self.forgive_pause()
                self.transport.resume_reading()
            else:
                self.paused_since = self.service.now
                self.transport.pause_reading()
        return 0

    cdef int forgive_pause(self) except -1:
        """What could not arrive while we did not read is not late."""
        cdef Service service = self.service
        cdef Stream stream
        self.heard = True
        if self.incomplete_until:
            self.incomplete_until = service.after(service.timeout_head)
        if self.deadline:
            self.deadline = service.after(service.timeout_keep_alive)
        for stream in self.session.streams:
            if stream.owner is not None:
                (<StreamChannel> stream.owner).forgive_pause(self.paused_since)
        return 0

    cdef int watch_input(self) except -1:
        """Something that has arrived in part must not take for ever."""
        cdef int position = self.session.position()
        if position == BETWEEN_FRAMES or position == IN_DATA:
            self.incomplete_until = 0
        elif self.incomplete_until == 0 or self.session.whole != self.whole or not self.begun_input:
            self.whole = self.session.whole
            self.incomplete_until = self.service.after(self.service.timeout_head)
        self.begun_input = True
        return 0

    # -- the end -------------------------------------------------------------------------------

    cdef int linger(self) except -1:
        """Say that nothing more comes, and read on for a while. RFC 9113 5.4.1"""
        if self.eof or not self.transport.can_write_eof() or self.transport.is_closing():
            return self.close()
        self.lose_streams()
        self.state = LINGERING
        self.stuck.until = 0
        self.deadline = self.service.after(LINGER_SECONDS)
        if self.reading_paused:
            self.reading_paused = False
            self.transport.resume_reading()
        return 0 if close_our_side(self.transport) else self.close()

    cdef int close(self) except -1:
        """Close once everything written has gone out."""
        if self.state != CLOSED:
            self.flush()
            self.lose_streams()
            self.state = CLOSED
            self.stuck.until = 0
            self.deadline = self.service.after(self.service.timeout_send)
            self.transport.close()
        return 0

    cdef int lose_streams(self) except -1:
        """Nothing more can be said on any of them: tell their apps."""
        self.session.close()
        return self.deliver()

    def abort(self):
        """Close now; what was not sent is lost."""
        self.state = CLOSED
        self.transport.abort()

    def drain(self):
        """The server stops: GOAWAY in two steps, with at least a second for what is on the way.
        RFC 9113 6.8"""
        if self.state == OPEN and self.shutdown_at == 0:
            self.session.announce_shutdown()
            self.shutdown_at = self.service.after(DRAIN_SECONDS)
            self.plan_turn()

    def warn(self):
        """The server stops soon: tell the apps that still answer."""
        cdef Stream stream
        cdef StreamChannel channel
        cdef Exchange exchange
        for stream in self.session.in_order():
            channel = stream.owner
            exchange = None if channel is None else channel.exchange
            if exchange is not None and exchange.called and not exchange.is_websocket:
                exchange.warn()

    def sweep(self):
        """Once a second: deadlines."""
        cdef double now = self.service.now
        cdef Stream stream
        if self.congested or self.deadline and self.unsent():
            if is_stuck(&self.stuck, self.unsent(), self.service):
                self.abort()  # else it still reads, and is not idle
            if self.state != OPEN:
                self.deadline = self.service.after(LINGER_SECONDS)
            elif self.deadline:
                self.deadline = self.service.after(self.service.timeout_keep_alive)
            return
        self.stuck.until = 0
        if self.in_turn:
            self.leave_turn()
            self.plan_turn()
        if self.reading_paused and self.state == OPEN:
            return  # a turn follows
        if self.state != OPEN:
            if self.deadline and now >= self.deadline:
                self.abort()
            return
        if self.incomplete_until and now >= self.incomplete_until:
            if self.session.position() == IN_PREFACE:
                self.close()
                return
            self.session.terminate(NO_ERROR, "a frame or a field block did not arrive in time")
        elif self.deadline and now >= self.deadline:
            self.session.terminate(NO_ERROR, None)
        elif self.shutdown_at and now >= self.shutdown_at:
            self.shutdown_at = now + 1e9
            self.session.shut_down()
        else:
            for stream in self.session.in_order():
                if stream.owner is not None:
                    (<StreamChannel> stream.owner).sweep()
            if self.shared.ping_interval:
                self.check_ping()
                if self.state != OPEN:
                    return
            if not self.session.wants_write():
                return
        self.turn(NULL, 0)

    cdef Py_ssize_t unsent(self) except -1:
        """Bytes that wait; when no more will be written, all that have not reached the client."""
        if self.state == OPEN:
            return self.transport.get_write_buffer_size()
        return undelivered(self.transport, self.direct)

    cdef int check_ping(self) except -1:
        """Is a silent client still there? RFC 9113 6.7"""
        cdef double now = self.service.now
        if self.heard:
            self.heard = self.pinged = False
            self.ping_at = now + self.shared.ping_interval
        elif now >= self.ping_at:
            if self.pinged:
                self.service.logger.info(
                    "%s does not answer a PING", text_of(self.origin.client), extra=MAY_REPEAT
                )
                self.abort()
            else:
                self.pinged = True
                self.ping_at = now + self.shared.ping_timeout
                self.session.ping()
        return 0


cdef class StreamChannel(Channel):
    """One stream of a connection: the channel of one exchange, and then perhaps a WebSocket's."""

    cdef int64_t send_head(self, Exchange exchange, object headers) except? -2:
        self.declared = self.stream.keep_head(exchange.status, headers)
        self.stream.tunnel = False
        self.trailers_wanted = exchange.has_trailers and exchange.head.trailers
        return self.declared

    cdef int drop_head(self) except -1:
        return self.stream.drop_head()

    cdef object send_body(self, Exchange exchange, bytes data, bint more):
        if self.stream.fields is not None:
            self.finish_head(exchange, PyBytes_GET_SIZE(data), more)
        if self.has_body:
            self.stream.send(data, more or self.trailers_wanted)
        return self.sent()

    cdef int finish_head(self, Exchange exchange, int64_t length, bint more) except -1:
        """Send the head; Content-Length is added where the whole body is known."""
        if exchange.has_content:
            self.has_body = length or more or self.trailers_wanted
            if more or self.declared >= 0 or self.trailers_wanted:
                length = -1
        elif (
            more or length == 0 or self.declared >= 0
            or exchange.status == 204 or exchange.status == 205
        ):
            length = -1  # else the length that a GET would get. RFC 9110 9.3.2
        return self.connection.send_head(self.stream, self.has_body, length)

    cdef object sent(self):
        """An awaitable: the app's message is on its way, or waits with little else."""
        cdef Connection connection = self.connection
        if self.stream.load() >= self.service.write_high_water:
            connection.flush()
            if self.stream.load() >= self.service.write_high_water:
                return drained(self)
        if not self.in_step:
            connection.plan_turn()
        return DONE

    cdef bint must_wait(self) except -1:
        if self.gone:
            raise ClientDisconnected("the client has disconnected")
        if self.stream.load() < self.service.write_high_water:
            return False
        self.stream.wants_room = True
        return True

    cdef object send_trailers(self, Exchange exchange, object headers, bint more):
        if self.trailers_wanted:
            headers = sendable(headers)
            self.trailers = headers if self.trailers is None else self.trailers + headers
            if not more:
                self.stream.send_trailers(self.trailers)
        return self.sent()

    cdef object send_early_hint(self, Exchange exchange, object links):
        links = sendable([(b"link", link) for link in links])
        if self.connection.congested:  # it would wait in vain: the response comes no later
            return DONE
        self.stream.inform(103, links)
        self.connection.flush()
        if self.connection.direct is not None:
            self.connection.direct.let_go()  # it is for the time that the app takes
        return self.sent()

    cdef object send_file(self, Exchange exchange, File file, bint more):
        return self.transmit_file(exchange, file, more)

    async def transmit_file(self, Exchange exchange, file, bint more):
        if self.stream.fields is not None:
            self.finish_head(exchange, file.count, more)
        while file.count and self.has_body:
            data = await file.read_piece()
            if self.gone:
                raise ClientDisconnected("the client has disconnected")
            self.stream.send(data, True)
            await self.sent()

    cdef int send_continue(self) except -1:
        self.stream.inform(100, [])
        return self.connection.flush()

    cdef int taken(self, Exchange exchange) except -1:
        """Open the window for what the app has taken."""
        cdef Stream stream = self.stream
        cdef size_t count = stream.unconsumed - exchange.buffered
        cdef Connection connection = self.connection
        if stream.unconsumed <= exchange.buffered:
            return 0
        stream.consume(count)
        if exchange.buffered == 0:
            self.body_since += self.service.now - self.unread_since
            self.deadline = self.service.after(self.service.timeout_body)
            if (
                not self.wide and stream.received > WIDE_AFTER
                and connection.wide < WIDE_STREAMS
                and connection.shared.max_window
            ):
                self.wide = True
                connection.wide += 1
                stream.grow_window(connection.shared.max_window)
        return connection.plan_turn()

    cdef int end_step(self) except -1:
        return self.connection.plan_turn()

    cdef int finished(self, Exchange exchange) except -1:
        if self.exchange is not exchange:  # the client left before
            return 0
        record(exchange, exchange.status)
        if self.stream.closed:
            self.exchange = None
        elif not self.gone:
            self.uncount()  # what the app does from now on is not for the client
        return 0 if self.in_step else self.connection.plan_turn()

    cdef int answer(self, Exchange exchange, int status, str text, object headers=()) except -1:
        self.stream.drop_head()
        self.connection.answer(
            self.stream, status, text, headers, exchange.head.method == "HEAD"
        )
        return self.finished(exchange)

    cdef int cut(self, Exchange exchange) except -1:
        record(exchange, exchange.status)
        self.stream.reset(INTERNAL_ERROR)
        return self.connection.plan_turn()

    cdef bint give_back(self, Exchange exchange) except -1:
        exchange.phase = COMPLETE
        self.stream.reset(REFUSED_STREAM)  # RFC 9113 8.7
        self.connection.plan_turn()
        return True

    cdef int left(self) except -1:
        self.uncount()
        if self.running:
            self.running = False
            self.connection.running -= 1
            if self.connection.may_call():
                self.connection.plan_turn()
        return 0

    cdef int uncount(self) noexcept:
        if self.counted:
            self.counted = False
            self.connection.apps -= 1
        return 0

    # -- what arrives --------------------------------------------------------------------------

    cdef int take(self, const char *at, size_t length) except -1:
        """A piece of the body."""
        cdef Exchange exchange = self.exchange
        if self.protocol is not None:
            if self.held is None:
                self.held = Output.__new__(Output)
                self.connection.fed.append(self)
            self.held.append(at, length)
            return 0
        if exchange is None or exchange.phase == COMPLETE or self.gone:
            return 0
        if self.stream.unconsumed == length:  # the app had taken all before this
            self.unread_since = self.service.now
        return exchange.add_body(at, length)

    cdef int end_request(self) except -1:
        self.deadline = 0
        if self.protocol is not None:
            return self.end_input()
        return 0 if self.exchange is None else self.exchange.end_body()

    cdef int end_input(self) except -1:
        """The client will send no more, be it whole or not."""
        self.input_ended = True
        if self.protocol is not None:
            self.connection.fed.append(self)
        elif self.exchange is not None and self.exchange.called:
            self.exchange.disconnect()
            if self.exchange is not None and self.exchange.is_websocket:
                self.stream.reset(CANCEL)  # its app can neither accept nor refuse any more
        return 0

    cdef int closed(self, unsigned int code) except -1:
        """The stream is over."""
        cdef Exchange exchange = self.exchange
        if self.service.counters is not None:
            self.service.counters.counts.levels.streams -= 1
        # When no trailers are sent, the app may complete its response after that was sent.
        self.gone = exchange is None or exchange.phase != EXPECT_TRAILERS or (
            not self.stream.finished
        )
        if self.gone:
            self.exchange = None
        if self.wide:
            self.wide = False
            self.connection.wide -= 1
        if self.protocol is not None:
            self.connection.fed.append(self)
            self.connection.plan_turn()
        elif exchange is not None and exchange.phase != COMPLETE:
            if self.gone:
                record(exchange, CLIENT_LEFT)
            if exchange.called:
                exchange.disconnect()
        return wake_senders(self)

    cdef int has_room(self) except -1:
        """What waits has become little."""
        if self.protocol is not None:
            self.protocol.resume_writing()
        return wake_senders(self)

    # -- a WebSocket's stream ------------------------------------------------------------------

    cdef object upgrade(self, Exchange exchange, object session, object fields):
        """The stream as a transport, no bytes to write first, what the client has sent."""
        cdef bytes early = exchange.next_message()["body"] if exchange.has_message() else EMPTY
        cdef StreamTransport transport
        will_make()
        transport = StreamTransport.__new__(StreamTransport)
        self.stream.keep_head(200, fields)
        self.has_body = True
        self.connection.send_head(self.stream, True, -1)
        self.stream.consume(PyBytes_GET_SIZE(early))
        self.deadline = 0
        self.protocol = session
        self.exchange = None
        transport.channel = self
        if self.stream.ended:
            self.end_input()
        self.connection.plan_turn()
        return transport, EMPTY, early

    cdef int deliver(self) except -1:
        """What has arrived, in its order: bytes, their end, the end of the stream."""
        cdef bytes data
        protocol = self.protocol
        if protocol is None or self.paused and not self.gone:
            return 0
        if self.held is not None:
            data = self.held.take()
            self.held = None
            self.stream.consume(PyBytes_GET_SIZE(data))
            protocol.data_received(data)
        if self.input_ended and not self.paused:
            self.input_ended = False
            protocol.eof_received()
            self.stream.send(EMPTY, False)
        if self.gone:
            self.protocol = None
            protocol.connection_lost(None)
        return 0

    # -- deadlines -----------------------------------------------------------------------------

    cdef int sweep(self) except -1:
        """Once a second."""
        cdef Exchange exchange = self.exchange
        self.watch_stuck()
        if (
            exchange is None or self.stream.ended or exchange.phase == COMPLETE or self.gone
            or exchange.is_websocket
            or self.stream.unconsumed  # it is the app that takes its time
        ):
            return 0
        if drips(self.service, self.body_since, self.stream.received):
            self.connection.refuse(
                self.stream, Refusal(408, "the request body arrives too slowly")
            )
        elif self.deadline and self.service.now >= self.deadline:
            self.connection.refuse(
                self.stream, Refusal(408, "the request body did not arrive in time")
            )
        return 0

    cdef int forgive_pause(self, double since) noexcept:
        """Nothing was read from the connection since then."""
        cdef Service service = self.service
        self.stuck_until = 0
        if self.deadline:
            self.deadline = service.after(service.timeout_body)
        if not self.stream.unconsumed:  # else taken() allows for it
            self.body_since += service.now - since
        return 0

    cdef int watch_stuck(self) except -1:
        """Content that waits for a window the client does not open is given up in time."""
        cdef Stream stream = self.stream
        cdef Service service = self.service
        cdef Session session = self.connection.session
        # Behind the window of the connection others may be more urgent.
        cdef uint64_t sent = stream.sent if stream.is_blocked() else session.sent
        if not stream.unsent or not (session.is_window_shut() or stream.is_blocked()):
            self.stuck_until = 0
        elif self.stuck_until == 0 or sent != self.stuck_at:
            self.stuck_at = sent
            self.stuck_until = service.after(service.timeout_send)
        elif service.now >= self.stuck_until:
            stream.reset(CANCEL)
        return 0


cdef class StreamTransport:
    """A stream as a WebSocket session's transport: of asyncio.Transport what that uses."""

    cdef StreamChannel channel  # owned

    def __cinit__(self):
        if not may_make():
            raise TypeError("transports of streams are made by a connection")

    def write(self, data):
        """Add to the stream; the protocol is told to pause when too much waits."""
        cdef StreamChannel channel = self.channel
        if not data or channel.stream.finished:
            return
        channel.stream.send(data, True)
        if channel.stream.load() >= channel.service.write_high_water:
            channel.connection.flush()
            if channel.stream.load() >= channel.service.write_high_water and (
                not channel.stream.wants_room and channel.protocol is not None
            ):
                channel.stream.wants_room = True
                channel.protocol.pause_writing()
        channel.connection.plan_turn()

    def can_write_eof(self):
        return True

    def write_eof(self):
        """END_STREAM, which stands for TCP's FIN. RFC 8441 5"""
        self.channel.stream.send(EMPTY, False)
        self.channel.connection.plan_turn()

    def close(self):
        """END_STREAM, and the client's input is not wanted any more."""
        cdef Stream stream = self.channel.stream
        stream.tunnel = False
        if stream.finished and not stream.ended and not stream.unsent:
            stream.reset(NO_ERROR)
        self.write_eof()

    def abort(self):
        """RST_STREAM with CANCEL, which stands for TCP's RST. RFC 8441 5"""
        self.channel.stream.reset(CANCEL)
        self.channel.connection.plan_turn()

    def is_closing(self):
        return self.channel.gone or self.channel.stream.finished

    def pause_reading(self):
        self.channel.paused = True

    def resume_reading(self):
        self.channel.paused = False
        if self.channel.held is not None or self.channel.input_ended:
            self.channel.connection.fed.append(self.channel)
            self.channel.connection.plan_turn()

    def get_write_buffer_size(self):
        return self.channel.stream.unsent

    def get_extra_info(self, name, default=None):
        return self.channel.connection.transport.get_extra_info(name, default)
