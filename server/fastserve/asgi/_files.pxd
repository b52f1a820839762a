from libc.stdint cimport int64_t

cdef class File:
    cdef readonly int fd
    cdef readonly int64_t offset
    cdef readonly int64_t count
    cdef bint owned  # to be closed afterwards
    cdef bint seek  # leave the file's position behind what was sent

    cpdef close(self)
    cpdef advance(self, int64_t count)

cdef File open_path(object path)
cdef File part_of(dict message)
