# cython: binding=False, boundscheck=False, wraparound=False, initializedcheck=False
"""Awaitables without coroutines, that a Task waits on.

A Gate stands in for an asyncio.Future. What it saves is the trip through the event loop: the Task
that waits is stepped at once, by the read that brought what it waits for.
"""

cimport cython
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF

from asyncio import CancelledError, current_task

cdef extern from "Python.h":
    int PyContext_Enter(object) except -1
    int PyContext_Exit(object) except -1
    void PyErr_SetObject(object, object) noexcept
    ctypedef PyObject *(*iternextfunc)(PyObject *) except? NULL
    ctypedef struct PyTypeObject:
        iternextfunc tp_iternext

__all__ = ["Awaitable", "Gate", "Line"]


cdef class Line:
    """Those that wait for the same thing, nearly always none or one."""

    def __init__(self, loop):
        self.loop = loop

    cdef Gate wait(self):
        """A closed gate at the end of the line."""
        cdef Gate gate = self.spare
        if gate is None:
            gate = Gate.__new__(Gate)
            gate.line = self
        self.spare = None
        gate.is_open = False
        gate._asyncio_future_blocking = True
        if self.first is None:
            self.first = gate
        elif self.others is None:
            self.others = [gate]
        else:
            self.others.append(gate)
        return gate

    cdef int leave(self, Gate gate) except -1:
        """Take `gate` out, wherever it stands."""
        if gate is not self.first:
            self.others.remove(gate)
        elif self.others:
            self.first = self.others.pop(0)
        else:
            self.first = None
        return 0

    cdef int open_first(self, bint now) except -1:
        """Let the first go on: `now`, in place, or in the loop's next turn."""
        cdef Gate gate = self.first
        self.leave(gate)
        if now:
            gate.open_now()
        else:
            gate.open()
        return 0


cdef class Gate:
    """What a Task needs of a future (asyncio's C and Python Tasks agree on it), for one waiter."""

    def get_loop(self):
        """The event loop it belongs to."""
        return self.line.loop

    def add_done_callback(self, callback, *, context=None):
        """Called once, by the Task that starts to wait."""
        self.callback = callback
        self.context = context
        if self.is_open:
            self._call_soon(callback, context)

    def cancel(self, msg=None):
        """What Task.cancel() calls: the Task wakes with CancelledError; False once open."""
        if self.is_open:
            return False
        self.is_cancelled = True
        self.message = msg
        self.line.leave(self)
        self.open()
        return True

    def result(self):
        """What a waking Task calls first: None, or CancelledError."""
        if self.is_cancelled:
            raise CancelledError() if self.message is None else CancelledError(self.message)

    cdef int open(self) except -1:
        """Let the Task go on in the loop's next turn."""
        self.is_open = True
        if self.callback is not None:
            self._call_soon(self.callback, self.context)
        return 0

    cdef int open_now(self) except -1:
        """Step the Task in place, or in the next turn if this is inside another Task's step."""
        cdef object callback = self.callback
        cdef object context = self.context
        if callback is None:
            return self.open()
        self.is_open = True
        self.callback = self.context = None
        self.line.spare = self
        PyContext_Enter(context)
        try:
            callback(self)
        except RuntimeError:
            # the only one that a Task's wake-up raises: another Task is running
            if current_task(self.line.loop) is None:
                raise
            self.line.spare = None
            self._call_soon(callback, context)
        except (KeyboardInterrupt, SystemExit) as stop:
            # a Task lets these two through; the loop must see them, not a transport
            self.line.loop.call_soon(_raise, stop)
        finally:
            PyContext_Exit(context)
        return 0

    def _call_soon(self, callback, context):
        self.callback = self.context = None
        self.line.loop.call_soon(callback, self, context=context)


def _raise(stop):
    raise stop


@cython.freelist(64)
cdef class Awaitable:
    """A collections.abc.Coroutine in shape: `await` it, or make a Task of it."""

    def __await__(self):
        return self

    def __next__(self):
        gate = self.wait_for()
        if gate is None:
            raise StopIteration(self.value)
        return gate

    cdef object wait_for(self):
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
            self.gate.line.leave(self.gate)
        self.gate = None


cdef PyObject *step(PyObject *self) except? NULL:
    """`__next__` without the traceback that Cython adds to a StopIteration that has a value."""
    cdef object gate = (<Awaitable>self).wait_for()
    if gate is None:
        if (<Awaitable>self).value is not None:
            PyErr_SetObject(StopIteration, (<Awaitable>self).value)
        return NULL
    Py_INCREF(gate)
    return <PyObject *>gate


cdef int step_in_c(object cls) except -1:
    """Put `step` in the place of `__next__` for awaiting a subclass of Awaitable."""
    (<PyTypeObject *>cls).tp_iternext = step
    return 0
