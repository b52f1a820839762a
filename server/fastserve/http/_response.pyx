"""ASGI `send`: messages in, response bytes out. Framing is decided once, at the head."""

cimport cython
from cpython.bytes cimport (
    PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE,
)
from libc.stdint cimport int64_t

from fastserve.http._wire import ClientDisconnected
from fastserve.http.sendfile import open_path, part_of, transmit

from httpparser._headers cimport equal_fold, token_in_list
from httpparser._response cimport Output, write_field, write_status_line
from fastserve.http._framing cimport (
    as_bytes, flag, parse_length, whole_number, write_chunk_size, write_length,
)
from fastserve.http._service cimport Service
from fastserve.asgi._waiting cimport DONE
from fastserve.http._task cimport Job
from fastserve.http._wire cimport Wire

__all__ = ("Response",)

cdef enum:
    WORTH_NO_COPY = 16384  # larger bodies are given to the transport as they are

cdef str START = "http.response.start"
cdef str BODY = "http.response.body"
cdef bytes EMPTY = b""
# RFC 9110 6.5.1: what framing, routing and the connection need comes in time, or not at all.
cdef frozenset NO_TRAILERS = frozenset(
    b"connection content-encoding content-length content-range content-type host keep-alive "
    b"set-cookie te trailer transfer-encoding upgrade".split()
)


cdef class Response(Job):
    @cython.binding(False)
    def send(self, message):
        """ASGI `send`. Raises OSError after a disconnect, RuntimeError for what is out of order,
        ValueError and TypeError for what cannot be written."""
        cdef str kind = message["type"]
        if type(message) is not dict and isinstance(message, dict):
            message = dict(message)
        if self.wire.gone and self.phase != COMPLETE:
            raise ClientDisconnected("the client has disconnected")
        if kind == BODY:
            return self.body(message)
        if kind == START:
            self.begin(message)
            return DONE
        if kind == "http.response.trailers":
            return self.send_trailers(message)
        if kind == "http.response.early_hint":
            return self.early_hint(message)
        if kind == "http.response.pathsend" or kind == "http.response.zerocopysend":
            return self.send_file(message)
        raise RuntimeError(f"{kind!r} is not a message of an HTTP response")

    # -- the head ------------------------------------------------------------------------------

    cdef int begin(self, dict message) except -1:
        cdef Wire wire = self.wire
        cdef Output output = wire.output()
        cdef size_t mark = output.length
        if self.phase != EXPECT_START:
            raise RuntimeError("http.response.start was sent already")
        self.status = whole_number(message["status"])
        if self.status < 200:
            raise ValueError(f"{self.status} is not a final status")
        self.remaining = -1
        self.trailers = flag(message, "trailers")
        try:
            write_status_line(output, self.status)
            headers = message.get("headers")
            if headers is not None:
                self.write_headers(output, headers)
        except BaseException:
            output.length = mark
            self.close = self.has_date = self.has_server = False
            raise
        self.phase = HEAD_HELD
        self.held_at = mark
        if not wire.stepping:
            self.hold()
        return 0

    cdef int write_headers(self, Output output, object headers) except -1:
        cdef bytes name, value
        cdef size_t length
        for pair in headers:
            if type(pair) is tuple and len(<tuple> pair) == 2:
                name = as_bytes((<tuple> pair)[0])
                value = as_bytes((<tuple> pair)[1])
            else:
                first, second = pair
                name, value = as_bytes(first), as_bytes(second)
            length = PyBytes_GET_SIZE(name)
            # Those that framing and connection depend on have these lengths.
            if (
                (length == 4 or length == 6 or length == 10 or length == 14 or length == 17)
                and self.note(name, value)
            ):
                continue
            write_field(output, name, value)
        return 0

    cdef int note(self, bytes name, bytes value) except -1:
        """Learn from a field; true: it is not to be written."""
        cdef const char *at = PyBytes_AS_STRING(name)
        cdef size_t length = PyBytes_GET_SIZE(name)
        if length == 14 and equal_fold(at, b"content-length", 14):
            if self.remaining >= 0:
                raise ValueError("Content-Length is given twice")
            self.remaining = parse_length(value)
            # RFC 9110 8.6: none in a 204; 15.3.6: that of a 205 is 0
            return self.status == 204 or self.status == 205 or (
                self.trailers and self.head.trailers
            )
        if length == 17 and equal_fold(at, b"transfer-encoding", 17):
            return True  # framing is the server's
        if length == 4 and equal_fold(at, b"date", 4):
            self.has_date = True
        elif length == 6 and equal_fold(at, b"server", 6):
            self.has_server = True
        elif length == 10 and equal_fold(at, b"connection", 10):
            if token_in_list(PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value), b"close", 5):
                self.close = True
            # What stands alone in it is the server's to say, once it knows.
            return value.lower() in (b"close", b"keep-alive")
        return False

    cdef int hold(self) except -1:
        """The step ends: take the held head out of the shared output."""
        cdef Output output = self.wire.output()
        self.held = PyBytes_FromStringAndSize(output.data + self.held_at,
                                              output.length - self.held_at)
        output.length = self.held_at
        return 0

    cdef int drop_held(self) except -1:
        """The app failed: nothing of its head has been given away."""
        if self.phase == HEAD_HELD:
            if self.held is None:
                self.wire.output().length = self.held_at
            self.held = None
            self.phase = EXPECT_START
        return 0

    cdef int end_head(self, Output output, Py_ssize_t length, bint more) except -1:
        """Framing, connection and default fields. RFC 9112 6 and 9."""
        cdef Wire wire = self.wire
        cdef Service service = wire.service
        cdef bint newer = self.head.version == "1.1"
        if self.held is not None:
            output.append(PyBytes_AS_STRING(self.held), PyBytes_GET_SIZE(self.held))
            self.held = None
        if self.head.method == "HEAD" or self.status == 204 or self.status == 304:
            self.framing = NO_BODY
            if length and not more and self.remaining < 0 and self.status != 204:
                write_length(output, length)  # RFC 9110 9.3.2: as a GET would get it
        elif self.status == 205:  # RFC 9110 15.3.6
            self.framing = NO_BODY
            write_length(output, 0)
        elif self.trailers and self.head.trailers and newer:
            self.framing = CHUNKED
        elif self.remaining >= 0:
            self.framing = LENGTH
        elif not more and not self.trailers:
            self.framing = LENGTH
            self.remaining = length
            write_length(output, length)
        elif newer:
            self.framing = CHUNKED
        else:
            self.framing = UNTIL_CLOSE
        if self.framing == CHUNKED:
            output.append(b"transfer-encoding: chunked\r\n", 28)
        wire.settle_keep_alive()
        if self.close or self.framing == UNTIL_CLOSE:
            wire.keep_alive = False
        if not wire.keep_alive:
            output.append(b"connection: close\r\n", 19)
        elif not newer:
            output.append(b"connection: keep-alive\r\n", 24)
        service.renew()
        if not self.has_date and not self.has_server:
            output.append(PyBytes_AS_STRING(service.both), PyBytes_GET_SIZE(service.both))
        else:
            if not self.has_date:
                output.append(PyBytes_AS_STRING(service.date_line), len(service.date_line))
            if not self.has_server:
                output.append(PyBytes_AS_STRING(service.server_line), len(service.server_line))
            output.append(PyBytes_AS_STRING(service.extra_lines), len(service.extra_lines))
        output.append(b"\r\n", 2)
        self.phase = EXPECT_BODY
        return 0

    # -- the body ------------------------------------------------------------------------------

    cdef int check_length(self, int64_t length, bint more) except -1:
        """Does the first body fit Content-Length? The head is still held: this can become a 500."""
        if self.remaining < 0 or length == self.remaining or more and length < self.remaining:
            return 0
        if self.head.method == "HEAD" or self.status in (204, 205, 304) or (
            self.trailers and self.head.trailers
        ):
            return 0
        raise RuntimeError(
            f"the body has {length} bytes where Content-Length says {self.remaining}"
        )

    cdef object body(self, dict message):
        cdef Wire wire = self.wire
        cdef Output output = wire.output()
        cdef object data = message.get("body", EMPTY)
        cdef bint more = flag(message, "more_body")
        if not PyBytes_CheckExact(data):
            if not isinstance(data, (bytes, bytearray, memoryview)):
                raise TypeError(f"a body is bytes, not {type(data).__name__}")
            data = bytes(data)
        if self.phase == HEAD_HELD:
            self.check_length(PyBytes_GET_SIZE(data), more)
            self.end_head(output, PyBytes_GET_SIZE(data), more)
        elif self.phase == EXPECT_START:
            raise RuntimeError("http.response.start must come before http.response.body")
        elif self.phase != EXPECT_BODY:
            raise RuntimeError("the response is complete already")
        if PyBytes_GET_SIZE(data):
            self.write_body(output, data)
        if not more:
            self.end_body(output)
        return wire.pass_on(more)

    cdef int write_body(self, Output output, object data) except -1:
        cdef Py_ssize_t length = PyBytes_GET_SIZE(data)
        if self.framing == NO_BODY:
            return 0
        if self.framing == LENGTH:
            if length > self.remaining:
                raise RuntimeError("the body is longer than its Content-Length")
            self.remaining -= length
        self.sent += length
        if self.framing == CHUNKED:
            write_chunk_size(output, length)
        if length >= WORTH_NO_COPY:
            self.wire.write_large(data)
        else:
            output.append(PyBytes_AS_STRING(data), length)
        if self.framing == CHUNKED:
            output.append(b"\r\n", 2)
        return 0

    cdef int end_body(self, Output output) except -1:
        if self.framing == LENGTH and self.remaining:
            self.wire.keep_alive = False
            self.complete(output)
            raise RuntimeError(f"the body is {self.remaining} bytes short of its Content-Length")
        if self.trailers:
            self.phase = EXPECT_TRAILERS
            if self.framing == CHUNKED:
                output.append(b"0\r\n", 3)
            return 0
        if self.framing == CHUNKED:
            output.append(b"0\r\n\r\n", 5)
        return self.complete(output)

    cdef int complete(self, Output output) except -1:
        self.phase = COMPLETE
        self.wire.response_complete()
        return 0

    # -- extensions ----------------------------------------------------------------------------

    cdef object send_trailers(self, dict message):
        """RFC 9110 6.5: only a client that said TE: trailers gets them."""
        cdef Wire wire = self.wire
        cdef Output output = wire.output()
        if self.phase != EXPECT_TRAILERS:
            raise RuntimeError("trailers come after the body, announced by http.response.start")
        cdef size_t mark = output.length
        cdef bytes name, value
        try:
            for first, second in message.get("headers", ()):
                name, value = as_bytes(first), as_bytes(second)
                if name.lower() in NO_TRAILERS:
                    raise ValueError(f"{name!r} cannot be a trailer")
                if self.framing == CHUNKED and self.head.trailers:
                    write_field(output, name, value)
        except BaseException:
            output.length = mark
            raise
        cdef bint more = flag(message, "more_trailers")
        if not more:
            if self.framing == CHUNKED:
                output.append(b"\r\n", 2)
            self.complete(output)
        return wire.pass_on(more)

    cdef object early_hint(self, dict message):
        """RFC 8297: 103 with Link fields, before the head."""
        cdef Wire wire = self.wire
        cdef Output output = wire.output()
        cdef size_t mark = output.length
        if self.phase != EXPECT_START:
            raise RuntimeError("http.response.early_hint comes before http.response.start")
        if self.head.version != "1.1":
            return DONE  # RFC 9110 15.2: no 1xx to an HTTP/1.0 client
        try:
            write_status_line(output, 103)
            for link in message["links"]:
                write_field(output, b"link", as_bytes(link))
        except BaseException:
            output.length = mark
            raise
        output.append(b"\r\n", 2)
        wire.flush()
        wire.expect_client()
        return wire.drained()

    async def send_file(self, dict message):
        """http.response.pathsend, a whole body, and http.response.zerocopysend, a part of one."""
        cdef bint whole = message["type"] == "http.response.pathsend"
        cdef bint more = not whole and flag(message, "more_body")
        cdef int64_t count
        file = open_path(message["path"]) if whole else part_of(message)
        try:
            if self.phase != HEAD_HELD and (whole or self.phase != EXPECT_BODY):
                raise RuntimeError("a file comes between http.response.start and the end")
            self.begin_file(file, message, more)
            count = file.count
            if count and self.framing != NO_BODY:
                self.phase = SENDING_FILE
                await transmit(self.wire, file, self.wire.service.send_timeout)
                self.phase = EXPECT_BODY
        finally:
            file.close()
        self.end_file(count, more)
        await self.wire.drained()

    cdef int begin_file(self, object file, dict message, bint more) except -1:
        """The head, and what stands before the file's bytes."""
        cdef Wire wire = self.wire
        cdef Output output = wire.output()
        cdef int64_t count = file.count
        if self.remaining >= 0 and count > self.remaining and self.head.method != "HEAD":
            if message.get("count") is not None:
                raise RuntimeError("the body is longer than its Content-Length")
            file.count = count = self.remaining  # it has grown since the app looked
        if self.phase == HEAD_HELD:
            self.check_length(count, more)
            self.end_head(output, count, more)
        if self.framing == CHUNKED and count:
            write_chunk_size(output, count)
        return wire.flush()

    cdef int end_file(self, int64_t count, bint more) except -1:
        cdef Wire wire = self.wire
        cdef Output output = wire.output()
        if wire.gone:
            raise ClientDisconnected("the client has disconnected")
        if self.framing != NO_BODY:
            self.sent += count
        if self.framing == LENGTH:
            self.remaining -= count
        elif self.framing == CHUNKED and count:
            output.append(b"\r\n", 2)
        if not more:
            self.end_body(output)
        return wire.flush()
