"""One WebSocket connection without sockets: bytes and messages, both ways (RFC 6455 5 to 7).

First the frame codec (RFC 6455 section 5.2), then Protocol, which knows messages and the close.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.string cimport memcpy

from fastserve.websocket.events import Close, Ping, Pong, ProtocolError

cdef extern from "Python.h":
    PyObject *PyBytes_FromStringAndSize(const char *, Py_ssize_t) except NULL
    int _PyBytes_Resize(PyObject **, Py_ssize_t) except -1
    void Py_DECREF(PyObject *)
    object PyUnicode_New(Py_ssize_t, Py_UCS4)
    void *PyUnicode_DATA(object)
    object PyUnicode_DecodeUTF8(const char *, Py_ssize_t, const char *)
    const char *PyUnicode_AsUTF8AndSize(object, Py_ssize_t *) except NULL

cdef extern from *:
    """
    typedef uint64_t fastserve_words __attribute__((vector_size(16), aligned(1), may_alias));

    #if defined(__x86_64__) && defined(__GNUC__)
    #define FASTSERVE_HAS_WIDE() __builtin_cpu_supports("avx2")
    typedef uint64_t fastserve_wide __attribute__((vector_size(32), aligned(1), may_alias));

    /* 128 bytes at a time; a third of the instructions of what every processor has. */
    __attribute__((target("avx2"), noinline)) static Py_ssize_t fastserve_unmask_wide(
        uint8_t *to, const uint8_t *at, Py_ssize_t size, uint64_t key, uint64_t *seen
    ) {
        const fastserve_wide keys = {key, key, key, key};
        fastserve_wide all = {0, 0, 0, 0}, a, b, c, d;
        Py_ssize_t i = 0;
        for (; i + 128 <= size; i += 128) {
            a = *(const fastserve_wide *)(at + i) ^ keys;
            b = *(const fastserve_wide *)(at + i + 32) ^ keys;
            c = *(const fastserve_wide *)(at + i + 64) ^ keys;
            d = *(const fastserve_wide *)(at + i + 96) ^ keys;
            *(fastserve_wide *)(to + i) = a;
            *(fastserve_wide *)(to + i + 32) = b;
            *(fastserve_wide *)(to + i + 64) = c;
            *(fastserve_wide *)(to + i + 96) = d;
            all |= (a | b) | (c | d);
        }
        *seen |= (all[0] | all[1]) | (all[2] | all[3]);
        return i;
    }
    #else
    #define FASTSERVE_HAS_WIDE() 0
    #define fastserve_unmask_wide(to, at, size, key, seen) 0
    #endif

    /* Unmasks what begins with the first byte of a key: nonzero if not all of it is ASCII. */
    __attribute__((always_inline)) static inline uint64_t fastserve_unmask(
        uint8_t *to, const uint8_t *at, Py_ssize_t size, uint32_t key
    ) {
        const uint64_t twice = (uint64_t)key << 32 | key;
        const fastserve_words keys = {twice, twice};
        fastserve_words all = {0, 0}, a, b, c, d;
        uint64_t seen = 0, word;
        Py_ssize_t i = 0;
        if (size >= 512 && FASTSERVE_HAS_WIDE())
            i = fastserve_unmask_wide(to, at, size, twice, &seen);
        for (; i + 64 <= size; i += 64) {
            a = *(const fastserve_words *)(at + i) ^ keys;
            b = *(const fastserve_words *)(at + i + 16) ^ keys;
            c = *(const fastserve_words *)(at + i + 32) ^ keys;
            d = *(const fastserve_words *)(at + i + 48) ^ keys;
            *(fastserve_words *)(to + i) = a;
            *(fastserve_words *)(to + i + 16) = b;
            *(fastserve_words *)(to + i + 32) = c;
            *(fastserve_words *)(to + i + 48) = d;
            all |= (a | b) | (c | d);
        }
        for (; i + 16 <= size; i += 16) {
            a = *(const fastserve_words *)(at + i) ^ keys;
            *(fastserve_words *)(to + i) = a;
            all |= a;
        }
        seen |= all[0] | all[1];
        if (i + 8 <= size) {
            memcpy(&word, at + i, 8);
            word ^= twice;
            memcpy(to + i, &word, 8);
            seen |= word;
            i += 8;
        }
        for (; i < size; i++) {
            to[i] = at[i] ^ ((const uint8_t *)&key)[i & 3];
            seen |= to[i];
        }
        return seen & 0x8080808080808080ULL;
    }
    """
    uint64_t unmask_first "fastserve_unmask"(
        uint8_t *to, const uint8_t *at, Py_ssize_t size, uint32_t key
    ) noexcept nogil

__all__ = ["Protocol", "encode", "is_utf8", "mask"]

cdef enum Opcode:
    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA

cdef enum:
    FIN = 0x80
    RSV1 = 0x40
    CONTROL = 0x8  # the opcode bit that makes a control frame
    NO_CODE = 1005  # RFC 6455 7.4.1: stands for a Close without a code, never on the wire
    DEFLATE_FROM = 256  # bytes; below it deflate saves less than it costs
    MAX_PREALLOCATED = 65536  # bytes of a message for which there is room before they have come


# -- frames ------------------------------------------------------------------------------------


cdef int read_head(const uint8_t *at, Py_ssize_t size, Head *head) except -1:
    """The size of the head at `at`, or 0 while it is incomplete; ProtocolError if it is wrong."""
    cdef uint64_t length
    cdef int used = 2
    cdef int i
    if size < 2:
        return 0
    head.fin = at[0] >> 7
    head.rsv1 = at[0] >> 6 & 1
    head.opcode = at[0] & 0x0F
    if at[0] & 0x30:
        raise ProtocolError(1002, "a reserved bit is set")
    if not (head.opcode <= BINARY or CLOSE <= head.opcode <= PONG):
        raise ProtocolError(1002, "unknown opcode %d" % head.opcode)
    if not at[1] & 0x80:
        raise ProtocolError(1002, "a frame from a client must be masked")
    length = at[1] & 0x7F
    if head.opcode & CONTROL:
        # RFC 6455 5.5: at most 125 bytes, never fragmented; RFC 7692 6.1: never compressed
        if not head.fin or length > MAX_CONTROL or head.rsv1:
            raise ProtocolError(1002, "a control frame must be whole, plain and at most 125 bytes")
    elif length == 126:
        used = 4
    elif length == 127:
        used = 10
    if size < used:
        return 0
    if used > 2:
        length = 0
        for i in range(2, used):
            length = length << 8 | at[i]
        # RFC 6455 5.2: the minimal number of bytes, and the top bit of eight is 0
        if length < 126 or (used == 10 and (length <= 0xFFFF or length >> 63)):
            raise ProtocolError(1002, "a length must be in its shortest form")
    head.length = length
    if size < used + 4:
        return 0
    memcpy(&head.key, at + used, 4)
    return used + 4


cdef int unmask(
    uint8_t *to, const uint8_t *at, Py_ssize_t size, uint32_t key, uint64_t offset
) noexcept nogil:
    """Unmask what begins `offset` bytes into a payload; `to` and `at` may be the same."""
    cdef uint8_t turned[4]
    cdef int i
    for i in range(4):  # its first byte is for the first of these
        turned[i] = (<const uint8_t *>&key)[(offset + i) & 3]
    memcpy(&key, turned, 4)
    unmask_first(to, at, size, key)
    return 0


cdef bint follow_utf8(Utf8 *state, const uint8_t *at, Py_ssize_t size) noexcept nogil:
    """False at the first byte that no UTF-8 text can have here (RFC 3629 section 4)."""
    cdef uint64_t word
    cdef Py_ssize_t i = 0
    cdef uint8_t byte
    while i < size:
        byte = at[i]
        if state.need:
            if byte < state.low or byte > state.high:
                return False
            state.need -= 1
            state.low = 0x80
            state.high = 0xBF
        elif byte < 0x80:
            i += 1
            while i + 8 <= size:
                memcpy(&word, at + i, 8)
                if word & 0x8080808080808080ULL:
                    break
                i += 8
            continue
        else:
            if byte < 0xC2 or byte > 0xF4:
                return False
            state.need = 1 if byte < 0xE0 else 2 if byte < 0xF0 else 3
            # neither overlong (E0, F0), nor a surrogate (ED), nor past U+10FFFF (F4)
            state.low = 0xA0 if byte == 0xE0 else 0x90 if byte == 0xF0 else 0x80
            state.high = 0x9F if byte == 0xED else 0x8F if byte == 0xF4 else 0xBF
        i += 1
    return True


cdef bytes new_bytes(Py_ssize_t size):
    """Bytes to be written to before anybody else sees them."""
    cdef PyObject *made = PyBytes_FromStringAndSize(NULL, size)
    cdef bytes result = <bytes>made
    Py_DECREF(made)
    return result


cdef inline object decode(uint8_t opcode, const uint8_t *at, Py_ssize_t size, uint32_t key):
    """The message of one frame's masked payload, unmasked straight into its object.

    None for text that is not UTF-8.
    """
    cdef object message
    cdef char *to
    if opcode == BINARY:
        message = new_bytes(size)
        to = PyBytes_AS_STRING(message)
    else:
        message = PyUnicode_New(size, 127)
        to = <char *>PyUnicode_DATA(message)
    if not size:
        return message  # which all empty ones share
    if unmask_first(<uint8_t *>to, at, size, key) and opcode != BINARY:
        return decode_utf8(to, size)
    return message


cdef object decode_utf8(const char *at, Py_ssize_t size):
    try:
        return PyUnicode_DecodeUTF8(at, size, NULL)
    except UnicodeDecodeError:
        return None


cdef inline int head_size(Py_ssize_t size) noexcept nogil:
    return 2 if size < 126 else 4 if size <= 0xFFFF else 10


cdef inline int write_frame(
    uint8_t *to, uint8_t first, const char *payload, Py_ssize_t size
) noexcept nogil:
    """An unmasked frame; `first` is its first byte: FIN, RSV1 and the opcode."""
    cdef int head = head_size(size)
    cdef uint64_t rest = size
    cdef int i
    to[0] = first
    to[1] = size if head == 2 else 126 if head == 4 else 127
    for i in range(head - 1, 1, -1):
        to[i] = rest & 0xFF
        rest >>= 8
    memcpy(to + head, payload, size)
    return 0


cdef bytes frame(uint8_t first, const char *payload, Py_ssize_t size):
    cdef bytes whole = new_bytes(head_size(size) + size)
    write_frame(<uint8_t *>PyBytes_AS_STRING(whole), first, payload, size)
    return whole


cdef bytes control_frame(uint8_t opcode, bytes payload):
    if len(payload) > MAX_CONTROL:
        raise ValueError("a control frame has at most 125 bytes of payload")  # RFC 6455 5.5
    return frame(FIN | opcode, PyBytes_AS_STRING(payload), len(payload))


cdef bint may_be_sent(int code) noexcept:
    # RFC 6455 7.4.1 and 7.4.2, and IANA's registry for 1012 to 1014
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999


cdef bytes close_frame(int code, str reason):
    if code == NO_CODE:
        if reason:
            raise ValueError("a close reason needs a code")
        return control_frame(CLOSE, b"")
    if not may_be_sent(code):
        raise ValueError(f"close code {code} must not be sent: use 1000 or 3000 to 4999")
    return control_frame(CLOSE, code.to_bytes(2, "big") + reason.encode())


def encode(int opcode, bytes payload not None, *, bint fin=True, bint rsv1=False, bytes key=None):
    """One frame as bytes; with `key` (4 bytes) masked, as a client must send it (5.3)."""
    cdef uint8_t first = fin << 7 | rsv1 << 6 | opcode
    cdef bytes whole = frame(first, PyBytes_AS_STRING(payload), len(payload))
    if key is None:
        return whole
    size = len(whole) - len(payload)
    return b"%c%c%b%b%b" % (whole[0], whole[1] | 0x80, whole[2:size], key, mask(whole[size:], key))


def mask(bytes payload not None, bytes key not None):
    """Mask or unmask `payload` with the 4 bytes of `key` (RFC 6455 5.3)."""
    cdef bytes masked = new_bytes(len(payload))
    cdef uint8_t *to = <uint8_t *>PyBytes_AS_STRING(masked)
    cdef uint32_t word
    if len(key) != 4:
        raise ValueError("a masking key has 4 bytes")
    memcpy(&word, PyBytes_AS_STRING(key), 4)
    unmask(to, <const uint8_t *>PyBytes_AS_STRING(payload), len(payload), word, 0)
    return masked


def is_utf8(*pieces):
    """Whether `pieces`, in order, are the beginning of a UTF-8 text; checked piece by piece."""
    cdef Utf8 state = Utf8(0, 0x80, 0xBF)
    cdef bytes piece
    for piece in pieces:
        if not follow_utf8(&state, <const uint8_t *>PyBytes_AS_STRING(piece), len(piece)):
            return False
    return True


# -- the connection ----------------------------------------------------------------------------


@cython.final
cdef class Protocol:
    """Feed it what arrives and ask for events until None; encode what is to be sent.

    Pings and Closes answer themselves: after an event or a ProtocolError, send what take_reply()
    returns. `max_size` bytes bound a message, after inflating too; `max_fragments` its frames.
    """

    def __init__(self, Py_ssize_t max_size=1 << 24, int max_fragments=1024, deflate=None):
        self.max_size = max_size
        self.max_fragments = max_fragments
        self.deflate = deflate
        self.drop()

    def __dealloc__(self):
        if self.message is not NULL:
            Py_DECREF(self.message)

    # -- in

    cpdef bint has_unread(self):
        """Whether next_event() has bytes to read."""
        return self.unread > 0

    def feed(self, bytes data not None):
        """Take what arrived; nothing is parsed until next_event()."""
        self.take(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
        self.keep()

    cdef int append_input(self, const char *at, Py_ssize_t count) except -1:
        """Keep what is unread, and this behind it."""
        cdef Py_ssize_t unread = self.unread
        cdef bytes kept
        self.unread = 0  # if there is no memory for it: what take() was given is not there for long
        kept = new_bytes(unread + count)
        memcpy(PyBytes_AS_STRING(kept), self.input, unread)
        if count:
            memcpy(PyBytes_AS_STRING(kept) + unread, at, count)
        self.kept = kept
        self.input = <const uint8_t *>PyBytes_AS_STRING(kept)
        self.unread = unread + count
        return 0

    cdef inline int skip(self, Py_ssize_t count) noexcept:
        """So much has been read."""
        self.input += count
        self.unread -= count
        return 0

    cdef int drop(self) noexcept:
        """All of it has been read: an idle connection keeps nothing of it."""
        self.kept = None
        self.unread = 0
        return 0

    cpdef object next_event(self):
        """The next message as str or bytes, a Ping, Pong or Close, or None when more must arrive.

        After a Close or a ProtocolError what arrives is ignored, and take_reply() has our Close.
        """
        try:
            return self.read()
        except ProtocolError as error:
            self.fail(error)
            raise

    cdef object whole_message(self):
        """The next message if it is plain, in one frame of usual size, and all of it has come.

        None leaves everything as it is, for _next() to look at.
        """
        cdef const uint8_t *at = self.input
        cdef Py_ssize_t left = self.unread
        cdef Py_ssize_t length
        cdef int used = 6
        cdef object message
        if self.partial_size or self.in_payload or self.opcode or self.ignoring or left < used:
            return None
        if at[0] != (FIN | TEXT) and at[0] != (FIN | BINARY):
            return None
        length = at[1] - 0x80  # negative without a mask: for _next() to refuse
        if length == 126:
            used = 8
            if left < used:
                return None
            length = at[2] << 8 | at[3]
            if length < 126:
                return None
        elif not 0 <= length < 126:
            return None
        if length > left - used or length > self.max_size:
            return None
        memcpy(&self.head.key, at + used - 4, 4)
        message = decode(at[0] & 0x0F, at + used, length, self.head.key)
        if message is None:
            return None
        self.skip(used + length)
        if not self.unread:
            self.drop()
        return message

    cdef object read(self):
        """next_event() for one who calls fail() after a ProtocolError."""
        cdef object event = self.whole_message()
        if event is None and not self.ignoring:
            event = self._next()
        if self.ignoring or not self.unread:
            self.drop()
        return event

    cdef int fail(self, object error) except -1:
        """Ignore what arrives from now on, and say why (RFC 6455 7.1.7)."""
        self.ignoring = True
        self.drop()
        if not self.close_sent:
            self.reply = close_frame(error.code, error.reason)
        return 0

    cpdef bytes take_reply(self):
        """The Pong or Close that is owed for what arrived, b"" if none is.

        RFC 6455 5.5.3: of several Pings since the last call, the latest is answered.
        """
        cdef bytes reply = self.reply
        if reply is None:
            return b""
        self.reply = None
        self.close_sent = self.ignoring
        return reply

    cdef object _next(self):
        cdef const uint8_t *at
        cdef uint64_t size
        cdef object message
        while True:
            if not self.in_payload and not self._take_head():
                return None
            at = self.input
            size = self.head.length - self.taken
            if size > <uint64_t>self.unread:
                size = self.unread
            self.skip(size)
            if self.head.opcode & CONTROL:
                unmask(self.control + self.taken, at, size, self.head.key, self.taken)
            elif size == self.head.length and self._is_whole_message():
                self.in_payload = False
                self.opcode = 0
                message = decode(self.head.opcode, at, self.head.length, self.head.key)
                if message is None:
                    raise ProtocolError(1007, "text that is not UTF-8")
                return message
            else:
                self._append(at, size)
            self.taken += size
            if self.taken < self.head.length:
                self.drop()
                return None
            self.in_payload = False
            if self.head.opcode & CONTROL:
                return self._control_event()
            if self.head.fin:
                return self._finish_message()

    cdef bint _is_whole_message(self) noexcept:
        """Whether the frame is a message by itself, to be used as it is."""
        return self.head.fin and self.head.opcode != CONTINUATION and not self.compressed

    cdef bint _take_head(self) except -1:
        """Read the next frame's head into `self.head`; False while it is incomplete."""
        cdef const uint8_t *at = self.input
        cdef Py_ssize_t left = self.unread
        cdef int before = self.partial_size
        cdef int used
        if before:
            left = min(left, MAX_HEAD - before)
            memcpy(self.partial_head + before, at, left)
            used = read_head(self.partial_head, before + left, &self.head)
        else:
            used = read_head(at, left, &self.head)
        if not used:
            if left and not before:  # `at` is NULL until something has arrived
                memcpy(self.partial_head, at, left)
            self.partial_size += left
            self.drop()
            return False
        self.skip(used - before)
        self.partial_size = 0
        self.taken = 0
        self.in_payload = True
        if not self.head.opcode & CONTROL:
            self._check_data_frame()
        return True

    cdef int _check_data_frame(self) except -1:
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

    cdef int _append(self, const uint8_t *at, Py_ssize_t size) except -1:
        """Add a piece of payload to the message, inflated; UTF-8 is checked as it arrives."""
        cdef bytes piece
        cdef uint8_t *to
        if self.compressed:
            piece = new_bytes(size)
            unmask(<uint8_t *>PyBytes_AS_STRING(piece), at, size, self.head.key, self.taken)
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
            if promised <= MAX_PREALLOCATED or (self.head.fin and promised < <uint64_t>room):
                room = promised
        if self.message is NULL:
            self.message = PyBytes_FromStringAndSize(NULL, room)
        else:
            _PyBytes_Resize(&self.message, room)
        return 0

    cdef object _finish_message(self):
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

    cdef object _control_event(self):
        cdef bytes payload = self.control[:self.head.length]
        if self.head.opcode == PONG:
            return Pong(payload)
        if self.head.opcode == CLOSE:
            return self._close_event(payload)
        if not self.close_sent:
            self.reply = control_frame(PONG, payload)
        return Ping(payload)

    cdef object _close_event(self, bytes payload):
        cdef int code = NO_CODE
        cdef str reason = ""
        if len(payload) == 1:
            raise ProtocolError(1002, "a Close with half a code")
        if payload:
            code = payload[0] << 8 | payload[1]
            if not may_be_sent(code):
                raise ProtocolError(1002, "close code %d must not be sent" % code)
            try:
                reason = payload[2:].decode()
            except UnicodeDecodeError:
                raise ProtocolError(1007, "a close reason that is not UTF-8") from None
        self.close_received = self.ignoring = True
        if not self.close_sent:
            self.reply = control_frame(CLOSE, payload)  # RFC 6455 5.5.1: with the same code
        return Close(code, reason)

    # -- out

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
        if self.deflate is None or size < DEFLATE_FROM:
            return frame(FIN | opcode, at, size)
        deflated = self.deflate.deflate(at[:size] if opcode == TEXT else payload)
        return frame(FIN | RSV1 | opcode, PyBytes_AS_STRING(deflated), len(deflated))

    cdef int append_message(self, Output out, object message) except -1:
        """Add a str or bytes, as one frame, to what is in `out`."""
        cdef uint8_t opcode = TEXT if type(message) is str else BINARY
        cdef Py_ssize_t size
        cdef const char *at
        cdef bytes whole
        if opcode == TEXT:
            at = PyUnicode_AsUTF8AndSize(message, &size)
        else:
            at = PyBytes_AS_STRING(message)
            size = PyBytes_GET_SIZE(message)
        if self.close_sent or self.deflate is not None:
            whole = self._data_frame(opcode, message, at, size)
            return out.append(PyBytes_AS_STRING(whole), PyBytes_GET_SIZE(whole))
        out.reserve(head_size(size) + size)
        write_frame(<uint8_t *>out.data + out.length, FIN | opcode, at, size)
        out.length += head_size(size) + size
        return 0

    cpdef bytes ping(self, bytes payload=b""):
        """A Ping frame; ValueError past 125 bytes."""
        return control_frame(PING, payload)

    cpdef bytes close(self, int code=NO_CODE, str reason=""):
        """A Close frame, without a code for 1005; b"" if one was sent before. Nothing follows it.

        ValueError for a code that must not be sent or a reason past 123 bytes of UTF-8.
        """
        cdef bytes closing = close_frame(code, reason)
        if self.close_sent:
            return b""
        self.close_sent = True
        self.reply = None
        return closing
