"""The task that runs in a loop, of which asyncio.current_task() tells.

Up to CPython 3.13 asyncio keeps those of all loops in one dict. To set and delete there takes 500
instructions of a request. Without the GIL each change takes the dict's lock, too: threads that do
so twice for each request wait for each other.

So there the task of a loop that is a ShowsTask is put into the dict only when somebody looks for
it. A look-up hashes the loop first, whether asyncio in C or in Python makes it or a library that
has imported current_task() long before, and the hash of a ShowsTask puts the task there. Only this
loop's own thread finds it; asyncio's answer to another may be out of date when it arrives.
"""

from cpython.object cimport PyObject

import asyncio
import functools
import sys

__all__ = ("ShowsTask", "shows_task")

cdef extern from *:
    """
    static __thread __attribute__((tls_model("initial-exec"))) fastserve_unshown
        fastserve_unshown_here;
    """
    Unshown unshown_here "fastserve_unshown_here"

cdef extern from "Python.h":
    ctypedef Py_hash_t (*hash_function)(object) except -1
    ctypedef struct PyTypeObject:
        hash_function tp_hash

enter_task = asyncio.tasks._enter_task
leave_task = asyncio.tasks._leave_task
CURRENT_TASKS = asyncio.tasks._current_tasks if sys.version_info < (3, 14) else None
if TASKS_IN_DICT:  # never empty: pop() on an empty dict does not hash its key
    CURRENT_TASKS.setdefault(ShowsTask)


cdef Unshown *unshown() noexcept:
    """What this thread has."""
    return &unshown_here


cdef int show() except -1:
    """Put this thread's task where asyncio finds it."""
    cdef PyObject *task = unshown_here.task
    if task != NULL:
        unshown_here.task = NULL
        CURRENT_TASKS[<object> unshown_here.loop] = <object> task
    return 0


cdef class ShowsTask:
    """What is added to a type of loop; see the module."""

    def __hash__(self):
        if unshown_here.task != NULL and unshown_here.loop == <PyObject *> self:
            show()
        return (<PyTypeObject *> object).tp_hash(self)


@functools.cache
def shows_task(type kind not None):
    """The type of loop for this Python: `kind`, or one like it that is a ShowsTask if it may."""
    if not TASKS_IN_DICT or kind.__hash__ is not object.__hash__:
        return kind
    try:
        return type(kind.__name__, (ShowsTask, kind), {"__module__": kind.__module__})
    except TypeError:  # it does not allow subclasses
        return kind
