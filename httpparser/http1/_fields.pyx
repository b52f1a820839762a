"""Fields: their names and values as pairs, and what they mean to a parser (RFC 9110, RFC 9112).

Every parser makes its pairs and learns its facts here: that of HTTP/1, that of HTTP/2, and a
`RequestHead` of another parser's parts.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from cpython.tuple cimport PyTuple_New, PyTuple_SET_ITEM
from libc.stdint cimport INT64_MAX, int64_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memcmp, memcpy

from httpparser._threads cimport new_table, set_immortal, table_of_thread

import re

from httpparser.errors import HttpParserError, TransferCodingNotImplemented

__all__ = ("TCHAR",)

TCHAR = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]"  # RFC 9110 5.6.2, as a regular expression

# RFC 9110 8.4.1 and RFC 9112 7: the codings that exist, and that an origin server need not speak.
KNOWN_CODINGS = {b"chunked", b"compress", b"deflate", b"gzip", b"x-compress", b"x-gzip"}

WELL_KNOWN = """
accept accept-charset accept-encoding accept-language access-control-request-headers
access-control-request-method age allow alt-used authorization cache-control connection
content-disposition content-encoding content-language content-length content-location
content-range content-type cookie date dnt dpop etag expect expires forwarded from host
if-match if-modified-since if-none-match if-range if-unmodified-since keep-alive last-modified
link location max-forwards origin pragma priority proxy-authorization proxy-connection range
referer retry-after sec-ch-ua sec-ch-ua-arch sec-ch-ua-full-version-list sec-ch-ua-mobile
sec-ch-ua-model sec-ch-ua-platform sec-ch-ua-platform-version sec-fetch-dest sec-fetch-mode
sec-fetch-site sec-fetch-user sec-gpc sec-websocket-extensions sec-websocket-key
sec-websocket-protocol sec-websocket-version server set-cookie te traceparent tracestate trailer
transfer-encoding upgrade upgrade-insecure-requests user-agent vary via x-api-key x-csrf-token
x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-prefix x-forwarded-proto x-real-ip
x-request-id x-requested-with
"""
KINDS = {
    b"host": HOST,
    b"content-length": CONTENT_LENGTH,
    b"transfer-encoding": TRANSFER_ENCODING,
    b"connection": CONNECTION,
    b"upgrade": UPGRADE,
    b"expect": EXPECT,
    b"te": TE,
}
SECRETS = {
    b"authorization", b"cookie", b"dpop", b"proxy-authorization", b"sec-websocket-key",
    b"set-cookie", b"x-api-key", b"x-csrf-token",
}

cdef enum:
    MOST_PORT = 65535
    NAME_SLOTS = 512
    LONGEST_NAME = 64
    PAIR_SLOTS = 1024
    LONGEST_PAIR = 320

cdef struct Name:
    PyObject *name  # owned: the lower-case bytes, immortal
    uint64_t hash
    Kind kind
    bint secret  # its values are never kept

cdef struct Pair:
    PyObject *pair  # owned: the tuple
    char *raw  # owned: the name as it was sent, then the value
    uint32_t name_length
    uint32_t value_length
    Kind kind

cdef struct Cache:
    Pair[PAIR_SLOTS] pairs
    uint32_t[PAIR_SLOTS] seen  # the hash that was last missed there: only a second miss is kept

cdef Name[NAME_SLOTS] names  # filled at import
cdef Cache shared_cache  # without a GIL each thread has its own


# -- octets and tokens -----------------------------------------------------------------------------

cdef void fill_octets() except *:
    for pattern, mask in (
        (TCHAR, IN_TOKEN),
        (r"[^\r\n\0]", IN_VALUE),
        (r'[!"$-~]', IN_TARGET),
        (r"[0-9A-Za-z\-._~!$&'()*+,;=]", IN_HOST),
    ):
        for match in re.finditer(pattern.encode(), bytes(range(256))):
            OCTETS[match.start()] |= mask


cdef bint is_token(const char *at, size_t length) noexcept nogil:
    return length > 0 and all_in(at, length, IN_TOKEN)


cdef inline char lower(char c) noexcept nogil:
    return c | 0x20 if c'A' <= c <= c'Z' else c


cdef bint equal_fold(const char *value, const char *lower_case, size_t length) noexcept nogil:
    """Whether the bytes are these, in any letter case."""
    cdef size_t i
    for i in range(length):
        if lower(value[i]) != lower_case[i]:
            return False
    return True


cdef bint token_in_list(const char *value, size_t length, const char *token,
                        size_t token_length) noexcept nogil:
    """Whether a comma-separated list holds the token. RFC 9110 5.6.1."""
    cdef const char *end = value + length
    cdef const char *comma
    cdef const char *last
    while value < end:
        comma = <const char *> memchr(value, c',', end - value)
        if comma == NULL:
            comma = end
        last = comma
        while value < last and (value[0] == c' ' or value[0] == c'\t'):
            value += 1
        while value < last and ((last - 1)[0] == c' ' or (last - 1)[0] == c'\t'):
            last -= 1
        if <size_t> (last - value) == token_length and equal_fold(value, token, token_length):
            return True
        value = comma + 1
    return False


cdef int64_t parse_length(const char *value, size_t length) noexcept nogil:
    """RFC 9110 8.6: digits and nothing else, here below 2**63; -1 for anything else."""
    cdef int64_t total = 0
    cdef size_t i
    if length == 0:
        return -1
    for i in range(length):
        if not c'0' <= value[i] <= c'9' or total > (INT64_MAX - 9) // 10:
            return -1
        total = total * 10 + (value[i] - c'0')
    return total


# -- fields ----------------------------------------------------------------------------------------
#
# Well-known names are interned. Pairs of a well-known name and a short value that was seen before
# are kept in a direct-mapped cache: browsers and load balancers repeat most of their fields word
# for word. Fields that carry secrets are never kept.

cdef inline uint64_t head_word(const char *at, size_t length) noexcept nogil:
    """Up to eight bytes of the beginning, without reading past the end."""
    cdef uint64_t word = 0
    cdef uint32_t low, high
    if length >= 8:
        memcpy(&word, at, 8)
    elif length >= 4:
        memcpy(&low, at, 4)
        memcpy(&high, at + length - 4, 4)
        word = low | (<uint64_t> high << 32)
    elif length:
        word = (<unsigned char> at[0] | (<unsigned char> at[length >> 1] << 8)
                | (<unsigned char> at[length - 1] << 16))
    return word


cdef inline uint64_t hash_bytes(const char *at, size_t length) noexcept nogil:
    """First, middle and last word: quick, and a collision costs no more than a miss."""
    cdef uint64_t word = head_word(at, length), last = 0, middle = 0
    if length > 8:
        memcpy(&last, at + length - 8, 8)
        if length > 24:
            memcpy(&middle, at + (length >> 1), 8)
    word = (word ^ (length << 56)) * <uint64_t> 0x9E3779B97F4A7C15
    word ^= (last + middle * 3) * <uint64_t> 0xC2B2AE3D27D4EB4F
    return word ^ (word >> 29)


cdef void intern_names() except *:
    cdef bytes name
    cdef uint64_t value
    cdef size_t slot
    for word in WELL_KNOWN.split():
        name = word.encode()
        value = hash_bytes(PyBytes_AS_STRING(name), len(name))
        slot = value & (NAME_SLOTS - 1)
        while names[slot].name:
            slot = (slot + 1) & (NAME_SLOTS - 1)
        set_immortal(name)
        Py_INCREF(name)
        names[slot].name = <PyObject *> name
        names[slot].hash = value
        names[slot].kind = KINDS.get(name, OTHER)
        names[slot].secret = name in SECRETS


cdef bytes lower_name(const char *name, size_t length, Name **known):
    """The lower-case name: interned when it is well known, then `known` says which."""
    cdef char[LONGEST_NAME] buffer
    cdef uint64_t value
    cdef size_t i, slot
    known[0] = NULL
    if length > LONGEST_NAME:
        return PyBytes_FromStringAndSize(name, length).lower()
    for i in range(length):
        buffer[i] = lower(name[i])
    value = hash_bytes(buffer, length)
    slot = value & (NAME_SLOTS - 1)
    while names[slot].name:
        if (
            names[slot].hash == value
            and <size_t> len(<bytes> names[slot].name) == length
            and memcmp(PyBytes_AS_STRING(<bytes> names[slot].name), buffer, length) == 0
        ):
            known[0] = &names[slot]
            return <bytes> names[slot].name
        slot = (slot + 1) & (NAME_SLOTS - 1)
    return PyBytes_FromStringAndSize(buffer, length)


cdef inline Cache *cache_of_thread() noexcept:
    cdef Cache *cache = <Cache *> table_of_thread(&shared_cache)
    return cache if cache != NULL else <Cache *> new_table(sizeof(Cache), clear_cache)


cdef void clear_cache(void *table) noexcept:
    cdef Cache *cache = <Cache *> table
    for slot in range(PAIR_SLOTS):
        Py_XDECREF(cache.pairs[slot].pair)
        free(cache.pairs[slot].raw)


cdef tuple make_pair(const char *name, size_t name_length, const char *value, size_t value_length,
                     Kind *kind):
    """One field line as a pair; `kind` says what it means to the parser."""
    cdef uint64_t hash = 0
    cdef size_t slot = 0
    cdef Cache *cache = NULL  # NULL: not to be looked up or kept
    cdef Pair *entry = NULL
    cdef Name *known
    cdef tuple pair
    cdef bytes first, second
    if name_length + value_length <= LONGEST_PAIR:
        cache = cache_of_thread()
    if cache != NULL:
        hash = hash_bytes(name, name_length) * 31 + hash_bytes(value, value_length)
        hash ^= hash >> 32
        slot = hash & (PAIR_SLOTS - 1)
        entry = &cache.pairs[slot]
        if (
            entry.pair != NULL
            and entry.name_length == name_length
            and entry.value_length == value_length
            and memcmp(entry.raw, name, name_length) == 0
            and memcmp(entry.raw + name_length, value, value_length) == 0
        ):
            kind[0] = entry.kind
            return <tuple> entry.pair
    first = lower_name(name, name_length, &known)
    second = PyBytes_FromStringAndSize(value, value_length)
    pair = PyTuple_New(2)
    Py_INCREF(first)
    PyTuple_SET_ITEM(pair, 0, first)
    Py_INCREF(second)
    PyTuple_SET_ITEM(pair, 1, second)
    kind[0] = known.kind if known else OTHER
    if cache != NULL and known and not known.secret:
        if cache.seen[slot] == <uint32_t> (hash >> 16):
            keep_pair(entry, pair, name, name_length, value, value_length, kind[0])
        else:
            cache.seen[slot] = <uint32_t> (hash >> 16)
    return pair


cdef void keep_pair(Pair *entry, tuple pair, const char *name, size_t name_length,
                    const char *value, size_t value_length, Kind kind) noexcept:
    cdef PyObject *old = entry.pair
    cdef char *raw = <char *> malloc(name_length + value_length)
    if raw == NULL:
        return
    memcpy(raw, name, name_length)
    memcpy(raw + name_length, value, value_length)
    free(entry.raw)
    Py_INCREF(pair)
    entry.pair = <PyObject *> pair
    entry.raw = raw
    entry.name_length = name_length
    entry.value_length = value_length
    entry.kind = kind
    Py_XDECREF(old)


# -- hosts ----------------------------------------------------------------------------------------

cdef inline bint is_digit(char c) noexcept nogil:
    return c'0' <= c <= c'9'


cdef inline bint is_hex(char c) noexcept nogil:
    return c'0' <= c <= c'9' or c'a' <= c | 0x20 <= c'f'


cdef bint is_host_and_port(const char *at, size_t length, bint port_needed) noexcept nogil:
    """uri-host [":" port], the host not empty. RFC 9110 4.2.1 and 7.2, RFC 3986 3.2.2"""
    cdef const char *end = at + length
    cdef const char *start = at
    if at < end and at[0] == c'[':
        at = after_literal(at + 1, end)
        if at == NULL:
            return False
    else:
        while at < end:
            if OCTETS[<unsigned char> at[0]] & IN_HOST:
                at += 1
            elif at[0] == c'%' and end - at > 2 and is_hex(at[1]) and is_hex(at[2]):
                at += 3
            else:
                break
    if at == start:
        return False
    if at == end:
        return not port_needed
    return at[0] == c':' and is_port(at + 1, end, port_needed)


cdef const char *after_literal(const char *at, const char *end) noexcept nogil:
    """What follows the "]" of an IPv6 or future address; NULL if it is not an address."""
    cdef bint future = at < end and at[0] | 0x20 == c'v'
    cdef int colons = 0
    while at < end and at[0] != c']':
        if at[0] == c':':
            colons += 1
        elif not (is_hex(at[0]) or at[0] == c'.' or (
            future and OCTETS[<unsigned char> at[0]] & IN_HOST
        )):
            return NULL
        at += 1
    if at == end or not (future or 2 <= colons <= 8):
        return NULL
    return at + 1


cdef bint is_port(const char *at, const char *end, bint needed) noexcept nogil:
    cdef int port = 0
    cdef const char *start = at
    while at < end and is_digit(at[0]) and port <= MOST_PORT:
        port = port * 10 + (at[0] - c'0')
        at += 1
    # RFC 9110 9.3.6: CONNECT to an empty or invalid port is refused
    return at == end and port <= MOST_PORT and (not needed or at > start and port > 0)


# -- what fields mean ------------------------------------------------------------------------------

cdef int add_fact(Facts *facts, Kind kind, const char *value, size_t length, bint strict) except -1:
    """Take in one field that means something to the parser."""
    if kind == HOST:
        facts.hosts += 1
        # RFC 9112 3.2: 400 for an invalid value; an empty one stands for no authority
        if (
            strict and not all_in(value, length, IN_HOST)
            and not is_host_and_port(value, length, False)
        ):
            raise HttpParserError("the Host field is not a host and port", code="STRICT_HOST")
    elif kind == CONNECTION:
        facts.close |= token_in_list(value, length, b"close", 5)
        facts.keep_alive |= token_in_list(value, length, b"keep-alive", 10)
        facts.upgrade |= token_in_list(value, length, b"upgrade", 7)
    elif kind == CONTENT_LENGTH:
        facts.lengths += 1
        facts.content_length = parse_length(value, length)
        if facts.content_length < 0:
            raise HttpParserError(
                "Content-Length is not a number of bytes", code="HPE_INVALID_CONTENT_LENGTH"
            )
    elif kind == TRANSFER_ENCODING:
        if facts.transfer_encoding and strict:
            raise HttpParserError(
                "Transfer-Encoding appears in several fields", code="STRICT_TRANSFER_ENCODING"
            )
        facts.transfer_encoding = True
        facts.chunked = length == 7 and equal_fold(value, b"chunked", 7)
        if strict and not facts.chunked:
            refuse_coding(value[:length])
    elif kind == EXPECT:
        add_expectation(facts, value[:length])
    elif kind == TE:
        facts.trailers |= token_in_list(value, length, b"trailers", 8)
    return 0


cdef int add_expectation(Facts *facts, bytes value) except -1:
    # RFC 9110 10.1.1 and 5.6.1.2: a list, whose empty elements do not count
    for element in value.split(b","):
        name = element.strip(b" \t").lower()
        if name == b"100-continue":
            facts.expect_continue = True
        elif name:
            facts.expect_other = True
    return 0


cdef int refuse_coding(bytes value) except -1:
    # RFC 9112 6.1: 501 for a coding that is not understood; 6.3: 400 when chunked is not last.
    codings = [coding.strip(b" \t").lower() for coding in value.split(b",")]
    names = [coding.partition(b";")[0].rstrip(b" \t") for coding in codings]
    last_coding, last_name = codings.pop(), names.pop()
    if last_name and all(names) and (
        last_coding == b"chunked" and b"chunked" not in names or last_name not in KNOWN_CODINGS
    ):
        raise TransferCodingNotImplemented(
            "a transfer coding other than chunked", code="STRICT_TRANSFER_ENCODING"
        )
    raise HttpParserError(
        "Transfer-Encoding does not end in chunked", code="HPE_INVALID_TRANSFER_ENCODING"
    )


fill_octets()
intern_names()
