# What receive() gives and send() takes while a WebSocket is open.
from cpython.dict cimport PyDict_GetItemWithError, PyDict_Next
from cpython.object cimport PyObject

cdef extern from *:
    """
    /* An app's "websocket.send" is another object than ours: it is no identifier to be interned. */
    static inline int fastserve_is_send(PyObject *kind) {
        return PyUnicode_CheckExact(kind) && PyUnicode_IS_COMPACT_ASCII(kind)
            && PyUnicode_GET_LENGTH(kind) == 14
            && memcmp(PyUnicode_1BYTE_DATA(kind), "websocket.send", 14) == 0;
    }
    """
    bint is_send "fastserve_is_send"(object kind)


cdef inline object plain_content(dict message):
    """The str or bytes of {"type": "websocket.send", key: value} without a look-up, or None."""
    cdef PyObject *key = NULL
    cdef PyObject *value = NULL
    cdef Py_ssize_t at = 0
    if len(message) != 2 or not PyDict_Next(message, &at, &key, &value):
        return None
    if <object> key is not "type" or not is_send(<object> value):
        return None
    PyDict_Next(message, &at, &key, &value)
    if (
        <object> key is "text" and type(<object> value) is str
        or <object> key is "bytes" and type(<object> value) is bytes
    ):
        return <object> value
    return None


cdef inline bint renew(dict event, str kind, str key, object content) except -1:
    """Give an event of two keys another content; False if an app has changed it otherwise."""
    event[key] = content
    return len(event) == 2 and PyDict_GetItemWithError(event, "type") == <PyObject *> kind
