"""Awaitables that are neither coroutines nor futures: what receive() and send() return.

An Awaitable that has its value costs no suspension. One that must wait gives its Task a Waiter in
the place of an asyncio.Future. That saves the trip through the event loop: the read that brings
what the Task waits for can step it in place.

To make one, subclass Awaitable and override `wait_for`, which looks at the state it depends on:

    cdef class Take(Awaitable):
        cdef Box box

        cdef Waiter wait_for(self):
            if self.box.is_empty():
                return self.box.queue.add()
            self.value = self.box.take()
            return None

and call `queue.wake_first()` or `queue.wake_all()` where that state changes. Being woken promises
nothing: `wait_for` is asked again, and another waiter may have been faster.
"""

cimport cython
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF

from asyncio import CancelledError, current_task

cdef extern from "Python.h":
    ctypedef enum PySendResult:
        PYGEN_RETURN
        PYGEN_ERROR
        PYGEN_NEXT
    ctypedef struct PyAsyncMethods:
        PySendResult (*am_send)(PyObject *, PyObject *, PyObject **) except? PYGEN_ERROR
    ctypedef PyObject *(*iternextfunc)(PyObject *) except? NULL
    ctypedef struct PyTypeObject:
        PyAsyncMethods *tp_as_async
        iternextfunc tp_iternext
    int PyContext_Enter(object) except -1
    int PyContext_Exit(object) except -1
    void PyErr_SetObject(object, object) noexcept

__all__ = ["Awaitable", "WaitQueue", "Waiter"]


cdef class WaitQueue:
    """Those that wait for the same thing, first come first served; nearly always none or one."""

    def __init__(self, loop):
        self.loop = loop

    cdef Waiter add(self):
        """A waiter at the end of the queue."""
        cdef Waiter waiter = self.spare
        if waiter is None:
            waiter = Waiter.__new__(Waiter)
            waiter.loop = self.loop
        else:
            self.spare = None
        waiter.queue = self
        waiter._asyncio_future_blocking = True
        if self.first is None:
            self.first = waiter
        elif self.others is None:
            self.others = [waiter]
        else:
            self.others.append(waiter)
        return waiter

    cdef Waiter one_turn(self):
        """A waiter that is woken already: its Task goes on in the loop's next turn."""
        cdef Waiter waiter = self.add()
        self.remove(waiter)
        return waiter

    cdef int remove(self, Waiter waiter) except -1:
        """Take `waiter` out, wherever it stands."""
        waiter.queue = None
        if waiter is not self.first:
            self.others.remove(waiter)
        elif self.others:
            self.first = self.others.pop(0)
        else:
            self.first = None
        return 0

    cdef int wake_first(self, bint now) except -1:
        """Wake the first of a queue that is not empty: `now`, in place, or in the next turn.

        In place its Task may have called anything, and be in the queue again, when this returns.
        """
        cdef Waiter waiter = self.first
        self.remove(waiter)
        if not now or waiter.callback is None:
            return waiter.wake()
        self.spare = waiter
        if not waiter.wake_now():
            self.spare = None
        return 0

    cdef int wake_all(self) except -1:
        """Wake all in the next turn."""
        while self.first is not None:
            self.wake_first(False)
        return 0


cdef class Waiter:
    """What a Task needs of a future (asyncio's C and Python Tasks agree on it), for one Task."""

    def get_loop(self):
        """The event loop it belongs to."""
        return self.loop

    def add_done_callback(self, callback, *, context):
        """Called once, by the Task that starts to wait."""
        self.callback = callback
        self.context = context
        if self.queue is None:
            self.wake()

    def cancel(self, msg=None):
        """What Task.cancel() calls: the Task wakes with CancelledError; False once woken."""
        if self.queue is None:
            return False
        self.cancelled = True
        self.message = msg
        self.queue.remove(self)
        self.wake()
        return True

    def result(self):
        """What a waking Task calls first: None, or CancelledError."""
        if self.cancelled:
            raise CancelledError() if self.message is None else CancelledError(self.message)

    cdef int wake(self) except -1:
        """Let the Task go on in the loop's next turn."""
        cdef object callback = self.callback
        cdef object context = self.context
        if callback is not None:  # None: add_done_callback() comes later in this step of the Task
            self.callback = self.context = None
            self.loop.call_soon(callback, self, context=context)
        return 0

    cdef bint wake_now(self) except -1:
        """Step the Task in place; False if it must wait for a turn, inside another Task's step."""
        cdef object callback = self.callback
        cdef object context = self.context
        self.callback = self.context = None
        PyContext_Enter(context)
        try:
            callback(self)
        except RuntimeError:
            # the only one that a Task's wake-up raises: another Task is running
            if current_task(self.loop) is None:
                raise
            self.loop.call_soon(callback, self, context=context)
            return False
        except (KeyboardInterrupt, SystemExit) as stop:
            # a Task lets these two through; the loop must see them, not a transport
            self.loop.call_soon(_raise, stop)
        finally:
            PyContext_Exit(context)
        return True


def _raise(stop):
    raise stop


@cython.freelist(64)
cdef class Awaitable:
    """A collections.abc.Coroutine in shape: `await` it, or make a Task of it.

    This class itself never waits; see the module on how to make one that does.
    """

    cdef Waiter wait_for(self):
        """The waiter to wait on before asking again, or None when `value` is there."""
        return None

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        return self.send(None)

    def send(self, value):
        """One step, as of a coroutine."""
        if not self.done:
            self.waiter = self.wait_for()
            if self.waiter is not None:
                return self.waiter
            self.done = True
        raise StopIteration(self.value)

    def throw(self, kind, value=None, traceback=None):
        """End it with an exception."""
        self.close()
        raise kind if value is None else value

    def close(self):
        """End it without one."""
        if self.waiter is not None and self.waiter.queue is not None:
            self.waiter.queue.remove(self.waiter)
        self.waiter = None


# What `await` calls: am_send up to 3.11 and in Tasks, tp_iternext from 3.12 on. Without the first
# each await costs a StopIteration there, and without the second a traceback. Subclasses in other
# modules inherit both.
cdef PySendResult step(PyObject *self, PyObject *value, PyObject **result) except? PYGEN_ERROR:
    cdef Awaitable awaitable = <Awaitable>self
    if not awaitable.done:
        awaitable.waiter = awaitable.wait_for()
        if awaitable.waiter is not None:
            Py_INCREF(awaitable.waiter)
            result[0] = <PyObject *>awaitable.waiter
            return PYGEN_NEXT
        awaitable.done = True
    Py_INCREF(awaitable.value)
    result[0] = <PyObject *>awaitable.value
    return PYGEN_RETURN


cdef PyObject *step_of_iterator(PyObject *self) except? NULL:
    cdef PyObject *result = NULL
    if step(self, NULL, &result) == PYGEN_NEXT:
        return result
    cdef object value = <object>result
    Py_DECREF(value)
    if value is not None:
        PyErr_SetObject(StopIteration, StopIteration(value))
    return NULL


(<PyTypeObject *>Awaitable).tp_as_async.am_send = step
(<PyTypeObject *>Awaitable).tp_iternext = step_of_iterator

DONE = ready(None)


cdef Awaitable ready(object value):
    """An awaitable that has its value already."""
    cdef Awaitable self = Awaitable.__new__(Awaitable)
    self.value = value
    self.done = True
    return self
