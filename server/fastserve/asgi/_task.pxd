from cpython.object cimport PyObject

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
    cdef bint closing
    cdef bint task_per_request
    cdef set suspended  # drivers whose tasks have taken over
    cdef int cancel(self) except -1

    cdef int run(self, Job job) except -1
    cdef Driver make_driver(self)

cdef class Driver:
    cdef Runner runner
    cdef object task
    cdef PyObject *references  # borrowed: the task's weak references when it was made, to compare
    cdef object context
    cdef object coroutine  # the app's
    cdef Job job
    cdef object wakeup  # set while the task is parked
    cdef object awaited  # what the app yielded before its task took over
    cdef bint suspended  # `awaited` holds
    cdef bint stepping  # by hand
    cdef bint cancelled  # while stepping by hand
    cdef bint started  # the task has taken its first step
    cdef bint retired

    cdef bint is_marked(self) except -1
    cdef bint step(self, object error) except -1
    cdef bint throw_in(self, object error) except -1
    cdef int take_over(self) except -1
    cdef object first_of_task(self)
    cdef object go_on(self, object error)
    cdef int retire(self) except -1
