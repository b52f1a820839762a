"""What the access log is told of each request, and of each WebSocket."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.string cimport memcpy
from posix.time cimport clock_gettime, clockid_t, timespec

__all__ = ("Entry", "TextLine", "find", "quoted")

cdef extern from *:
    """
    #include <time.h>
    #ifdef CLOCK_REALTIME_COARSE
    #define FASTSERVE_COARSE_TIME CLOCK_REALTIME_COARSE
    #else
    #define FASTSERVE_COARSE_TIME CLOCK_REALTIME
    #endif
    """
    const clockid_t COARSE_TIME "FASTSERVE_COARSE_TIME"

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
        cdef Py_ssize_t length = self.line_length()
        cdef str text
        if length < 0:
            if self.start is not None:
                return cut(escaped(self.start)) or "-"
            return f"{self.method} {self.target} HTTP/{self.version}"
        text = PyUnicode_New(length, 127)
        self.put_line(PyUnicode_DATA(text))
        return text

    cdef Py_ssize_t line_length(self) except -2:
        """Of the request line; -1 when it cannot stand in the log as it is."""
        cdef Py_ssize_t length = target_length(self.path, self.query)
        if self.start is not None or length > TARGET_CHARACTERS or not (
            is_safe(self.path) and is_safe(self.query)
            and PyUnicode_IS_COMPACT_ASCII(self.method) and PyUnicode_IS_COMPACT_ASCII(self.version)
        ):
            return -1
        return PyUnicode_GET_LENGTH(self.method) + length + PyUnicode_GET_LENGTH(self.version) + 7

    cdef char *put_line(self, char *out) except NULL:
        """Write the request line, which can stand as it is; its end."""
        out = put_text(out, self.method)
        out[0] = c' '
        out = put_target(out + 1, self.path, self.query)
        memcpy(out, b" HTTP/", 6)
        return put_text(out + 6, self.version)


cdef class TextLine:
    """The line of the format `text`; `renew` makes what it begins with, once a second."""

    cdef object renew  # owned
    cdef long long second
    cdef str begin  # owned

    def __cinit__(self, renew not None):
        self.renew = renew
        self.begin = ""

    def line(self, Entry entry not None):
        """The whole line; None for what is not written in this way."""
        cdef Py_ssize_t length = entry.line_length()
        cdef str text
        cdef char *out
        cdef timespec now
        clock_gettime(COARSE_TIME, &now)
        if now.tv_sec != self.second:
            self.begin = self.renew(now.tv_sec)
            self.second = now.tv_sec
        if length < 0 or entry.status < 100 or entry.status > 999 or not entry.client or not (
            PyUnicode_IS_COMPACT_ASCII(self.begin) and PyUnicode_IS_COMPACT_ASCII(entry.client)
        ):
            return None
        length += PyUnicode_GET_LENGTH(self.begin) + PyUnicode_GET_LENGTH(entry.client) + 10
        text = PyUnicode_New(length, 127)
        out = put_text(PyUnicode_DATA(text), self.begin)
        out = put_text(out, entry.client)
        memcpy(out, b' - "', 4)
        out = entry.put_line(out + 4)
        out[0] = c'"'
        out[1] = c' '
        out[2] = c'0' + entry.status // 100
        out[3] = c'0' + entry.status // 10 % 10
        out[4] = c'0' + entry.status % 10
        out[5] = c'\n'
        return text


cdef inline char *put_text(char *out, str text) except NULL:
    cdef Py_ssize_t length = PyUnicode_GET_LENGTH(text)
    memcpy(out, PyUnicode_DATA(text), length)
    return out + length


cdef inline Py_ssize_t target_length(bytes path, bytes query):
    cdef Py_ssize_t length = PyBytes_GET_SIZE(query)
    return PyBytes_GET_SIZE(path) + (length + 1 if length else 0)


cdef inline char *put_target(char *out, bytes path, bytes query) except NULL:
    memcpy(out, PyBytes_AS_STRING(path), PyBytes_GET_SIZE(path))
    out += PyBytes_GET_SIZE(path)
    if PyBytes_GET_SIZE(query):
        out[0] = c'?'
        memcpy(out + 1, PyBytes_AS_STRING(query), PyBytes_GET_SIZE(query))
        out += PyBytes_GET_SIZE(query) + 1
    return out


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


def find(object headers, bytes wanted not None):
    """The value of the first field of this name, given in lower case; None: there is none."""
    if headers is None:
        return None
    for name, value in headers:
        if len(name) == len(wanted) and (name == wanted or name.lower() == wanted):
            return bytes(value)
    return None


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
