"""Somebody else's extension: a parser that counts, with no Python call per header."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint64_t

from httpparser cimport (
    CONTINUE, NO_BODY, SWITCH, Limits, Output, Parser, RequestHead, ResponseHead, equal_fold,
    is_token, parse_length, token_in_list, write_field, write_number, write_status_line,
)


cdef class Tally(Parser):
    cdef readonly Py_ssize_t heads, header_count, body, chunks, trailers, ends
    cdef public int answer  # to a head
    cdef public bint pause
    cdef public object raises  # from on_head, unless None

    def __init__(self, bint response=False, limits=None):
        self.setup(response, limits if limits is not None else Limits())
        self.strict = True
        self.chunk_extensions = True
        self.answer = CONTINUE

    def feed(self, bytes data):
        return self.execute(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))

    def decide_on(self, int answer):
        self.decide(answer)

    def end(self):
        self.finish()

    def restart(self):
        self.clear()

    cdef int on_head(self, object head) except -1:
        self.heads += 1
        if isinstance(head, RequestHead):
            self.header_count += len((<RequestHead> head).headers)
        else:
            self.header_count += len((<ResponseHead> head).headers)
        if self.raises is not None:
            raise self.raises
        return self.answer

    cdef int on_body(self, const char *at, size_t length) except -1:
        self.body += length
        return 0

    cdef int on_chunk(self, uint64_t size, bytes extensions) except -1:
        self.chunks += 1
        return 0

    cdef int on_trailers(self, list trailers) except -1:
        self.trailers += len(trailers)
        return 0

    cdef int on_end(self) except -1:
        self.ends += 1
        return self.pause


def ignore(bytes data):
    """A parser whose methods nobody overrides."""
    cdef Parser parser = Parser.__new__(Parser)
    parser.setup(False, Limits())
    parser.chunk_extensions = True
    return parser.execute(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))


def without_setup(bytes data):
    cdef Parser parser = Parser.__new__(Parser)
    parser.clear()
    parser.finish()
    return parser.execute(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))


def without_limits():
    cdef Parser parser = Parser.__new__(Parser)
    parser.setup(False, None)


def answers():
    return (CONTINUE, NO_BODY, SWITCH)


def write(int status, bytes name, bytes value, size_t length):
    cdef Output output = Output.__new__(Output)
    write_status_line(output, status)
    write_field(output, name, value)
    output.append(b"Content-Length: ", 16)
    write_number(output, length)
    output.append(b"\r\n\r\n", 4)
    return output.take()


def shared_rules(bytes value):
    """What the parser's own functions say of a field value."""
    cdef const char *at = PyBytes_AS_STRING(value)
    cdef size_t length = PyBytes_GET_SIZE(value)
    return (
        is_token(at, length),
        parse_length(at, length),
        token_in_list(at, length, b"close", 5),
        length == 5 and equal_fold(at, b"close", 5),
    )
