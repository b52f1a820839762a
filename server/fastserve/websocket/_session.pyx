"""A WebSocket under ASGI: an asyncio protocol on one side, receive() and send() on the other.

Until the app accepts, the WebSocket is an HTTP exchange, a Handshake, which the app can answer like
any other. Then the session takes the transport over.

A Session owns its parts: a Stream, which knows the transport; a Protocol, which knows the wire; an
Inbox of messages that wait for the app; and a KeepAlive, which knows when to ping.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.object cimport PyObject

from httpparser cimport Output, RequestHead
from fastserve.asgi._counters cimport Counters
from fastserve.asgi._entry cimport Entry
from fastserve.asgi._exchange cimport Channel, Exchange, make, record_close, record_websocket
from fastserve.asgi._message cimport Fields, as_message, read_fields
from fastserve.asgi._service cimport Service, coarse_time
from fastserve.asgi._task cimport (
    DONE, PYGEN_ERROR, PYGEN_NEXT, PYGEN_RETURN, Awaitable, PySendResult, Stepper, Waiter,
    WaitQueue, give, stepper_of,
)
from fastserve.asgi._transport cimport (
    DirectTransport, Sink, direct, write_bytes, write_output,
)
from fastserve.websocket._inbox cimport Inbox, size_of
from fastserve.websocket._keepalive cimport GIVE_UP, SEND_PING, KeepAlive, answered, check
from fastserve.websocket._message cimport plain_content, renew
from fastserve.websocket._protocol cimport Protocol

from inspect import CORO_CREATED, getcoroutinestate
from types import CoroutineType

from fastserve.errors import ClientDisconnected
from fastserve.repeats import MAY_REPEAT
from fastserve.websocket.deflate import negotiate
from fastserve.websocket.events import Close, Ping, ProtocolError
from fastserve.websocket.handshake import accept
from fastserve.websocket.handshake import read as read_request

__all__ = ["Session", "open_handshake"]

cdef extern from "Python.h":
    Py_ssize_t Py_REFCNT(PyObject *)

cdef enum:
    MAX_UNSENT = 65536  # bytes of frames that are kept for the end of the turn
    MAX_KEPT = 4096  # bytes or characters of a message whose event is used again

cdef str RECEIVE = "websocket.receive"


cdef enum Phase:
    CONNECTING
    DENYING
    OPEN
    ENDED

PHASES = (
    "before websocket.accept", "during websocket.http.response", "once accepted", "after its end",
)


@cython.final
cdef class Stream:
    """The bytes below a WebSocket: one write for all frames of a turn, and waiting for slow peers.

    Nothing above it knows the transport.
    """

    cdef Service service  # owned: one per loop, outlives every connection
    cdef Counters counters  # owned; None: metrics are off, or what carries it counts its bytes
    cdef object transport  # owned from accept until the connection is lost
    cdef DirectTransport direct  # owned: the same, if it is ours
    cdef Output output  # owned: the frames that this turn sends; None: there are none
    cdef bint sent_much  # others are to have a turn
    cdef bint in_turn  # somebody flushes at the end of this turn
    cdef bint congested  # the peer does not read: send() waits
    cdef bint paused  # we do not read
    cdef WaitQueue senders  # owned: those who wait for the peer to read; None until one did
    cdef Py_ssize_t stuck_size  # what waited for the peer when it last read something
    cdef double stuck_until

    def __init__(self, Service service, Counters counters):
        self.service = service
        self.counters = counters

    cdef int carry(self, object transport) except -1:
        """The handshake has been accepted on this."""
        self.transport = transport
        self.direct = direct(transport)
        return 0

    cdef int put(self, bytes data) except -1:
        """Send with the rest of this turn."""
        if PyBytes_GET_SIZE(data) >= MAX_UNSENT:
            self.flush()
            self.sent_much = True
            return self.write(data)
        return self._gather().append(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))

    cdef inline int put_message(self, Protocol protocol, object message) except -1:
        """Send a str or bytes with the rest of this turn."""
        if size_of(message) >= MAX_UNSENT:
            return self.put(
                protocol.encode_text(message) if type(message) is str
                else protocol.encode_binary(message)
            )
        return protocol.append_message(self._gather(), message)

    cdef inline Output _gather(self):
        """Where what this turn sends is put together."""
        return self._begin() if self.output is None else self.output

    cdef Output _begin(self):
        cdef Output output = self.service.spare_output
        self.service.spare_output = None
        self.output = Output.__new__(Output) if output is None else output
        if not self.in_turn:
            self.service.loop.call_soon(self._flush_pending)
        return self.output

    def _flush_pending(self):
        self.flush()

    cdef int flush(self) except -1:
        """Send now."""
        cdef Output output = self.output
        if output is None:
            return 0
        self.output = None
        if self.transport is None:
            output.clear()
        elif output.length:
            if self.counters is not None:
                self.counters.counts.totals.bytes_sent += output.length
            write_output(self.transport, self.direct, output)
        self.service.spare_output = output
        return 0

    cdef int write(self, bytes data) except -1:
        if self.transport is not None:
            if self.counters is not None:
                self.counters.counts.totals.bytes_sent += PyBytes_GET_SIZE(data)
            write_bytes(self.transport, self.direct, data)
        return 0

    cdef inline Awaitable sent(self):
        """Done, unless the peer is slow or much has been sent in this turn."""
        cdef Drain drain
        if self.output is not None and self.output.length >= MAX_UNSENT:
            self.flush()
        elif not self.congested and not self.sent_much:
            return DONE
        self.sent_much = False
        drain = Drain.__new__(Drain)
        drain.stream = self
        return drain

    cdef int uncongest(self) except -1:
        self.congested = False
        return 0 if self.senders is None else self.senders.wake_all()

    cdef int read(self, bint on) except -1:
        """Let the transport read, or not."""
        if on == self.paused and self.transport is not None:
            self.paused = not on
            if self.transport.is_closing():
                return 0  # the asyncio loop's TLS cannot resume then
            if on:
                self.transport.resume_reading()
            else:
                self.transport.pause_reading()
        return 0

    cdef bint is_stuck(self, double now, double timeout) except -1:
        """Whether the peer has read nothing of what waits for it in `timeout` seconds."""
        cdef Py_ssize_t size
        if not self.congested or not timeout:
            self.stuck_until = 0
            return False
        size = self.transport.get_write_buffer_size()
        if not self.stuck_until or size < self.stuck_size:
            self.stuck_until = now + timeout
            self.stuck_size = size
        return now >= self.stuck_until

    cdef int finish(self) except -1:
        """Send no more; read on to the peer's end, or until sweep() has waited for it long enough.

        Closing with bytes unread would reset the connection, and the peer could lose our Close.
        """
        self.flush()
        if self.transport is None:
            return 0
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()
        return 0

    cdef int close(self) except -1:
        """Send what is pending, and hang up."""
        self.flush()
        if self.transport is not None:
            self.transport.close()
        return 0

    cdef int abort(self) except -1:
        """Hang up now."""
        if self.transport is not None:
            self.transport.abort()
        return 0

    cdef int lose(self) except -1:
        """The connection is gone."""
        self.transport = self.direct = None
        self.output = None
        return 0


@cython.final
cdef class Drain(Awaitable):
    """send() while the peer does not read; or one turn for the others, after 64 KiB."""

    cdef Stream stream  # owned

    cdef Waiter wait_for(self):
        cdef Stream stream = self.stream
        if stream is None:
            raise RuntimeError("send() makes these")
        if stream.transport is None:
            raise ClientDisconnected("the client disconnected while send() waited for it to read")
        if stream.senders is None:
            stream.senders = WaitQueue(stream.service.loop)
        if stream.congested:
            return stream.senders.add()
        return stream.senders.one_turn() if self.waiter is None else None


@cython.final
cdef class Session(Sink):
    """One WebSocket, from its handshake to the end of its app."""

    cdef Service service  # owned: one per loop, outlives every connection
    cdef Counters counters  # owned: the service's
    cdef readonly object task  # owned: runs the app; None before start()
    cdef Stepper stepper  # owned: the task's coroutine; None before start()
    cdef Handshake handshake  # owned until it is answered or its connection lost
    cdef Channel channel  # owned, if it counts the apps that run; else None

    # the connection
    cdef Stream stream  # owned
    cdef Protocol protocol  # owned; None until the WebSocket is open
    cdef KeepAlive keepalive
    cdef double deadline  # of its end on the wire once it has ended; 0 until sweep() sets it
    cdef bint spoke  # a message was sent since the last Ping
    cdef Entry entry  # owned: for the access log; None if there is none
    cdef double opened_at  # coarse_time()

    # the app
    cdef Phase phase  # what the app has done
    cdef bint connected  # websocket.connect has been received
    cdef Inbox inbox  # owned
    cdef WaitQueue receivers  # owned: those who wait for it
    cdef Receive waiting  # owned: what receive() gave last, used again if nobody else has it
    cdef dict last  # owned: the event that the app was given last, if it is to be used again
    cdef dict before  # owned: the one before it
    cdef double turn_end  # when the app is to give others a turn; 0: nothing waits behind
    cdef bint gives_turn  # it waits one turn of the loop, with messages still to take
    cdef object held  # owned: a control event, or an error, that is answered after these messages
    cdef bint in_pull  # events are being read from the protocol
    cdef object disconnect  # owned: (code, reason) once the connection has ended for the app

    def __cinit__(self, Handshake handshake not None):
        config = handshake.channel.service.config
        self.service = handshake.channel.service
        self.handshake = handshake
        self.counters = self.service.counters
        if handshake.channel.counts_apps:
            self.channel = handshake.channel
        self.stream = Stream(self.service, self.counters if self.channel is None else None)
        self.keepalive.interval = config.ws_ping_interval or 0
        self.keepalive.timeout = config.ws_ping_timeout or 0
        self.inbox = Inbox(config.ws_max_queue)
        self.receivers = WaitQueue(self.service.loop)

    # -- the server's side

    def start(self):
        """Run the app in a Task of its own, in a copy of the service's context."""
        context = self.service.context.copy()
        self.service.websockets.add(self)
        if self.channel is not None:
            self.service.on_streams += 1
        scope, self.handshake.scope = self.handshake.scope, None
        try:
            app = context.run(self.service.app, scope, self.receive, self.send)
        except Exception as error:
            app = _failed(error)
        if not isinstance(app, CoroutineType):  # the ASGI spec asks for an awaitable only
            app = _awaited(app)
        self.stepper = stepper_of(app)
        self.task = self.service.loop.create_task(self.stepper, context=context)
        self.stepper.task = self.task
        self.task.add_done_callback(self._app_ended)

    def sweep(self, double now):
        """Called about once a second with loop.time(): pings, and the end of those that hang."""
        config = self.service.config
        self.last = None  # an idle connection keeps no message
        if self.stream.transport is None:
            return
        if self.stream.is_stuck(now, config.timeout_send):
            self.stream.abort()
        elif self.disconnect is not None:
            if not self.deadline:
                self.deadline = now + config.ws_close_timeout
            elif now >= self.deadline and config.ws_close_timeout:
                self.stream.abort()
        elif self.protocol is not None:
            verdict = check(&self.keepalive, now, self.stream.paused)
            if verdict == GIVE_UP:
                self._fail(1011, "keepalive ping timeout")
            elif verdict == SEND_PING:
                self.stream.put(self.protocol.ping(b"ping"))
                if not self.spoke and self.protocol.deflate is not None:
                    self.protocol.deflate.rest()
                self.spoke = False

    def shutdown(self):
        """The server stops: refuse with 503, or close with 1012."""
        cdef bint unbegun
        if self.disconnect is not None:
            return
        if self.phase == CONNECTING:
            unbegun = has_not_begun(self.stepper.coroutine)
            if unbegun and self.handshake.channel.give_back(self.handshake):
                self._end_handshake()
            else:
                self._refuse(503, "the server is shutting down")
            if unbegun:
                self.task.cancel()  # the app hears nothing of a handshake that is over already
        elif self.phase == OPEN:
            self._close(1012, "service restart")

    def abort(self):
        """End it now: the connection and the app."""
        self.stream.abort()
        if self.task is not None:
            self.task.cancel()

    # -- the transport's side

    def data_received(self, bytes data not None):
        self.take(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))

    cdef int take(self, const char *at, size_t count) except -1:
        """Parse, hand to the app and send what it answers, all in this turn."""
        cdef Stream stream = self.stream
        self.keepalive.heard = True
        if stream.counters is not None:
            stream.counters.counts.totals.bytes_received += count
        stream.in_turn = True
        self.protocol.take(at, count)
        try:
            self._serve()
        finally:
            self.protocol.keep()
        stream.in_turn = False
        if self.before is not None:
            self.service.spare_event = self.before
            self.before = None
        stream.flush()
        if stream.paused or self.inbox.first is not None or self._has_unread():
            self._pause_or_resume()
        return 0

    cdef inline int _serve(self) except -1:
        """The app, if it waits for messages."""
        cdef object message
        if self.receivers.first is not None:
            message = self._whole_message()
            if message is None:
                self._pull(1)
            else:
                self.inbox.put(message)
            self._wake_receivers(True)  # the app, once woken, asks for one after the other
        if self._has_unread():
            self._pull(self.inbox.max_count)
            self._wake_receivers(True)
        return 0

    def eof_received(self):
        """Let the transport close: a WebSocket is not half open."""
        self.stream.flush()
        if self.disconnect is None:
            self.disconnect = (1006, "")
        self._wake_receivers(False)

    def pause_writing(self):
        """The peer does not read: send() waits."""
        self.stream.congested = True

    def resume_writing(self):
        """The peer reads again."""
        self._reply()
        self.stream.uncongest()

    def connection_lost(self, exc):
        """The end on the wire; the app may still take what had arrived."""
        cdef bint was_open = self.stream.transport is not None  # and is told this once
        self.stream.lose()
        self.handshake = None
        if self.disconnect is None:
            self.disconnect = (1006, "")
        if was_open:
            record_close(
                self.service, self.entry, self.disconnect[0], coarse_time() - self.opened_at
            )
        self._wake_receivers(False)
        self.stream.uncongest()
        self._forget()

    # -- the app's side

    def receive(self):
        """ASGI's receive: an awaitable of the next event, as it is when that is awaited."""
        if Py_REFCNT(<PyObject *> self.waiting) != 1:  # as None never is
            self.waiting = Receive.__new__(Receive)
        self.waiting.session = self
        return self.waiting

    cdef inline bint _has_one_at_most(self) noexcept:
        """Whether no message waits behind the next."""
        return self.inbox.count <= 1 and not self._has_unread()

    cdef inline bint _has_nothing(self) noexcept:
        """Whether receive() has to wait, of those times when there is one message at most."""
        return (
            self.inbox.first is None and self.disconnect is None and self.connected
            and not self.stream.paused
        )

    cdef inline bint _turn_is_over(self) noexcept:
        """Whether the app has taken one message after the other for a while: others wait."""
        if not self.turn_end:
            self.turn_end = coarse_time() + self.service.turn_seconds
            return False
        return coarse_time() > self.turn_end

    def send(self, message):
        """ASGI's send; done when it returns, and to be waited for only while the peer is slow."""
        cdef object kind, content
        cdef dict given = as_message(message)
        if self.phase == OPEN and self.disconnect is None:
            content = plain_content(given)
            if content is not None:
                self._send(content)
                return self.stream.sent()
        kind = given["type"]
        if self.phase != ENDED and self.disconnect is not None:
            raise ClientDisconnected("the WebSocket has ended: code %d %s" % self.disconnect)
        if self.phase == OPEN and kind == "websocket.send":
            self._send_parts(given.get("text"), given.get("bytes"))
            return self.stream.sent()
        step = STEPS[self.phase].get(kind)
        if step is None:
            raise RuntimeError(
                f"{kind!r} cannot be sent {PHASES[self.phase]}: "
                f"{' or '.join(STEPS[self.phase]) or 'nothing'} can"
            )
        return step(self, given)

    cdef int _send_parts(self, object text, object data) except -1:
        if (text is None) == (data is None):
            raise ValueError("websocket.send needs exactly one of 'bytes' and 'text'")
        if text is not None:
            return self._send(<str?> text)
        return self._send(data if type(data) is bytes else bytes(memoryview(data)))

    cdef inline int _send(self, object message) except -1:
        """Send a str or bytes."""
        self.spoke = True
        self.stream.put_message(self.protocol, message)
        if self.counters is not None:
            self.counters.counts.totals.messages_sent += 1
        return 0

    def _app_closes(self, dict message):
        code = message.get("code")
        self._close(1000 if code is None else code, message.get("reason") or "")
        self.phase = ENDED
        self.inbox.clear()
        return DONE

    def _app_ended(self, task):
        error = None if task.cancelled() else task.exception()
        self.stepper.task = None
        self.waiting = None
        self.gives_turn = False
        if self.channel is not None:
            self.channel.left()
        if error is not None:
            self._log(error)
        elif self.phase < OPEN and self.disconnect is None and not task.cancelled():
            self.service.logger.error(
                "the WebSocket app returned without answering the handshake", extra=MAY_REPEAT
            )
        if self.disconnect is None:
            if self.phase < OPEN:
                self._end_handshake().fail()
            elif error is not None or task.cancelled():
                self._close(1011, "internal error")
            else:
                self._close(1000, "")
        self.phase = ENDED
        self._forget()

    cdef int _log(self, object error) except -1:
        if isinstance(error, ClientDisconnected):
            return 0  # ASGI: what send() raised after a disconnect is not an error
        self.service.count_failure()
        if isinstance(error.__context__, ClientDisconnected):
            self.service.logger.warning(
                "the WebSocket app ended with %r after its client", error, extra=MAY_REPEAT
            )
        else:
            self.service.logger.error("the WebSocket app failed", exc_info=error)
        return 0

    # -- messages in

    cdef inline dict _next_event(self):
        """The event that receive() gives now, or None when it must wait."""
        cdef object message
        self.gives_turn = False
        if not self.connected:
            self.connected = True
            return {"type": "websocket.connect"}
        if self.inbox.first is not None:
            message = self.inbox.take()
        else:
            message = self._whole_message()
            if message is None and self._has_unread():
                self._pull(1)
                if self.inbox.first is not None:
                    message = self.inbox.take()
        if self.stream.paused and self.inbox.first is None and self.protocol is not None:
            self._pause_or_resume()  # also when what was unread is only the beginning of a frame
        if message is not None:
            return self._event_of(message)
        if self.disconnect is not None:
            code, reason = self.disconnect
            return {"type": "websocket.disconnect", "code": code, "reason": reason}
        return None

    cdef inline dict _event_of(self, object message):
        """The event that gives a str or bytes to the app: a dict that nobody holds any more.

        An app lets go of an event when it has the next one. So the one before that serves again;
        after this turn, the next connection's. It saves 6% of the instructions of an echo.
        """
        cdef str key = "text" if type(message) is str else "bytes"
        cdef dict event = self.before
        if not self.stream.in_turn or size_of(message) > MAX_KEPT:
            return {"type": RECEIVE, key: message}
        if event is None:
            event = self.service.spare_event
            self.service.spare_event = None
        self.before = None
        if event is None or Py_REFCNT(<PyObject *> event) != 1 or not renew(
            event, RECEIVE, key, message
        ):
            event = {"type": RECEIVE, key: message}
        self.before = self.last
        self.last = event
        return event

    cdef inline object _whole_message(self):
        """The next message where nothing comes before it and it is simple to read; else None."""
        cdef object message
        if (
            self.protocol is None or not self.protocol.unread
            or self.inbox.first is not None or self.held is not None
            or self.in_pull or self.disconnect is not None
        ):
            return None
        message = self.protocol.whole_message()
        if message is not None and self.counters is not None:
            self.counters.counts.totals.messages_received += 1
        return message

    cdef int _pull(self, Py_ssize_t most) except -1:
        """Read events until the inbox has so many messages or is full; the rest is read later."""
        cdef object event
        if self.in_pull:
            return 0  # the app was woken from here, and goes on when this does
        self.in_pull = True
        try:
            while not self._is_full() and (
                self.inbox.count < most or self.disconnect is not None
            ):
                if self.held is not None:
                    event, self.held = self.held, None
                elif not self.protocol.unread:
                    break
                else:
                    event = self.protocol.read()
                if event is None:
                    break
                if type(event) is str or type(event) is bytes:
                    if not self.protocol.close_sent:
                        self.inbox.put(event)
                        if self.counters is not None:
                            self.counters.counts.totals.messages_received += 1
                else:
                    self._wake_receivers(self.stream.in_turn)  # answers keep the order of questions
                    if self.gives_turn:
                        self.held = event
                        break
                    self._answer(event)
        except ProtocolError as error:
            self.protocol.fail(error)
            self._wake_receivers(self.stream.in_turn)
            if self.gives_turn:
                self.held = error
            else:
                self._fail(error.code, error.reason)
        self.in_pull = False
        return 0

    cdef bint _is_full(self) noexcept:
        # once it has ended nothing is queued any more, and the peer's Close is waited for
        return self.disconnect is None and self.inbox.is_full()

    cdef int _pause_or_resume(self) except -1:
        return self.stream.read(not self._is_full() and not self._has_unread())

    cdef inline bint _has_unread(self) noexcept:
        return self.held is not None or self.protocol is not None and self.protocol.unread > 0

    cdef inline int _wake_receivers(self, bint now) except -1:
        while self.receivers.first is not None and (
            self.inbox.first is not None or self.disconnect is not None
        ):
            self.receivers.wake_first(now)
        return 0

    # -- Ping, Pong and Close

    cdef int _answer(self, object event) except -1:
        """Send what the protocol owes for a Ping, a Close or an error."""
        if isinstance(event, ProtocolError):
            return self._fail(event.code, event.reason)
        if type(event) is Close:
            if self.protocol.close_sent:
                return self.stream.close()
            self._reply()
            self._end(event.code, event.reason)
            return self.stream.finish()
        if type(event) is not Ping:
            return answered(&self.keepalive)
        if not self.stream.congested:  # while it is, only the latest Pong is owed
            self._reply()
        return 0

    cdef int _reply(self) except -1:
        cdef bytes reply = self.protocol.take_reply()
        if reply:
            self.stream.put(reply)
        return 0

    cdef int _close(self, int code, str reason) except -1:
        """Begin the closing handshake; what arrives until its end is dropped."""
        self.stream.put(self.protocol.close(code, reason))
        self.stream.flush()
        self._end(code, reason)
        self._pull(self.inbox.max_count)
        return self._pause_or_resume()

    cdef int _fail(self, int code, str reason) except -1:
        """RFC 6455 7.1.7: say why, then hang up."""
        if self.stream.transport is None:
            return 0
        if not self.protocol.close_sent:
            self.stream.put(self.protocol.close(code, reason))
        if self.disconnect is None:
            self._end(code, reason)
        return self.stream.finish()

    cdef int _end(self, int code, str reason) except -1:
        """For the app the connection is over; for the wire, once the peer or sweep() says so."""
        self.disconnect = (code, reason)
        return self._wake_receivers(False)

    cdef int _forget(self) except -1:
        if self.stream.transport is None and self.task.done() and (
            self in self.service.websockets
        ):
            self.service.websockets.remove(self)
            if self.channel is not None:
                self.service.on_streams -= 1
            self.service.notice()
        return 0

    # -- the handshake's answer

    def _app_accepts(self, dict message):
        cdef Handshake answer = self.handshake
        cdef bytes early
        config = self.service.config
        agreed = negotiate(answer.request.extensions) if config.ws_per_message_deflate else None
        deflate, extension = agreed or (None, None)
        fields = accept(
            answer.request, message.get("subprotocol"), extension, message.get("headers") or ()
        )
        if answer.channel.gone:
            raise ClientDisconnected("the client disconnected before it was accepted")
        # First of all: from upgrade() on messages may arrive, whatever fails below.
        self.protocol = Protocol(
            max_size=config.ws_max_size, max_fragments=config.ws_max_fragments, deflate=deflate
        )
        transport, head, early = answer.channel.upgrade(answer, self, fields)
        self.stream.carry(transport)
        if head:
            self.stream.put(head)
        self.handshake = None
        self.phase = OPEN
        self.opened_at = coarse_time()
        self.entry = record_websocket(answer, 200 if answer.head.version == "2" else 101)
        if early:
            self.protocol.take(PyBytes_AS_STRING(early), PyBytes_GET_SIZE(early))
            self.protocol.keep()
            self._pull(self.inbox.max_count)
            self._wake_receivers(False)
        self._pause_or_resume()
        return self.stream.sent()

    def _app_refuses(self, dict message):
        self._refuse(403, "the app refused the WebSocket")
        self.phase = ENDED
        return DONE

    def _app_denies(self, dict message):
        cdef Fields fields
        status = message["status"]
        if not isinstance(status, int) or not 200 <= status <= 599:
            raise ValueError(f"status {status!r} of a denial: use 200 to 599")
        read_fields(message, &fields)
        self.handshake.start_response(message, &fields)
        self.phase = DENYING
        return DONE

    def _app_denies_with_body(self, dict message):
        cdef Handshake answer = self.handshake
        cdef Fields fields
        read_fields(message, &fields)
        sent = answer.send_body(&fields)
        if not message.get("more_body"):
            self._end_handshake()
            self.phase = ENDED
        return sent

    cdef int _refuse(self, int status, str reason) except -1:
        return self._end_handshake().answer(status, reason)

    cdef Handshake _end_handshake(self):
        """The app hears that it is over; what answers it is returned."""
        cdef Handshake answer = self.handshake
        self.handshake = None
        self._end(1006, "")
        return answer


cdef class Handshake(Exchange):
    """The HTTP exchange that answers a handshake. Its app is called by the session."""

    cdef Session session  # owned from the call until the connection is lost
    cdef object request  # owned: what the handshake asks for

    cdef int call(self) except -1:
        self.called = True
        self.session = Session(self)
        self.session.start()
        return 0

    cdef int disconnect(self) except -1:
        cdef Session session = self.session
        self.session = None
        if session is not None and session.handshake is self:
            session.connection_lost(None)
        return 0


def open_handshake(Channel channel not None, RequestHead head not None):
    """The exchange of a request for a WebSocket. Raises Refusal for one that is malformed."""
    cdef Handshake exchange = make(Handshake)
    cdef dict scope
    exchange.request = read_request(head.method, head.version, head.headers)
    exchange.begin(channel, head)
    exchange.is_websocket = True
    scope = exchange.scope
    scope["type"] = "websocket"
    scope["scheme"] = "wss" if scope["scheme"] == "https" else "ws"
    scope["subprotocols"] = exchange.request.subprotocols
    scope["extensions"] = {"websocket.http.response": {}}
    if channel.tls is not None:
        scope["extensions"]["tls"] = channel.tls.copy()
    del scope["method"]
    return exchange


@cython.final
cdef class Receive(Awaitable):
    """receive() when nothing has arrived yet."""

    cdef Session session  # owned; None once the event was given

    cdef PySendResult step(self, PyObject **result) except? PYGEN_ERROR:
        cdef Session session = self.session
        cdef object given
        cdef PySendResult how = PYGEN_NEXT
        if session is None:
            raise RuntimeError("receive() makes these, each for one event")
        if session._has_one_at_most():
            session.turn_end = 0
            if session._has_nothing():
                session.gives_turn = False
                given = self.waiter = session.receivers.add()
                return give(how, given, result)
        elif session._turn_is_over():
            session.turn_end = 0
            session.gives_turn = True
            given = self.waiter = session.receivers.one_turn()
            return give(how, given, result)
        given = session._next_event()
        if given is None:
            given = self.waiter = session.receivers.add()
        else:
            how = PYGEN_RETURN
            self.waiter = None
            self.session = None
        return give(how, given, result)


cdef bint has_not_begun(object coroutine) except -1:
    return isinstance(coroutine, CoroutineType) and getcoroutinestate(coroutine) == CORO_CREATED


async def _awaited(call):
    await call


async def _failed(error):
    raise error


# What the app may send in each phase; anything else is an error in the app. The hot one is not
# called through this table.
STEPS = (
    {
        "websocket.accept": Session._app_accepts,
        "websocket.close": Session._app_refuses,
        "websocket.http.response.start": Session._app_denies,
    },
    {"websocket.http.response.body": Session._app_denies_with_body},
    {"websocket.send": None, "websocket.close": Session._app_closes},
    {},
)
