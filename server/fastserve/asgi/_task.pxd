from cpython.object cimport PyObject

cdef extern from "Python.h":
    ctypedef enum PySendResult:
        PYGEN_RETURN
        PYGEN_ERROR
        PYGEN_NEXT

    void Py_INCREF(PyObject *)

cdef inline PySendResult give(PySendResult how, object given, PyObject **result) noexcept:
    """What a step returns, with what it gives."""
    result[0] = <PyObject *> given
    Py_INCREF(result[0])
    return how

# Those that wait for the same thing.
cdef class WaitQueue:
    cdef object loop  # owned: the event loop, which outlives every connection
    cdef Waiter first  # owned: the one that is woken next; None in an empty queue
    cdef list others  # owned: those behind it; None until there are two
    cdef Waiter spare  # owned: the last one woken in place, to be used again

    cdef Waiter add(self)
    cdef Waiter one_turn(self)
    cdef int remove(self, Waiter waiter) except -1
    cdef int wake_first(self, bint now) except -1
    cdef int wake_all(self) except -1

cdef class Waiter:
    cdef public bint _asyncio_future_blocking  # read and cleared by the Task that waits
    cdef object loop  # owned: as the queue's
    cdef WaitQueue queue  # owned while it waits; None once it is woken, cancelled or closed
    cdef object callback  # owned: wakes the Task
    cdef object context  # owned: the one to wake it in
    cdef object message  # owned: of cancel()
    cdef Stepper stepper  # owned: the coroutine of the Task that waits; None if it is another kind
    cdef bint cancelled
    cdef bint cancel_refused  # cancel() came while its Task was stepped by hand

    cdef int wake(self) except -1
    cdef bint wake_now(self) except -1
    cdef bint call(self, object callback, object context) except -1

cdef class Awaitable:
    cdef object value  # owned: what awaiting gives
    cdef bint done  # `value` is it: wait_for() is not asked any more
    cdef Waiter waiter  # owned: the one that the Task waits on

    cdef Waiter wait_for(self)
    cdef PySendResult step(self, PyObject **result) except? PYGEN_ERROR

cdef Awaitable DONE  # of None; one object for all

cdef Awaitable ready(object value)

cdef enum Given:
    NOTHING
    AWAITED
    RETURNED
    RAISED

cdef class Stepper:
    cdef object coroutine  # owned: the app's
    cdef object task  # owned: the one that runs this; None until it is made and once it has ended
    cdef object given  # owned: what a step by hand gave and the task has not taken yet
    cdef Given kind  # of `given`

    cdef bint step_by_hand(self, Waiter waiter) except -1
    cdef PySendResult take(self, PyObject **result) except? PYGEN_ERROR

cdef Stepper stepper_of(object coroutine)

# What a runner runs: one call of the app.
cdef class Job:
    cdef object start(self)  # calls the app: its awaitable
    cdef int before_step(self) except -1
    cdef int after_step(self) except -1
    cdef int finished(self, object error) except -1  # error: what the app raised, or None

cdef class Runner:
    cdef object loop
    cdef object task_context
    cdef object app_context
    cdef Driver spare  # owned: a task that waits for a request
    cdef list spares  # owned: more of them, after requests that suspended at the same time
    cdef list ended  # owned: those to be spare when a turn of the loop has passed
    cdef bint closing
    cdef bint task_per_request
    cdef set suspended  # drivers whose tasks have taken over
    cdef int cancel(self) except -1

    cdef int run(self, Job job) except -1
    cdef int step_by_hand(self, Driver driver) except -1
    cdef bint forget(self, Driver driver) except -1
    cdef int park(self, Driver driver, bint next) except -1
    cdef int lose(self, Driver driver) except -1
    cdef bint may_park(self, Driver driver) except -1
    cdef Driver make_driver(self)

cdef class Driver:
    cdef Runner runner
    cdef object task
    cdef str name  # owned: the task's
    cdef PyObject *references  # borrowed: the task's weak references when it was made, to compare
    cdef object context
    cdef object coroutine  # the app's
    cdef Job job
    cdef object wakeup  # set while the task is parked
    cdef object awaited  # what the app yielded before its task took over
    cdef bint suspended  # `awaited` holds
    cdef bint stepping  # by hand
    cdef bint yielding  # the app lets others run; the task is parked meanwhile
    cdef bint yielded  # it did so in this request
    cdef bint cancelled  # while stepping by hand
    cdef object late  # owned: what the task threw meanwhile, in a nested loop of the app
    cdef bint started  # the task has taken its first step
    cdef bint retired

    cdef bint is_marked(self) except -1
    cdef bint step(self, object error) except -1
    cdef bint throw_in(self, object error) except -1
    cdef int take_over(self) except -1
    cdef object first_of_task(self)
    cdef object throw_suspended(self, object error)
    cdef object go_on(self, object error)
    cdef int retire(self) except -1
