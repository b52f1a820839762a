# The context (contextvars) that a loop calls its callbacks in.
from cpython.contextvars cimport PyContext_Enter, PyContext_Exit
from cpython.object cimport PyObject

cdef extern from "Python.h":
    ctypedef struct PyThreadState:
        PyObject *context
    PyThreadState *PyThreadState_Get() noexcept


cdef inline object leave_context():
    """The loop's, for asyncio calls in one that cannot be entered twice. An app may run a nested
    loop, which has to."""
    cdef PyObject *context = PyThreadState_Get().context
    if context != NULL:
        entered = <object> context
        try:
            PyContext_Exit(entered)
        except RuntimeError:  # it is the thread's own
            return None
        return entered
    return None


cdef inline int return_to_context(object entered) except -1:
    return 0 if entered is None else PyContext_Enter(entered)
