"""RFC 6455 section 5.2 in C: heads, masks, UTF-8 as it arrives, whole frames out."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t


cdef enum Opcode:
    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


cdef enum:
    CONTROL = 0x8  # the opcode bit that makes a control frame
    MAX_HEAD = 14
    MAX_CONTROL = 125


cdef struct Head:
    uint8_t opcode
    bint fin
    bint rsv1
    uint32_t key  # in memory order: byte 0 of the wire is byte 0 of this
    uint64_t length  # payload bytes


cdef struct Utf8:
    uint8_t need  # continuation bytes still owed
    uint8_t low  # the range of the next of them
    uint8_t high


cdef int read_head(const uint8_t *at, Py_ssize_t size, Head *head) except -1
cdef uint64_t unmask(
    uint8_t *to, const uint8_t *at, Py_ssize_t size, uint32_t key, uint64_t offset
) noexcept nogil
cdef bint follow_utf8(Utf8 *state, const uint8_t *at, Py_ssize_t size) noexcept nogil
cdef bytes frame(uint8_t first, const char *payload, Py_ssize_t size)
