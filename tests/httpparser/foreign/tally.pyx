# cython: language_level=3
"""Somebody else's extension: a sink that counts, with no Python call per header."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint64_t

from httpparser cimport (
    CONTINUE, NO_BODY, SWITCH, Limits, Parser, RequestHead, ResponseHead, Sink,
)


cdef class Tally(Sink):
    cdef Parser parser
    cdef readonly Py_ssize_t heads, fields, body, chunks, trailers, ends
    cdef public int answer  # to a head
    cdef public bint pause, forget, reenter
    cdef public object error

    def __init__(self, bint response=False, limits=None):
        self.parser = Parser.__new__(Parser)
        self.parser.setup(response, self, limits if limits is not None else Limits())
        self.parser.strict = True
        self.parser.chunk_extensions = True
        self.answer = CONTINUE

    def feed(self, bytes data):
        return self.parser.execute(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))

    def hold(self):
        self.parser.hold = True

    def go_on(self, int answer):
        self.parser.go_on(answer)

    def end(self):
        self.parser.end_of_input()

    def restart(self):
        self.parser.restart()

    cdef int on_head(self, object head) except -1:
        self.heads += 1
        if isinstance(head, RequestHead):
            self.fields += len((<RequestHead> head).headers)
        else:
            self.fields += len((<ResponseHead> head).headers)
        if self.error is not None:
            raise self.error
        if self.forget:
            self.parser = None
        if self.reenter:
            self.parser.restart()
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


cdef class Nothing(Sink):
    """Overrides nothing: the methods of Sink itself."""


def ignore(bytes data):
    cdef Parser parser = Parser.__new__(Parser)
    parser.setup(False, Nothing(), Limits())
    parser.chunk_extensions = True
    return parser.execute(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))


def without_setup(bytes data):
    cdef Parser parser = Parser.__new__(Parser)
    return parser.execute(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))


def without_sink():
    cdef Parser parser = Parser.__new__(Parser)
    parser.setup(False, None, Limits())


def switching():
    return (CONTINUE, NO_BODY, SWITCH)
