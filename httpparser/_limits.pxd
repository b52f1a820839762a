from libc.stdint cimport uint64_t

cdef class Limits:
    cdef readonly size_t request_line
    cdef readonly size_t field
    cdef readonly size_t fields
    cdef readonly size_t count
    cdef readonly size_t trailers
    cdef readonly size_t chunk_extensions
    cdef readonly uint64_t body

cdef object line_too_long(size_t limit)
cdef object fields_too_large(str name, size_t limit)
cdef object body_too_large(uint64_t limit)
cdef object extensions_too_large(size_t limit)
