"""Whole heads, and what RFC 9110 and 9112 demand of them beyond their grammar.

The rules live here, not in a parser, so that every parser refuses the same heads: llhttp's spans
and h11's events both end in a `RequestHead`.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from cpython.tuple cimport PyTuple_New, PyTuple_SET_ITEM
from cpython.unicode cimport PyUnicode_DecodeASCII
from libc.stdint cimport INT64_MAX, int64_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memcmp, memcpy

from httpparser._threads cimport new_table, set_immortal, table_of_thread

cdef extern from "structmember.h":
    ctypedef struct PyMemberDef:
        const char *name
        int type
        Py_ssize_t offset
        int flags
    int T_OBJECT_EX, READONLY
    ctypedef struct PyTypeObject:
        Py_ssize_t tp_basicsize
        PyObject *tp_dict
    const char *PyUnicode_AsUTF8(object)
    object PyDescr_NewMember(PyTypeObject *, PyMemberDef *)
    void PyType_Modified(PyTypeObject *)

import re
import sys
from urllib.parse import unquote_to_bytes

from httpparser.errors import (
    ExpectationFailed, HttpParserError, HttpParserInvalidURLError,
    TransferCodingNotImplemented, VersionNotSupported,
)

__all__ = ("TCHAR", "RequestHead", "ResponseHead")

TCHAR = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]"  # RFC 9110 5.6.2, as a regular expression

cdef bytes EMPTY = b""
cdef bytes SLASH = b"/"
cdef str SLASH_PATH = "/"
cdef bytes HOST_NAME = b"host"
cdef str NO_PATH = ""
cdef str GET = sys.intern("GET")
cdef str V_1_0 = sys.intern("1.0")
cdef str V_1_1 = sys.intern("1.1")

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


# -- what fields and targets mean -----------------------------------------------------------------

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


cdef str decode_path(const char *at, Py_ssize_t length):
    """Percent-decoded as UTF-8, as ASGI wants it; what is not UTF-8 becomes U+FFFD."""
    if length == 1 and at[0] == c'/':
        return SLASH_PATH
    if memchr(at, c'%', length) == NULL and all_in(at, length, IN_TARGET):
        return PyUnicode_DecodeASCII(at, length, NULL)
    return unquote_to_bytes(at[:length]).decode("utf-8", "replace")


@cython.freelist(32)
cdef class RequestHead:
    """The head of one request.

    `method` and `version` ("1.0", "1.1") are str; `target` is the request target as it was sent;
    `path` (str, percent-decoded), `raw_path` and `query` (bytes, without the "?") are its parts;
    `headers` is a list of `(lower-case name, value)` bytes pairs in the order of arrival, without
    white space around the values. `content_length` is -1 when none was sent; `upgrade` names the
    protocol that the client wants to switch to, else None. With an absolute target, `authority`
    holds its host and port, and the Host field is replaced by it (RFC 9112 3.2.2).

    Made by the parsers; `RequestHead(method, target, version, headers)` makes one from parts of
    another parser under the same rules. Raises HttpParserError and its subclasses.
    """

    def __cinit__(self):
        self.content_length = -1
        self.query = EMPTY

    def __init__(self, str method not None, bytes target not None, str version not None, headers):
        cdef Facts facts
        cdef Kind kind
        cdef bytes name, value
        if version != V_1_0 and version != V_1_1:
            raise VersionNotSupported(f"HTTP/{version} is not supported", code="STRICT_VERSION")
        clear_facts(&facts)
        self.method = method
        self.headers = []
        self.query = EMPTY
        self.authority = self.upgrade = None
        for name, value in headers:
            pair = make_pair(PyBytes_AS_STRING(name), len(name), PyBytes_AS_STRING(value),
                             len(value), &kind)
            self.headers.append(pair)
            if kind:
                add_fact(&facts, kind, PyBytes_AS_STRING(value), len(value), True)
                if kind == UPGRADE:  # RFC 9110 5.3: fields of one name are one list
                    self.upgrade = value if self.upgrade is None else self.upgrade + b", " + value
        self.set_facts(HTTP_1_1 if version == V_1_1 else HTTP_1_0, &facts, True)
        self.set_target(PyBytes_AS_STRING(target), len(target), True)

    def __repr__(self):
        return f"<RequestHead {self.method} {self.target!r} HTTP/{self.version}>"

    cdef int set_target(self, const char *at, size_t length, bint strict) except -1:
        """Keep the target and its parts. RFC 9112 3.2; needs the method and the headers."""
        cdef Form form
        cdef const char *mark
        cdef const char *end = at + length
        cdef bint connect = self.method is not GET and self.method == "CONNECT"
        if length == 1 and at[0] == c'/' and not connect:
            self.target = self.raw_path = SLASH
            self.path = SLASH_PATH
            return 0
        self.target = PyBytes_FromStringAndSize(at, length)
        if length and at[0] == c'/' and not connect:
            form = ORIGIN
        elif connect:
            form = AUTHORITY
        elif length == 1 and at[0] == c'*':
            form = ASTERISK
        else:
            form = ABSOLUTE
        if strict and not all_in(at, length, IN_TARGET):
            raise HttpParserInvalidURLError(
                "the request target holds a character that must be percent-encoded",
                code="STRICT_TARGET",
            )
        if form == ASTERISK:
            if strict and self.method != "OPTIONS":  # RFC 9112 3.2.4
                raise bad_target(self.method)
            self.raw_path = self.target
            self.path = "*"
            return 0
        if form == AUTHORITY:
            set_authority(self, at, length, strict)
            self.raw_path = EMPTY
            self.path = NO_PATH
            return 0
        if form == ABSOLUTE:
            at = after_authority(self, at, length, strict)
        mark = <const char *> memchr(at, c'?', end - at)
        if mark != NULL:
            self.query = PyBytes_FromStringAndSize(mark + 1, end - mark - 1)
            end = mark
        if at == end:
            self.raw_path = SLASH
            self.path = SLASH_PATH
        elif end == at + length and form == ORIGIN:
            self.raw_path = self.target
            self.path = decode_path(at, length)
        else:
            self.raw_path = PyBytes_FromStringAndSize(at, end - at)
            self.path = decode_path(at, end - at)
        return 0

    cdef int set_facts(self, Version version, Facts *facts, bint strict) except -1:
        """Draw the conclusions from the fields."""
        self.version = V_1_1 if version == HTTP_1_1 else V_1_0
        self.chunked = facts.chunked
        self.trailers = facts.trailers and version == HTTP_1_1
        # RFC 9112 6.3: Transfer-Encoding overrides Content-Length
        self.content_length = -1 if facts.transfer_encoding else facts.content_length
        self.expect_continue = facts.expect_continue and version == HTTP_1_1
        # RFC 9112 9.3
        self.keep_alive = not facts.close and (version == HTTP_1_1 or facts.keep_alive)
        if version == HTTP_1_0 or not facts.upgrade:  # RFC 9110 7.8
            self.upgrade = None
        if not strict:
            return 0
        if facts.hosts > 1 or facts.hosts == 0 and version == HTTP_1_1:  # RFC 9112 3.2
            raise HttpParserError("exactly one Host field is needed", code="STRICT_HOST")
        if facts.transfer_encoding and (facts.lengths or version == HTTP_1_0):  # RFC 9112 6.1
            raise HttpParserError(
                "Transfer-Encoding beside Content-Length, or in HTTP/1.0",
                code="STRICT_TRANSFER_ENCODING",
            )
        if facts.lengths > 1:  # RFC 9112 6.3
            raise HttpParserError("several Content-Length fields", code="STRICT_CONTENT_LENGTH")
        if facts.expect_other and version == HTTP_1_1:  # RFC 9110 10.1.1
            raise ExpectationFailed("the only expectation is 100-continue", code="STRICT_EXPECT")
        return 0


cdef int set_authority(RequestHead head, const char *at, size_t length, bint strict) except -1:
    # RFC 9112 3.2.3: host and port, no userinfo.
    head.authority = PyBytes_FromStringAndSize(at, length)
    if strict and not is_host_and_port(at, length, True):
        raise bad_target(head.method)
    return 0


cdef const char *after_authority(RequestHead head, const char *at, size_t length,
                                 bint strict) except NULL:
    # RFC 9112 3.2.2: scheme "://" authority; the authority replaces the Host field.
    cdef const char *end = at + length
    cdef const char *start
    cdef const char *stop
    cdef Py_ssize_t i
    start = at
    while start < end and c'a' <= start[0] | 0x20 <= c'z':  # what llhttp takes for a scheme
        start += 1
    if start == at or end - start < 3 or memcmp(start, b"://", 3) != 0:
        if not strict:
            return at
        raise bad_target(head.method)
    start += 3
    stop = start
    while stop < end and stop[0] != c'/' and stop[0] != c'?':
        stop += 1
    head.authority = PyBytes_FromStringAndSize(start, stop - start)
    # RFC 9110 4.2.1: no empty host; 4.2.4: userinfo is an attempt to mislead.
    if strict and not is_host_and_port(start, stop - start, False):
        raise bad_target(head.method)
    for i in range(len(head.headers)):
        if (<tuple> head.headers[i])[0] == HOST_NAME:
            head.headers[i] = (HOST_NAME, head.authority)
            return stop
    if strict:  # HTTP/1.0 may have no Host field
        head.headers.insert(0, (HOST_NAME, head.authority))
    return stop


cdef object bad_target(str method):
    return HttpParserInvalidURLError(
        f"the request target does not have the form that {method} needs", code="STRICT_TARGET"
    )


@cython.freelist(8)
cdef class ResponseHead:
    """The head of one response.

    `status` is an int, `reason` bytes (may be empty), `version` "1.0" or "1.1", `headers` a list of
    `(lower-case name, value)` bytes pairs. `content_length` is -1 when none was sent.
    """

    def __cinit__(self):
        self.content_length = -1

    def __repr__(self):
        return f"<ResponseHead {self.status} HTTP/{self.version}>"


# CPython reads a member of an object in place, as it does a slot; what Cython makes of `readonly`
# is a function for it to call: 170 instructions for each attribute.

cdef PyMemberDef[16] members
cdef int member_count = 0


cdef int add_members(object head, dict values) except -1:
    """Have CPython read these attributes of the head's class by itself; the head has the values."""
    global member_count
    cdef object head_class = type(head)
    cdef PyTypeObject *cls = <PyTypeObject *> head_class
    cdef PyObject **words = <PyObject **> <PyObject *> head
    cdef PyMemberDef *member
    cdef Py_ssize_t at
    for name, value in values.items():
        for at in range(cls.tp_basicsize // <Py_ssize_t> sizeof(PyObject *)):
            if words[at] == <PyObject *> value:
                member = &members[member_count]
                member_count += 1
                member.name = PyUnicode_AsUTF8(name)
                member.type = T_OBJECT_EX
                member.offset = at * sizeof(PyObject *)
                member.flags = READONLY
                (<dict> <object> cls.tp_dict)[name] = PyDescr_NewMember(cls, member)
                break
    PyType_Modified(cls)
    return 0


cdef int make_members() except -1:
    """Values that stand nowhere else show where in the objects the attributes are."""
    cdef RequestHead request = RequestHead.__new__(RequestHead)
    cdef ResponseHead response = ResponseHead.__new__(ResponseHead)
    cdef list texts = [str(number) + "." for number in range(4)]
    cdef list octets = [bytes([number, 0]) for number in range(7)]
    request.method, request.version, request.path, response.version = texts
    (request.target, request.raw_path, request.query, request.authority, request.upgrade,
     response.reason, response.upgrade) = octets
    request.headers, response.headers = [], []
    add_members(request, {
        "method": request.method, "version": request.version, "path": request.path,
        "target": request.target, "raw_path": request.raw_path, "query": request.query,
        "authority": request.authority, "upgrade": request.upgrade, "headers": request.headers,
    })
    add_members(response, {
        "version": response.version, "reason": response.reason, "upgrade": response.upgrade,
        "headers": response.headers,
    })
    return 0


fill_octets()
intern_names()
for _shared in (EMPTY, SLASH, SLASH_PATH, HOST_NAME, NO_PATH, GET, V_1_0, V_1_1):
    set_immortal(_shared)
make_members()
