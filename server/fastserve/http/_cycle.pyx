"""One request and its response: the scope, ASGI `receive`, and the end of the app."""

cimport cython
from cpython.bytes cimport PyBytes_GET_SIZE

from fastserve.asgi._waiting cimport Awaitable, ready
from fastserve.http._refusal cimport write_error
from fastserve.http._response cimport COMPLETE, EXPECT_START, HEAD_HELD, Response
from fastserve.http._wire cimport Wire

from asyncio import CancelledError

__all__ = ("Cycle", "Delivery")

cdef bytes EMPTY = b""


cdef class Delivery(Awaitable):
    """A received message; one that is thrown away before it is awaited goes back."""

    cdef Cycle cycle

    def throw(self, kind, value=None, traceback=None):
        self.cycle.take_back(self.value)
        raise kind if value is None else value


cdef class Cycle(Response):
    @cython.binding(False)
    def receive(self):
        """ASGI `receive`: an awaitable that is finished already when there is something to give."""
        cdef Delivery delivery
        if self.phase == COMPLETE:
            return ready({"type": "http.disconnect"})
        if self.buffered or self.ended and not self.delivered:
            delivery = Delivery.__new__(Delivery)
            delivery.cycle = self
            delivery.value = self.next_message()
            delivery.done = True
            return delivery
        if self.disconnected:
            return ready({"type": "http.disconnect"})
        return self.wait_message()

    async def wait_message(self):
        while not (self.buffered or self.ended and not self.delivered):
            if self.disconnected or self.phase == COMPLETE:
                return {"type": "http.disconnect"}
            if self.continue_wanted:
                self.continue_wanted = False
                if self.phase == EXPECT_START and not self.wire.gone:
                    self.wire.write_continue()
            self.wire.want_body()
            waiter = self.wire.service.loop.create_future()
            if self.waiters is None:
                self.waiters = []
            self.waiters.append(waiter)
            try:
                await waiter
            finally:
                if self.waiters is not None and waiter in self.waiters:
                    self.waiters.remove(waiter)  # cancelled
        return self.next_message()

    cdef dict next_message(self):
        cdef bytes body = self.first if self.first is not None else EMPTY
        if self.rest is not None:
            self.rest.insert(0, body)
            body = EMPTY.join(self.rest)
            self.rest = None
        self.first = None
        self.buffered = 0
        self.delivered = self.ended
        if not self.ended:
            self.wire.want_body()
        return {"type": "http.request", "body": body, "more_body": not self.ended}

    cdef int take_back(self, dict message) except -1:
        cdef bytes body = message["body"]
        if self.first is not None:
            self.rest = [self.first, *(self.rest or ())]
        self.first = body
        self.buffered += PyBytes_GET_SIZE(body)
        self.delivered = False
        return 0

    cdef int add_body(self, bytes data) except -1:
        if self.phase == COMPLETE:
            return 0
        self.continue_wanted = False
        if self.first is None:
            self.first = data
        elif self.rest is None:
            self.rest = [data]
        else:
            self.rest.append(data)
        self.buffered += PyBytes_GET_SIZE(data)
        return self.wake()

    cdef int end(self) except -1:
        self.ended = True
        self.continue_wanted = False
        return self.wake()

    cdef int disconnect(self) except -1:
        self.disconnected = True
        return self.wake()

    cdef int wake(self) except -1:
        cdef list waiters = self.waiters
        self.waiters = None
        if waiters is not None:
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)
        return 0

    # -- the app's steps -----------------------------------------------------------------------

    cdef object start(self):
        return self.wire.service.app(self.scope, self.receive, self.send)

    cdef int before_step(self) except -1:
        self.stepped_in = self.wire.stepping
        self.wire.stepping = True
        return 0

    cdef int after_step(self) except -1:
        cdef Wire wire = self.wire
        if self.phase == HEAD_HELD and self.held is None:
            self.hold()
        if not self.stepped_in:
            wire.flush()
            wire.stepping = False
        return 0

    cdef int finished(self, object error) except -1:
        """The app has returned, or raised. RFC 9110 15.6.1: a 500 while nothing was sent."""
        cdef Wire wire = self.wire
        cdef bint joined = wire.stepping
        self.running = False
        wire.service.active -= 1
        if wire.service.closed is not None:
            wire.service.notice()
        if self.phase == COMPLETE:
            if error is not None:
                self.fail(error)
            return 0
        if wire.gone:
            if error is not None and not of_disconnect(error):
                self.fail(error)
            self.phase = COMPLETE
            wire.response_complete()
            return 0
        if error is None:
            error = RuntimeError("the app returned before its response was complete")
        self.fail(error)
        wire.keep_alive = False
        if self.phase == EXPECT_START or self.phase == HEAD_HELD:
            self.drop_held()
            self.status = 500
            write_error(wire.output(), wire.service, 500, None, self.head.method == "HEAD")
        else:
            wire.broken = True
        self.phase = COMPLETE
        wire.response_complete()
        if not joined:
            wire.flush()
        return 0

    cdef int fail(self, object error) except -1:
        self.wire.service.logger.error(
            "the app failed in %s %s", self.head.method, self.head.path,
            exc_info=error,
        )
        return 0


cdef bint of_disconnect(object error):
    """Whether it only says that the client has gone; frameworks wrap what send() raised."""
    while error is not None:
        if isinstance(error, (OSError, CancelledError)):
            return True
        if isinstance(error, BaseExceptionGroup):
            return all([of_disconnect(part) for part in error.exceptions])
        error = error.__cause__ or error.__context__
    return False
