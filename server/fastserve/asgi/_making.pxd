# Objects that only Cython may make, as they need a channel: their __cinit__ asks may_make().
cdef extern from *:
    """
    #ifdef Py_GIL_DISABLED
    static __thread int fastserve_making;
    #else
    static int fastserve_making;
    #endif
    #define FASTSERVE_WILL_MAKE() ((void) (fastserve_making = 1))
    #define FASTSERVE_MAY_MAKE() (fastserve_making && !(fastserve_making = 0))
    """
    void will_make "FASTSERVE_WILL_MAKE"() noexcept nogil  # the next statement makes one
    bint may_make "FASTSERVE_MAY_MAKE"() noexcept nogil  # once
