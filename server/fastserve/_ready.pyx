"""What need not be waited for: `await` gives its value, and the task goes on in the same step."""

cimport cython
from cpython.object cimport PyObject

from collections.abc import Coroutine

__all__ = ["Ready"]

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
    void PyErr_SetObject(object, object) noexcept
    void Py_INCREF(PyObject *)


@cython.freelist(32)
cdef class Ready:
    """An awaitable that is finished: awaiting it returns its value without suspending."""

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        raise StopIteration(self.value)

    def send(self, value):
        raise StopIteration(self.value)

    def throw(self, kind, value=None, traceback=None):
        raise kind if value is None else value

    def close(self):
        pass


# What `await` calls: am_send up to 3.11 and in tasks, tp_iternext from 3.12 on. Without the first
# each await costs a StopIteration there, and without the second a traceback.
cdef PySendResult send_ready(
    PyObject *ready, PyObject *value, PyObject **result
) except? PYGEN_ERROR:
    result[0] = <PyObject *> (<Ready> ready).value
    Py_INCREF(result[0])
    return PYGEN_RETURN


cdef PyObject *next_ready(PyObject *ready) except? NULL:
    cdef object value = (<Ready> ready).value
    if value is not None:  # a dict: neither a tuple nor an exception, which this would unpack
        PyErr_SetObject(StopIteration, value)
    return NULL


(<PyTypeObject *> Ready).tp_as_async.am_send = send_ready
(<PyTypeObject *> Ready).tp_iternext = next_ready
Coroutine.register(Ready)

DONE = Ready.__new__(Ready)


cdef Ready ready(object value):
    cdef Ready self = Ready.__new__(Ready)
    self.value = value
    return self
