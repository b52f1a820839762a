"""Responses to bytes: RFC 9112 without I/O. Framing is decided once, when the head is finished.

A head is written when the app gives it and finished with the first of the body, which decides the
framing. Until then it can be dropped, so that an app that fails gets its 500.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t
from libc.string cimport memcpy
from libc.time cimport time, time_t

from httpparser cimport (
    Output, as_bytes, equal_fold, parse_length, token_in_list, write_field, write_number,
    write_status_line,
)

from email.utils import formatdate
from http import HTTPStatus

__all__ = ("Writer",)


@cython.final
cdef class DefaultFields:
    """The server, date and configured fields of every response, as lines ready to send."""

    def __cinit__(self, bint server_header=True, bint date_header=True, extra=()):
        self.server_line = b"server: fastserve\r\n" if server_header else b""
        self.extra_lines = b"".join([b"%b: %b\r\n" % pair for pair in extra])
        self.date_header = date_header
        self.renew()

    cdef int renew(self) except -1:
        """Make the date anew when the second has changed. RFC 9110 6.6.1"""
        cdef time_t second = time(NULL)
        if second == self.second:
            return 0
        self.second = second
        self.date_line = b""
        if self.date_header:
            self.date_line = f"date: {formatdate(second, usegmt=True)}\r\n".encode()
        self.lines = self.server_line + self.date_line + self.extra_lines
        return 0


@cython.final
cdef class Writer:
    """Fills an `Output` with one response after the other."""

    cdef int64_t begin(self, Output output, int status, object headers, bint trailers) except? -2:
        """Write a head but for what finish() adds; the declared length, -1 when there is none.

        Raises ValueError and TypeError, with nothing written, for what cannot be sent.
        """
        cdef size_t mark = output.length
        cdef bytes name, value
        cdef size_t length
        self.status = status
        self.declared = -1
        self.close = self.has_date = self.has_server = False
        self.chunked_trailers = trailers
        try:
            write_status_line(output, status)
            for pair in headers:
                if type(pair) is tuple and len(<tuple> pair) == 2:
                    name = as_bytes((<tuple> pair)[0])
                    value = as_bytes((<tuple> pair)[1])
                else:
                    first, second = pair
                    name, value = as_bytes(first), as_bytes(second)
                length = PyBytes_GET_SIZE(name)
                # Only names of these lengths matter to framing and connection.
                if (
                    (length == 4 or length == 6 or length == 10 or length == 14 or length == 17)
                    and self.note(name, value)
                ):
                    continue
                write_field(output, name, value)
        except BaseException:
            output.length = mark
            raise
        self.pending = True
        self.pending_at = mark
        return self.declared

    cdef bint note(self, bytes name, bytes value) except -1:
        """Learn from a field. True: it is not to be written."""
        cdef const char *at = PyBytes_AS_STRING(name)
        cdef size_t length = PyBytes_GET_SIZE(name)
        if length == 14 and equal_fold(at, b"content-length", 14):
            if self.declared >= 0:
                raise ValueError("Content-Length is given twice")
            self.declared = parse_length(PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))
            if self.declared < 0:
                raise ValueError(f"Content-Length {value!r} is not a number of bytes")
            if self.chunked_trailers:  # chunks carry the length. RFC 9112 6.2
                self.declared = -1
                return True
            # RFC 9110 8.6: a 204 has none; 15.3.6: that of a 205 is 0
            return self.status == 204 or self.status == 205
        if length == 17 and equal_fold(at, b"transfer-encoding", 17):
            return True  # framing is the server's
        if length == 4 and equal_fold(at, b"date", 4):
            self.has_date = True
        elif length == 6 and equal_fold(at, b"server", 6):
            self.has_server = True
        elif length == 10 and equal_fold(at, b"connection", 10):
            if token_in_list(PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value), b"close", 5):
                self.close = True
            # Whether the connection persists is for finish() to say.
            return value.lower() in (b"close", b"keep-alive")
        return False

    cdef int hold(self, Output output) except -1:
        """Take the pending head out of the output, which is about to be sent."""
        self.held = PyBytes_FromStringAndSize(output.data + self.pending_at,
                                              output.length - self.pending_at)
        output.length = self.pending_at
        return 0

    cdef int drop(self, Output output) except -1:
        """Forget the pending head."""
        if self.pending:
            if self.held is None:
                output.length = self.pending_at
            self.held = None
            self.pending = False
        return 0

    cdef bint finish(self, Output output, Request *request, Py_ssize_t length, bint more,
                     bint keep_alive) except -1:
        """Complete the head. RFC 9112 6 and 9

        `length` bytes of content follow at once, and `more` later. Returns whether the connection
        persists afterwards.
        """
        if self.held is not None:
            output.append(PyBytes_AS_STRING(self.held), PyBytes_GET_SIZE(self.held))
            self.held = None
        if not request.has_content:
            self.framing = NO_CONTENT
            if self.status == 205:  # RFC 9110 15.3.6
                write_length(output, 0)
            elif length and not more and self.declared < 0 and self.status != 204:
                write_length(output, length)  # RFC 9110 9.3.2: the length that a GET would get
        elif self.declared >= 0:
            self.framing = LENGTH
        elif not more and not self.chunked_trailers:
            self.framing = LENGTH
            write_length(output, length)
        elif request.http_1_1:
            self.framing = CHUNKED
            output.append(b"transfer-encoding: chunked\r\n", 28)
        else:
            self.framing = UNTIL_CLOSE
        if self.close or self.framing == UNTIL_CLOSE:
            keep_alive = False
        if not keep_alive:
            output.append(b"connection: close\r\n", 19)
        elif not request.http_1_1:
            output.append(b"connection: keep-alive\r\n", 24)
        self.end_head(output)
        return keep_alive

    cdef int end_head(self, Output output) except -1:
        """The default fields that the app did not give, and the empty line."""
        cdef DefaultFields fields = self.fields
        fields.renew()
        if not self.has_date and not self.has_server:
            output.append(PyBytes_AS_STRING(fields.lines), PyBytes_GET_SIZE(fields.lines))
        else:
            if not self.has_date:
                output.append(PyBytes_AS_STRING(fields.date_line), len(fields.date_line))
            if not self.has_server:
                output.append(PyBytes_AS_STRING(fields.server_line), len(fields.server_line))
            output.append(PyBytes_AS_STRING(fields.extra_lines), len(fields.extra_lines))
        self.pending = False
        return output.append(b"\r\n", 2)

    cdef int end(self, Output output, bint trailers) except -1:
        """The content is complete; `trailers` may follow. RFC 9112 7.1"""
        if self.framing != CHUNKED:
            return 0
        return output.append(b"0\r\n", 3) if trailers else output.append(b"0\r\n\r\n", 5)

    cdef int trailers(self, Output output, object headers, bint more) except -1:
        """Trailer fields, for a client that takes them. RFC 9112 7.1.2"""
        cdef size_t mark = output.length
        cdef bytes name, value
        if self.framing != CHUNKED:
            return 0
        try:
            if self.chunked_trailers:
                for name, value in headers:
                    write_field(output, name, value)
        except BaseException:
            output.length = mark
            raise
        return 0 if more else output.append(b"\r\n", 2)

    # -- whole messages ------------------------------------------------------------------------

    cdef int early_hint(self, Output output, object links) except -1:
        """103 (Early Hints) with Link fields. RFC 8297"""
        self.begin(output, 103, [(b"link", as_bytes(link)) for link in links], False)
        self.pending = False
        return output.append(b"\r\n", 2)

    cdef int proceed(self, Output output) except -1:
        """100 (Continue). RFC 9110 10.1.1"""
        return output.append(b"HTTP/1.1 100 Continue\r\n\r\n", 25)

    cdef int switch(self, Output output, object headers) except -1:
        """101 (Switching Protocols) to WebSocket, with these fields. RFC 6455 4.2.2"""
        own = [(b"upgrade", b"websocket"), (b"connection", b"Upgrade")]
        self.begin(output, 101, [*own, *headers], False)
        return self.end_head(output)

    cdef int answer(self, Output output, Request *request, int status, str text,
                    object headers) except -1:
        """A whole response of the server's own, which closes the connection."""
        cdef bytes body = f"{text or HTTPStatus(status).phrase}\n".encode()
        own = (b"content-type", b"text/plain; charset=utf-8")
        self.begin(output, status, [*headers, own], False)
        self.finish(output, request, PyBytes_GET_SIZE(body), False, False)
        if self.framing == LENGTH:
            output.append(PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body))
        return 0


cdef inline char *put_chunk_size(char *to, size_t size) noexcept:
    """Its digits and the line's end; `to` has room for 18. Where they end."""
    cdef const char *digits = b"0123456789abcdef"
    cdef int shift = 0
    while size >> shift > 15:
        shift += 4
    while shift >= 0:
        to[0] = digits[size >> shift & 15]
        to += 1
        shift -= 4
    to[0] = c"\r"
    to[1] = c"\n"
    return to + 2


cdef int write_chunk_size(Output output, size_t size) except -1:
    """RFC 9112 7.1; never for a size of 0, which would end the body."""
    output.reserve(18)
    output.length = put_chunk_size(output.data + output.length, size) - output.data
    return 0


cdef int write_chunk(Output output, const char *at, size_t length) except -1:
    """A whole chunk, of at least 1 byte. RFC 9112 7.1"""
    cdef char *to
    output.reserve(length + 20)  # with a size of 16 digits and two line ends
    to = put_chunk_size(output.data + output.length, length)
    memcpy(to, at, length)
    to += length
    to[0] = c"\r"
    to[1] = c"\n"
    output.length = to + 2 - output.data
    return 0


cdef int write_length(Output output, size_t length) except -1:
    output.append(b"content-length: ", 16)
    write_number(output, length)
    return output.append(b"\r\n", 2)
