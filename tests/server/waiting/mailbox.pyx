"""What the tests of asgi/_task wait with: a mailbox, in a module other than its base class."""

from fastserve.asgi._task cimport DONE, Awaitable, Waiter, WaitQueue, ready


cdef class Mailbox:
    """`take()` gives what was put in, one thing for each that waits."""

    cdef WaitQueue queue  # owned
    cdef list things  # owned
    cdef readonly int asked  # how often wait_for() was called

    def __init__(self, loop):
        self.queue = WaitQueue(loop)
        self.things = []

    def put(self, thing, *, now=False):
        """Wake those who wait while there is something, in place if `now`."""
        self.things.append(thing)
        while self.queue.first is not None and self.things:
            self.queue.wake_first(now)

    def wake_all(self):
        """Wake all, though there may be nothing for them."""
        self.queue.wake_all()

    def take(self):
        """Awaitable: the oldest thing."""
        cdef Take waiting = Take.__new__(Take)
        waiting.mailbox = self
        return waiting

    def turn(self):
        """Awaitable: None, after the others had a turn."""
        cdef Turn waiting = Turn.__new__(Turn)
        waiting.mailbox = self
        return waiting

    @property
    def waiting(self):
        """How many stand in the queue."""
        cdef int others = len(self.queue.others) if self.queue.others is not None else 0
        return (self.queue.first is not None) + others


cdef class Take(Awaitable):
    cdef Mailbox mailbox  # owned

    cdef Waiter wait_for(self):
        self.mailbox.asked += 1
        if not self.mailbox.things:
            return self.mailbox.queue.add()
        self.value = self.mailbox.things.pop(0)
        return None


cdef class Turn(Awaitable):
    cdef Mailbox mailbox  # owned

    cdef Waiter wait_for(self):
        return self.mailbox.queue.one_turn() if self.waiter is None else None


def done():
    """The awaitable of None."""
    return DONE


def made_ready(value):
    """An awaitable that has its value."""
    return ready(value)
