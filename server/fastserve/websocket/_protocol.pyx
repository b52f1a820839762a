# cython: binding=False, boundscheck=False, wraparound=False, initializedcheck=False
"""One WebSocket connection without sockets: bytes and messages, both ways (RFC 6455 5 to 7)."""

from cpython.bytes cimport PyBytes_AS_STRING
from libc.string cimport memcpy

from fastserve.websocket._frames cimport (
    BINARY,
    CLOSE,
    CONTINUATION,
    CONTROL,
    PING,
    PONG,
    TEXT,
    follow_utf8,
    frame,
    read_head,
    unmask,
)

from fastserve.websocket.events import Close, Ping, Pong, ProtocolError

cdef extern from "Python.h":
    PyObject *PyBytes_FromStringAndSize(const char *, Py_ssize_t) except NULL
    int _PyBytes_Resize(PyObject **, Py_ssize_t) except -1
    void Py_DECREF(PyObject *)
    object PyUnicode_New(Py_ssize_t, Py_UCS4)
    void *PyUnicode_DATA(object)
    object PyUnicode_DecodeUTF8(const char *, Py_ssize_t, const char *)
    const char *PyUnicode_AsUTF8AndSize(object, Py_ssize_t *) except NULL

__all__ = ["Protocol"]

cdef enum:
    FIN = 0x80
    RSV1 = 0x40
    NO_CODE = 1005  # RFC 6455 7.4.1: stands for a Close without a code, never on the wire
    THRESHOLD = 256  # bytes; under it deflate saves less than it costs
    PROMISED = 65536  # bytes of a message for which there is room before they have come


cdef class Protocol:
    """Feed it what arrives, ask for events until None; encode what is to be sent.

    `max_size` bytes bound a message, after inflating too; `max_fragments` its frames.
    """

    def __init__(self, Py_ssize_t max_size=1 << 24, int max_fragments=1024, deflate=None):
        self.max_size = max_size
        self.max_fragments = max_fragments
        self.deflate = deflate
        self.data = b""

    def __dealloc__(self):
        if self.message is not NULL:
            Py_DECREF(self.message)

    cpdef bint has_unread(self):
        """Whether next_event() has bytes to read."""
        return self.at < len(self.data)

    cpdef feed(self, bytes data):
        """Take what arrived; nothing is parsed until next_event()."""
        if self.at < len(self.data):
            data = self.data[self.at:] + data
        self.data = data
        self.at = 0

    cpdef object next_event(self):
        """The next message as str or bytes, a Ping, Pong or Close, or None when more must arrive.

        ProtocolError says how to close; after it, as after a Close, what arrives is ignored.
        """
        try:
            if not self.deaf:
                return self._next()
        except ProtocolError:
            self.deaf = True
            raise
        finally:
            if self.deaf:
                self.data = b""
                self.at = 0

    cdef object _next(self):
        cdef const uint8_t *at
        cdef uint64_t size
        while True:
            if not self.in_payload and not self._take_head():
                return None
            at = <const uint8_t *>PyBytes_AS_STRING(self.data) + self.at
            size = self.head.length - self.taken
            if size > <uint64_t>(len(self.data) - self.at):
                size = len(self.data) - self.at
            self.at += size
            if self.head.opcode & CONTROL:
                unmask(self.control + self.taken, at, size, self.head.key, self.taken)
            elif size == self.head.length and self.opens_and_ends():
                self.in_payload = False
                self.opcode = 0
                return self._whole(at)
            else:
                self._keep(at, size)
            self.taken += size
            if self.taken < self.head.length:
                self.data = b""
                self.at = 0
                return None
            self.in_payload = False
            if self.head.opcode & CONTROL:
                return self._control()
            if self.head.fin:
                return self._finish()

    cdef bint opens_and_ends(self) noexcept:
        """Whether the frame is a whole message as it is."""
        return self.head.fin and self.head.opcode != CONTINUATION and not self.compressed

    cdef bint _take_head(self) except -1:
        """Read the next frame's head into `self.head`; False while it is incomplete."""
        cdef const uint8_t *at = <const uint8_t *>PyBytes_AS_STRING(self.data) + self.at
        cdef Py_ssize_t left = len(self.data) - self.at
        cdef int before = self.start_size
        cdef int used
        if before:
            left = min(left, MAX_HEAD - before)
            memcpy(self.start + before, at, left)
            used = read_head(self.start, before + left, &self.head)
        else:
            used = read_head(at, left, &self.head)
        if not used:
            if not before:
                memcpy(self.start, at, left)
            self.start_size += left
            self.data = b""
            self.at = 0
            return False
        self.at += used - before
        self.start_size = 0
        self.taken = 0
        self.in_payload = True
        if not self.head.opcode & CONTROL:
            self._admit()
        return True

    cdef int _admit(self) except -1:
        """Whether a data frame may come here: RFC 6455 5.4, RFC 7692 6.1 on RSV1, the limits."""
        if self.head.opcode == CONTINUATION:
            if not self.opcode:
                raise ProtocolError(1002, "a continuation of no message")
            if self.head.rsv1:
                raise ProtocolError(1002, "RSV1 belongs on the first frame of a message")
            self.fragments += 1
        else:
            if self.opcode:
                raise ProtocolError(1002, "a message inside another one")
            if self.head.rsv1 and self.deflate is None:
                raise ProtocolError(1002, "RSV1 without permessage-deflate")
            self.opcode = self.head.opcode
            self.compressed = self.head.rsv1
            self.fragments = 1
            self.size = 0
            self.utf8 = Utf8(0, 0, 0)
        if self.fragments > self.max_fragments:
            raise ProtocolError(1009, "message in more than %d fragments" % self.max_fragments)
        if self.head.length > <uint64_t>(self.max_size - (0 if self.compressed else self.size)):
            raise ProtocolError(1009, "message longer than %d bytes" % self.max_size)

    cdef object _whole(self, const uint8_t *at):
        """A message that came as one frame in one read: unmasked straight into its object."""
        cdef Py_ssize_t size = self.head.length
        cdef object message
        cdef char *to
        if self.head.opcode == BINARY:
            message = <object>PyBytes_FromStringAndSize(NULL, size)
            Py_DECREF(<PyObject *>message)
            if size:
                unmask(<uint8_t *>PyBytes_AS_STRING(message), at, size, self.head.key, 0)
            return message
        if not size:
            return ""
        message = PyUnicode_New(size, 127)
        to = <char *>PyUnicode_DATA(message)
        if unmask(<uint8_t *>to, at, size, self.head.key, 0):
            try:
                return PyUnicode_DecodeUTF8(to, size, NULL)
            except UnicodeDecodeError:
                raise ProtocolError(1007, "text that is not UTF-8") from None
        return message

    cdef int _keep(self, const uint8_t *at, Py_ssize_t size) except -1:
        """Add a piece of payload to the message, inflated; UTF-8 is checked as it arrives."""
        cdef bytes piece
        cdef uint8_t *to
        if self.compressed:
            piece = <object>PyBytes_FromStringAndSize(NULL, size)
            Py_DECREF(<PyObject *>piece)
            to = <uint8_t *>PyBytes_AS_STRING(piece)
            unmask(to, at, size, self.head.key, self.taken)
            piece = self.deflate.inflate(
                piece,
                self.max_size - self.size,
                self.head.fin and self.taken + size == self.head.length,
            )
            size = len(piece)
            to = self._grow(size)
            memcpy(to, PyBytes_AS_STRING(piece), size)
        else:
            to = self._grow(size)
            unmask(to, at, size, self.head.key, self.taken)
        self.size += size
        if self.opcode == TEXT and not follow_utf8(&self.utf8, to, size):
            raise ProtocolError(1007, "text that is not UTF-8")

    cdef uint8_t *_grow(self, Py_ssize_t size) except NULL:
        """Where to write `size` bytes more; there is never much more room than has come."""
        cdef Py_ssize_t has = 0 if self.message is NULL else len(<bytes>self.message)
        cdef Py_ssize_t room = self.size + size
        if self.message is NULL or room > has:
            self._make_room(max(room, 2 * has))
        return <uint8_t *>PyBytes_AS_STRING(<object>self.message) + self.size

    cdef int _make_room(self, Py_ssize_t room) except -1:
        cdef uint64_t promised
        if not self.compressed:
            promised = self.size + self.head.length - self.taken
            if promised <= PROMISED or (self.head.fin and promised < <uint64_t>room):
                room = promised
        if self.message is NULL:
            self.message = PyBytes_FromStringAndSize(NULL, room)
        else:
            _PyBytes_Resize(&self.message, room)
        return 0

    cdef object _finish(self):
        """The message whose last fragment has come."""
        cdef bytes message
        cdef uint8_t opcode = self.opcode
        if opcode == TEXT and self.utf8.need:
            raise ProtocolError(1007, "text that ends inside a UTF-8 character")
        self.opcode = 0
        _PyBytes_Resize(&self.message, self.size)
        message = <object>self.message
        Py_DECREF(self.message)
        self.message = NULL
        return message.decode() if opcode == TEXT else message

    cdef object _control(self):
        cdef bytes payload = self.control[:self.head.length]
        if self.head.opcode == PING:
            return Ping(payload)
        if self.head.opcode == PONG:
            return Pong(payload)
        if len(payload) == 1:
            raise ProtocolError(1002, "a Close with half a code")
        code = int.from_bytes(payload[:2], "big") if payload else NO_CODE
        if payload and not may_be_sent(code):
            raise ProtocolError(1002, "close code %d must not be sent" % code)
        try:
            reason = payload[2:].decode()
        except UnicodeDecodeError:
            raise ProtocolError(1007, "a close reason that is not UTF-8") from None
        self.close_received = self.deaf = True
        return Close(code, reason)

    cpdef bytes encode_text(self, str text):
        """A text message as one frame; UnicodeEncodeError if `text` has lone surrogates."""
        cdef Py_ssize_t size
        cdef const char *at = PyUnicode_AsUTF8AndSize(text, &size)
        return self._data_frame(TEXT, text, at, size)

    cpdef bytes encode_binary(self, bytes data):
        """A binary message as one frame."""
        return self._data_frame(BINARY, data, PyBytes_AS_STRING(data), len(data))

    cdef bytes _data_frame(self, uint8_t opcode, object payload, const char *at, Py_ssize_t size):
        cdef bytes deflated
        if self.close_sent:
            raise RuntimeError("a message cannot follow a Close")  # RFC 6455 5.5.1
        if self.deflate is None or size < THRESHOLD:
            return frame(FIN | opcode, at, size)
        deflated = self.deflate.deflate(at[:size] if opcode == TEXT else payload)
        return frame(FIN | RSV1 | opcode, PyBytes_AS_STRING(deflated), len(deflated))

    def ping(self, bytes payload=b""):
        """A Ping frame; ValueError past 125 bytes."""
        return control(PING, payload)

    def pong(self, bytes payload):
        """A Pong frame; ValueError past 125 bytes."""
        return control(PONG, payload)

    def close(self, int code=NO_CODE, str reason=""):
        """A Close frame, without a code for 1005; b"" if one was sent before.

        ValueError for a code that must not be sent or a reason past 123 bytes of UTF-8.
        """
        cdef bytes payload = b""
        if code != NO_CODE:
            if not may_be_sent(code):
                raise ValueError(f"close code {code} must not be sent: use 1000 or 3000 to 4999")
            payload = code.to_bytes(2, "big") + reason.encode()
        elif reason:
            raise ValueError("a close reason needs a code")
        if self.close_sent:
            return b""
        payload = control(CLOSE, payload)
        self.close_sent = True
        return payload


cdef bint may_be_sent(int code) noexcept:
    # RFC 6455 7.4.1 and 7.4.2, and IANA's registry for 1012 to 1014
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999


cdef bytes control(uint8_t opcode, bytes payload):
    if len(payload) > MAX_CONTROL:
        raise ValueError("a control frame has at most 125 bytes of payload")  # RFC 6455 5.5
    return frame(FIN | opcode, PyBytes_AS_STRING(payload), len(payload))
