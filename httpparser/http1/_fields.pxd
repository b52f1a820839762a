from cpython.object cimport PyObject
from libc.stdint cimport int64_t
from libc.string cimport memset

from httpparser.http1._limits cimport Limits

# What an octet may be part of.
cdef enum:
    IN_TOKEN = 1  # RFC 9110 5.6.2
    IN_VALUE = 2  # a field value or a reason: not CR, LF or NUL (RFC 9110 5.5)
    IN_TARGET = 4  # RFC 9112 3.2: visible ASCII, without a fragment
    IN_HOST = 8  # a host by name or IPv4 address (RFC 3986 3.2.2)

cdef unsigned char[256] OCTETS

cdef inline bint all_in(const char *at, size_t length, unsigned char mask) noexcept nogil:
    cdef size_t i
    cdef unsigned char common = mask
    for i in range(length):
        common &= OCTETS[<unsigned char> at[i]]
    return common == mask

# What a field means to the parser; everything else is only carried.
cdef enum Kind:
    OTHER = 0
    HOST
    CONTENT_LENGTH
    TRANSFER_ENCODING
    CONNECTION
    UPGRADE
    EXPECT
    TE
    PROXY_CONNECTION  # to llhttp, as if it were Connection

# What is known of a field with this value.
cdef enum Sense:
    UNKNOWN = 0
    VALID_HOST
    KEEP_ALIVE  # Connection with this option and no other
    CLOSE  # likewise

# A field line, as it is cut up.
cdef struct FieldLine:
    size_t length  # with its CRLF
    size_t name_length
    const char *value  # borrowed from the input
    size_t value_length
    PyObject *name  # a new reference: the bytes as they were sent
    Kind kind
    Sense sense  # of Connection; perhaps of others

# What the fields seen so far say about the message.
cdef struct Facts:
    int hosts
    int lengths
    int64_t content_length
    bint transfer_encoding  # the field is present
    bint chunked  # it is "chunked" and nothing else
    bint close
    bint keep_alive  # Connection: keep-alive
    bint upgrade  # Connection: upgrade
    bint expect_continue
    bint expect_other
    bint trailers  # TE: trailers

cdef inline void clear_facts(Facts *facts) noexcept nogil:
    memset(facts, 0, sizeof(Facts))
    facts.content_length = -1

cdef list read_fields(const char **at, const char *end, Limits limits, Facts *facts)
cdef bytes read_field(const char *at, const char *end, FieldLine *line)
cdef bytes spelled_name(const char *at, size_t length)
cdef int add_fact(Facts *facts, Kind kind, const char *value, size_t length, bint strict) except -1
cdef tuple make_pair(const char *name, size_t name_length, const char *value, size_t value_length,
                     Kind *kind)
cdef tuple make_host(const char *value, size_t length)

cdef bint is_token(const char *at, size_t length) noexcept nogil
cdef int64_t parse_length(const char *value, size_t length) noexcept nogil
cdef bint token_in_list(const char *value, size_t length, const char *token,
                        size_t token_length) noexcept nogil
cdef bint equal_fold(const char *value, const char *lower_case, size_t length) noexcept nogil
cdef bint is_host_and_port(const char *at, size_t length, bint port_needed) noexcept nogil
