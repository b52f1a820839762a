"""A finished awaitable."""


cdef class Ready:
    cdef object value  # owned: what awaiting gives


cdef Ready DONE

cdef Ready ready(object value)
