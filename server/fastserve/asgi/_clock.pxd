# Clocks in nanoseconds, without an object. 0: the system has no such clock.
from libc.stdint cimport int64_t
from posix.time cimport CLOCK_MONOTONIC, CLOCK_THREAD_CPUTIME_ID, clock_gettime, clockid_t, timespec


cdef inline int64_t time_of(clockid_t clock) noexcept nogil:
    cdef timespec now
    if clock_gettime(clock, &now) < 0:
        return 0
    return <int64_t> now.tv_sec * 1000000000 + now.tv_nsec


cdef inline int64_t monotonic_ns() noexcept nogil:
    return time_of(CLOCK_MONOTONIC)


cdef inline int64_t thread_cpu_ns() noexcept nogil:
    """How long this thread has had a CPU."""
    return time_of(CLOCK_THREAD_CPUTIME_ID)
