"""How a connection ends: refusals, lingering, deadlines, the server's stop."""

from fastserve.http._cycle cimport Cycle
from fastserve.http._refusal cimport write_error
from fastserve.http._response cimport EXPECT_START, HEAD_HELD
from fastserve.http._wire cimport Wire

from fastserve.http._refusal import Refusal

__all__ = ("Ending",)

cdef enum:
    LINGER_BYTES = 1048576
    LINGER_SECONDS = 2
    DRAIN_SECONDS = 1


cdef class Ending(Wire):
    cdef int pause_reading(self) except -1:
        if not self.reading_paused and not self.gone:
            self.reading_paused = True
            self.deadline = 0
            self.transport.pause_reading()
        return 0

    cdef int resume_reading(self) except -1:
        if self.reading_paused and not self.gone:
            self.reading_paused = False
            self.transport.resume_reading()
        return 0

    cdef int refuse(self, object error) except -1:
        """A request that cannot be accepted: a clear answer and a close. RFC 9112 9.6"""
        cdef Cycle cycle = self.cycle
        if cycle is not None and not self.waiting:
            cycle.disconnect()
            if cycle.phase != EXPECT_START and cycle.phase != HEAD_HELD:
                self.broken = True
                self.flush()
                return self.close()
            cycle.drop_held()
        self.waiting = False
        return self.answer_error(error.status, str(error), getattr(error, "headers", ()))

    cdef int answer_error(self, int status, str text, object headers=()) except -1:
        write_error(self.output(), self.service, status, text, self.is_head, headers)
        self.service.logger.debug("refused %s: %d %s", text_of(self.client), status, text)
        self.flush()
        return self.linger()

    cdef int leave(self) except -1:
        """The last response is written."""
        self.leaving = False
        if self.message_ended and self.pending is None or self.broken:
            return self.close()
        return self.linger()

    cdef int linger(self) except -1:
        """Say that nothing more comes, and read on for a while: closing now would reset the
        connection under the client that still sends, and lose the answer. RFC 9112 9.6"""
        if self.gone:
            return 0
        if self.eof or not self.transport.can_write_eof():
            return self.close()
        self.stage = LINGERING
        self.stuck = -1
        self.deadline = self.service.after(LINGER_SECONDS)
        self.resume_reading()
        self.gone = True
        self.thrown_away = 0
        self.transport.write_eof()
        return 0

    cdef int throw_away(self, size_t length) except -1:
        self.thrown_away += length
        if self.thrown_away > LINGER_BYTES:
            self.close()
        return 0

    cdef int close(self) except -1:
        """Close once everything written has gone out."""
        if self.stage != ENDED:
            self.stage = ENDED
            self.stuck = -1
            self.gone = True
            self.deadline = self.service.after(self.service.send_timeout)
            self.transport.close()
        return 0

    def abort(self):
        """Close now; what was not sent is lost."""
        self.stage = ENDED
        self.gone = True
        self.transport.abort()

    def drain(self):
        """The server stops: close if idle, else after the response."""
        self.keep_alive = False
        if self.stage == QUIET and self.used:
            self.close()
        elif self.stage == QUIET:  # its first request may be on the way
            self.deadline = self.service.after(DRAIN_SECONDS)

    def sweep(self):
        """Once a second: deadlines."""
        cdef double now = self.service.now
        cdef Cycle cycle = self.cycle
        if self.congested and self.stage == BUSY:
            self.sweep_stuck(now)
        elif self.stage >= LINGERING and self.transport.get_write_buffer_size():
            self.deadline = self.service.after(LINGER_SECONDS)  # once all of it is written
            return self.sweep_stuck(now)
        if self.eof and cycle is not None and not cycle.disconnected:
            cycle.disconnect()  # half-closed for a second: tell an app that listens
        if self.deadline == 0 or now < self.deadline:
            return
        if self.stage == QUIET:
            self.close()
        elif self.stage == ARRIVING:
            self.answer_error(408, "the request did not arrive in time")
        elif self.stage == BUSY:
            self.refuse(Refusal(408, "the request body did not arrive in time"))
        else:
            self.abort()

    cdef int sweep_stuck(self, double now) except -1:
        """A client that does not read is dropped after send_timeout without progress."""
        cdef Py_ssize_t size = self.transport.get_write_buffer_size()
        if self.stuck < 0 or size < self.stuck:
            self.stuck = size
            self.stuck_until = self.service.after(self.service.send_timeout)
        elif self.stuck_until and now > self.stuck_until:
            self.abort()
        return 0


cdef str text_of(object client):
    """As the access log wants it."""
    return f"{client[0]}:{client[1]}" if isinstance(client, tuple) else ""
