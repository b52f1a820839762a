"""Whole heads, and what RFC 9110 and 9112 demand of them beyond their grammar.

The rules live here, not in a parser, so that every parser refuses the same heads: llhttp's spans
and h11's events both end in a `RequestHead`.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.object cimport PyObject
from cpython.unicode cimport PyUnicode_DecodeASCII
from libc.string cimport memchr, memcmp, memcpy

from httpparser._threads cimport set_immortal
from httpparser.http1._fields cimport (
    IN_TARGET, UPGRADE, Facts, Kind, add_fact, all_in, clear_facts, is_host_and_port, make_pair,
)

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
    str new_ascii "PyUnicode_New"(Py_ssize_t, Py_UCS4)
    void *PyUnicode_1BYTE_DATA(str)
    object PyDescr_NewMember(PyTypeObject *, PyMemberDef *)
    void PyType_Modified(PyTypeObject *)

import sys
from urllib.parse import unquote_to_bytes

from httpparser.errors import (
    ExpectationFailed, HttpParserError, HttpParserInvalidURLError, VersionNotSupported,
)

__all__ = ("RequestHead", "ResponseHead")

cdef bytes EMPTY = b""
cdef bytes SLASH = b"/"
cdef str SLASH_PATH = "/"
cdef bytes HOST_NAME = b"host"
cdef str NO_PATH = ""
cdef str GET = sys.intern("GET")
cdef str V_1_0 = sys.intern("1.0")
cdef str V_1_1 = sys.intern("1.1")


cdef enum:
    MOST_MEMBERS = 16


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

    cdef int set_plain(self, Version version, Facts *facts, const char *at, const char *end,
                       const char *mark, bint percent) except -1:
        """Both, for a path from `at` on and a query from `mark` on, in which no octet is wrong."""
        cdef const char *stop = mark if mark != NULL and mark < end else end
        draw_conclusions(self, version, facts, True)
        if end - at == 1:
            self.target = self.raw_path = SLASH
            self.path = SLASH_PATH
            return 0
        self.target = self.raw_path = PyBytes_FromStringAndSize(at, end - at)
        if stop != end:
            self.query = PyBytes_FromStringAndSize(stop + 1, end - stop - 1)
            self.raw_path = PyBytes_FromStringAndSize(at, stop - at)
        if percent:
            self.path = decode_path(at, stop - at)
        elif stop - at == 1:
            self.path = SLASH_PATH
        else:
            self.path = new_ascii(stop - at, 127)
            memcpy(PyUnicode_1BYTE_DATA(self.path), at, stop - at)
        return 0

    cdef int set_facts(self, Version version, Facts *facts, bint strict) except -1:
        """Draw the conclusions from the fields."""
        return draw_conclusions(self, version, facts, strict)


cdef inline int draw_conclusions(RequestHead self, Version version, Facts *facts,
                                 bint strict) except -1:
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

cdef PyMemberDef[MOST_MEMBERS] members
cdef int member_count = 0


cdef int add_members(object head, dict values) except -1:
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


for _shared in (EMPTY, SLASH, SLASH_PATH, HOST_NAME, NO_PATH, GET, V_1_0, V_1_1):
    set_immortal(_shared)
make_members()
