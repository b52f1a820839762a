"""Stepping the app's coroutine, with a task that exists before it is needed.

Most requests never suspend. For those a task of their own (create, schedule, first step, done)
costs more than parsing them. So one spare task is kept parked. A request's first step runs by
hand, as that task: `asyncio.current_task()` is it, from the app's first line. When the app
finishes without suspending, the task stays parked for the next request. When it suspends, the
task takes over what was awaited and belongs to the request until its end; a new spare is made
when it is needed.

What must hold, and where it is seen to:
- each request has its own copy of the context: `Runner.run`;
- a cancel during the first step hits the first await, as in any task: `Driver.take_over`;
- a task that the app has marked (cancelled it, added a callback) is not used again: `Runner.run`.
"""

from cpython.contextvars cimport PyContext_Copy, PyContext_Enter, PyContext_Exit
from cpython.object cimport PyObject

from fastserve.asgi._waiting cimport DONE

import asyncio
from asyncio import CancelledError
from collections.abc import Coroutine
from types import CoroutineType

__all__ = ("Driver", "Job", "Park", "Runner")

cdef extern from "Python.h":
    ctypedef enum PySendResult:
        PYGEN_RETURN
        PYGEN_ERROR
        PYGEN_NEXT
    PySendResult PyIter_Send(object iterator, object value, PyObject **result) except PYGEN_ERROR
    void Py_DECREF(PyObject *)

    ctypedef struct PyAsyncMethods:
        PySendResult (*am_send)(PyObject *, PyObject *, PyObject **) except? PYGEN_ERROR
    ctypedef struct PyTypeObject:
        PyAsyncMethods *tp_as_async
    void Py_INCREF(PyObject *)

cdef object enter_task = asyncio.tasks._enter_task
cdef object leave_task = asyncio.tasks._leave_task
cdef object Task = asyncio.Task
cdef object ENDED = object()  # instead of what a driver's coroutine yields: it has returned


cdef class Job:
    cdef object start(self):
        return DONE

    cdef int before_step(self) except -1:
        return 0

    cdef int after_step(self) except -1:
        return 0

    cdef int finished(self, object error) except -1:
        return 0


cdef class Runner:
    """Runs jobs on one loop; `context` is what each request's context is a copy of."""

    def __init__(self, loop, context):
        self.loop = loop
        self.app_context = context
        self.task_context = context.copy()
        self.suspended = set()

    cdef Driver make_driver(self):
        cdef Driver driver = Driver.__new__(Driver)
        driver.runner = self
        driver.task = Task(driver, loop=self.loop, name="fastserve-request",
                           context=self.task_context)
        return driver

    cdef int run(self, Job job) except -1:
        """Call the app; `job.finished()` is called when it ends, perhaps at once."""
        cdef Driver driver = self.spare
        cdef object error = None
        cdef bint done = False
        if driver is None:
            self.spare = driver = self.make_driver()
        driver.context = PyContext_Copy(self.app_context)
        driver.job = job
        try:
            enter_task(self.loop, driver.task)
        except RuntimeError:  # called inside another task: ours must wait its turn
            self.spare = None
            self.suspended.add(driver)
            if driver.wakeup is not None:
                self.loop.call_soon(driver.wakeup, parked(driver))
                driver.wakeup = None
            return 0
        driver.stepping = True
        try:
            done = driver.step(None)
        except BaseException as raised:
            done = True
            error = raised
        driver.stepping = False
        leave_task(self.loop, driver.task)
        if not done:
            self.spare = None
            self.suspended.add(driver)
            driver.suspended = True
            driver.take_over()
            return 0
        driver.coroutine = None
        driver.context = None
        driver.job = None
        if driver.cancelled or driver.task._callbacks is not None or (
            not driver.started and (driver.task.cancelling() or driver.task._must_cancel)
        ):
            self.spare = None
            driver.retire()
        job.finished(error)
        if error is not None and not isinstance(error, (Exception, CancelledError)):
            raise error
        return 0

    cdef int cancel(self) except -1:
        """Cancel every request that has suspended."""
        for driver in tuple(self.suspended):
            (<Driver> driver).task.cancel()
        return 0

    def close(self):
        """End the parked task."""
        self.closing = True
        if self.spare is not None:
            self.spare.retire()
            self.spare = None


cdef class Park:
    """What a parked task awaits: a future that its driver completes."""

    cdef public bint _asyncio_future_blocking
    cdef Driver driver

    def get_loop(self):
        return self.driver.runner.loop

    def add_done_callback(self, callback, *, context=None):
        self.driver.wakeup = callback

    def cancel(self, msg=None):
        cdef Driver driver = self.driver
        driver.cancelled = True
        if driver.stepping:
            return False  # the task remembers it for the next step, as for any that is running
        if driver.wakeup is not None:
            wakeup = driver.wakeup
            driver.wakeup = None
            if driver.runner.spare is driver:
                driver.runner.spare = None
            driver.runner.loop.call_soon(wakeup, self)
        return True

    def result(self):
        if self.driver.cancelled and not self.driver.suspended and not self.driver.retired:
            raise CancelledError

    def done(self):
        return False


cdef class Driver:
    """The coroutine of a spare task: parks, then goes on with the app where the hand left it."""

    def __getattr__(self, name):
        return getattr(self.coroutine, name)  # cr_frame and the like, for those who inspect tasks

    @property
    def __name__(self):
        return getattr(self.coroutine, "__name__", "parked")

    @property
    def __qualname__(self):
        return getattr(self.coroutine, "__qualname__", "parked")

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        return self.send(None)

    def send(self, value):
        awaited = self.first_of_task()
        if awaited is ENDED:
            raise StopIteration
        return awaited

    def close(self):
        coroutine = self.coroutine
        self.coroutine = None
        if coroutine is not None:
            coroutine.close()

    def throw(self, kind, value=None, traceback=None):
        cdef object error = kind if value is None else value
        cdef object awaited = self.awaited
        self.started = True
        if self.job is None:
            raise error
        if self.suspended:
            # A cancel came before the task took over: pass it to what the app awaits.
            self.suspended = self.cancelled = False
            self.awaited = None
            if isinstance(error, CancelledError) and cancel_awaited(awaited):
                return awaited
        awaited = self.go_on(error)
        if awaited is ENDED:
            raise StopIteration
        return awaited

    cdef object first_of_task(self):
        cdef object awaited
        cdef bint first = not self.started
        self.started = True
        if self.job is None:
            if self.retired or self.runner.closing:
                return ENDED
            return park(self)
        if self.suspended:
            self.suspended = self.cancelled = False
            awaited = self.awaited
            self.awaited = None
            if awaited is not None or not first:
                return awaited
        return self.go_on(None)

    cdef object go_on(self, object error):
        """One step of the app, as its task."""
        cdef Job job = self.job
        cdef object awaited
        try:
            if not self.step(error):
                awaited = self.awaited
                self.awaited = None
                return awaited
            error = None
        except BaseException as raised:
            error = raised
        self.coroutine = None
        self.context = None
        self.job = None
        self.runner.suspended.discard(self)
        job.finished(error)
        if error is not None and not isinstance(error, (Exception, CancelledError)):
            raise error
        return ENDED

    cdef bint step(self, object error) except -1:
        """One step of the app: true when it has returned, else `awaited` is what it yielded."""
        cdef PyObject *result = NULL
        cdef Job job = self.job
        cdef object context = self.context
        cdef PySendResult how
        PyContext_Enter(context)
        try:
            job.before_step()
            if error is not None:
                return self.throw_in(error)
            if self.coroutine is None:
                self.coroutine = job.start()
                if type(self.coroutine) is not CoroutineType:
                    self.coroutine = type(self.coroutine).__await__(self.coroutine)
            how = PyIter_Send(self.coroutine, None, &result)
            if how == PYGEN_NEXT:
                self.awaited = <object> result
            Py_DECREF(result)
            return how == PYGEN_RETURN
        finally:
            PyContext_Exit(context)
            job.after_step()

    cdef bint throw_in(self, object error) except -1:
        if self.coroutine is None:
            raise error
        try:
            self.awaited = self.coroutine.throw(error)
        except StopIteration:
            return True
        return False

    cdef int take_over(self) except -1:
        """The task goes on from here; if it has not run yet, its first step will see to it."""
        cdef object wakeup = self.wakeup
        if wakeup is not None:
            self.wakeup = None
            wakeup(parked(self))
        return 0

    cdef int retire(self) except -1:
        """Let the task end: now if it is parked, else in its first step."""
        cdef object wakeup = self.wakeup
        self.retired = True
        if wakeup is not None:
            self.wakeup = None
            self.runner.loop.call_soon(wakeup, parked(self))
        return 0


cdef PySendResult send_driver(
    PyObject *driver, PyObject *value, PyObject **result
) except? PYGEN_ERROR:
    cdef object awaited = (<Driver> driver).first_of_task()
    if awaited is ENDED:
        awaited = None
        result[0] = <PyObject *> awaited
        Py_INCREF(result[0])
        return PYGEN_RETURN
    result[0] = <PyObject *> awaited
    Py_INCREF(result[0])
    return PYGEN_NEXT


(<PyTypeObject *> Driver).tp_as_async.am_send = send_driver
Coroutine.register(Driver)


cdef bint cancel_awaited(object awaited):
    """Whether what the app awaits takes the cancel; a bare yield and what is no future do not."""
    return hasattr(awaited, "cancel") and awaited.cancel()


cdef Park parked(Driver driver):
    cdef Park self = Park.__new__(Park)
    self.driver = driver
    return self


cdef Park park(Driver driver):
    cdef Park self = parked(driver)
    self._asyncio_future_blocking = True
    return self
