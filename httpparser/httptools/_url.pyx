"""parse_url: a request target taken apart, in one pass (RFC 9112 section 3.2)."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport (
    PyBytes_AS_STRING,
    PyBytes_CheckExact,
    PyBytes_FromStringAndSize,
    PyBytes_GET_SIZE,
)
cimport cython

from httpparser.http1._scan cimport target_end

from httpparser.errors import HttpParserInvalidURLError

__all__ = ("URL", "parse_url")

cdef enum:
    VISIBLE = 1  # 0x21 to 0x7e: what a target may consist of
    ALPHA = 2
    DIGIT = 4
    HOST = 8  # letters, digits, "." and "-", as httptools has it
    USERINFO = 16  # RFC 3986 3.2.1
    IPV6 = 32  # RFC 3986 3.2.2, an embedded IPv4 address included
    ZONE = 64  # RFC 6874, and a bare "%" for what browsers send

cdef unsigned char KINDS[256]


cdef int fill(bytes characters, unsigned char kind) except -1:
    for character in characters:
        KINDS[<unsigned char>character] |= kind
    return 0


cdef bytes LETTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
cdef bytes DIGITS = b"0123456789"
fill(bytes(range(0x21, 0x7F)), VISIBLE)
fill(LETTERS, ALPHA)
fill(DIGITS, DIGIT)
fill(LETTERS + DIGITS + b".-", HOST)
fill(LETTERS + DIGITS + b"-_.!~*'()%;:&=+$,", USERINFO)
fill(DIGITS + b"abcdefABCDEF:.", IPV6)
fill(LETTERS + DIGITS + b"-._~%", ZONE)


cdef inline const char *skip(const char *at, const char *end, unsigned char kind) noexcept nogil:
    while at < end and KINDS[<unsigned char>at[0]] & kind:
        at += 1
    return at


cdef inline const char *find(
    const char *at, const char *end, char first, char other
) noexcept nogil:
    while at < end and at[0] != first and at[0] != other:
        at += 1
    return at


cdef inline bytes piece(const char *start, const char *end):
    return None if start == end else PyBytes_FromStringAndSize(start, end - start)


@cython.freelist(32)
cdef class URL:
    """The parts of a target: bytes, or None for a part that is absent or empty; port is an int."""

    cdef readonly bytes schema
    cdef readonly bytes host
    cdef readonly bytes path
    cdef readonly bytes query
    cdef readonly bytes fragment
    cdef readonly bytes userinfo
    cdef int _port  # -1: none

    def __cinit__(self):
        self._port = -1

    def __init__(
        self,
        bytes schema,
        bytes host,
        port: int | None,
        bytes path,
        bytes query,
        bytes fragment,
        bytes userinfo,
    ):
        self.schema = schema
        self.host = host
        self._port = -1 if port is None else port
        self.path = path
        self.query = query
        self.fragment = fragment
        self.userinfo = userinfo

    @property
    def port(self):
        return None if self._port < 0 else self._port

    def __repr__(self):
        return (
            f"<URL schema: {self.schema!r}, host: {self.host!r}, port: {self.port!r}, "
            f"path: {self.path!r}, query: {self.query!r}, fragment: {self.fragment!r}, "
            f"userinfo: {self.userinfo!r}>"
        )


cdef bint split_path(URL url, const char *at, const char *end) except -1:
    """Take path, query and fragment from what follows the authority."""
    cdef const char *question = find(at, end, b"?", b"#")
    cdef const char *number_sign = question
    url.path = piece(at, question)
    if question < end and question[0] == b"?":
        number_sign = find(question + 1, end, b"#", b"#")
        url.query = piece(question + 1, number_sign)
    while number_sign < end and number_sign[0] == b"#":
        number_sign += 1
    url.fragment = piece(number_sign, end)
    return True


cdef inline bint split_plain(URL url, bytes target) except -1:
    """Take a path and a query, as most targets are; False: it is another form, or malformed."""
    cdef const char *at = PyBytes_AS_STRING(target)
    cdef const char *end = at + PyBytes_GET_SIZE(target)
    cdef const char *mark
    cdef bint percent
    # The 16 octets that are needed before `end` may lie in the head of the bytes object.
    if at[0] != b"/" or target_end(at, end, &mark, &percent) != end:
        return False
    if mark == NULL:
        url.path = target
    else:
        url.path = PyBytes_FromStringAndSize(at, mark - at)
        url.query = piece(mark + 1, end)
    return True


cdef bint split_host(URL url, const char *at, const char *end) except -1:
    """Take host and port; False when they are malformed. Brackets do not belong to the host."""
    cdef const char *start = at
    cdef const char *zone
    if at < end and at[0] == b"[":
        start += 1
        at = skip(start, end, IPV6)
        if at == start:
            return False
        if at < end and at[0] == b"%":
            zone = at + 1
            at = skip(zone, end, ZONE)
            if at == zone:
                return False
        if at == end or at[0] != b"]":
            return False
        url.host = piece(start, at)
        at += 1
    else:
        at = skip(start, end, HOST)
        url.host = piece(start, at)
        if at == start:
            return False
    return at == end or (at[0] == b":" and split_port(url, at + 1, end))


cdef bint split_port(URL url, const char *at, const char *end) noexcept:
    cdef int port = 0
    if at == end:
        return False
    while at < end:
        if not KINDS[<unsigned char>at[0]] & DIGIT:
            return False
        port = port * 10 + (at[0] - c"0")
        if port > 65535:
            return False
        at += 1
    url._port = port
    return True


cdef bint split(URL url, const char *at, const char *end) except -1:
    """Recognise the form of the target and take it apart; False when it is malformed."""
    cdef const char *colon
    cdef const char *authority
    cdef const char *after
    cdef const char *user_end
    if at == end or skip(at, end, VISIBLE) != end:
        return False
    if at[0] == b"/" or at[0] == b"*":
        return split_path(url, at, end)
    colon = skip(at, end, ALPHA)
    if colon == at or end - colon < 3 or colon[0] != b":" or colon[1] != b"/" or colon[2] != b"/":
        # RFC 9112 3.2.3: in authority form the port is not optional.
        return split_host(url, at, end) and url._port >= 0
    url.schema = piece(at, colon)
    authority = colon + 3
    after = find(authority, end, b"/", b"?")
    user_end = find(authority, after, b"@", b"@")
    if user_end < after:
        if skip(authority, user_end, USERINFO) != user_end:
            return False
        url.userinfo = piece(authority, user_end)
        authority = user_end + 1
    return split_host(url, authority, after) and split_path(url, after, end)


def parse_url(url):
    """Take a request target apart.

    `url` is bytes or any contiguous buffer, in one of the four forms of RFC 9112 section 3.2:
    origin (`/a?b`), absolute (`http://user@host:1/a?b#c`), authority (`host:1`) or asterisk (`*`).
    Gives a `URL`; raises HttpParserInvalidURLError.
    """
    cdef Py_buffer view
    cdef URL result = URL.__new__(URL)
    cdef const char *at
    cdef bint valid
    if PyBytes_CheckExact(url):
        at = PyBytes_AS_STRING(url)
        valid = split_plain(result, url) or split(result, at, at + PyBytes_GET_SIZE(url))
    else:
        PyObject_GetBuffer(url, &view, PyBUF_SIMPLE)
        at = <const char *>view.buf
        try:
            valid = split(result, at, at + view.len)
        finally:
            PyBuffer_Release(&view)
    if not valid:
        raise HttpParserInvalidURLError(f"invalid url {bytes(url)!r}", code="HPE_INVALID_URL")
    return result
