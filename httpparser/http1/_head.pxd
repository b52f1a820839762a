from libc.stdint cimport int64_t

from httpparser.http1._fields cimport Facts

# RFC 9112 3.2: the four forms of a request target.
cdef enum Form:
    ORIGIN
    ABSOLUTE
    AUTHORITY
    ASTERISK

cdef enum Version:
    HTTP_1_0
    HTTP_1_1

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

    cdef int set_facts(self, Version version, Facts *facts, bint strict) except -1
    cdef int set_target(self, const char *at, size_t length, bint strict) except -1
    cdef int set_plain(self, Version version, Facts *facts, const char *at, const char *end,
                       const char *mark, bint percent) except -1

cdef class ResponseHead:
    cdef readonly int status
    cdef readonly bytes reason
    cdef readonly str version
    cdef readonly list headers
    cdef readonly bytes upgrade
    cdef readonly int64_t content_length
    cdef readonly bint chunked
    cdef readonly bint keep_alive

# Have CPython read these attributes of the head's class by itself; the head has the values, which
# stand nowhere else in it.
cdef int add_members(object head, dict values) except -1
