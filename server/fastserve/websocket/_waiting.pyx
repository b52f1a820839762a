"""Awaitables without coroutines: ready ones, and one that a Task waits on.

A Gate stands in for an asyncio.Future. What it saves is the trip through the event loop: the Task
that waits is stepped at once, by the read that brought what it waits for.
"""

cimport cython

from asyncio import CancelledError, current_task

cdef extern from "Python.h":
    int PyContext_Enter(object) except -1
    int PyContext_Exit(object) except -1
    void PyErr_SetObject(object, object) except *

__all__ = ["Awaitable", "Gate", "Ready"]


@cython.freelist(64)
cdef class Gate:
    """What a Task needs of a future (asyncio's C and Python Tasks agree on it), for one waiter."""

    def get_loop(self):
        """The event loop it belongs to."""
        return self.loop

    def add_done_callback(self, callback, *, context=None):
        """Called once, by the Task that starts to wait."""
        self.callback = callback
        self.context = context
        if self.is_open:
            self._call_soon()

    def cancel(self, msg=None):
        """What Task.cancel() calls: the Task wakes with CancelledError; False once open."""
        if self.is_open:
            return False
        self.is_cancelled = True
        self.message = msg
        self.line.remove(self)
        self.open(False)
        return True

    def result(self):
        """What a waking Task calls first: None, or CancelledError."""
        if self.is_cancelled:
            raise CancelledError() if self.message is None else CancelledError(self.message)

    cdef int open(self, bint now) except -1:
        """Let the waiter go on: `now` steps its Task in place unless another Task is running."""
        self.is_open = True
        if self.callback is None:
            return 0
        if not now or current_task(self.loop) is not None:
            self._call_soon()
            return 0
        callback, context = self.callback, self.context
        self.callback = self.context = None
        PyContext_Enter(context)
        try:
            callback(self)
        except (KeyboardInterrupt, SystemExit) as stop:
            # a Task lets these two through; the loop must see them, not a transport
            self.loop.call_soon(_raise, stop)
        finally:
            PyContext_Exit(context)
        return 0

    def _call_soon(self):
        self.loop.call_soon(self.callback, self, context=self.context)
        self.callback = self.context = None


cdef Gate new_gate(object loop, list line):
    """A closed gate at the end of `line`."""
    cdef Gate gate = Gate.__new__(Gate)
    gate.loop = loop
    gate.line = line
    gate._asyncio_future_blocking = True
    line.append(gate)
    return gate


def _raise(stop):
    raise stop


cdef class Awaitable:
    """A collections.abc.Coroutine in shape: `await` it, or make a Task of it."""

    def __await__(self):
        return self

    def __next__(self):
        gate = self._wait_for()
        if gate is not None:
            return gate
        if self.value is None:
            raise StopIteration
        PyErr_SetObject(StopIteration, self.value)

    cdef object _wait_for(self):
        """The gate to wait on before asking again, or None when `value` is there."""
        return None

    def send(self, value):
        """One step, as of a coroutine."""
        return self.__next__()

    def throw(self, kind, value=None, traceback=None):
        """End it with an exception."""
        self.close()
        if value is None:
            value = kind() if isinstance(kind, type) else kind
        raise value

    def close(self):
        """End it without one."""
        if self.gate is not None and not self.gate.is_open:
            self.gate.is_open = True
            self.gate.line.remove(self.gate)
        self.gate = None


@cython.freelist(64)
cdef class Ready(Awaitable):
    """What need not be waited for."""


cdef Ready ready(object value):
    cdef Ready made = Ready.__new__(Ready)
    made.value = value
    return made
