# What receive() gives and send() takes while a WebSocket is open.
from cpython.object cimport PyObject

from fastserve.asgi._dict cimport next_item
from fastserve.asgi._message cimport is_text

cdef inline object plain_content(dict message):
    """The str or bytes of {"type": "websocket.send", key: value} without a look-up, or None."""
    cdef PyObject *key = NULL
    cdef PyObject *value = NULL
    cdef Py_ssize_t at = 0
    if len(message) != 2 or not next_item(message, &at, &key, &value):
        return None
    if <object> key is not "type" or type(<object> value) is not str:
        return None
    if not is_text(value, "websocket.send"):
        return None
    next_item(message, &at, &key, &value)
    if (
        <object> key is "text" and type(<object> value) is str
        or <object> key is "bytes" and type(<object> value) is bytes
    ):
        return <object> value
    return None


cdef inline bint renew(dict event, str kind, str key, object content) except -1:
    """Give an event of two keys another content; False if an app has changed it otherwise."""
    cdef PyObject *name = NULL
    cdef PyObject *value = NULL
    cdef Py_ssize_t at = 0
    event[key] = content
    return (
        len(event) == 2 and next_item(event, &at, &name, &value)
        and <object> name is "type" and value == <PyObject *> kind
    )
