# cython: binding=False, boundscheck=False, wraparound=False, initializedcheck=False
"""The conversation on an open WebSocket: events in, Pongs and Closes out, messages queued."""

from fastserve.asgi._waiting cimport WaitQueue
from fastserve.websocket._inbox cimport Inbox
from fastserve.websocket._keepalive cimport GIVE_UP, SEND_PING, KeepAlive
from fastserve.websocket._link cimport Link
from fastserve.websocket._protocol cimport Protocol

from fastserve.websocket.events import Close, Ping, ProtocolError

__all__ = ["Peer"]


cdef class Peer(Link):
    """The half of a session that knows the wire."""

    def __init__(self, service, transport):
        Link.__init__(self, service, transport)
        config = service.config
        self.inbox = Inbox(config.ws_max_queue)
        self.keepalive = KeepAlive(config.ws_ping_interval, config.ws_ping_timeout)
        self.receivers = WaitQueue(self.loop)

    cdef int open(self, Protocol protocol, bytes early) except -1:
        """The handshake is done; `early` came before that."""
        self.protocol = protocol
        if early:
            protocol.feed(early)
            self.pull()
            self.wake_receivers(False)
        return self.pause_or_resume()

    cdef int take(self, bytes data) except -1:
        """Parse, hand to the app and flush what it answers, all in this turn."""
        self.keepalive.heard = True
        self.in_turn = True
        self.protocol.feed(data)
        self.pull()
        self.wake_receivers(True)
        self.in_turn = False
        if self.pending is not None:
            self.flush()
        return self.pause_or_resume()

    cdef int look(self, double now) except -1:
        """About once a second: pings, and the end of a peer that hangs."""
        config = self.service.config
        if self.lost:
            return 0
        if self.is_stuck(now, config.send_timeout):
            self.transport.abort()
        elif self.disconnect is not None:
            if not self.deadline:
                self.deadline = now + config.ws_close_timeout
            elif now >= self.deadline and config.ws_close_timeout:
                self.transport.abort()
        elif self.protocol is not None:
            verdict = self.keepalive.look(now, self.read_paused)
            if verdict == GIVE_UP:
                self.fail(1011, "keepalive ping timeout")
            elif verdict == SEND_PING:
                self.put(self.protocol.ping(b"ping"))
                if not self.spoke and self.protocol.deflate is not None:
                    self.protocol.deflate.rest()
                self.spoke = False
        return 0

    cdef int pull(self) except -1:
        """Read events up to a full inbox; what is left is read when the app has taken some."""
        if self.in_pull:
            return 0  # the app was woken from here, and goes on when this does
        self.in_pull = True
        try:
            while not self.is_full():
                event = self.protocol.next_event()
                if event is None:
                    break
                if type(event) is str or type(event) is bytes:
                    if self.disconnect is None or (self.lost and not self.protocol.close_sent):
                        self.inbox.put(event)
                else:
                    self.wake_receivers(self.in_turn)  # answers keep the order of questions
                    self.control(event)
        except ProtocolError as error:
            self.wake_receivers(self.in_turn)
            self.fail(error.code, error.reason)
        self.in_pull = False
        return 0

    cdef bint is_full(self):
        # once it has ended nothing is queued any more, and the peer's Close is waited for
        return self.disconnect is None and self.inbox.is_full()

    cdef int pause_or_resume(self) except -1:
        return self.read_on(not self.is_full() and not self.protocol.has_unread())

    cdef int control(self, object event) except -1:
        if type(event) is Close:
            return self.closed_by_peer(event)
        if type(event) is not Ping:
            return self.keepalive.answered()
        if self.disconnect is None:
            if self.write_paused:
                self.pong = event.payload  # RFC 6455 5.5.3: the most recent Ping's will do
            else:
                self.put(self.protocol.pong(event.payload))
        return 0

    cdef int wake_receivers(self, bint now) except -1:
        while self.receivers.first is not None and (
            self.inbox.first is not None or self.disconnect is not None
        ):
            self.receivers.wake_first(now)
        return 0

    cdef int writable(self) except -1:
        if self.pong is not None and self.disconnect is None:
            self.put(self.protocol.pong(self.pong))
        self.pong = None
        return 0

    cdef int ended(self, int code, str reason) except -1:
        """For the app the connection is over; for the wire, once the peer or sweep() says so."""
        self.disconnect = (code, reason)
        return self.wake_receivers(False)

    cdef int close_with(self, code, reason) except -1:
        """Begin the closing handshake; what arrives until its end is dropped."""
        self.put(self.protocol.close(code, reason))
        self.flush()
        self.ended(code, reason)
        self.pull()
        return self.pause_or_resume()

    cdef int closed_by_peer(self, event) except -1:
        if self.protocol.close_sent:
            self.flush()
            if not self.lost:
                self.transport.close()
            return 0
        self.put(self.protocol.close(event.code, event.reason))
        self.ended(event.code, event.reason)
        return self.hang_up()

    cdef int fail(self, int code, str reason) except -1:
        """RFC 6455 7.1.7: say why, then hang up."""
        if self.lost:
            return 0
        if not self.protocol.close_sent:
            self.put(self.protocol.close(code, reason))
        if self.disconnect is None:
            self.ended(code, reason)
        return self.hang_up()
