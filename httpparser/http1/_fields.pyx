"""Fields: their names and values as pairs, and what they mean to a parser (RFC 9110, RFC 9112).

Every parser makes its pairs and learns its facts here: that of HTTP/1, that of HTTP/2, and a
`RequestHead` of another parser's parts.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.list cimport PyList_New
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_New, PyTuple_SET_ITEM
from libc.stdint cimport INT64_MAX, int64_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memcmp, memcpy

from httpparser._threads cimport new_table, set_immortal, table_of_thread
from httpparser.http1._scan cimport line_end, same

cdef extern from "Python.h":
    void set_item "PyList_SET_ITEM"(list, Py_ssize_t, PyObject *)  # takes over the reference
    void add_reference "Py_INCREF"(PyObject *)

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
    b"proxy-connection": PROXY_CONNECTION,
}
SECRETS = {
    b"authorization", b"cookie", b"dpop", b"proxy-authorization", b"sec-websocket-key",
    b"set-cookie", b"x-api-key", b"x-csrf-token",
}

cdef enum:
    FIELDS_READ = 64  # of a head that is read as a whole
    MOST_PORT = 65535
    NAME_SLOTS = 512
    LONGEST_NAME = 64
    NAME_WORDS = 8  # of eight octets: the longest name
    PAIR_SLOTS = 1024  # 2 ** 10: the slot is the 10 highest bits of a hash
    BEGINNINGS = 512  # 2 ** 9
    BEGINNING = 16  # octets of a line
    AROUND = 4  # octets of a line beside name and value
    LONGEST_PAIR = 320
    SPELLED_SLOTS = 512
    LONGEST_SPELLED = 40  # every well-known name is shorter

cdef struct Name:
    PyObject *name  # owned: the lower-case bytes, immortal
    uint64_t hash
    Kind kind
    bint secret  # its values are never kept

cdef struct Pair:
    PyObject *pair  # owned: the tuple
    PyObject *spelled  # owned: the name as it was sent
    char *line  # owned: "Name: value" and CRLF, the name as it was sent
    uint32_t line_length  # 0: nothing is kept here
    uint32_t name_length
    Kind kind
    Sense sense

# A name in the spelling that it was sent in.
cdef struct Spelled:
    PyObject *name  # owned: the bytes, a token; NULL: nothing is kept here
    Name *known  # borrowed: what is known of it; NULL: it is not well known

# Where a pair is to be found and kept.
cdef struct Place:
    Pair *entry  # borrowed from the cache; NULL: not to be kept
    uint32_t *seen  # likewise
    uint32_t hash
    Name *known  # borrowed: the name's, after new_pair(); NULL: it is not well known

cdef struct Cache:
    Pair[PAIR_SLOTS] pairs
    uint16_t[BEGINNINGS] latest  # the place in `pairs` of the last line with such a beginning
    uint32_t[PAIR_SLOTS] seen  # the hash that was last missed there: only a second miss is kept
    Spelled[SPELLED_SLOTS] spelled  # a name takes the place of one that it collides with

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


cdef inline uint64_t lower_word(uint64_t word) noexcept nogil:
    """Eight octets in lower case."""
    cdef uint64_t low = word & <uint64_t> 0x7F7F7F7F7F7F7F7F
    # The highest bit of an octet is set in the first sum from "A" on, in the second after "Z".
    cdef uint64_t from_a = low + <uint64_t> 0x3F3F3F3F3F3F3F3F
    cdef uint64_t after_z = low + <uint64_t> 0x2525252525252525
    return word | (from_a & ~after_z & ~word & <uint64_t> 0x8080808080808080) >> 2


cdef inline Name *find_name(const char *name, size_t length, uint64_t *words) noexcept:
    """What is known of the name, else NULL; `words` gets it in lower case.

    It has from 1 to LONGEST_NAME octets.
    """
    cdef const char *buffer = <const char *> words
    cdef uint64_t value
    cdef size_t i, slot
    words[(length - 1) >> 3] = 0
    memcpy(words, name, length)
    for i in range((length + 7) >> 3):
        words[i] = lower_word(words[i])
    value = hash_bytes(buffer, length)
    slot = value & (NAME_SLOTS - 1)
    while names[slot].name:
        if (
            names[slot].hash == value
            and <size_t> PyBytes_GET_SIZE(<bytes> names[slot].name) == length
            and memcmp(PyBytes_AS_STRING(<bytes> names[slot].name), buffer, length) == 0
        ):
            return &names[slot]
        slot = (slot + 1) & (NAME_SLOTS - 1)
    return NULL


cdef bytes lower_name(const char *name, size_t length, Name **known):
    """The lower-case name: interned when it is well known, then `known` says which."""
    cdef uint64_t[NAME_WORDS] words
    known[0] = NULL
    if length > LONGEST_NAME or length == 0:
        return PyBytes_FromStringAndSize(name, length).lower()
    known[0] = find_name(name, length, words)
    if known[0] != NULL:
        return <bytes> known[0].name
    return PyBytes_FromStringAndSize(<const char *> words, length)


cdef inline Spelled *find_spelled(const char *at, size_t length, Cache *cache) except? NULL:
    """Where the name is kept; NULL: it is too long, or not a token."""
    cdef Spelled *spelled
    if not 0 < length <= LONGEST_SPELLED:
        return NULL
    spelled = &cache.spelled[(
        length * 37 + <unsigned char> at[0] * 5 + <unsigned char> at[length - 1] * 17
        + <unsigned char> at[length >> 1] * 3
    ) % SPELLED_SLOTS]
    if (
        spelled.name != NULL
        and <size_t> len(<bytes> spelled.name) == length
        and same(PyBytes_AS_STRING(<bytes> spelled.name), at, length)
    ):
        return spelled
    return keep_spelled(spelled, at, length)


cdef Spelled *keep_spelled(Spelled *spelled, const char *at, size_t length) except? NULL:
    cdef uint64_t[NAME_WORDS] words
    cdef PyObject *old = spelled.name
    cdef bytes name
    if not is_token(at, length):
        return NULL
    name = PyBytes_FromStringAndSize(at, length)
    Py_INCREF(name)
    spelled.name = <PyObject *> name
    spelled.known = find_name(at, length, words)
    Py_XDECREF(old)
    return spelled


cdef bytes spelled_name(const char *at, size_t length):
    """A name in the spelling that it was sent in; the same object when it comes again."""
    cdef Cache *cache = cache_of_thread()
    cdef Spelled *spelled = find_spelled(at, length, cache) if cache != NULL else NULL
    if spelled == NULL:
        return PyBytes_FromStringAndSize(at, length)
    return <bytes> spelled.name


cdef inline Cache *cache_of_thread() noexcept:
    cdef Cache *cache = <Cache *> table_of_thread(&shared_cache)
    return cache if cache != NULL else <Cache *> new_table(sizeof(Cache), clear_cache)


cdef void clear_cache(void *table) noexcept:
    cdef Cache *cache = <Cache *> table
    for slot in range(PAIR_SLOTS):
        Py_XDECREF(cache.pairs[slot].pair)
        Py_XDECREF(cache.pairs[slot].spelled)
        free(cache.pairs[slot].line)
    for slot in range(SPELLED_SLOTS):
        Py_XDECREF(cache.spelled[slot].name)


cdef inline uint64_t hash_pair(const char *name, size_t name_length, const char *value,
                               size_t value_length) noexcept nogil:
    """The name's ends, the value's end and middle; a collision costs no more than a miss.

    Use the high bits: a value's last octet is in no other.
    """
    cdef uint64_t word = head_word(name, name_length), last, middle
    word ^= <uint64_t> <unsigned char> name[name_length - 1] << 40
    word ^= (name_length << 56) ^ (value_length << 48)
    if value_length < 8:
        last = head_word(value, value_length)
    else:
        memcpy(&last, value + value_length - 8, 8)
        if value_length > 24:
            memcpy(&middle, value + (value_length >> 1), 8)
            last += middle * 3
    return word * <uint64_t> 0x9E3779B97F4A7C15 ^ last * <uint64_t> 0xC2B2AE3D27D4EB4F


cdef inline Pair *find_pair(const char *name, size_t name_length, const char *value,
                            size_t value_length, Place *place) noexcept:
    """What is kept of the pair, else NULL; `place` is for new_pair()."""
    cdef Cache *cache = cache_of_thread()
    cdef Pair *entry
    cdef uint64_t hash
    cdef size_t slot
    place.entry = NULL
    if cache == NULL or name_length + value_length > LONGEST_PAIR or name_length == 0:
        return NULL
    hash = hash_pair(name, name_length, value, value_length)
    slot = hash >> 54
    entry = &cache.pairs[slot]
    if (
        entry.name_length == name_length
        and entry.line_length == name_length + value_length + AROUND
        and same(entry.line, name, name_length)
        and same(entry.line + name_length + 2, value, value_length)
    ):
        return entry
    place.entry = entry
    place.seen = &cache.seen[slot]
    place.hash = <uint32_t> (hash >> 32)
    return NULL


cdef tuple new_pair(const char *name, size_t name_length, const char *value, size_t value_length,
                    Place *place, Kind *kind):
    cdef bytes first = lower_name(name, name_length, &place.known)
    cdef Name *known = place.known
    cdef bytes second = PyBytes_FromStringAndSize(value, value_length)
    cdef tuple pair = PyTuple_New(2)
    Py_INCREF(first)
    PyTuple_SET_ITEM(pair, 0, first)
    Py_INCREF(second)
    PyTuple_SET_ITEM(pair, 1, second)
    kind[0] = known.kind if known else OTHER
    if place.entry != NULL and known and not known.secret:
        if place.seen[0] == place.hash:
            keep_pair(place.entry, pair, name, name_length, value, value_length, kind[0])
        else:
            place.seen[0] = place.hash
    return pair


cdef int keep_pair(Pair *entry, tuple pair, const char *name, size_t name_length,
                   const char *value, size_t value_length, Kind kind) except -1:
    """Only a value that a line of HTTP/1 can have: such lines are taken without another look."""
    cdef PyObject *old = entry.pair
    cdef PyObject *old_name = entry.spelled
    cdef char *line = NULL
    cdef bytes spelled
    if is_line_value(value, value_length):
        spelled = spelled_name(name, name_length)
        line = <char *> malloc(name_length + value_length + AROUND)
    if line == NULL:
        return 0
    memcpy(line, name, name_length)
    memcpy(line + name_length, b": ", 2)
    memcpy(line + name_length + 2, value, value_length)
    memcpy(line + name_length + 2 + value_length, b"\r\n", 2)
    free(entry.line)
    Py_INCREF(pair)
    entry.pair = <PyObject *> pair
    Py_INCREF(spelled)
    entry.spelled = <PyObject *> spelled
    entry.line = line
    entry.line_length = name_length + value_length + AROUND
    entry.name_length = name_length
    entry.kind = kind
    entry.sense = sense_of(kind, value, value_length)
    Py_XDECREF(old)
    Py_XDECREF(old_name)
    return 0


cdef bint is_line_value(const char *value, size_t length) noexcept nogil:
    """RFC 9110 5.5: no control but HTAB, and no white space around it."""
    cdef size_t i
    if length and (value[0] in (c' ', c'\t') or value[length - 1] in (c' ', c'\t')):
        return False
    for i in range(length):
        if <unsigned char> value[i] < 0x20 and value[i] != c'\t' or value[i] == 0x7F:
            return False
    return True


cdef tuple make_pair(const char *name, size_t name_length, const char *value, size_t value_length,
                     Kind *kind):
    """One field line as a pair; `kind` says what it means to the parser."""
    cdef Place place
    cdef Pair *entry = find_pair(name, name_length, value, value_length, &place)
    if entry != NULL:
        kind[0] = entry.kind
        return <tuple> entry.pair
    return new_pair(name, name_length, value, value_length, &place, kind)


cdef tuple make_host(const char *value, size_t length):
    """The Host field; raises HttpParserError for what is not a host and port."""
    cdef Kind kind
    cdef Place place
    cdef Pair *entry = find_pair(b"host", 4, value, length, &place)
    if entry != NULL and entry.sense == VALID_HOST:
        return <tuple> entry.pair
    if not is_valid_host(value, length):
        raise bad_host()
    return new_pair(b"host", 4, value, length, &place, &kind)


# -- field lines as they arrive --------------------------------------------------------------------

cdef list read_fields(const char **at, const char *end, Limits limits, Facts *facts):
    """The fields from `at` on up to the empty line, after which `at` is then.

    None where anything is missing, wrong or unusual: all of that is left to a whole parser, which
    knows what to say of it. What is taken here it would take too, with the same pairs and facts.
    """
    cdef PyObject *pairs[FIELDS_READ]  # owned
    cdef size_t count = 0, length, i
    cdef uint64_t total = 0
    cdef const char *line = at[0]
    cdef Cache *cache = cache_of_thread()
    cdef list result
    try:
        while cache != NULL and end - line >= 2:
            if line[0] == c'\r':
                if line[1] != c'\n':
                    return None
                result = PyList_New(count)
                for i in range(count):
                    set_item(result, i, pairs[i])
                count = 0
                at[0] = line + 2
                return result
            if count == FIELDS_READ:
                return None
            pairs[count] = read_line(line, end, cache, facts, &length)
            if pairs[count] == NULL:
                return None
            count += 1
            line += length
            total += length
            if count > limits.count or total > limits.fields or length - 2 > limits.field:
                return None
        return None
    finally:
        for i in range(count):
            Py_XDECREF(pairs[i])


cdef inline PyObject *read_line(const char *line, const char *end, Cache *cache, Facts *facts,
                                size_t *length) except? NULL:
    """A new reference to the pair of the line, which is so long; NULL: it is not plain."""
    cdef uint16_t *latest
    cdef Pair *entry = latest_pair(line, end, cache, &latest)
    if entry != NULL:
        length[0] = entry.line_length
        return take_pair(entry, facts, line + entry.name_length + 2)
    return scan_line(line, end, cache, facts, length, latest)


cdef inline Pair *latest_pair(const char *line, const char *end, Cache *cache,
                              uint16_t **latest) noexcept:
    """What is kept of the line if it is the latest of its beginning, else NULL; `latest` is where
    its place belongs then, or NULL: it is too short."""
    cdef Pair *entry
    latest[0] = NULL
    if end - line < BEGINNING:
        return NULL
    latest[0] = &cache.latest[hash_beginning(line)]
    entry = &cache.pairs[latest[0][0]]
    if (
        entry.line_length and entry.line_length <= <size_t> (end - line)
        and same(entry.line, line, entry.line_length)
    ):
        return entry
    return NULL


cdef inline PyObject *take_pair(Pair *entry, Facts *facts, const char *value) except? NULL:
    cdef size_t length = entry.line_length - entry.name_length - AROUND
    if entry.kind and not add_plain_fact(facts, entry.kind, entry.sense, value, length):
        return NULL
    add_reference(entry.pair)
    return entry.pair


cdef PyObject *scan_line(const char *line, const char *end, Cache *cache, Facts *facts,
                         size_t *length, uint16_t *latest) except? NULL:
    """The same for one that is not the latest of its kind."""
    cdef FieldLine parts
    cdef Place place
    cdef Pair *entry
    cdef tuple pair
    if not split_line(line, end, &parts):
        return NULL
    length[0] = parts.length
    entry = find_pair(line, parts.name_length, parts.value, parts.value_length, &place)
    if entry != NULL:  # its name is known, and so a token
        if latest != NULL:
            latest[0] = <uint16_t> (entry - cache.pairs)
        return take_pair(entry, facts, parts.value)
    pair = new_pair(line, parts.name_length, parts.value, parts.value_length, &place, &parts.kind)
    if place.known == NULL and not is_token(line, parts.name_length):
        return NULL
    if parts.kind and not add_plain_fact(
        facts, parts.kind, sense_of(parts.kind, parts.value, parts.value_length), parts.value,
        parts.value_length
    ):
        return NULL
    Py_INCREF(pair)
    return <PyObject *> pair


cdef inline bint split_line(const char *line, const char *end, FieldLine *parts) noexcept:
    """Lengths and value, when the line is whole and has a colon and no control but HTAB."""
    cdef const char *colon
    cdef const char *value
    cdef const char *stop = line_end(line, end, &colon)
    if (
        colon == NULL or colon >= stop or end - stop < 2 or stop[0] != c'\r' or stop[1] != c'\n'
    ):
        return False
    parts.length = stop + 2 - line
    parts.name_length = colon - line
    # RFC 9112 5.1: white space around the value is not part of it
    value = colon + 1
    while value < stop and (value[0] == c' ' or value[0] == c'\t'):
        value += 1
    while value < stop and ((stop - 1)[0] == c' ' or (stop - 1)[0] == c'\t'):
        stop -= 1
    parts.value = value
    parts.value_length = stop - value
    return True


cdef bytes read_field(const char *at, const char *end, FieldLine *line):
    """The value of the field whose line begins here; None: it is not plain.

    16 octets lie before `end`, in the same buffer.
    """
    cdef Cache *cache = cache_of_thread()
    cdef uint16_t *latest
    cdef Pair *entry = latest_pair(at, end, cache, &latest) if cache != NULL else NULL
    cdef Place place
    if entry != NULL:
        line.length = entry.line_length
        line.name_length = entry.name_length
        line.value = at + entry.name_length + 2
        line.value_length = entry.line_length - entry.name_length - AROUND
    elif cache == NULL or not split_line(at, end, line):
        return None
    else:
        entry = find_pair(at, line.name_length, line.value, line.value_length, &place)
        if entry == NULL:
            return new_field(at, line, cache, &place)
        if latest != NULL:
            latest[0] = <uint16_t> (entry - cache.pairs)
    line.kind = entry.kind
    line.sense = entry.sense
    line.name = entry.spelled
    add_reference(line.name)
    return <bytes> PyTuple_GET_ITEM(<tuple> entry.pair, 1)


cdef bytes new_field(const char *at, FieldLine *line, Cache *cache, Place *place):
    """The same for one that is not kept: a pair is made only if it is to be kept from now on."""
    cdef Spelled *spelled = find_spelled(at, line.name_length, cache)
    cdef Name *known = NULL
    cdef bytes name, value
    if spelled != NULL:
        name = <bytes> spelled.name
        known = spelled.known
    elif is_token(at, line.name_length):
        name = PyBytes_FromStringAndSize(at, line.name_length)
    else:
        return None
    line.kind = OTHER
    line.sense = UNKNOWN
    if known != NULL:
        line.kind = known.kind
        line.sense = sense_of(known.kind, line.value, line.value_length)
    if place.entry == NULL or known == NULL or known.secret or place.seen[0] != place.hash:
        if place.entry != NULL and known != NULL:
            place.seen[0] = place.hash
        value = PyBytes_FromStringAndSize(line.value, line.value_length)
    else:
        value = <bytes> PyTuple_GET_ITEM(new_pair(
            at, line.name_length, line.value, line.value_length, place, &line.kind
        ), 1)
    Py_INCREF(name)
    line.name = <PyObject *> name
    return value


cdef inline size_t hash_beginning(const char *line) noexcept nogil:
    cdef uint64_t word, other
    memcpy(&word, line, 8)
    memcpy(&other, line + 8, 8)
    word = word * <uint64_t> 0x9E3779B97F4A7C15 ^ other * <uint64_t> 0xC2B2AE3D27D4EB4F
    return word >> 55


cdef inline Sense sense_of(Kind kind, const char *value, size_t length) noexcept nogil:
    if kind == HOST and is_valid_host(value, length):
        return VALID_HOST
    if kind == CONNECTION:
        if length == 10 and equal_fold(value, b"keep-alive", 10):
            return KEEP_ALIVE
        if length == 5 and equal_fold(value, b"close", 5):
            return CLOSE
    return UNKNOWN


cdef inline bint add_plain_fact(Facts *facts, Kind kind, Sense sense, const char *value,
                                size_t length) except -1:
    """Take in one field that has a meaning; False: not plain enough for that."""
    if sense == VALID_HOST:
        facts.hosts += 1
    elif sense == KEEP_ALIVE:
        facts.keep_alive = True
    elif sense == CLOSE:
        facts.close = True
    elif kind == CONTENT_LENGTH:
        if facts.lengths:
            return False
        facts.lengths = 1
        facts.content_length = parse_length(value, length)
        return facts.content_length >= 0
    elif kind == HOST or kind == TRANSFER_ENCODING or kind == UPGRADE:
        return False
    else:
        add_fact(facts, kind, value, length, True)
    return True


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


cdef inline bint is_valid_host(const char *value, size_t length) noexcept nogil:
    """Whether a Host field may say this. RFC 9112 3.2: an empty one stands for no authority."""
    return all_in(value, length, IN_HOST) or is_host_and_port(value, length, False)


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
        if strict and not is_valid_host(value, length):
            raise bad_host()
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


cdef object bad_host():
    return HttpParserError("the Host field is not a host and port", code="STRICT_HOST")


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
