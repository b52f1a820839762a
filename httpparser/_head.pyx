"""Whole heads, and what RFC 9110 and 9112 demand of them beyond their grammar.

The rules live here, not in a parser, so that every parser refuses the same heads: llhttp's spans
and h11's events both end in a `RequestHead`.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.unicode cimport PyUnicode_DecodeASCII
from libc.stdint cimport INT64_MAX, int64_t
from libc.string cimport memchr, memcmp

import sys
from urllib.parse import unquote_to_bytes

from httpparser._headers cimport (
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, TE, TRANSFER_ENCODING, UPGRADE, Kind, equal_fold,
    field, token_in_list,
)
from httpparser.errors import (
    ExpectationFailed, HttpParserError, HttpParserInvalidURLError,
    TransferCodingNotImplemented, VersionNotSupported,
)

__all__ = ("RequestHead", "ResponseHead")

cdef bytes EMPTY = b""
cdef bytes SLASH = b"/"
cdef str SLASH_PATH = "/"
cdef bytes HOST_NAME = b"host"
cdef str NO_PATH = ""
cdef str V_1_0 = sys.intern("1.0")
cdef str V_1_1 = sys.intern("1.1")

# RFC 9110 8.4.1 and RFC 9112 7: the codings that exist, and that an origin server need not speak.
KNOWN_CODINGS = {b"chunked", b"compress", b"deflate", b"gzip", b"x-compress", b"x-gzip"}

# RFC 9112 3.2: a target is visible ASCII, without a fragment. 1: may stand in a target; 2: may
# stand in a host by name or IPv4 address as well (RFC 3986 3.2.2).
cdef enum:
    IN_TARGET = 1
    IN_HOST = 2
    MOST_PORT = 65535

cdef unsigned char[256] ALLOWED


cdef void fill_allowed() noexcept:
    cdef int c
    for c in range(0x21, 0x7F):
        ALLOWED[c] = IN_TARGET
    for c in b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=":
        ALLOWED[c] = IN_TARGET | IN_HOST
    ALLOWED[c'#'] = 0


fill_allowed()


cdef inline bint all_allowed(const char *at, size_t length, unsigned char mask) noexcept nogil:
    cdef size_t i
    cdef unsigned char together = mask
    for i in range(length):
        together &= ALLOWED[<unsigned char> at[i]]
    return together == mask


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
            if ALLOWED[<unsigned char> at[0]] & IN_HOST:
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
    """Behind the "]" of an IPv6 or future address, NULL if it is none."""
    cdef bint future = at < end and at[0] | 0x20 == c'v'
    cdef int colons = 0
    while at < end and at[0] != c']':
        if at[0] == c':':
            colons += 1
        elif not (is_hex(at[0]) or at[0] == c'.' or (
            future and ALLOWED[<unsigned char> at[0]] & IN_HOST
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


cdef int note(Facts *facts, Kind kind, const char *value, size_t length, bint strict) except -1:
    """Take in one field that means something to the parser."""
    if kind == HOST:
        facts.hosts += 1
        # RFC 9112 3.2: 400 for an invalid value; an empty one stands for no authority
        if (
            strict and not all_allowed(value, length, IN_HOST)
            and not is_host_and_port(value, length, False)
        ):
            raise HttpParserError("the Host field is not a host and port", code="STRICT_HOST")
    elif kind == CONNECTION:
        facts.close |= token_in_list(value, length, b"close", 5)
        facts.stay |= token_in_list(value, length, b"keep-alive", 10)
        facts.switch |= token_in_list(value, length, b"upgrade", 7)
    elif kind == CONTENT_LENGTH:
        facts.lengths += 1
        facts.content_length = parse_length(value, length)
    elif kind == TRANSFER_ENCODING:
        if facts.coded and strict:
            raise HttpParserError(
                "Transfer-Encoding stands in several fields", code="STRICT_TRANSFER_ENCODING"
            )
        facts.coded = True
        facts.chunked = length == 7 and equal_fold(value, b"chunked", 7)
        if strict and not facts.chunked:
            refuse_coding(value[:length])
    elif kind == EXPECT:
        note_expect(facts, value[:length])
    elif kind == TE:
        facts.trailers |= token_in_list(value, length, b"trailers", 8)
    return 0


cdef int note_expect(Facts *facts, bytes value) except -1:
    # RFC 9110 10.1.1 and 5.6.1.2: a list, whose empty elements do not count
    for element in value.split(b","):
        name = element.strip(b" \t").lower()
        if name == b"100-continue":
            facts.expect_continue = True
        elif name:
            facts.expect_other = True
    return 0


cdef int64_t parse_length(const char *value, size_t length) except -1:
    """RFC 9110 8.6: digits and nothing else, here below 2**63."""
    cdef int64_t total = 0
    cdef size_t i
    for i in range(length):
        if not c'0' <= value[i] <= c'9' or total > (INT64_MAX - 9) // 10:
            length = 0
            break
        total = total * 10 + (value[i] - c'0')
    if length == 0:
        raise HttpParserError(
            "Content-Length is not a number of bytes", code="HPE_INVALID_CONTENT_LENGTH"
        )
    return total


cdef int refuse_coding(bytes value) except -1:
    # RFC 9112 6.1: 501 for a coding that is not understood; 6.3: 400 when chunked is not last.
    codings = [coding.strip(b" \t").lower() for coding in value.split(b",")]
    names = [coding.partition(b";")[0].rstrip(b" \t") for coding in codings]
    if all(names) and (
        codings[-1] == b"chunked" and b"chunked" not in names[:-1]
        or names[-1] not in KNOWN_CODINGS
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
    if memchr(at, c'%', length) == NULL and all_allowed(at, length, IN_TARGET):
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
        no_facts(&facts)
        self.method = method
        self.headers = []
        self.query = EMPTY
        self.authority = self.upgrade = None
        for name, value in headers:
            pair = field(PyBytes_AS_STRING(name), len(name), PyBytes_AS_STRING(value), len(value),
                         &kind)
            self.headers.append(pair)
            if kind:
                note(&facts, kind, PyBytes_AS_STRING(value), len(value), True)
                if kind == UPGRADE:  # RFC 9110 5.3: fields of one name are one list
                    self.upgrade = value if self.upgrade is None else self.upgrade + b", " + value
        self.settle(HTTP_1_1 if version == V_1_1 else HTTP_1_0, &facts, True)
        self.set_target(PyBytes_AS_STRING(target), len(target), True)

    def __repr__(self):
        return f"<RequestHead {self.method} {self.target!r} HTTP/{self.version}>"

    cdef bytes find(self, bytes name):
        """The value of the first field with this lower-case name, else None."""
        cdef tuple pair
        for pair in self.headers:
            if pair[0] == name:
                return <bytes> pair[1]
        return None

    cdef int set_target(self, const char *at, size_t length, bint strict) except -1:
        """Keep the target and its parts. RFC 9112 3.2; needs the method and the headers."""
        cdef Form form
        cdef const char *mark
        cdef const char *end = at + length
        cdef bint connect = self.method == "CONNECT"
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
        if strict and not all_allowed(at, length, IN_TARGET):
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
            self.set_authority(at, length, strict)
            self.raw_path = EMPTY
            self.path = NO_PATH
            return 0
        if form == ABSOLUTE:
            at = self.after_authority(at, length, strict)
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

    cdef int set_authority(self, const char *at, size_t length, bint strict) except -1:
        # RFC 9112 3.2.3: host and port, no userinfo.
        self.authority = PyBytes_FromStringAndSize(at, length)
        if strict and not is_host_and_port(at, length, True):
            raise bad_target(self.method)
        return 0

    cdef const char *after_authority(self, const char *at, size_t length, bint strict) except NULL:
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
            raise bad_target(self.method)
        start += 3
        stop = start
        while stop < end and stop[0] != c'/' and stop[0] != c'?':
            stop += 1
        self.authority = PyBytes_FromStringAndSize(start, stop - start)
        # RFC 9110 4.2.1: no empty host; 4.2.4: userinfo is an attempt to mislead.
        if strict and not is_host_and_port(start, stop - start, False):
            raise bad_target(self.method)
        for i in range(len(self.headers)):
            if (<tuple> self.headers[i])[0] == HOST_NAME:
                self.headers[i] = (HOST_NAME, self.authority)
                return stop
        if strict:  # HTTP/1.0 may have no Host field
            self.headers.insert(0, (HOST_NAME, self.authority))
        return stop

    cdef int settle(self, Version version, Facts *facts, bint strict) except -1:
        """Draw the conclusions from the fields."""
        self.version = V_1_1 if version == HTTP_1_1 else V_1_0
        self.chunked = facts.chunked
        self.trailers = facts.trailers and version == HTTP_1_1
        # RFC 9112 6.3: Transfer-Encoding overrides Content-Length
        self.content_length = -1 if facts.coded else facts.content_length
        self.expect_continue = facts.expect_continue and version == HTTP_1_1
        # RFC 9112 9.3
        self.keep_alive = not facts.close and (version == HTTP_1_1 or facts.stay)
        if version == HTTP_1_0 or not facts.switch:  # RFC 9110 7.8
            self.upgrade = None
        if not strict:
            return 0
        if facts.hosts > 1 or facts.hosts == 0 and version == HTTP_1_1:  # RFC 9112 3.2
            raise HttpParserError("exactly one Host field is needed", code="STRICT_HOST")
        if facts.coded and (facts.lengths or version == HTTP_1_0):  # RFC 9112 6.1
            raise HttpParserError(
                "Transfer-Encoding beside Content-Length, or in HTTP/1.0",
                code="STRICT_TRANSFER_ENCODING",
            )
        if facts.lengths > 1:  # RFC 9112 6.3
            raise HttpParserError("several Content-Length fields", code="STRICT_CONTENT_LENGTH")
        if facts.expect_other and version == HTTP_1_1:  # RFC 9110 10.1.1
            raise ExpectationFailed("the only expectation is 100-continue", code="STRICT_EXPECT")
        return 0


cdef object bad_target(str method):
    return HttpParserInvalidURLError(
        f"the request target has not the form that {method} needs", code="STRICT_TARGET"
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
