from libc.stdint cimport uint64_t

cdef class Limits:
    cdef readonly size_t request_line
    cdef readonly size_t field
    cdef readonly size_t fields
    cdef readonly size_t count
    cdef readonly size_t trailers
    cdef readonly size_t chunk_extensions
    cdef readonly uint64_t body
