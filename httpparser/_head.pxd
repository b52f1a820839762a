from libc.stdint cimport int64_t
from libc.string cimport memset

from httpparser._headers cimport Kind

# RFC 9112 3.2: the four forms of a request target.
cdef enum Form:
    ORIGIN
    ABSOLUTE
    AUTHORITY
    ASTERISK

cdef enum Version:
    HTTP_1_0
    HTTP_1_1

# What the fields seen so far say about the message.
cdef struct Facts:
    int hosts
    int lengths
    int64_t content_length
    bint coded  # Transfer-Encoding is present
    bint chunked  # it is chunked, and nothing else
    bint close
    bint stay  # Connection: keep-alive
    bint switch  # Connection: upgrade
    bint expect_continue
    bint expect_other
    bint trailers  # TE: trailers

cdef inline void no_facts(Facts *facts) noexcept:
    memset(facts, 0, sizeof(Facts))
    facts.content_length = -1

cdef int note(Facts *facts, Kind kind, const char *value, size_t length, bint strict) except -1

cdef class RequestHead:
    cdef readonly str method
    cdef readonly str version
    cdef readonly bytes target
    cdef readonly str path
    cdef readonly bytes raw_path
    cdef readonly bytes query
    cdef readonly bytes authority  # of an absolute or authority form, else None
    cdef readonly list headers
    cdef readonly bytes upgrade  # what the client wants to speak, else None
    cdef readonly int64_t content_length  # -1: none was sent
    cdef readonly bint chunked
    cdef readonly bint keep_alive
    cdef readonly bint expect_continue
    cdef readonly bint trailers  # the client takes trailers

    cdef int set_target(self, const char *at, size_t length, bint strict) except -1
    cdef int settle(self, Version version, Facts *facts, bint strict) except -1
    cdef bytes find(self, bytes name)
    cdef int set_authority(self, const char *at, size_t length, bint strict) except -1
    cdef const char *after_authority(self, const char *at, size_t length, bint strict) except NULL

cdef class ResponseHead:
    cdef readonly int status
    cdef readonly bytes reason
    cdef readonly str version
    cdef readonly list headers
    cdef readonly bytes upgrade
    cdef readonly int64_t content_length
    cdef readonly bint chunked
    cdef readonly bint keep_alive
