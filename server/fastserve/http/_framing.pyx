"""Values in the types that ASGI gives them, and what frames a body."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t

from httpparser._response cimport Output, write_number

__all__ = ()


cdef int whole_number(object value) except? -1:
    if not isinstance(value, int):
        raise TypeError(f"a status is an int, not {type(value).__name__}")
    return value


cdef bint flag(dict message, str key) except -1:
    """A bool that may be missing; another type is an error, as ASGI asks for."""
    cdef object value = message.get(key)
    if value is True:
        return True
    if value is None and key not in message or value is False:
        return False
    raise TypeError(f"{key} is a bool, not {type(value).__name__}")


cdef int64_t parse_length(bytes value) except -1:
    cdef const char *at = PyBytes_AS_STRING(value)
    cdef Py_ssize_t i, length = PyBytes_GET_SIZE(value)
    cdef int64_t total = 0
    for i in range(length):
        if not c'0' <= at[i] <= c'9' or i > 17:
            length = 0
            break
        total = total * 10 + (at[i] - c'0')
    if length == 0:
        raise ValueError(f"Content-Length {value!r} is not a number of bytes")
    return total


cdef int write_chunk_size(Output output, size_t size) except -1:
    """RFC 9112 7.1; never for a size of 0, which would end the body."""
    cdef char[16] digits
    cdef int i = 16
    while size:
        i -= 1
        digits[i] = b"0123456789abcdef"[size & 15]
        size >>= 4
    output.append(digits + i, 16 - i)
    return output.append(b"\r\n", 2)


cdef int write_length(Output output, size_t length) except -1:
    output.append(b"content-length: ", 16)
    write_number(output, length)
    output.append(b"\r\n", 2)
    return 0
