"""Field lines to `(lower-case name, value)` pairs, without making the same objects twice.

Well-known names are interned. Pairs of a well-known name and a short value that was seen before
are kept in a direct-mapped cache: browsers and load balancers repeat most of their fields word
for word. Fields that carry secrets are never kept.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from cpython.tuple cimport PyTuple_New, PyTuple_SET_ITEM
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memcmp, memcpy

__all__ = ()

cdef extern from *:
    """
    /* Without the GIL the cache would need a lock: it is left out there. */
    #ifdef Py_GIL_DISABLED
    #define FASTSERVE_PAIR_CACHE 0
    #else
    #define FASTSERVE_PAIR_CACHE 1
    #endif
    """
    const bint PAIR_CACHE "FASTSERVE_PAIR_CACHE"

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
    NAME_SLOTS = 512
    LONGEST_NAME = 64
    SPELLED_SLOTS = 512
    LONGEST_SPELLED = 40
    PAIR_SLOTS = 1024
    LONGEST_PAIR = 320

cdef struct Pair:
    PyObject *pair  # owned: the tuple
    char *raw  # owned: the name as it was sent, then the value
    uint32_t name_length
    uint32_t value_length
    Kind kind

cdef Name[NAME_SLOTS] names
cdef PyObject *spelled[SPELLED_SLOTS]  # each owned; a name takes the place of one it collides with
cdef Pair[PAIR_SLOTS] pairs
cdef uint32_t[PAIR_SLOTS] seen  # the hash that was last missed there: only a second miss is kept


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
    """First, middle and last word: a miss costs a miss, so that quick beats thorough."""
    cdef uint64_t word = head_word(at, length), last = 0, middle = 0
    if length > 8:
        memcpy(&last, at + length - 8, 8)
        if length > 24:
            memcpy(&middle, at + (length >> 1), 8)
    word = (word ^ (length << 56)) * <uint64_t> 0x9E3779B97F4A7C15
    word ^= (last + middle * 3) * <uint64_t> 0xC2B2AE3D27D4EB4F
    return word ^ (word >> 29)


cdef inline char lower(char c) noexcept nogil:
    return c | 0x20 if c'A' <= c <= c'Z' else c


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


cdef bytes spelled_name(const char *at, size_t length):
    """A name in the spelling that it was sent in; the same object when it comes again."""
    cdef size_t slot
    cdef PyObject *known
    cdef bytes name
    if not PAIR_CACHE or length == 0 or length > LONGEST_SPELLED:
        return PyBytes_FromStringAndSize(at, length)
    slot = (
        length * 37 + <unsigned char> at[0] * 5 + <unsigned char> at[length - 1] * 17
        + <unsigned char> at[length >> 1] * 3
    ) % SPELLED_SLOTS
    known = spelled[slot]
    if (
        known != NULL
        and <size_t> len(<bytes> known) == length
        and memcmp(PyBytes_AS_STRING(<bytes> known), at, length) == 0
    ):
        return <bytes> known
    name = PyBytes_FromStringAndSize(at, length)
    Py_INCREF(name)
    spelled[slot] = <PyObject *> name
    Py_XDECREF(known)
    return name


cdef tuple field(const char *name, size_t name_length, const char *value, size_t value_length,
                 Kind *kind):
    """One field line as a pair; `kind` says what it means to the parser."""
    cdef uint64_t hash = 0
    cdef size_t slot = 0
    cdef Pair *entry = NULL
    cdef Name *known
    cdef tuple pair
    cdef bytes first, second
    cdef bint short = PAIR_CACHE and name_length + value_length <= LONGEST_PAIR
    if short:
        hash = hash_bytes(name, name_length) * 31 + hash_bytes(value, value_length)
        hash ^= hash >> 32
        slot = hash & (PAIR_SLOTS - 1)
        entry = &pairs[slot]
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
    if short and known and not known.secret:
        if seen[slot] == <uint32_t> (hash >> 16):
            keep(entry, pair, name, name_length, value, value_length, kind[0])
        else:
            seen[slot] = <uint32_t> (hash >> 16)
    return pair


cdef void keep(Pair *entry, tuple pair, const char *name, size_t name_length, const char *value,
               size_t value_length, Kind kind) noexcept:
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
        while value < last and (last[-1] == c' ' or last[-1] == c'\t'):
            last -= 1
        if <size_t> (last - value) == token_length and equal_fold(value, token, token_length):
            return True
        value = comma + 1
    return False


intern_names()
