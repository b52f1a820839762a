# A run of input that may continue in the next read.
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy

cdef enum:
    LARGEST_KEPT = 4096  # a buffer that has grown past this is freed with its span


cdef struct Span:
    const char *at  # borrowed from the input until the call returns, or equal to `buffer`
    size_t length
    char *buffer  # owned; grows by doubling, so that any split of the input costs linear time
    size_t room


cdef inline bint is_copied(const Span *span) noexcept nogil:
    return span.length != 0 and span.at == span.buffer


cdef inline int copy_span(Span *span, size_t more) except -1:
    """Copy the bytes so far out of the input, with room for `more`."""
    cdef size_t room = span.room or 64
    cdef char *buffer
    cdef bint copied = is_copied(span)
    while room < span.length + more:
        room *= 2
    if room != span.room:
        buffer = <char *> realloc(span.buffer, room)
        if buffer == NULL:
            raise MemoryError
        span.buffer = buffer
        span.room = room
    if not copied and span.length:
        memcpy(span.buffer, span.at, span.length)
    span.at = span.buffer
    return 0


cdef inline int append(Span *span, const char *at, size_t length) except -1:
    """Copy the bytes so far and these."""
    copy_span(span, length)
    memcpy(span.buffer + span.length, at, length)
    span.length += length
    return 0


cdef inline int extend(Span *span, const char *at, size_t length) except -1:
    """Add the next bytes of the same run; they are copied only where they do not adjoin."""
    if span.length == 0:
        span.at = at
        span.length = length
    elif span.at + span.length == at and span.at != span.buffer:
        span.length += length
    else:
        append(span, at, length)
    return 0


cdef inline void forget(Span *span) noexcept nogil:
    """Empty it."""
    span.length = 0
    if span.room > LARGEST_KEPT:
        free(span.buffer)
        span.buffer = NULL
        span.room = 0
