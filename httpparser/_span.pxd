# A run of input that may continue in the next read.
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from libc.string cimport memcpy

cdef enum:
    LARGEST_KEPT = 16384  # a buffer that has grown past this is not held for the next field


cdef struct Span:
    const char *at  # borrowed from the input until feed_data returns, or equal to `kept`
    size_t length
    char *kept  # owned; grows by doubling, so that any split of the input costs linear time
    size_t room


cdef inline int keep(Span *span, size_t more) except -1:
    """Own the bytes so far, with room for `more`."""
    cdef size_t room = span.room or 64
    cdef char *kept
    while room < span.length + more:
        room *= 2
    if room != span.room:
        kept = <char *>PyMem_Realloc(span.kept, room)
        if kept == NULL:
            raise MemoryError
        if span.at == span.kept:
            span.at = kept
        span.kept = kept
        span.room = room
    if span.at != span.kept:
        memcpy(span.kept, span.at, span.length)
        span.at = span.kept
    return 0


cdef inline int extend(Span *span, const char *at, size_t length) except -1:
    if span.length == 0:
        span.at = at
        span.length = length
    elif span.at != span.kept and span.at + span.length == at:
        span.length += length
    else:
        keep(span, length)
        memcpy(span.kept + span.length, at, length)
        span.length += length
    return 0


cdef inline void forget(Span *span) noexcept:
    """Start anew."""
    span.length = 0
    if span.room > LARGEST_KEPT:
        PyMem_Free(span.kept)
        span.kept = NULL
        span.room = 0
