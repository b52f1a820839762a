from cpython.object cimport PyObject

cdef extern from "Python.h":
    # Of a borrowed dict: to own it for a moment would be a count that all threads share.
    Py_ssize_t PyDict_Size(PyObject *)
    PyObject *PyDict_GetItemWithError(PyObject *, object) except? NULL

cdef extern from *:
    """
    /* Up to 3.13 one dict has the current tasks of all loops. */
    #define FASTSERVE_TASKS_IN_DICT (PY_VERSION_HEX < 0x030E0000)
    typedef struct { PyObject *task, *loop; } fastserve_unshown;
    """
    int TASKS_IN_DICT "FASTSERVE_TASKS_IN_DICT"
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
        if TASKS_IN_DICT:
            show()
        # More than what it always has, see the module.
        if PyDict_Size(tasks) > TASKS_IN_DICT and PyDict_GetItemWithError(tasks, loop) != NULL:
            return False
        if TASKS_IN_DICT and isinstance(loop, ShowsTask):
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
    if TASKS_IN_DICT:
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
