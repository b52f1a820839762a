# cython: binding=False
"""A WebSocket under ASGI: an asyncio protocol on one side, receive() and send() on the other."""

from fastserve.websocket._protocol cimport Protocol
from fastserve.websocket._waiting cimport Awaitable, Line, Ready, ready, step_in_c

from fastserve.websocket import handshake
from fastserve.websocket.deflate import negotiate
from fastserve.websocket.denial import Denial
from fastserve.websocket.events import Close, Ping, Pong, ProtocolError

__all__ = ["ClientDisconnected", "Session"]

cdef enum:
    HIGH_WATER = 65536  # bytes of frames that are joined before they go to the transport
    EARLY = 65536  # bytes from a client that does not wait for the handshake's answer
    QUEUED = 1 << 20  # bytes of messages that wait for the app before reading stops

cdef enum Phase:
    CONNECTING
    DENYING
    OPEN
    ENDED

PHASES = ("before websocket.accept", "during websocket.http.response", "once accepted", "after its end")


class ClientDisconnected(OSError):
    """send() after the connection has ended (ASGI 2.4)."""


cdef class Receive(Awaitable):
    """receive() when nothing has arrived yet."""

    cdef object wait_for(self):
        cdef Session session = self.owner
        self.value = session._next_event()
        if self.value is None:
            self.gate = session.receivers.wait()
            return self.gate
        return None


cdef class Drain(Awaitable):
    """send() while the peer does not read; once, also a turn for the others after 64 KiB."""

    cdef object wait_for(self):
        cdef Session session = self.owner
        if session.lost:
            raise ClientDisconnected("the client disconnected while send() waited for it to read")
        if not session.write_paused and self.gate is not None:
            return None
        self.gate = session.senders.wait()
        if not session.write_paused:
            session.senders.leave(self.gate)
            self.gate.open()
        return self.gate


step_in_c(Receive)
step_in_c(Drain)

cdef Ready DONE = ready(None)


cdef class Session:
    """One WebSocket from its handshake to the end of its app."""

    cdef readonly object task  # owned: runs the app; None before start()
    cdef object service  # borrowed: one per process
    cdef object loop
    cdef object transport  # owned until connection_lost
    cdef object scope  # owned until start()
    cdef object request  # owned until the answer
    cdef bytes early  # owned: what came before accept
    cdef object denial  # owned while DENYING
    cdef Protocol protocol  # owned from accept on

    cdef Phase phase  # what the app has done
    cdef bint connected  # websocket.connect has been received
    cdef object disconnect  # owned: (code, reason) once the connection has ended for the app
    cdef bint closing  # our last byte is sent or never will be: only the end is awaited
    cdef bint lost  # the transport is gone

    cdef object message  # owned: the str or bytes that the app receives next, or None
    cdef list behind  # owned: those after it, from `taken` on; None until there is one
    cdef Py_ssize_t taken
    cdef Py_ssize_t waiting  # messages in all
    cdef Py_ssize_t queued  # bytes of them, roughly
    cdef Py_ssize_t max_queue
    cdef Line receivers
    cdef bint read_paused

    cdef object pending  # owned: None, the frame, or a list of frames, that this turn sends
    cdef Py_ssize_t unsent  # bytes of them
    cdef bint in_turn  # data_received flushes at its end
    cdef Line senders
    cdef bint write_paused
    cdef bytes pong  # owned: the one answer owed to a peer that pings but does not read

    cdef bint heard  # something arrived since the last sweep
    cdef bint spoke  # something was sent since the last ping
    cdef bint pinged  # a Pong is awaited
    cdef double due  # of the next ping, the Pong, or the end of closing; 0 is not known yet

    def __init__(self, service, transport, dict scope, request, bytes leftover=b""):
        self.service = service
        self.loop = service.loop
        self.transport = transport
        self.scope = scope
        self.request = request
        self.early = leftover
        self.max_queue = max(1, service.config.ws_max_queue)
        self.receivers = Line(self.loop)
        self.senders = Line(self.loop)

    # -- the server's side

    def start(self):
        """Run the app in a Task of its own, in a copy of the service's context."""
        context = self.service.context.copy()
        self.service.websockets.add(self)
        scope, self.scope = self.scope, None
        # no coroutine of ours around the app's: every step would pass through it
        try:
            app = context.run(self.service.app, scope, self.receive, self.send)
        except Exception as error:
            app = _failed(error)
        self.task = self.loop.create_task(app, context=context)
        self.task.add_done_callback(self._app_ended)

    def sweep(self, double now):
        """Called about once a second with loop.time(): pings, and the end of those that hang."""
        config = self.service.config
        if self.lost:
            return
        if self.disconnect is not None:
            if not self.closing:
                self.closing = True
                self.due = now + config.ws_close_timeout
            elif now >= self.due:
                self.transport.abort()
            return
        if self.phase != OPEN or config.ws_ping_interval is None:
            return
        if not self.due:
            self.due = now + config.ws_ping_interval
        if self.pinged and (self.heard or self.read_paused):
            # a peer that sends one large frame cannot answer inside it, nor one we do not read
            self.due = now + config.ws_ping_timeout
        self.heard = False
        if now < self.due:
            return
        if self.pinged:
            self._fail(1011, "keepalive ping timeout")
            return
        self._put(self.protocol.ping(b"ping"))
        self.due = now + config.ws_ping_interval
        if config.ws_ping_timeout is not None:
            self.pinged = True
            self.due = now + config.ws_ping_timeout
        if not self.spoke and self.protocol.deflate is not None:
            self.protocol.deflate.rest()
        self.spoke = False

    def shutdown(self):
        """The server stops: refuse with 503, or close with 1012."""
        if self.phase == CONNECTING:
            self._answer(503, "the server is shutting down")
        elif self.phase == OPEN and self.disconnect is None:
            self._close_with(1012, "service restart")

    def abort(self):
        """End it now: the connection and the app."""
        if not self.lost:
            self.transport.abort()
        if self.task is not None:
            self.task.cancel()

    # -- the transport's side

    def data_received(self, bytes data):
        """Parse, hand to the app and flush what it answers, all in this turn."""
        self.heard = True
        if self.protocol is None:
            self._keep_early(data)
            return
        self.in_turn = True
        self.protocol.feed(data)
        self._pull()
        self._wake_receivers(True)
        self.in_turn = False
        if self.pending is not None:
            self._flush()
        self._pause_or_resume()

    def eof_received(self):
        """Let the transport close: a WebSocket is not half open."""

    def connection_lost(self, exc):
        """The end on the wire; the app may still take what had arrived."""
        self.lost = True
        self.transport = None
        self.pending = None
        if self.disconnect is None:
            self.disconnect = (1006, "")
        self._wake_receivers(False)
        self.resume_writing()
        self._forget()

    def pause_writing(self):
        """The peer does not read: send() waits."""
        self.write_paused = True

    def resume_writing(self):
        """The peer reads again."""
        self.write_paused = False
        if self.pong is not None and self.disconnect is None:
            self._put(self.protocol.pong(self.pong))
        self.pong = None
        while self.senders.first is not None:
            self.senders.open_first(False)

    # -- the app's side

    def receive(self):
        """ASGI's receive: the next event, as an awaitable that is ready if the event is."""
        cdef object event = self._next_event()
        cdef Receive waiting
        if event is not None:
            return ready(event)
        waiting = Receive.__new__(Receive)
        waiting.owner = self
        return waiting

    def send(self, dict message not None):
        """ASGI's send; done when it returns, and to be waited for only while the peer is slow."""
        cdef Drain drain
        cdef object kind = message["type"]
        if self.phase != ENDED and self.disconnect is not None:
            raise ClientDisconnected("the WebSocket has ended: code %d %s" % self.disconnect)
        if self.phase == OPEN and kind == "websocket.send":
            self._send(message)
        else:
            step = STEPS[self.phase].get(kind)
            if step is None:
                raise RuntimeError(
                    f"{kind!r} cannot be sent {PHASES[self.phase]}: "
                    f"{' or '.join(STEPS[self.phase]) or 'nothing'} can"
                )
            step(self, message)
        if self.unsent >= HIGH_WATER:
            self._flush()
        elif not self.write_paused or self.phase == ENDED:
            return DONE
        drain = Drain.__new__(Drain)
        drain.owner = self
        return drain

    def _send(self, dict message):
        cdef object text = message.get("text")
        cdef object data = message.get("bytes")
        if (text is None) == (data is None):
            raise ValueError("websocket.send needs exactly one of 'bytes' and 'text'")
        self.spoke = True
        if data is None:
            self._put(self.protocol.encode_text(text))
        else:
            self._put(self.protocol.encode_binary(data if type(data) is bytes else bytes(memoryview(data))))

    def _accept(self, dict message):
        config = self.service.config
        agreed = negotiate(self.request.extensions) if config.ws_per_message_deflate else None
        deflate, extension = agreed or (None, None)
        head = handshake.accept(
            self.request,
            message.get("subprotocol"),
            extension,
            message.get("headers") or (),
            self.service.default_headers(),
        )
        self.protocol = Protocol(
            max_size=config.ws_max_size, max_fragments=config.ws_max_fragments, deflate=deflate
        )
        self.phase = OPEN
        self.request = None
        self._put(head)
        if self.early:
            self.protocol.feed(self.early)
            self._pull()
            self._wake_receivers(False)
        self.early = None
        self._pause_or_resume()

    def _close(self, dict message):
        code = message.get("code")
        self._close_with(1000 if code is None else code, message.get("reason") or "")
        self.phase = ENDED
        self._drop_messages()
        self._pause_or_resume()

    def _refuse(self, dict message):
        self._answer(403, "the app refused the WebSocket")
        self.phase = ENDED

    def _deny(self, dict message):
        ready_fields = self.service.default_headers()
        self.denial = Denial(message["status"], message.get("headers") or (), ready_fields)
        self.phase = DENYING

    def _deny_body(self, dict message):
        more = bool(message.get("more_body", False))
        self._put(self.denial.body(bytes(message.get("body", b"")), more))
        if not more:
            self._end_http()
            self.phase = ENDED

    def _app_ended(self, task):
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._log(error)
        elif self.phase < OPEN and self.disconnect is None and not task.cancelled():
            self.service.logger.error("the WebSocket app returned without an answer to its handshake")
        if self.disconnect is None:
            if self.phase == CONNECTING:
                self._answer(500, "Internal Server Error")
            elif self.phase == DENYING:
                self.transport.abort()
            elif self.phase == OPEN:
                if error is None and not task.cancelled():
                    self._close_with(1000, "")
                else:
                    self._close_with(1011, "internal error")
        self.phase = ENDED
        self._forget()

    def _log(self, error):
        if isinstance(error, ClientDisconnected):
            return  # ASGI: what send() raised after a disconnect is not an error
        if isinstance(error.__context__, ClientDisconnected):
            self.service.logger.warning("the WebSocket app ended with %r after its client", error)
        else:
            self.service.logger.error("the WebSocket app failed", exc_info=error)

    # -- in

    cdef object _next_event(self):
        """The event that receive() gives now, or None when it must wait."""
        cdef object message
        if not self.connected:
            self.connected = True
            return {"type": "websocket.connect"}
        if self.message is None and self.protocol is not None and self.protocol.has_unread():
            self._pull()
        if self.message is not None:
            message = self._take()
            if self.read_paused and self.message is None:
                self._pause_or_resume()
            if type(message) is str:
                return {"type": "websocket.receive", "text": message}
            return {"type": "websocket.receive", "bytes": message}
        if self.disconnect is not None:
            code, reason = self.disconnect
            return {"type": "websocket.disconnect", "code": code, "reason": reason}
        return None

    cdef int _pull(self) except -1:
        """Read events up to a full queue; what is left is read when the app has taken some."""
        try:
            while not self._is_full():
                event = self.protocol.next_event()
                if event is None:
                    break
                if type(event) is str or type(event) is bytes:
                    if self.phase == OPEN and (self.disconnect is None or self.lost):
                        self._queue(event)
                elif type(event) is Ping:
                    self._answer_ping(event.payload)
                elif type(event) is Pong:
                    if self.pinged and event.payload == b"ping":
                        self.pinged = False
                        self.due = 0
                else:
                    self._closed_by_peer(event)
        except ProtocolError as error:
            self._fail(error.code, error.reason)
        return 0

    cdef int _queue(self, object message) except -1:
        self.waiting += 1
        self.queued += len(message)
        if self.message is None:
            self.message = message
        elif self.behind is None:
            self.behind = [message]
        else:
            self.behind.append(message)
        return 0

    cdef object _take(self):
        cdef object message = self.message
        self.waiting -= 1
        self.queued -= len(message)
        self.message = None
        if self.behind is not None:
            self.message = self.behind[self.taken]
            self.taken += 1
            if self.taken == len(self.behind):
                self.behind = None
                self.taken = 0
        return message

    cdef int _drop_messages(self) except -1:
        self.message = self.behind = None
        self.waiting = self.queued = self.taken = 0
        return 0

    cdef bint _is_full(self):
        return self.waiting >= self.max_queue or self.queued >= QUEUED

    cdef int _pause_or_resume(self) except -1:
        cdef bint pause = self._is_full() or self.protocol.has_unread()
        if pause != self.read_paused and not self.lost:
            self.read_paused = pause
            if pause:
                self.transport.pause_reading()
            else:
                self.transport.resume_reading()
        return 0

    cdef int _keep_early(self, bytes data) except -1:
        """RFC 6455 4.1: a client waits for the answer; one that does not is read to a limit."""
        if self.phase == CONNECTING and self.disconnect is None:
            self.early += data
            if len(self.early) > EARLY and not self.read_paused:
                self.read_paused = True
                self.transport.pause_reading()
        return 0

    cdef int _wake_receivers(self, bint now) except -1:
        while self.receivers.first is not None and (
            self.message is not None or self.disconnect is not None
        ):
            self.receivers.open_first(now)
        return 0

    cdef int _answer_ping(self, bytes payload) except -1:
        if self.disconnect is not None:
            return 0
        if self.write_paused:
            self.pong = payload  # RFC 6455 5.5.3: the most recent Ping's will do
        else:
            self._put(self.protocol.pong(payload))
        return 0

    # -- out

    cdef int _put(self, bytes frame) except -1:
        """Send with the rest of this turn."""
        if self.pending is None:
            self.pending = frame
            if not self.in_turn:
                self.loop.call_soon(self._flush_pending)
        elif type(self.pending) is list:
            (<list>self.pending).append(frame)
        else:
            self.pending = [self.pending, frame]
        self.unsent += len(frame)
        return 0

    def _flush_pending(self):
        if self.pending is not None:
            self._flush()

    cdef int _flush(self) except -1:
        cdef object pending = self.pending
        self.pending = None
        self.unsent = 0
        if pending is not None and not self.lost:
            self.transport.write(b"".join(pending) if type(pending) is list else pending)
        return 0

    # -- the end

    cdef int _ended(self, int code, str reason) except -1:
        """For the app the connection is over; for the wire it is once sweep() or the peer says so."""
        self.disconnect = (code, reason)
        self.due = 0
        self.pinged = False
        self._wake_receivers(False)
        return 0

    cdef int _close_with(self, code, reason) except -1:
        """Begin the closing handshake; what arrives until its end is dropped."""
        self._put(self.protocol.close(code, reason))
        self._flush()
        self._ended(code, reason)
        self._pull()
        self._pause_or_resume()
        return 0

    cdef int _closed_by_peer(self, event) except -1:
        if self.protocol.close_sent:
            self._flush()
        else:
            self._put(self.protocol.close(event.code))
            self._flush()
            self._ended(event.code, event.reason)
        if not self.lost:
            self.transport.close()
        return 0

    cdef int _fail(self, int code, str reason) except -1:
        """RFC 6455 7.1.7; the peer can still read why, whatever it was sending."""
        if self.lost:
            return 0
        if not self.protocol.close_sent:
            self._put(self.protocol.close(code, reason))
        self._flush()
        if self.disconnect is None:
            self._ended(code, reason)
        if self.transport.can_write_eof():
            # closing with bytes unread would reset the connection and could lose the Close
            self.transport.write_eof()
        else:
            self.transport.close()
        return 0

    cdef int _answer(self, int status, str reason) except -1:
        """Refuse the handshake."""
        ready_fields = self.service.default_headers()
        self._put(handshake.refuse(status, reason, (), ready_fields))
        self._end_http()
        return 0

    cdef int _end_http(self) except -1:
        self._flush()
        self._ended(1006, "")
        self.transport.close()
        return 0

    cdef int _forget(self) except -1:
        if self.lost and self.task.done():
            self.service.websockets.discard(self)
            self.service.notice()
        return 0


async def _failed(error):
    raise error


# what the app may send in each phase; anything else is an error in the app
STEPS = (
    {
        "websocket.accept": Session._accept,
        "websocket.close": Session._refuse,
        "websocket.http.response.start": Session._deny,
    },
    {"websocket.http.response.body": Session._deny_body},
    {"websocket.send": Session._send, "websocket.close": Session._close},
    {},
)
