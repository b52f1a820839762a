# What is watched, by descriptor.
from cpython.mem cimport PyMem_Realloc
from cpython.object cimport PyObject
from libc.string cimport memset

cdef struct Table:
    PyObject **at  # owned; the objects are borrowed. NULL: nothing has this descriptor
    int room  # descriptors


cdef inline int make_room(Table *table, int fd) except -1:
    """Before something is set there. Raises MemoryError."""
    cdef int room = table.room
    cdef PyObject **grown
    if fd >= room:
        room = max(2 * room, fd + 1, 64)
        grown = <PyObject **> PyMem_Realloc(table.at, room * sizeof(PyObject *))
        if grown == NULL:
            raise MemoryError
        memset(grown + table.room, 0, (room - table.room) * sizeof(PyObject *))
        table.at = grown
        table.room = room
    return 0
