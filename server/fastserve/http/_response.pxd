from libc.stdint cimport int64_t
from httpparser._head cimport RequestHead
from httpparser._response cimport Output
from fastserve.http._service cimport Service
from fastserve.http._task cimport Job
from fastserve.http._wire cimport Wire

cdef enum Phase:
    EXPECT_START  # nothing was sent
    HEAD_HELD  # the head is written but not given away: a failure can still become a 500
    EXPECT_BODY
    SENDING_FILE
    EXPECT_TRAILERS
    COMPLETE

# Decided once, when the head goes out. RFC 9112 6.3
cdef enum Framing:
    NO_BODY
    LENGTH
    CHUNKED
    UNTIL_CLOSE

cdef class Response(Job):
    cdef Wire wire
    cdef RequestHead head
    cdef Phase phase
    cdef Framing framing
    cdef readonly int status
    cdef readonly int64_t sent  # bytes of body
    cdef int64_t remaining  # bytes of body that Content-Length still promises; -1: no promise
    cdef size_t held_at  # where the held head begins in the output
    cdef bytes held  # owned: the held head, when the step ended before the body came
    cdef bint close  # the app said Connection: close
    cdef bint has_date
    cdef bint has_server
    cdef bint trailers  # the app will send some

    cdef int begin(self, dict message) except -1
    cdef int write_headers(self, Output output, object headers) except -1
    cdef int note(self, bytes name, bytes value) except -1
    cdef int hold(self) except -1
    cdef int drop_held(self) except -1
    cdef int end_head(self, Output output, Py_ssize_t length, bint more) except -1
    cdef int check_length(self, int64_t length, bint more) except -1
    cdef object body(self, dict message)
    cdef int write_body(self, Output output, object data) except -1
    cdef int end_body(self, Output output) except -1
    cdef int begin_file(self, object file, dict message, bint more) except -1
    cdef int end_file(self, int64_t count, bint more) except -1
    cdef object send_trailers(self, dict message)
    cdef object early_hint(self, dict message)
    cdef int complete(self, Output output) except -1
