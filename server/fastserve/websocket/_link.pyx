# cython: binding=False, boundscheck=False, wraparound=False, initializedcheck=False
"""A WebSocket's transport: one write for all frames of a turn, and waiting for slow peers."""

from fastserve.asgi._waiting cimport DONE, Awaitable, Waiter, WaitQueue

__all__ = ["ClientDisconnected", "Link"]

cdef enum:
    HIGH_WATER = 65536  # bytes of frames that are joined before they go to the transport


class ClientDisconnected(OSError):
    """send() after the connection has ended (ASGI 2.4)."""


cdef class Drain(Awaitable):
    """send() while the peer does not read; or one turn for the others, after 64 KiB."""

    cdef Link link

    cdef Waiter wait_for(self):
        cdef Link link = self.link
        if link.lost:
            raise ClientDisconnected("the client disconnected while send() waited for it to read")
        if link.write_paused:
            return link.senders.add()
        return link.senders.one_turn() if self.waiter is None else None


cdef class Link:
    """The half of a session that knows the transport."""

    def __init__(self, service, transport):
        self.service = service
        self.loop = service.loop
        self.transport = transport
        self.senders = WaitQueue(self.loop)

    cdef int put(self, bytes data) except -1:
        """Send with the rest of this turn."""
        if self.pending is None:
            self.pending = data
            if not self.in_turn:
                self.loop.call_soon(self._flush_pending)
        elif type(self.pending) is list:
            (<list>self.pending).append(data)
        else:
            self.pending = [self.pending, data]
        self.unsent += len(data)
        return 0

    def _flush_pending(self):
        if self.pending is not None:
            self.flush()

    cdef int flush(self) except -1:
        """Send now."""
        cdef object pending = self.pending
        self.pending = None
        self.unsent = 0
        if pending is not None and not self.lost:
            self.transport.write(b"".join(pending) if type(pending) is list else pending)
        return 0

    cdef object sent(self):
        """An awaitable: done, unless the peer is slow or much has been sent in this turn."""
        cdef Drain drain
        if self.unsent >= HIGH_WATER:
            self.flush()
        elif not self.write_paused:
            return DONE
        drain = Drain.__new__(Drain)
        drain.link = self
        return drain

    cdef int read_on(self, bint on) except -1:
        """Let the transport read, or not."""
        if on == self.read_paused and not self.lost:
            self.read_paused = not on
            if on:
                self.transport.resume_reading()
            else:
                self.transport.pause_reading()
        return 0

    cdef bint is_stuck(self, double now, double timeout) except -1:
        """Whether the peer has read nothing of what waits for it in `timeout` seconds."""
        cdef Py_ssize_t size
        if not self.write_paused or not timeout:
            self.stuck_until = 0
            return False
        size = self.transport.get_write_buffer_size()
        if not self.stuck_until or size < self.stuck_size:
            self.stuck_until = now + timeout
            self.stuck_size = size
        return now >= self.stuck_until

    cdef int hang_up(self) except -1:
        """Send no more; read on to the peer's end, or until sweep() has waited for it long enough.

        Closing with bytes unread would reset the connection, and the peer could lose our Close.
        """
        self.flush()
        if self.lost:
            return 0
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()
        return 0

    cdef int lose(self) except -1:
        """The transport is gone."""
        self.lost = True
        self.transport = None
        self.pending = None
        return 0

    def pause_writing(self):
        """The peer does not read: send() waits."""
        self.write_paused = True

    def resume_writing(self):
        """The peer reads again."""
        self.write_paused = False
        self.writable()
        self.senders.wake_all()

    cdef int writable(self) except -1:
        """Before those who wait: what else was held back."""
        return 0

    def eof_received(self):
        """Let the transport close: a WebSocket is not half open."""
