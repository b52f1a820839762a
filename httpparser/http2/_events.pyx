"""Sessions for Python: bytes in and lists of events out, calls in and bytes out."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int32_t, uint8_t, uint32_t

from httpparser._threads cimport acquire, release
from httpparser.http1._head cimport RequestHead
from httpparser.http1._limits cimport Limits
from httpparser.http1._output cimport Output
from httpparser.http2._session cimport CANCEL, NO_ERROR, Session, Stream, sendable

from httpparser.http2._session import SessionError
from httpparser.http2.events import (
    Closed, Data, End, GoAway, Informational, Pong, Refused, Request, Response, Trailers,
)

__all__ = ("ClientSession", "ServerSession")


cdef class EventSession(Session):
    """What `ServerSession` and `ClientSession` share: bytes in, events out; calls in, bytes out."""

    cdef dict by_id  # owned: the open streams
    cdef list events  # owned: of this feed()
    cdef uint8_t in_use  # a call is under way

    cdef int enter(self) except -1:
        if not acquire(&self.in_use):
            raise SessionError("the session is in use: give each thread its own", code="IN_USE")
        return 0

    cdef void leave(self) noexcept:
        release(&self.in_use)

    def feed(self, data not None):
        """Take in bytes; the list of events they made. Never raises for what the peer sends:
        what breaks a stream ends it (`Closed`), what breaks the connection ends that (`reason`).
        """
        cdef Py_buffer view
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            self.enter()
            try:
                self.execute(<const char *> view.buf, view.len)
                return self.take_events()
            finally:
                self.leave()
        finally:
            PyBuffer_Release(&view)

    cdef list take_events(self):
        cdef list events = self.events
        self.events = []
        return events

    def take(self):
        """The bytes to write; empty when there is nothing, or the windows are shut."""
        cdef Output out = Output.__new__(Output)
        self.enter()
        try:
            self.produce(out, <size_t> -1)
            return out.take()
        finally:
            self.leave()

    @property
    def over(self):
        """Whether the connection is to be closed: nothing more is read, all is written."""
        self.enter()
        try:
            return self.is_over()
        finally:
            self.leave()

    def send_data(self, int32_t stream_id, data not None, *, bint end=False):
        """Add to the body of a stream; it leaves by take() as the windows allow."""
        self.enter()
        try:
            self.find(stream_id).send(bytes(data), not end)
        finally:
            self.leave()

    def send_trailers(self, int32_t stream_id, headers):
        """Trailer fields, which complete the body."""
        self.enter()
        try:
            self.find(stream_id).send_trailers(sendable(headers))
        finally:
            self.leave()

    def unsent(self, int32_t stream_id):
        """How many bytes of a stream's body wait; 0 for one that is closed."""
        cdef Stream stream
        self.enter()
        try:
            stream = self.by_id.get(stream_id)
            return 0 if stream is None else stream.unsent
        finally:
            self.leave()

    def consume(self, int32_t stream_id, size_t count):
        """Let the peer send as many bytes more on a stream."""
        cdef Stream stream
        self.enter()
        try:
            stream = self.by_id.get(stream_id)
            if stream is not None:
                stream.consume(count)
        finally:
            self.leave()

    def reset(self, int32_t stream_id, uint32_t code=CANCEL):
        """End a stream by RST_STREAM; nothing when it is closed."""
        cdef Stream stream
        self.enter()
        try:
            stream = self.by_id.get(stream_id)
            if stream is not None:
                stream.reset(code)
        finally:
            self.leave()

    def send_ping(self):
        """A PING; its acknowledgement is a `Pong`."""
        self.enter()
        try:
            self.ping()
        finally:
            self.leave()

    def end(self, uint32_t code=NO_ERROR):
        """End the connection by GOAWAY: nothing more is read."""
        self.enter()
        try:
            self.terminate(code, "ended")
        finally:
            self.leave()

    def lose(self):
        """The connection is lost: the events of what that ends."""
        self.enter()
        try:
            self.close()
            return self.take_events()
        finally:
            self.leave()

    cdef Stream find(self, int32_t stream_id):
        cdef Stream stream = self.by_id.get(stream_id)
        if stream is None:
            raise SessionError(f"stream {stream_id} is not open", code="STREAM_CLOSED")
        return stream

    cdef int on_data(self, Stream stream, const char *at, size_t length) except -1:
        self.events.append(Data(stream.id, PyBytes_FromStringAndSize(at, length)))
        return 0

    cdef int on_trailers(self, Stream stream, list trailers) except -1:
        self.events.append(Trailers(stream.id, trailers))
        return 0

    cdef int on_end(self, Stream stream) except -1:
        self.events.append(End(stream.id))
        return 0

    cdef int on_closed(self, Stream stream, uint32_t code) except -1:
        self.by_id.pop(stream.id, None)
        self.events.append(Closed(stream.id, code))
        return 0

    cdef int on_goaway(self, int32_t last_stream_id, uint32_t code) except -1:
        self.events.append(GoAway(last_stream_id, code))
        return 0

    cdef int on_pong(self) except -1:
        self.events.append(Pong())
        return 0


cdef class ServerSession(EventSession):
    """The server's side: `feed()` bytes, read the events, respond, write what `take()` gives.

    `limits` as for HTTP/1 (`request_line` limits the path). Windows and `max_field_block` are in
    bytes; `max_resets` (streams that the client may reset, or make us reset) and
    `max_control_frames` (PING, SETTINGS and others that ask for nothing) are for a second.
    """

    def __init__(self, Limits limits=None, *, int max_concurrent_streams=100,
                 int initial_window_size=65535, int connection_window_size=1048576,
                 int max_field_block=65536, int max_resets=200, int max_control_frames=1000):
        self.setup(False, limits or Limits(), {
            "max_concurrent_streams": max_concurrent_streams,
            "initial_window_size": initial_window_size,
            "connection_window_size": connection_window_size,
            "field_block": max_field_block,
            "resets": max_resets,
            "frames": max_control_frames,
        })
        self.by_id = {}
        self.events = []

    def respond(self, int32_t stream_id, int status, headers=(), *, bint end=False):
        """Send the head of a response, complete with `end`.

        Raises SessionError for a stream that is not open or has one, ValueError and TypeError for
        what cannot be sent.
        """
        cdef Stream stream
        self.enter()
        try:
            stream = self.find(stream_id)
            if stream.answered:
                raise SessionError(f"stream {stream_id} has a response", code="ANSWERED")
            stream.keep_head(status, headers)
            stream.send_head(not end)
        finally:
            self.leave()

    def inform(self, int32_t stream_id, int status, headers=()):
        """Send an interim response, 100 to 199."""
        if not 100 <= status < 200 or status == 101:
            raise ValueError(f"{status} is not the status of an interim response")
        self.enter()
        try:
            self.find(stream_id).inform(status, sendable(headers))
        finally:
            self.leave()

    def begin_shutdown(self):
        """GOAWAY that lets requests on the way arrive; finish_shutdown() a round trip later."""
        self.enter()
        try:
            self.announce_shutdown()
        finally:
            self.leave()

    def finish_shutdown(self):
        """GOAWAY with the last stream that is answered."""
        self.enter()
        try:
            self.shut_down()
        finally:
            self.leave()

    cdef int on_request(self, Stream stream, RequestHead head) except -1:
        self.by_id[stream.id] = stream
        self.events.append(Request(stream.id, head))
        return 0

    cdef int on_refused(self, Stream stream, object error) except -1:
        self.by_id[stream.id] = stream
        self.events.append(Refused(stream.id, error))
        return 0


cdef class ClientSession(EventSession):
    """The client's side, for tests and tools."""

    def __init__(self, Limits limits=None, *, int initial_window_size=65535,
                 int connection_window_size=1048576):
        self.setup(True, limits or Limits(), {
            "initial_window_size": initial_window_size,
            "connection_window_size": connection_window_size,
            "resets": 1 << 30,
            "frames": 1 << 30,
        })
        self.by_id = {}
        self.events = []

    def request(self, headers, *, bint end=True):
        """Send a request's head: pairs, `:method`, `:scheme`, `:authority` and `:path` first.

        Its stream's id.
        """
        cdef Stream stream
        cdef list pairs = [(bytes(name), bytes(value)) for name, value in headers]
        self.enter()
        try:
            stream = self.open(pairs, not end)
            self.by_id[stream.id] = stream
            return stream.id
        finally:
            self.leave()

    cdef int on_response(self, Stream stream, int status, list headers) except -1:
        kind = Informational if status < 200 else Response
        self.events.append(kind(stream.id, status, headers))
        return 0
