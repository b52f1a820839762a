"""Bytes to the transport: joined into one write per step, with back-pressure to the app."""

from httpparser._core cimport Sink
from httpparser._response cimport Output
from fastserve.asgi._waiting cimport DONE

import sys

__all__ = ("ClientDisconnected", "Wire")


# asyncio's writelines() did not tell of a full buffer then (CVE-2024-12254); this asks it to.
cdef bint FORGETS_TO_PAUSE = (3, 12) <= sys.version_info < (3, 12, 9) or (
    (3, 13) <= sys.version_info < (3, 13, 2)
)


class ClientDisconnected(OSError):
    """`send()` after the client has gone; the ASGI specification asks for an OSError."""


cdef class Wire(Sink):
    cdef Output output(self):
        return self.service.output if self.stepping else self.service.direct

    cdef int write_large(self, bytes data) except -1:
        """Send this object itself after what was written so far, without a copy."""
        cdef Output output = self.output()
        if self.parts is None:
            self.parts = []
        if output.length:
            self.parts.append(output.take())
        self.parts.append(data)
        return 0

    cdef int flush(self) except -1:
        """Give everything written so far to the transport, in one call."""
        cdef Output output = self.output()
        cdef list parts = self.parts
        if parts is None:
            if output.length == 0:
                return 0
            if self.gone:
                output.length = 0
                return 0
            self.transport.write(output.take())
            return 0
        self.parts = None
        if output.length:
            parts.append(output.take())
        if self.gone:
            return 0
        if len(parts) == 1:
            self.transport.write(parts[0])
        else:
            self.transport.writelines(parts)
            if FORGETS_TO_PAUSE:
                self.transport.set_write_buffer_limits(high=self.service.write_high_water)
        return 0

    cdef object pass_on(self, bint more):
        """Awaitable: a message of the app is written. Within a step only what has piled up goes
        out. OSError when `more` is to come and the client has gone."""
        if not self.stepping or self.parts is not None or (
            self.output().length > self.service.write_high_water
        ):
            self.flush()
            if more:
                self.expect_client()
        if self.congested:
            return self.drained()
        return DONE

    cdef int expect_client(self) except -1:
        """The loop tells of a lost connection only after the step, and a step may be long."""
        if not self.gone and self.transport.is_closing():
            self.gone = True
            raise ClientDisconnected("the client has disconnected")
        return 0

    cdef object drained(self):
        """An awaitable: until the transport's buffer is below its high-water mark."""
        if not self.congested or self.gone:
            return DONE
        return self.wait_drained()

    def waiter(self):
        """A future that is done when everything is written, or the connection lost."""
        waiter = self.service.loop.create_future()
        if self.drain_waiters is None:
            self.drain_waiters = []
        self.drain_waiters.append(waiter)
        return waiter

    def drop(self, waiter):
        """Nobody waits on it any more."""
        if self.drain_waiters is not None and waiter in self.drain_waiters:
            self.drain_waiters.remove(waiter)

    async def wait_drained(self):
        """Return when the transport's buffer is below its mark. OSError after a disconnect."""
        while self.congested:
            waiter = self.waiter()
            try:
                await waiter
            finally:
                self.drop(waiter)
            if self.congested and self.gone:
                raise ClientDisconnected("the client has disconnected")

    cdef int wake_drain(self) except -1:
        cdef list waiters = self.drain_waiters
        self.drain_waiters = None
        if waiters is not None:
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)
        return 0

    def pause_writing(self):
        self.congested = True
        self.stuck = -1

    def resume_writing(self):
        self.congested = False
        self.wake_drain()

    cdef int response_complete(self) except -1:
        return 0

    cdef int settle_keep_alive(self) except -1:
        return 0

    cdef int want_body(self) except -1:
        return 0

    cdef int write_continue(self) except -1:
        """RFC 9110 10.1.1: the app wants the body that the client holds back."""
        self.output().append(b"HTTP/1.1 100 Continue\r\n\r\n", 25)
        return self.flush()
