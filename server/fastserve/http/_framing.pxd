from cpython.bytes cimport PyBytes_CheckExact
from libc.stdint cimport int64_t

from httpparser._response cimport Output


cdef inline bytes as_bytes(object value):
    """A header's name or value; a subclass of bytes is bytes."""
    if PyBytes_CheckExact(value):
        return <bytes> value
    if isinstance(value, bytes):
        return bytes(value)
    raise TypeError(f"names and values of headers are bytes, not {type(value).__name__}")


cdef int whole_number(object value) except? -1
cdef bint flag(dict message, str key) except -1
cdef int64_t parse_length(bytes value) except -1
cdef int write_chunk_size(Output output, size_t size) except -1
cdef int write_length(Output output, size_t length) except -1
