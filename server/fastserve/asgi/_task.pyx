"""Tasks: what they wait on, and how an app's coroutine is stepped.

# Waiting

What receive() and send() return are awaitables that are neither coroutines nor futures.

An Awaitable that has its value costs no suspension. One that must wait gives its Task a Waiter in
the place of an asyncio.Future. That saves the trip through the event loop: the read that brings
what the Task waits for can step it in place. If the Task's coroutine is a Stepper, it steps the app
by hand and leaves the Task as it is: no trip through the Task.

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

# Stepping

The app's coroutine is stepped with a task that exists before it is needed.

Most requests never suspend. For those a task of their own (create, schedule, first step, done)
costs more than parsing them. So one spare task is kept parked. A request's first step runs by
hand, as that task: `asyncio.current_task()` is it, from the app's first line. When the app
finishes without suspending, the task stays parked for the next request. When it suspends, the
task takes over what was awaited and belongs to the request until its end. Then it parks again, and
is spare once a turn of the loop has shown that nobody holds it; else it ends, as any task does.

What must hold, and where it is seen to:
- each request has its own copy of the context: `Runner.run`;
- a cancel during the first step hits the first await, as in any task: `Driver.take_over`;
- a task that somebody has marked is not used again (a cancel, a callback, another name, an
  attribute, a weak reference, as libraries that key on `current_task()` keep one):
  `Driver.is_marked`;
- nor, once its request has suspended, one that somebody still has: `is_held`. With
  `--task-per-request` none is used twice.
"""

cimport cython
from cpython.contextvars cimport PyContext_Copy, PyContext_Enter, PyContext_Exit
from cpython.object cimport PyObject

from httpparser._threads cimport set_immortal
from fastserve.asgi._current cimport enter, leave

import asyncio
from asyncio import CancelledError, current_task
from collections.abc import Coroutine
from types import CoroutineType, GetSetDescriptorType

__all__ = ("Awaitable", "Driver", "Job", "Park", "Runner", "Stepper", "WaitQueue", "Waiter")

cdef extern from "Python.h":
    PySendResult PyIter_Send(object iterator, object value, PyObject **result) except PYGEN_ERROR
    void Py_DECREF(PyObject *)
    void Py_XDECREF(PyObject *)
    void PyErr_SetObject(object, object) noexcept
    PyObject **PyObject_GET_WEAKREFS_LISTPTR(PyObject *)
    PyObject **_PyObject_GetDictPtr(PyObject *)
    object PyUnicode_FromString(const char *)

    ctypedef struct PyGetSetDef:
        object get(object, void *)
        void *closure
    ctypedef struct PyGetSetDescrObject:
        PyGetSetDef *d_getset

    ctypedef struct PyAsyncMethods:
        PySendResult (*am_send)(PyObject *, PyObject *, PyObject **) except? PYGEN_ERROR
    ctypedef PyObject *(*iternextfunc)(PyObject *) except? NULL
    ctypedef struct PyTypeObject:
        PyAsyncMethods *tp_as_async
        iternextfunc tp_iternext

cdef extern from *:
    """
    /* Whether the task and its driver are the only ones that hold the name: set_name() makes the
       task let go of it. get_name() would cost 190 instructions of the 19,000 of a GET. */
    #define FASTSERVE_NAME_KEPT(name) (Py_REFCNT(name) == 2)
    /* Whether anybody but its driver and its wake-up holds a parked task.

       Without the GIL the count is the sum of this thread's and the others'. Counting is deferred
       only for kinds of objects that neither is. Another thread cannot raise a count of these two
       meanwhile: it would need a reference, which would be in the sum already. */
    #define FASTSERVE_IS_HELD(task) (Py_REFCNT(task) != 2)
    #define FASTSERVE_RAISE_PENDING() (-1)
    """
    PySendResult send_unchecked "PyIter_Send"(object, object, PyObject **) noexcept
    int raise_pending "FASTSERVE_RAISE_PENDING"() except -1
    bint name_kept "FASTSERVE_NAME_KEPT"(PyObject *name)
    bint is_held "FASTSERVE_IS_HELD"(PyObject *task)

cdef enum:
    MOST_SPARES = 64  # parked tasks of a loop; each has about 1 KB

cdef object Task = asyncio.Task
# What `task._callbacks` finds at each look-up; asyncio's Task is in C nearly everywhere.
cdef PyGetSetDef *CALLBACKS = NULL
if isinstance(getattr(Task, "_callbacks", None), GetSetDescriptorType):
    CALLBACKS = (<PyGetSetDescrObject *> <PyObject *> Task._callbacks).d_getset
cdef object ENDED = object()  # instead of what a driver's coroutine yields: it has returned


# -- waiting -----------------------------------------------------------------------------------

@cython.final
cdef class WaitQueue:
    """Those that wait for the same thing, first come first served; nearly always none or one."""

    def __cinit__(self, loop):
        self.loop = loop

    cdef Waiter add(self):
        """A waiter at the end of the queue."""
        cdef Waiter waiter = self.spare
        if waiter is None:
            waiter = Waiter.__new__(Waiter)
            waiter.loop = self.loop
        else:
            self.spare = None
            waiter.stepper = None
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


@cython.final
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
            self.cancel_refused = True
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
        PyContext_Enter(context)
        try:
            if self.stepper is not None and self.stepper.step_by_hand(self):
                return True
            return self.call(callback, context)
        finally:
            PyContext_Exit(context)

    cdef bint call(self, object callback, object context) except -1:
        """Wake the Task in place; False if it must wait for a turn."""
        if self.callback is callback:  # else another Task waits on this by now
            self.callback = self.context = None
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

    cdef PySendResult step(self, PyObject **result) except? PYGEN_ERROR:
        """One step: the waiter or the value. Override it to give a value without keeping it."""
        if not self.done:
            self.waiter = self.wait_for()
            if self.waiter is not None:
                return give(PYGEN_NEXT, self.waiter, result)
            self.done = True
        return give(PYGEN_RETURN, self.value, result)

    def send(self, value):
        """One step, as of a coroutine."""
        cdef PyObject *result = NULL
        cdef PySendResult how = self.step(&result)
        return taken(how, result)

    def throw(self, kind, value=None, traceback=None):
        """End it with an exception."""
        self.close()
        raise kind if value is None else value

    def close(self):
        """End it without one."""
        if self.waiter is not None and self.waiter.queue is not None:
            self.waiter.queue.remove(self.waiter)
        self.waiter = None


cdef object taken(PySendResult how, PyObject *result):
    """What a coroutine's send() returns after such a step; StopIteration with what it raises."""
    cdef object given = <object> result
    Py_DECREF(result)
    if how == PYGEN_NEXT:
        return given
    raise StopIteration(given)


# What `await` calls: am_send up to 3.11 and in Tasks, tp_iternext from 3.12 on. Without the first
# each await costs a StopIteration there, and without the second a traceback. Subclasses in other
# modules inherit both.
cdef PySendResult send_awaitable(
    PyObject *self, PyObject *value, PyObject **result
) except? PYGEN_ERROR:
    cdef Awaitable awaitable = <Awaitable> self
    if awaitable.done:
        return give(PYGEN_RETURN, awaitable.value, result)
    return awaitable.step(result)


cdef PyObject *step_of_iterator(PyObject *self) except? NULL:
    cdef PyObject *result = NULL
    if (<Awaitable> self).step(&result) == PYGEN_NEXT:
        return result
    cdef object value = <object> result
    Py_DECREF(result)
    if value is not None:
        PyErr_SetObject(StopIteration, StopIteration(value))
    return NULL


(<PyTypeObject *> Awaitable).tp_as_async.am_send = send_awaitable
(<PyTypeObject *> Awaitable).tp_iternext = step_of_iterator

DONE = uncounted()


cdef Awaitable uncounted():
    """The one for all requests, in every thread."""
    cdef Awaitable self = ready(None)
    set_immortal(self)
    return self


cdef Awaitable ready(object value):
    """An awaitable that has its value already."""
    cdef Awaitable self = Awaitable.__new__(Awaitable)
    self.value = value
    self.done = True
    return self


# -- stepping ----------------------------------------------------------------------------------

@cython.final
cdef class Stepper:
    """The coroutine of a task that waits again and again: the app's, which can be stepped by hand.

    For a Task to wake, step and wait again takes 3,600 instructions. So as long as the app waits on
    the same Waiter after a step by hand, its task is left as it is.
    """

    def __getattr__(self, name):
        return getattr(self.coroutine, name)  # cr_frame and the like, for those who inspect tasks

    @property
    def __name__(self):
        return getattr(self.coroutine, "__name__", "ended")

    @property
    def __qualname__(self):
        return getattr(self.coroutine, "__qualname__", "ended")

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        return self.send(None)

    def send(self, value):
        cdef PyObject *result = NULL
        cdef PySendResult how = send_stepper(<PyObject *> self, <PyObject *> value, &result)
        return taken(how, result)

    def throw(self, kind, value=None, traceback=None):
        cdef object error = kind if value is None else value
        cdef object given = self.given
        cdef Given had = self.kind
        self.given = None
        self.kind = NOTHING
        if had == RETURNED:
            raise error  # as in any task that is cancelled in its last step
        if had == RAISED:
            raise given
        # A cancel came before the task took over: pass it to what the app awaits.
        if had == AWAITED and isinstance(error, CancelledError) and cancel_awaited(given):
            return given
        given = self.coroutine.throw(error)
        if type(given) is Waiter:
            (<Waiter> given).stepper = self
        return given

    def close(self):
        self.coroutine.close()

    cdef bint step_by_hand(self, Waiter waiter) except -1:
        """One step of the app; False if its task, which waits on `waiter`, is to go on itself."""
        cdef PyObject *result = NULL
        cdef object loop = waiter.loop
        cdef object task = self.task
        cdef PySendResult how
        if task is None or not enter(loop, task):
            return False
        waiter.cancel_refused = False
        how = send_unchecked(self.coroutine, None, &result)
        if how == PYGEN_ERROR:
            self.kind = RAISED
            self.given = pending_error()
        elif how == PYGEN_RETURN or result != <PyObject *> waiter:
            self.kind = AWAITED if how == PYGEN_NEXT else RETURNED
            self.given = <object> result
        Py_XDECREF(result)
        leave(loop, task)
        if self.kind != NOTHING:
            return False
        waiter.stepper = self
        waiter._asyncio_future_blocking = False
        if waiter.cancel_refused and waiter.queue is not None:
            waiter.queue.remove(waiter)  # the task remembers it, and throws it once it is woken
        if waiter.queue is None:
            waiter.wake()
        return True

    cdef PySendResult take(self, PyObject **result) except? PYGEN_ERROR:
        """What a step by hand gave, for the task."""
        cdef object given = self.given
        cdef Given kind = self.kind
        self.given = None
        self.kind = NOTHING
        if kind == RAISED:
            raise given
        return give(PYGEN_NEXT if kind == AWAITED else PYGEN_RETURN, given, result)


cdef object pending_error():
    """The exception that is set, which is so no longer."""
    try:
        raise_pending()
    except BaseException as error:
        return error


cdef PySendResult send_stepper(
    PyObject *stepper, PyObject *value, PyObject **result
) except? PYGEN_ERROR:
    cdef Stepper self = <Stepper> stepper
    cdef PySendResult how = (
        self.take(result) if self.kind != NOTHING else PyIter_Send(self.coroutine, None, result)
    )
    if how == PYGEN_NEXT and type(<object> result[0]) is Waiter:
        (<Waiter> result[0]).stepper = self
    return how


(<PyTypeObject *> Stepper).tp_as_async.am_send = send_stepper
Coroutine.register(Stepper)


cdef Stepper stepper_of(object coroutine):
    cdef Stepper self = Stepper.__new__(Stepper)
    self.coroutine = coroutine
    return self


cdef class Job:
    cdef object start(self):
        return DONE

    cdef int before_step(self) except -1:
        return 0

    cdef int after_step(self) except -1:
        return 0

    cdef int finished(self, object error) except -1:
        return 0


@cython.final
cdef class Runner:
    """Runs jobs on one loop; `context` is what each request's context is a copy of.

    `task_per_request`: no task serves two requests.
    """

    def __cinit__(self, loop, context, bint task_per_request=False):
        self.loop = loop
        self.task_per_request = task_per_request
        self.app_context = context
        self.task_context = context.copy()
        self.suspended = set()
        self.spares = []
        self.ended = []

    cdef Driver make_driver(self):
        cdef Driver driver = Driver.__new__(Driver, self)
        driver.name = PyUnicode_FromString("fastserve-request")  # a new object
        # A context of its own: while one is entered, a nested loop could not step the others.
        context = PyContext_Copy(self.task_context)
        driver.task = Task(driver, loop=self.loop, name=driver.name, context=context)
        driver.references = PyObject_GET_WEAKREFS_LISTPTR(<PyObject *> driver.task)[0]
        return driver

    cdef int run(self, Job job) except -1:
        """Call the app; `job.finished()` is called when it ends, perhaps at once."""
        cdef Driver driver = self.spare
        self.spare = None  # an app may run a nested loop, whose requests need tasks of their own
        if driver is None:
            driver = <Driver> self.spares.pop() if self.spares else self.make_driver()
        driver.context = PyContext_Copy(self.app_context)
        driver.job = job
        driver.yielded = False
        if not enter(self.loop, driver.task):  # inside another task: ours must wait its turn
            self.suspended.add(driver)
            if driver.wakeup is not None:
                self.loop.call_soon(driver.wakeup, parked(driver))
                driver.wakeup = None
            return 0
        return self.step_by_hand(driver)

    cdef int step_by_hand(self, Driver driver) except -1:
        """One step of the app while its task, which is the current one, is parked or about to be.

        When the app only lets others run (a bare yield), the task need not wake for that.
        """
        cdef Job job = driver.job
        cdef object error = None
        cdef bint done = False
        driver.stepping = True
        try:
            done = driver.step(None)
        except BaseException as raised:
            done = True
            error = raised
        driver.stepping = False
        leave(self.loop, driver.task)
        if not done:
            self.suspended.add(driver)
            if driver.awaited is None and driver.wakeup is not None and not driver.cancelled:
                driver.yielding = True
                self.loop.call_soon(after_yield, driver)
            else:
                driver.suspended = True
                driver.take_over()
            return 0
        driver.coroutine = None
        driver.context = None
        driver.job = None
        if driver.yielded and self.forget(driver):
            driver.retire()
        else:
            self.park(driver, True)
        job.finished(error)
        if error is not None and not isinstance(error, (Exception, CancelledError)):
            raise error
        return 0

    cdef bint forget(self, Driver driver) except -1:
        """A request that had suspended has ended: whether somebody still holds its task."""
        self.suspended.discard(driver)
        return is_held(<PyObject *> driver.task)

    cdef int park(self, Driver driver, bint next) except -1:
        """Its request has ended: keep it for another, the next one or later, if it can serve."""
        if self.closing or self.task_per_request or driver.is_marked():
            return driver.retire()
        if self.spare is None:
            self.spare = driver
        elif len(self.spares) >= MOST_SPARES:
            return driver.retire()
        elif next:  # what it has used is in the cache
            self.spares.append(self.spare)
            self.spare = driver
        else:
            self.spares.append(driver)
        return 0

    cdef bint may_park(self, Driver driver) except -1:
        """Whether the task of a request that had suspended may go on, until `look`."""
        if (
            self.closing or self.task_per_request
            or len(self.spares) + len(self.ended) >= MOST_SPARES
            or driver.is_marked() or driver.task.cancelling() or driver.task._must_cancel
        ):
            return False
        if not self.ended:
            self.loop.call_soon(look, self, context=self.task_context)
        self.ended.append(driver)
        return True

    cdef int lose(self, Driver driver) except -1:
        """It serves nobody any more: somebody has cancelled it."""
        if self.spare is driver:
            self.spare = None
        elif driver in self.spares:
            self.spares.remove(driver)
        return 0

    cdef int cancel(self) except -1:
        """Cancel every request that has suspended."""
        for driver in tuple(self.suspended):
            (<Driver> driver).task.cancel()
        return 0

    def close(self):
        """End the parked tasks."""
        self.closing = True
        if self.spare is not None:
            self.spare.retire()
            self.spare = None
        for driver in (*self.spares, *self.ended):
            (<Driver> driver).retire()
        self.spares.clear()
        self.ended.clear()


def after_yield(Driver driver not None):
    """A turn after the app's bare yield."""
    cdef Runner runner = driver.runner
    if not driver.yielding:
        return  # cancelled meanwhile: the task has taken over
    if not enter(runner.loop, driver.task):
        runner.loop.call_soon(after_yield, driver)
        return
    driver.yielding = False
    driver.yielded = True
    runner.step_by_hand(driver)


def look(Runner runner not None):
    """A turn after requests that had suspended have ended: who may serve again?"""
    cdef Driver driver
    ended, runner.ended = runner.ended, []
    for driver in ended:
        if driver.wakeup is None:
            continue  # cancelled meanwhile, or it ended with an error
        if is_held(<PyObject *> driver.task):
            driver.retire()
        else:
            runner.park(driver, False)


@cython.final
cdef class Park:
    """What a parked task awaits: a future that its driver completes."""

    cdef public bint _asyncio_future_blocking
    cdef Driver driver

    def __cinit__(self, Driver driver not None):
        self.driver = driver

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
            driver.yielding = False
            driver.runner.lose(driver)
            driver.runner.loop.call_soon(wakeup, self)
        return True

    def result(self):
        if self.driver.cancelled and not self.driver.suspended and not self.driver.retired:
            raise CancelledError

    def done(self):
        return False


@cython.final
cdef class Driver:
    """The coroutine of a spare task: parks, then goes on with the app where the hand left it."""

    def __cinit__(self, Runner runner not None):
        self.runner = runner

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
        cdef object awaited
        self.started = True
        if self.job is None:
            raise error
        if self.stepping:
            self.cancelled = True
            self.late = error
            return park(self)
        self.late = None  # cancelled twice before a step: one error, as for any task
        awaited = self.throw_suspended(error)
        if awaited is ENDED:
            raise StopIteration
        return awaited

    cdef object throw_suspended(self, object error):
        cdef object awaited = self.awaited
        if self.suspended:
            # A cancel came before the task took over: pass it to what the app awaits.
            self.suspended = self.cancelled = False
            self.awaited = None
            if isinstance(error, CancelledError) and cancel_awaited(awaited):
                return awaited
        return self.go_on(error)

    cdef object first_of_task(self):
        cdef object awaited, error
        cdef bint first = not self.started
        self.started = True
        if self.job is None:
            if self.retired or self.runner.closing:
                return ENDED
            return park(self)
        if self.stepping:  # in its first step, by hand, the app runs a nested loop
            return park(self)
        if self.late is not None:
            error, self.late = self.late, None
            return self.throw_suspended(error)
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
        return park(self) if self.runner.may_park(self) else ENDED

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

    cdef bint is_marked(self) except -1:
        """Whether somebody could tell by the task that it served this request."""
        cdef object task = self.task
        cdef PyObject **attributes = _PyObject_GetDictPtr(<PyObject *> task)
        return (
            self.cancelled
            or callbacks_of(task) is not None
            or not name_kept(<PyObject *> self.name)
            or PyObject_GET_WEAKREFS_LISTPTR(<PyObject *> task)[0] != self.references
            or attributes != NULL and attributes[0] != NULL and len(<dict> attributes[0]) > 0
            or not self.started and (task.cancelling() or task._must_cancel)
        )

    cdef int take_over(self) except -1:
        """The task goes on from here; if it has not run yet, its first step will see to it."""
        cdef object wakeup = self.wakeup
        if wakeup is None:
            return 0
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
        return give(PYGEN_RETURN, None, result)
    return give(PYGEN_NEXT, awaited, result)


(<PyTypeObject *> Driver).tp_as_async.am_send = send_driver
Coroutine.register(Driver)


cdef inline object callbacks_of(object task):
    return task._callbacks if CALLBACKS == NULL else CALLBACKS.get(task, CALLBACKS.closure)


cdef bint cancel_awaited(object awaited):
    """Whether what the app awaits takes the cancel; a bare yield and what is no future do not."""
    return hasattr(awaited, "cancel") and awaited.cancel()


cdef Park parked(Driver driver):
    return Park.__new__(Park, driver)


cdef Park park(Driver driver):
    cdef Park self = parked(driver)
    self._asyncio_future_blocking = True
    return self
