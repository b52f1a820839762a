# The end of a connection whose client may still send (RFC 9112 9.6, RFC 9113 5.4.1). To close the
# socket would reset the connection under it, and it could lose the last answer. So only our side is
# closed, and what arrives is dropped for a while.

cdef enum:
    LINGER_SECONDS = 2  # after the client has what was written
    LINGER_BYTES = 1048576  # beyond which nothing is read


cdef inline bint close_our_side(object transport) except -1:
    """False: the client has reset the connection, and the loop has yet to notice."""
    try:
        transport.write_eof()
    except OSError:
        return False
    return True


cdef inline int drop_input(object transport, size_t count, size_t *dropped,
                           bint *reading_paused) except -1:
    """So many bytes have arrived since."""
    dropped[0] += count
    if dropped[0] > LINGER_BYTES and not reading_paused[0]:
        reading_paused[0] = True  # not closed: that would be the reset
        transport.pause_reading()
    return 0
