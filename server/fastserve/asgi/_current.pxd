from cpython.object cimport PyObject

cdef extern from "Python.h":
    # Of a borrowed dict: to own it for a moment would be a count that all threads share.
    Py_ssize_t PyDict_Size(PyObject *)
    PyObject *PyDict_GetItemWithError(PyObject *, object) except? NULL

cdef extern from *:
    """
    /* Up to 3.13 one dict has the current tasks of all loops; without the GIL it has a lock. */
    #if defined(Py_GIL_DISABLED) && PY_VERSION_HEX < 0x030E0000
    #define FASTSERVE_LOCKS_TASKS 1
    #define FASTSERVE_EACH_THREAD __thread
    #else
    #define FASTSERVE_LOCKS_TASKS 0
    #define FASTSERVE_EACH_THREAD
    #endif
    typedef struct { PyObject *task, *loop; } fastserve_unshown;
    """
    int LOCKS_TASKS "FASTSERVE_LOCKS_TASKS"
    # A task that runs in this thread, and that nobody has looked for yet.
    ctypedef struct Unshown "fastserve_unshown":
        PyObject *task  # borrowed from who has entered it, until leave(); NULL: there is none
        PyObject *loop  # borrowed: its loop

# The task in the dict when somebody looks for it: a loop of a type that shows_task() has made.
cdef class ShowsTask:
    pass

cdef object enter_task, leave_task  # asyncio's own
cdef dict CURRENT_TASKS  # owned: what those two change; None from 3.14 on

cdef Unshown *unshown() noexcept
cdef int show() except -1


cdef inline bint enter(object loop, object task) except -1:
    """Make it the loop's current task; False if the loop runs another."""
    cdef Unshown *own
    cdef PyObject *tasks = <PyObject *> CURRENT_TASKS
    if CURRENT_TASKS is not None:
        if LOCKS_TASKS:
            show()
        # More than what it always has, see the module.
        if PyDict_Size(tasks) > LOCKS_TASKS and PyDict_GetItemWithError(tasks, loop) != NULL:
            return False
        if LOCKS_TASKS and isinstance(loop, ShowsTask):
            own = unshown()
            own.task = <PyObject *> task
            own.loop = <PyObject *> loop
            return True
        CURRENT_TASKS[loop] = task
        return True
    try:
        enter_task(loop, task)
    except RuntimeError:
        return False
    return True


cdef inline int leave(object loop, object task) except -1:
    """The loop runs no task now. Raises RuntimeError if it ran another than this."""
    cdef Unshown *own
    cdef object running
    if LOCKS_TASKS:
        own = unshown()
        if own.task == <PyObject *> task:
            own.task = NULL
            return 0
    if CURRENT_TASKS is not None:
        running = CURRENT_TASKS.pop(loop, None)  # one look-up: nearly always it is this task
        if running is task:
            return 0
        if running is not None:
            CURRENT_TASKS[loop] = running
    leave_task(loop, task)
    return 0
