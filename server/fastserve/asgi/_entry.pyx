"""What the access log is told of each request, and of each WebSocket."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.string cimport memcpy

__all__ = ("Entry", "quoted")

cdef extern from "Python.h":
    str PyUnicode_New(Py_ssize_t, Py_UCS4)
    char *PyUnicode_DATA(str)
    Py_ssize_t PyUnicode_GET_LENGTH(str)
    bint PyUnicode_IS_COMPACT_ASCII(str)

cdef enum:
    # Longer ones are cut, so that a line is one write even into a pipe that workers share (4 KiB).
    TARGET_CHARACTERS = 3500
    METHOD_CHARACTERS = 32


cdef bytes EMPTY = b""
cdef str UNKNOWN = "-"


@cython.final
@cython.freelist(8)
cdef class Entry:
    """One line of the log to be: a request and how it ended, or what became of a WebSocket.

    `client` is "host:port", or "" on a Unix socket. `method` and `version` are "-" when too little
    has arrived. `path` is as the app sees it, undecoded. `status` is the code that a WebSocket was
    closed with if `websocket` is "closed". `length` is of the response's content, in bytes,
    `elapsed` in nanoseconds.
    """

    def __cinit__(self, *args, **kwargs):
        self.client = self.method = self.version = UNKNOWN
        self.path = self.query = EMPTY

    def __init__(self, str client not None, str method not None, bytes path not None,
                 bytes query not None=b"", str version not None="1.1", int status=200, *,
                 int64_t length=0, int64_t elapsed=0, str websocket=None, headers=None,
                 response_headers=None):
        self.client = client
        self.method = method
        self.path = path
        self.query = query
        self.version = version
        self.status = status
        self.length = length
        self.elapsed = elapsed
        self.websocket = websocket
        self.headers = headers
        self.response_headers = response_headers

    @property
    def target(self):
        """The request target, with characters that could forge a log line as \\xNN."""
        cdef Py_ssize_t length
        cdef str text
        if not (is_safe(self.path) and is_safe(self.query)):
            return cut(escaped(self.path + b"?" + self.query if self.query else self.path))
        length = target_length(self.path, self.query)
        text = PyUnicode_New(length, 127)
        put_target(PyUnicode_DATA(text), self.path, self.query)
        return cut(text)

    @property
    def request_line(self):
        """As it arrived, or nearly; escaped, as `target` is."""
        cdef str method = self.method, version = self.version, text
        cdef Py_ssize_t first, last, length
        cdef char *out
        if self.start is not None:
            return cut(escaped(self.start)) or "-"
        length = target_length(self.path, self.query)
        if length > TARGET_CHARACTERS or not (
            is_safe(self.path) and is_safe(self.query)
            and PyUnicode_IS_COMPACT_ASCII(method) and PyUnicode_IS_COMPACT_ASCII(version)
        ):
            return f"{method} {self.target} HTTP/{version}"
        first = PyUnicode_GET_LENGTH(method)
        last = PyUnicode_GET_LENGTH(version)
        text = PyUnicode_New(first + length + last + 7, 127)
        out = PyUnicode_DATA(text)
        memcpy(out, PyUnicode_DATA(method), first)
        out[first] = c' '
        out += first + 1
        put_target(out, self.path, self.query)
        memcpy(out + length, b" HTTP/", 6)
        memcpy(out + length + 6, PyUnicode_DATA(version), last)
        return text


cdef inline Py_ssize_t target_length(bytes path, bytes query):
    cdef Py_ssize_t length = PyBytes_GET_SIZE(query)
    return PyBytes_GET_SIZE(path) + (length + 1 if length else 0)


cdef inline int put_target(char *out, bytes path, bytes query) except -1:
    cdef Py_ssize_t length = PyBytes_GET_SIZE(path)
    memcpy(out, PyBytes_AS_STRING(path), length)
    if PyBytes_GET_SIZE(query):
        out[length] = c'?'
        memcpy(out + length + 1, PyBytes_AS_STRING(query), PyBytes_GET_SIZE(query))
    return 0


cdef inline bint is_safe(bytes text):
    """Whether it can stand between quotes in a line as it is."""
    cdef const unsigned char *at = <const unsigned char *> PyBytes_AS_STRING(text)
    cdef Py_ssize_t i
    for i in range(PyBytes_GET_SIZE(text)):
        if at[i] < 32 or at[i] > 126 or at[i] == c'"' or at[i] == c'\\':
            return False
    return True


cdef str cut(str text):
    return text if len(text) <= TARGET_CHARACTERS else f"{text[:TARGET_CHARACTERS]}..."


def quoted(bytes text not None, Py_ssize_t most=TARGET_CHARACTERS):
    """With all that could forge a log line as \\xNN, cut to about so many characters."""
    cdef str whole = escaped(text[:most + 1])
    return whole if len(whole) <= most else f"{whole[:most]}..."


cdef str escaped(bytes text):
    """With all that could forge a log line as \\xNN."""
    cdef unsigned char byte
    cdef list pieces = []
    if is_safe(text):
        return text.decode("ascii")
    for byte in text[:TARGET_CHARACTERS + 1]:
        if byte < 32 or byte > 126 or byte == c'"' or byte == c'\\':
            pieces.append("\\x%02x" % byte)
        else:
            pieces.append(chr(byte))
    return "".join(pieces)


cdef Entry entry_of_start(bytes start):
    """Of a request line that may not be whole, nor one at all, as far as it can be told apart."""
    cdef Entry entry = Entry.__new__(Entry)
    cdef list words
    entry.start = start = start.lstrip(b"\r\n").partition(b"\n")[0].rstrip(b"\r")
    words = start.split(b" ")
    if words[0].isalpha() and len(words[0]) <= METHOD_CHARACTERS:
        entry.method = words[0].decode("ascii")
        if len(words) > 1:
            entry.path, _, entry.query = words[1].partition(b"?")
        if len(words) > 2 and words[2] in (b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2"):
            entry.version = words[2][5:].decode("ascii")
    return entry
