# cython: binding=False, boundscheck=False, wraparound=False, initializedcheck=False
"""The frame codec (RFC 6455 section 5): heads, masks, UTF-8 as it arrives, frames out."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.string cimport memcpy

from fastserve.websocket.events import ProtocolError

__all__ = ["encode", "is_utf8", "mask"]


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


cdef uint64_t unmask(
    uint8_t *to, const uint8_t *at, Py_ssize_t size, uint32_t key, uint64_t offset
) noexcept nogil:
    """Unmask `size` bytes that begin `offset` bytes into a payload; nonzero & 0x80.. if not ASCII.

    `to` and `at` may be the same.
    """
    cdef uint8_t turned[8]
    cdef uint64_t wide, word, other, seen = 0
    cdef const uint8_t *bytes_of_key = <const uint8_t *>&key
    cdef Py_ssize_t i = 0
    cdef int j
    for j in range(8):
        turned[j] = bytes_of_key[(offset + j) & 3]
    memcpy(&wide, turned, 8)
    while i + 16 <= size:
        memcpy(&word, at + i, 8)
        memcpy(&other, at + i + 8, 8)
        word ^= wide
        other ^= wide
        seen |= word | other
        memcpy(to + i, &word, 8)
        memcpy(to + i + 8, &other, 8)
        i += 16
    while i < size:
        to[i] = at[i] ^ turned[i & 7]
        seen |= to[i]
        i += 1
    return seen & 0x8080808080808080ULL


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


cdef bytes frame(uint8_t first, const char *payload, Py_ssize_t size):
    """An unmasked frame; `first` is its first byte: FIN, RSV1 and the opcode."""
    cdef int head = 2 if size < 126 else 4 if size <= 0xFFFF else 10
    cdef bytes whole = PyBytes_FromStringAndSize(NULL, head + size)
    cdef uint8_t *to = <uint8_t *>PyBytes_AS_STRING(whole)
    cdef uint64_t rest = size
    cdef int i
    to[0] = first
    to[1] = size if head == 2 else 126 if head == 4 else 127
    for i in range(head - 1, 1, -1):
        to[i] = rest & 0xFF
        rest >>= 8
    memcpy(to + head, payload, size)
    return whole


def encode(int opcode, bytes payload, *, bint fin=True, bint rsv1=False, bytes key=None):
    """One frame as bytes; with `key` (4 bytes) masked, as a client must send it (5.3)."""
    cdef uint8_t first = fin << 7 | rsv1 << 6 | opcode
    cdef bytes whole = frame(first, PyBytes_AS_STRING(payload), len(payload))
    if key is None:
        return whole
    size = len(whole) - len(payload)
    return b"%c%c%b%b%b" % (whole[0], whole[1] | 0x80, whole[2:size], key, mask(whole[size:], key))


def mask(bytes payload, bytes key):
    """Mask or unmask `payload` with the 4 bytes of `key` (RFC 6455 5.3)."""
    cdef bytes done = PyBytes_FromStringAndSize(NULL, len(payload))
    cdef uint32_t word
    if len(key) != 4:
        raise ValueError("a masking key has 4 bytes")
    memcpy(&word, PyBytes_AS_STRING(key), 4)
    unmask(
        <uint8_t *>PyBytes_AS_STRING(done),
        <const uint8_t *>PyBytes_AS_STRING(payload),
        len(payload),
        word,
        0,
    )
    return done


def is_utf8(*pieces):
    """Whether `pieces`, in order, are the beginning of a UTF-8 text; checked piece by piece."""
    cdef Utf8 state = Utf8(0, 0x80, 0xBF)
    cdef bytes piece
    for piece in pieces:
        if not follow_utf8(&state, <const uint8_t *>PyBytes_AS_STRING(piece), len(piece)):
            return False
    return True
