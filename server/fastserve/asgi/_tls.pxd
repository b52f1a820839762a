from fastserve.asgi._transport cimport DirectTransport

# What OpenSSL's callbacks see: the records that are read from, and those that are written.
cdef struct Wire:
    const char *at  # borrowed: what has arrived and is not yet read
    size_t left
    char *out  # owned by Buffers
    size_t filled
    bint starved  # OpenSSL wanted more than there is
    bint crowded  # there was no room for all that it wrote

cdef class Buffers:
    cdef Wire wire
    cdef void *bio  # owned: each SSL has a reference too
    cdef char *plain  # owned
    cdef bint lent  # a protocol reads there

cdef class TLSTransport(DirectTransport):
    cdef void *ssl  # owned; NULL: the connection is lost
    cdef Buffers buffers  # owned: those of its loop
    cdef object context  # owned: OpenSSL calls back into it; the tls extension asks for it
    cdef object factory  # owned until the handshake is complete
    cdef object handshake  # owned: a future, until the handshake is complete
    cdef object loop  # owned
    cdef object lower  # owned: the transport of the records; None before it is there
    cdef DirectTransport direct  # owned: the same, if it is ours
    cdef object backlog  # owned: a deque of bytes that are not encrypted yet; None: there are none
    cdef Py_ssize_t backlog_at  # where the first of them goes on
    cdef Py_ssize_t backlog_size
    cdef Py_ssize_t high, low  # the protocol's limits for what waits
    cdef Py_ssize_t answered  # bytes that OpenSSL wrote while the client did not read
    cdef object error  # owned: what ended the session
    cdef bint congested  # bytes wait below that the socket did not take
    cdef bint full  # the protocol knows that more waits than `high`
    cdef bint paused  # the protocol does not want to read
    cdef bint input_ended  # the client has said that it sends no more
    cdef bint closing
    cdef bint eof  # we write no more
    cdef bint notified  # close_notify is sent

    cdef int answer(self) except -1
    cdef bint shake(self) except -1
    cdef int begin(self) except -1
    cdef bytes decrypt(self, size_t *count, bint *ended)
    cdef size_t read_records(self, char *to, size_t room, bint *ended) except? 0
    cdef int end_input(self) except -1
    cdef int take_over(self, bytes data) except -1
    cdef int encrypt(self, const char *at, Py_ssize_t length) except -1
    cdef int flush(self) except -1
    cdef int encrypt_pieces(self, bytes data, Py_ssize_t at) except -1
    cdef int keep(self, bytes data) except -1
    cdef int send_backlog(self) except -1
    cdef Py_ssize_t unsent(self) except -1
    cdef int check_full(self) except -1
    cdef int notify(self) except -1
    cdef int finish(self) except -1
    cdef int fail(self, object error) except -1
