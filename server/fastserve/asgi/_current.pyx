"""The task that runs in a loop, of which asyncio.current_task() tells.

Up to CPython 3.13 asyncio has those of all loops in one dict. Without the GIL every change to a dict
takes its lock. Threads that did so twice for each request would wait for each other, and a third of
what a request costs would be waiting.

So there the task of a loop that is a ShowsTask is put into the dict only when somebody looks for it.
Whoever does asks for the loop's hash first, be it asyncio in C or in Python, or a library that has
imported current_task() long before. In another thread nobody finds it; what asyncio answers there
may not be true any more when it arrives.
"""

from cpython.object cimport PyObject

import asyncio
import functools
import sys

__all__ = ("ShowsTask", "shows_task")

cdef extern from *:
    """
    static FASTSERVE_EACH_THREAD fastserve_unshown fastserve_unshown_here;
    """
    Unshown unshown_here "fastserve_unshown_here"

cdef extern from "Python.h":
    ctypedef Py_hash_t (*hash_function)(object) except -1
    ctypedef struct PyTypeObject:
        hash_function tp_hash

enter_task = asyncio.tasks._enter_task
leave_task = asyncio.tasks._leave_task
CURRENT_TASKS = asyncio.tasks._current_tasks if sys.version_info < (3, 14) else None
if LOCKS_TASKS:  # pop() does not hash its key while a dict is empty: so this one never is
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
    """The type of loop for this Python: `kind`, or one like it that is a ShowsTask."""
    if not LOCKS_TASKS or issubclass(kind, ShowsTask):
        return kind
    return type(kind.__name__, (ShowsTask, kind), {"__module__": kind.__module__})
