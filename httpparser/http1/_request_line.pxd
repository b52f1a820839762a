# A plain request line: a common method, a path, HTTP/1.1 or HTTP/1.0, single spaces and CRLF.
from libc.string cimport memcmp

from httpparser.http1._scan cimport target_end
from httpparser.http1.llhttp cimport *

cdef enum:
    SHORTEST_HEAD = 18  # "GET / HTTP/1.1" and two line ends; _scan needs 16


cdef struct RequestLine:
    int method  # llhttp's number
    bint http_1_1  # else HTTP/1.0
    const char *target  # borrowed from the input, like the others
    const char *target_end
    const char *mark  # the first "?" of the target or one after it; NULL: there is none
    bint percent  # there may be a "%" in the target
    const char *fields  # what follows the line


cdef inline int plain_method(const char *at, size_t *length) noexcept nogil:
    """llhttp's number of the method, -1 for one that is not plain; 8 octets can be read."""
    if memcmp(at, b"GET ", 4) == 0:
        length[0] = 3
        return HTTP_GET
    if memcmp(at, b"POST ", 5) == 0:
        length[0] = 4
        return HTTP_POST
    if memcmp(at, b"HEAD ", 5) == 0:
        length[0] = 4
        return HTTP_HEAD
    if memcmp(at, b"PUT ", 4) == 0:
        length[0] = 3
        return HTTP_PUT
    if memcmp(at, b"PATCH ", 6) == 0:
        length[0] = 5
        return HTTP_PATCH
    if memcmp(at, b"DELETE ", 7) == 0:
        length[0] = 6
        return HTTP_DELETE
    if memcmp(at, b"OPTIONS ", 8) == 0:
        length[0] = 7
        return HTTP_OPTIONS
    return -1


cdef inline bint read_request_line(const char *at, const char *end,
                                   RequestLine *line) noexcept nogil:
    """False: it is not plain, or the head cannot be whole."""
    cdef const char *after
    cdef size_t length
    if end - at < SHORTEST_HEAD:
        return False
    line.method = plain_method(at, &length)
    if line.method < 0 or at[length + 1] != c'/':
        return False
    line.target = at + length + 1
    line.target_end = after = target_end(line.target, end, &line.mark, &line.percent)
    if (
        end - after < 11 or memcmp(after, b" HTTP/1.", 8) != 0
        or after[8] != c'1' and after[8] != c'0' or after[9] != c'\r' or after[10] != c'\n'
    ):
        return False
    line.http_1_1 = after[8] == c'1'
    line.fields = after + 11
    return True
