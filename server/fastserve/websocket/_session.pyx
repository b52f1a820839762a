# cython: binding=False, boundscheck=False, wraparound=False, initializedcheck=False
"""A WebSocket under ASGI: an asyncio protocol on one side, receive() and send() on the other."""

from fastserve.asgi._waiting cimport DONE, Awaitable, Waiter, ready
from fastserve.websocket._peer cimport Peer
from fastserve.websocket._protocol cimport Protocol

from fastserve.websocket import handshake
from fastserve.websocket._link import ClientDisconnected
from fastserve.websocket.deflate import negotiate
from fastserve.websocket.denial import Denial

__all__ = ["Session"]

cdef enum:
    EARLY = 65536  # bytes from a client that does not wait for the handshake's answer

cdef enum Phase:
    CONNECTING
    DENYING
    OPEN
    ENDED

PHASES = (
    "before websocket.accept",
    "during websocket.http.response",
    "once accepted",
    "after its end",
)


cdef class Receive(Awaitable):
    """receive() when nothing has arrived yet."""

    cdef Session session

    cdef Waiter wait_for(self):
        self.value = self.session._next_event()
        return self.session.receivers.add() if self.value is None else None


cdef class Session(Peer):
    """One WebSocket, from its handshake to the end of its app."""

    cdef readonly object task  # owned: runs the app; None before start()
    cdef object scope  # owned until start()
    cdef object request  # owned until the answer
    cdef bytes early  # owned: what came before accept
    cdef object denial  # owned while DENYING

    cdef Phase phase  # what the app has done
    cdef bint connected  # websocket.connect has been received

    def __init__(self, service, transport, dict scope, request, bytes leftover=b""):
        Peer.__init__(self, service, transport)
        self.scope = scope
        self.request = request
        self.early = leftover

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
        self.look(now)

    def shutdown(self):
        """The server stops: refuse with 503, or close with 1012."""
        if self.disconnect is not None:
            return
        if self.phase == CONNECTING:
            self._answer(503, "the server is shutting down")
        elif self.phase == OPEN:
            self.close_with(1012, "service restart")

    def abort(self):
        """End it now: the connection and the app."""
        if not self.lost:
            self.transport.abort()
        if self.task is not None:
            self.task.cancel()

    # -- the transport's side

    def data_received(self, bytes data):
        """Before accept, kept; after it, parsed, handed to the app and answered in this turn."""
        if self.protocol is None:
            self._keep_early(data)
        else:
            self.take(data)

    def connection_lost(self, exc):
        """The end on the wire; the app may still take what had arrived."""
        self.lose()
        if self.disconnect is None:
            self.disconnect = (1006, "")
        self.wake_receivers(False)
        self.resume_writing()
        self._forget()

    # -- the app's side

    def receive(self):
        """ASGI's receive: the next event, as an awaitable that is ready if the event is."""
        cdef object event = self._next_event()
        cdef Receive waiting
        if event is not None:
            return ready(event)
        waiting = Receive.__new__(Receive)
        waiting.session = self
        return waiting

    def send(self, dict message not None):
        """ASGI's send; done when it returns, and to be waited for only while the peer is slow."""
        cdef object kind = message["type"]
        if self.phase != ENDED and self.disconnect is not None:
            raise ClientDisconnected("the WebSocket has ended: code %d %s" % self.disconnect)
        if self.phase == OPEN and kind == "websocket.send":
            self._send(message)
            return self.sent()
        step = STEPS[self.phase].get(kind)
        if step is None:
            raise RuntimeError(
                f"{kind!r} cannot be sent {PHASES[self.phase]}: "
                f"{' or '.join(STEPS[self.phase]) or 'nothing'} can"
            )
        step(self, message)
        return DONE if self.phase == ENDED else self.sent()

    def _send(self, dict message):
        cdef object text = message.get("text")
        cdef object data = message.get("bytes")
        if (text is None) == (data is None):
            raise ValueError("websocket.send needs exactly one of 'bytes' and 'text'")
        self.spoke = True
        if data is None:
            self.put(self.protocol.encode_text(text))
        elif type(data) is bytes:
            self.put(self.protocol.encode_binary(data))
        else:
            self.put(self.protocol.encode_binary(bytes(memoryview(data))))

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
        protocol = Protocol(
            max_size=config.ws_max_size, max_fragments=config.ws_max_fragments, deflate=deflate
        )
        early, self.early = self.early, None
        self.phase = OPEN
        self.request = None
        self.put(head)
        self.open(protocol, early)

    def _close(self, dict message):
        code = message.get("code")
        self.close_with(1000 if code is None else code, message.get("reason") or "")
        self.phase = ENDED
        self.inbox.clear()

    def _refuse(self, dict message):
        self._answer(403, "the app refused the WebSocket")
        self.phase = ENDED

    def _deny(self, dict message):
        ready_fields = self.service.default_headers()
        self.denial = Denial(message["status"], message.get("headers") or (), ready_fields)
        self.phase = DENYING

    def _deny_body(self, dict message):
        more = bool(message.get("more_body", False))
        self.put(self.denial.body(bytes(message.get("body", b"")), more))
        if not more:
            self._end_http()
            self.phase = ENDED

    def _app_ended(self, task):
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._log(error)
        elif self.phase < OPEN and self.disconnect is None and not task.cancelled():
            self.service.logger.error("the WebSocket app returned without answering the handshake")
        if self.disconnect is None:
            if self.phase == CONNECTING:
                self._answer(500, "Internal Server Error")
            elif self.phase == DENYING:
                self.transport.abort()
            elif error is not None or task.cancelled():
                self.close_with(1011, "internal error")
            else:
                self.close_with(1000, "")
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
        if self.inbox.first is None and self.protocol is not None and self.protocol.has_unread():
            self.pull()
        message = self.inbox.take()
        if self.read_paused and self.inbox.first is None and self.protocol is not None:
            self.pause_or_resume()  # also when what was unread is only the beginning of a frame
        if message is not None:
            if type(message) is str:
                return {"type": "websocket.receive", "text": message}
            return {"type": "websocket.receive", "bytes": message}
        if self.disconnect is not None:
            code, reason = self.disconnect
            return {"type": "websocket.disconnect", "code": code, "reason": reason}
        return None

    cdef int _keep_early(self, bytes data) except -1:
        """RFC 6455 4.1: a client waits for the answer; one that does not is read to a limit."""
        if self.phase == CONNECTING and self.disconnect is None:
            self.early += data
            if len(self.early) > EARLY:
                self.read_on(False)
        return 0

    # -- the end

    cdef int _answer(self, int status, str reason) except -1:
        """Refuse the handshake."""
        ready_fields = self.service.default_headers()
        self.put(handshake.refuse(status, reason, (), ready_fields))
        return self._end_http()

    cdef int _end_http(self) except -1:
        self.flush()
        self.ended(1006, "")
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
