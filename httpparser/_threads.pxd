# What differs between a CPython with a GIL and one without.
from libc.stdint cimport uint8_t

cdef extern from *:
    """
    #ifdef Py_GIL_DISABLED
    #define HTTPPARSER_HAS_GIL 0
    #define HTTPPARSER_ACQUIRE(flag) (!__atomic_exchange_n((flag), 1, __ATOMIC_ACQUIRE))
    #define HTTPPARSER_RELEASE(flag) __atomic_store_n((flag), 0, __ATOMIC_RELEASE)
    #else
    #define HTTPPARSER_HAS_GIL 1
    #define HTTPPARSER_ACQUIRE(flag) (*(flag) ? 0 : (*(flag) = 1))
    #define HTTPPARSER_RELEASE(flag) (*(flag) = 0)
    #endif
    """
    # Caches that threads would share are left out where a lock would be needed.
    const bint HAS_GIL "HTTPPARSER_HAS_GIL"
    # One call at a time: false if the flag is set already, by a callback or another thread.
    bint acquire "HTTPPARSER_ACQUIRE"(uint8_t *flag) noexcept nogil
    void release "HTTPPARSER_RELEASE"(uint8_t *flag) noexcept nogil
