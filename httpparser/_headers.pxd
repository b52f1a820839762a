from libc.stdint cimport uint32_t, uint64_t
from cpython.object cimport PyObject

# What a field means to the parser; everything else is only carried.
cdef enum Kind:
    OTHER = 0
    HOST
    CONTENT_LENGTH
    TRANSFER_ENCODING
    CONNECTION
    UPGRADE
    EXPECT
    TE

cdef struct Name:
    PyObject *name  # owned: the lower-case bytes, immortal
    uint64_t hash
    Kind kind
    bint secret  # its values are never kept

cdef tuple field(const char *name, size_t name_length, const char *value, size_t value_length,
                 Kind *kind)
cdef bytes spelled_name(const char *at, size_t length)
cdef bint token_in_list(const char *value, size_t length, const char *token,
                        size_t token_length) noexcept nogil
cdef bint equal_fold(const char *value, const char *lower, size_t length) noexcept nogil
