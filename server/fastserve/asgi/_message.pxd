# What an app gives to `send`.
from cpython.dict cimport PyDict_GetItemWithError
from cpython.object cimport PyObject
from libc.string cimport memcmp, strlen

from fastserve.asgi._dict cimport next_item

cdef extern from "Python.h":
    Py_ssize_t PyDict_GET_SIZE(dict)
    bint PyUnicode_CheckExact(PyObject *)
    bint PyUnicode_IS_COMPACT_ASCII(PyObject *)
    Py_ssize_t PyUnicode_GET_LENGTH(PyObject *)
    const void *PyUnicode_DATA(PyObject *)

# The fields of a message of a response; NULL: missing.
cdef struct Fields:
    PyObject *type  # borrowed from the message
    PyObject *status
    PyObject *headers
    PyObject *trailers
    PyObject *body
    PyObject *more_body


cdef inline int read_fields(dict message, Fields *fields) except -1:
    """Keys in a program's text are the same objects as those here: nothing is looked up."""
    cdef PyObject *key = NULL
    cdef PyObject *value = NULL
    cdef Py_ssize_t at = 0
    # A last call, which finds no more, costs as much as any.
    cdef Py_ssize_t left = PyDict_GET_SIZE(message)
    fields.type = fields.status = fields.headers = fields.trailers = NULL
    fields.body = fields.more_body = NULL
    while left and next_item(message, &at, &key, &value):
        left -= 1
        if <object> key is "type":
            fields.type = value
        elif <object> key is "body":
            fields.body = value
        elif <object> key is "more_body":
            fields.more_body = value
        elif <object> key is "status":
            fields.status = value
        elif <object> key is "headers":
            fields.headers = value
        elif <object> key is "trailers":
            fields.trailers = value
        elif <object> key is not "path":
            fields.type = PyDict_GetItemWithError(message, "type")
            fields.status = PyDict_GetItemWithError(message, "status")
            fields.headers = PyDict_GetItemWithError(message, "headers")
            fields.trailers = PyDict_GetItemWithError(message, "trailers")
            fields.body = PyDict_GetItemWithError(message, "body")
            fields.more_body = PyDict_GetItemWithError(message, "more_body")
            break
    return 0


cdef inline dict as_message(object message):
    """What an app gives to `send`, any mapping, as a dict."""
    if type(message) is dict:
        return <dict> message
    return dict(message) if isinstance(message, dict) else {**message}


cdef inline bint flag(PyObject *value, str key) except -1:
    """A bool that may be missing; any other type is an error (ASGI, "Message types")."""
    if value == NULL or <object> value is False:
        return False
    if <object> value is True:
        return True
    raise TypeError(f"{key} is a bool, not {type(<object> value).__name__}")


cdef inline bint is_text(PyObject *value, const char *ascii) noexcept:
    """`value == ascii`, without a call. The compiler interns no text with a dot in it."""
    cdef size_t length = strlen(ascii)  # of a constant: the C compiler knows it
    return (
        value != NULL and PyUnicode_CheckExact(value) and PyUnicode_IS_COMPACT_ASCII(value)
        and PyUnicode_GET_LENGTH(value) == <Py_ssize_t> length
        and memcmp(PyUnicode_DATA(value), ascii, length) == 0
    )
