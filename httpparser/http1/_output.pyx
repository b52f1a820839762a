"""Response heads to bytes."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy

from httpparser._threads cimport set_immortal
from httpparser.http1._fields cimport IN_VALUE, all_in, is_token

from http import HTTPStatus

__all__ = ("Output", "write_response_head")

_lines = dict.fromkeys(range(1000))
for _status in HTTPStatus:
    _lines[_status.value] = f"HTTP/1.1 {_status.value} {_status.phrase}\r\n".encode()
    set_immortal(_lines[_status.value])
cdef tuple STATUS_LINES = tuple(_lines.values())  # None: an unassigned status
del _lines


cdef class Output:
    """A growing buffer for what is to be written."""

    def __dealloc__(self):
        free(self.data)

    cdef int grow(self, size_t more) except -1:
        cdef size_t room = (self.length + more) * 2
        cdef char *data
        if room < 1024:
            room = 1024
        data = <char *> realloc(self.data, room)
        if data == NULL:
            raise MemoryError
        self.data = data
        self.room = room
        return 0

    cdef bytes take(self):
        """All of it as bytes; the buffer is empty afterwards, and kept unless it grew large."""
        cdef bytes data = PyBytes_FromStringAndSize(self.data, self.length)
        self.clear()
        return data

    cdef int clear(self) noexcept:
        """Forget what is in it; the memory is kept unless it grew large."""
        self.length = 0
        if self.room > 65536:
            free(self.data)
            self.data = NULL
            self.room = 0
        return 0


cdef int write_status_line(Output out, int status) except -1:
    """RFC 9112 4; an unassigned status has an empty reason."""
    cdef bytes line
    if not 100 <= status <= 999:
        raise ValueError(f"{status} is not a status code: three digits are needed")
    line = <bytes> STATUS_LINES[status]
    if line is None:
        out.append(b"HTTP/1.1 ", 9)
        write_number(out, status)
        return out.append(b" \r\n", 3)
    return out.append(PyBytes_AS_STRING(line), PyBytes_GET_SIZE(line))


cdef int write_field(Output out, bytes name, bytes value) except -1:
    """One field line. ValueError for a name that is not a token, a value with CR, LF or NUL."""
    cdef const char *name_at
    cdef const char *value_at
    cdef size_t name_length, value_length
    cdef char *to
    if name is None or value is None:
        raise TypeError("a field is a pair of bytes, not None")
    name_at = PyBytes_AS_STRING(name)
    value_at = PyBytes_AS_STRING(value)
    name_length = PyBytes_GET_SIZE(name)
    value_length = PyBytes_GET_SIZE(value)
    if not is_token(name_at, name_length):
        raise ValueError(f"the field name {name!r} is not a token")
    if not all_in(value_at, value_length, IN_VALUE):
        raise ValueError(f"the value of the field {name!r} holds CR, LF or NUL")
    out.reserve(name_length + value_length + 4)
    to = out.data + out.length
    memcpy(to, name_at, name_length)
    to += name_length
    to[0] = c':'
    to[1] = c' '
    memcpy(to + 2, value_at, value_length)
    to += 2 + value_length
    to[0] = c'\r'
    to[1] = c'\n'
    out.length += name_length + value_length + 4
    return 0


cdef int write_number(Output out, size_t number) except -1:
    """Decimal digits."""
    cdef char[20] digits
    cdef int i = 20
    while True:
        i -= 1
        digits[i] = c'0' + number % 10
        number //= 10
        if number == 0:
            break
    return out.append(digits + i, 20 - i)


def write_response_head(int status, headers, bytes reason=None):
    """Status line, fields and the empty line of an HTTP/1.1 response, as bytes.

    `headers` is an iterable of `(name, value)` bytes pairs, written as they are. `reason` defaults
    to the registered phrase. Raises ValueError for a status that is not three digits, a name that
    is not a token, and CR, LF or NUL in a value or the reason; TypeError for what is not bytes.
    """
    cdef Output out = Output.__new__(Output)
    cdef bytes name, value
    if reason is None:
        write_status_line(out, status)
    else:
        if not 100 <= status <= 999:
            raise ValueError(f"{status} is not a status code: three digits are needed")
        if not all_in(PyBytes_AS_STRING(reason), PyBytes_GET_SIZE(reason), IN_VALUE):
            raise ValueError("the reason holds CR, LF or NUL")
        line = b"HTTP/1.1 %d %b\r\n" % (status, reason)
        out.append(line, len(line))
    for name, value in headers:
        write_field(out, name, value)
    out.append(b"\r\n", 2)
    return out.take()
