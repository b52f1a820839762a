from cpython.bytes cimport PyBytes_CheckExact
from libc.string cimport memcpy

cdef class Output:
    cdef char *data  # owned
    cdef size_t length
    cdef size_t room

    cdef int grow(self, size_t more) except -1

    cdef inline int reserve(self, size_t more) except -1:
        if self.length + more > self.room:
            self.grow(more)
        return 0

    cdef inline int append(self, const char *at, size_t length) except -1:
        if self.length + length > self.room:
            self.grow(length)
        memcpy(self.data + self.length, at, length)
        self.length += length
        return 0

    cdef bytes take(self)
    cdef int clear(self) noexcept

cdef inline bytes as_bytes(object value):
    """A field's name or value; of a subclass of bytes, its bytes. TypeError for anything else."""
    if PyBytes_CheckExact(value):
        return <bytes> value
    if isinstance(value, bytes):
        return bytes(value)
    raise TypeError(f"names and values of headers are bytes, not {type(value).__name__}")

cdef int write_status_line(Output out, int status) except -1
cdef int write_field(Output out, bytes name, bytes value) except -1
cdef int write_number(Output out, size_t number) except -1
