"""TLS without the ssl module's objects: OpenSSL, called in C, above our transport of plain bytes.

A TLSTransport is the protocol of a SocketTransport, which reads, notices errors and the end, and
keeps what the socket does not take. To the protocol of the connection it is the transport.

The connections of a loop share their buffers. All that has arrived is decrypted before a protocol
is called, up to a record that is not whole yet, which OpenSSL keeps; what is encrypted is sent
before anything else happens. So an app that runs a nested loop finds the buffers free.

What the socket does not take waits in the transport below, and meanwhile nothing more is
encrypted: bytes that an app sends to many slow clients wait as the one object that they are.

The functions are those of the OpenSSL that the ssl module has loaded: `bind` is told where they are
(fastserve/openssl.py). They are the same in OpenSSL 1.1.1 and 3.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF
from libc.string cimport memcpy

from fastserve.asgi._transport cimport (
    DirectTransport, as_bytes, direct, extra, kept_by_kernel, new_backlog, write_limits,
)

import ssl

__all__ = ("NAMES", "Buffers", "Negotiated", "TLSTransport", "bind")

cdef extern from "Python.h":
    PyObject *new_bytes "PyBytes_FromStringAndSize"(const char *, Py_ssize_t) except NULL
    int _PyBytes_Resize(PyObject **, Py_ssize_t) except -1

cdef enum:
    RECORD = 16384  # RFC 8446 5.1: the most that one carries
    WHOLE = RECORD + 256  # and with it
    SMALL = 4096  # bytes that are decrypted into a buffer, and copied to bytes of the right size
    PIECE = 65536  # bytes that are encrypted before they are sent; 128 KiB cost 100 KB a tenth more
    # Room for a piece and what its records add: in practice 90 bytes each. RFC 5246 6.2.3
    OUTGOING = PIECE + RECORD
    MOST_ANSWERS = 16384  # bytes of OpenSSL's own for a client that does not read: 600 KeyUpdates
    DEFAULT_HIGH = 65536

    # openssl/ssl.h and bio.h; they are part of the ABI.
    SSL_RECEIVED_SHUTDOWN = 2
    SSL_CTRL_MODE = 33
    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER = 2
    SSL_MODE_AUTO_RETRY = 4
    SSL_MODE_RELEASE_BUFFERS = 16
    BIO_FLAGS_READ = 1
    BIO_FLAGS_WRITE = 2
    BIO_FLAGS_SHOULD_RETRY = 8
    BIO_FLAGS_ALL = 15
    BIO_CTRL_FLUSH = 11
    BIO_TYPE_SOURCE_SINK = 0x0400

ctypedef void *(*New)(const void *) noexcept nogil
ctypedef void (*Free)(void *) noexcept nogil
ctypedef int (*Ask)(const void *) noexcept nogil
ctypedef const char *(*Text)(const void *) noexcept nogil
ctypedef int (*ReadBytes)(void *, char *, int) noexcept nogil
ctypedef int (*WriteBytes)(void *, const char *, int) noexcept nogil
ctypedef long (*Control)(void *, int, long, void *) noexcept nogil

cdef struct OpenSSL:
    New SSL_new
    Free SSL_free
    void (*SSL_set_bio)(void *, void *, void *) noexcept nogil
    Free SSL_set_accept_state
    Control SSL_ctrl
    Ask SSL_do_handshake
    ReadBytes SSL_read
    WriteBytes SSL_write
    Ask SSL_pending
    Ask SSL_shutdown
    Ask SSL_get_shutdown
    Text SSL_get_version
    New SSL_get_current_cipher
    Text SSL_CIPHER_get_name
    Text SSL_CIPHER_get_version
    int (*SSL_CIPHER_get_bits)(const void *, int *) noexcept nogil
    void (*SSL_get0_alpn_selected)(const void *, const char **, unsigned int *) noexcept nogil
    void *(*BIO_meth_new)(int, const char *) noexcept nogil
    int (*BIO_meth_set_read)(void *, ReadBytes) noexcept nogil
    int (*BIO_meth_set_write)(void *, WriteBytes) noexcept nogil
    int (*BIO_meth_set_ctrl)(void *, Control) noexcept nogil
    New BIO_new
    Ask BIO_free
    Ask BIO_up_ref
    void (*BIO_set_init)(void *, int) noexcept nogil
    void (*BIO_set_data)(void *, void *) noexcept nogil
    New BIO_get_data
    void (*BIO_set_flags)(void *, int) noexcept nogil
    void (*BIO_clear_flags)(void *, int) noexcept nogil
    void (*ERR_clear_error)() noexcept nogil
    unsigned long (*ERR_peek_last_error)() noexcept nogil
    const char *(*ERR_reason_error_string)(unsigned long) noexcept nogil

NAMES = (
    "SSL_new", "SSL_free", "SSL_set_bio", "SSL_set_accept_state", "SSL_ctrl", "SSL_do_handshake",
    "SSL_read", "SSL_write", "SSL_pending", "SSL_shutdown", "SSL_get_shutdown",
    "SSL_get_version", "SSL_get_current_cipher", "SSL_CIPHER_get_name", "SSL_CIPHER_get_version",
    "SSL_CIPHER_get_bits", "SSL_get0_alpn_selected", "BIO_meth_new", "BIO_meth_set_read",
    "BIO_meth_set_write", "BIO_meth_set_ctrl", "BIO_new", "BIO_free", "BIO_up_ref", "BIO_set_init",
    "BIO_set_data", "BIO_get_data", "BIO_set_flags", "BIO_clear_flags", "ERR_clear_error",
    "ERR_peek_last_error", "ERR_reason_error_string",
)  # in the order of the struct

cdef OpenSSL openssl
cdef void *method = NULL  # how Buffers are read and written, for ever


def bind(list addresses not None):
    """Tell where the functions of NAMES are."""
    global method
    cdef void **place = <void **> &openssl
    cdef void *made
    cdef Py_ssize_t index
    if len(addresses) != len(NAMES) or sizeof(OpenSSL) != len(NAMES) * sizeof(void *):
        raise ValueError("addresses are those of NAMES")
    if method != NULL:
        return
    for index in range(len(addresses)):
        place[index] = <void *> <size_t> addresses[index]
    made = openssl.BIO_meth_new(BIO_TYPE_SOURCE_SINK | 127, b"fastserve")
    if made == NULL:
        raise MemoryError
    openssl.BIO_meth_set_read(made, read_wire)
    openssl.BIO_meth_set_write(made, write_wire)
    openssl.BIO_meth_set_ctrl(made, control_wire)
    method = made


cdef int read_wire(void *bio, char *to, int most) noexcept nogil:
    cdef Wire *wire = <Wire *> openssl.BIO_get_data(bio)
    cdef size_t count = <size_t> most
    openssl.BIO_clear_flags(bio, BIO_FLAGS_ALL)
    if wire.left == 0:
        wire.starved = True
        openssl.BIO_set_flags(bio, BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY)
        return -1
    if count > wire.left:
        count = wire.left
    memcpy(to, wire.at, count)
    wire.at += count
    wire.left -= count
    return <int> count


cdef int write_wire(void *bio, const char *at, int count) noexcept nogil:
    cdef Wire *wire = <Wire *> openssl.BIO_get_data(bio)
    cdef size_t taken = <size_t> count
    openssl.BIO_clear_flags(bio, BIO_FLAGS_ALL)
    if taken > OUTGOING - wire.filled:
        taken = OUTGOING - wire.filled
        if taken == 0:
            wire.crowded = True
            openssl.BIO_set_flags(bio, BIO_FLAGS_WRITE | BIO_FLAGS_SHOULD_RETRY)
            return -1
    memcpy(wire.out + wire.filled, at, taken)
    wire.filled += taken
    return <int> taken


cdef long control_wire(void *bio, int command, long number, void *pointer) noexcept nogil:
    return command == BIO_CTRL_FLUSH


@cython.final
cdef class Buffers:
    """What the TLS connections of one loop share, one after the other."""

    def __cinit__(self):
        if method == NULL:
            raise TypeError("bind() tells first where OpenSSL is")
        self.wire.out = <char *> PyMem_Malloc(OUTGOING)
        self.plain = <char *> PyMem_Malloc(SMALL + WHOLE)
        self.bio = openssl.BIO_new(method)
        if self.wire.out == NULL or self.plain == NULL or self.bio == NULL:
            raise MemoryError
        openssl.BIO_set_data(self.bio, &self.wire)
        openssl.BIO_set_init(self.bio, 1)

    def __dealloc__(self):
        if self.bio != NULL:
            openssl.BIO_free(self.bio)
        PyMem_Free(self.wire.out)
        PyMem_Free(self.plain)


cdef object last_error():
    """What OpenSSL says, an ssl.SSLError; it forgets that."""
    cdef unsigned long code = openssl.ERR_peek_last_error()
    cdef const char *reason = openssl.ERR_reason_error_string(code) if code else NULL
    text = "unknown error" if reason == NULL else reason.decode("ascii", "replace")
    openssl.ERR_clear_error()
    return ssl.SSLError(ssl.SSL_ERROR_SSL, f"TLS failed: {text}")


@cython.final
cdef class Negotiated:
    """What the handshake has agreed on, with the methods of ssl.SSLObject that the server uses.

    Clients are not asked for certificates: see transports.py.
    """

    cdef readonly object context  # owned
    cdef object used  # owned
    cdef object protocol  # owned
    cdef object tls_version  # owned

    def cipher(self):
        return self.used

    def version(self):
        return self.tls_version

    def selected_alpn_protocol(self):
        return self.protocol

    def compression(self):
        return None

    def getpeercert(self, binary_form=False):
        return None

    def get_unverified_chain(self):
        return []


cdef Negotiated negotiated(void *session, object context):
    cdef Negotiated made = Negotiated.__new__(Negotiated)
    cdef void *cipher = openssl.SSL_get_current_cipher(session)
    cdef const char *name = NULL
    cdef unsigned int length = 0
    made.context = context
    made.tls_version = (<bytes> openssl.SSL_get_version(session)).decode("ascii")
    if cipher != NULL:
        made.used = (
            (<bytes> openssl.SSL_CIPHER_get_name(cipher)).decode("ascii"),
            (<bytes> openssl.SSL_CIPHER_get_version(cipher)).decode("ascii"),
            openssl.SSL_CIPHER_get_bits(cipher, NULL),
        )
    openssl.SSL_get0_alpn_selected(session, &name, &length)
    if length:
        made.protocol = name[:length].decode("ascii", "replace")
    return made


@cython.final
cdef class TLSTransport(DirectTransport):
    """`pointer` is the address of the context's SSL_CTX, `handshake` a future.

    `factory` makes the protocol when the handshake is complete; then the future is done. It has
    the OSError of a handshake that fails, after which the transport below is closed.
    """

    def __cinit__(self, Buffers buffers not None, object context, size_t pointer, object factory,
                  object handshake):
        self.buffers = buffers
        self.context = context
        self.factory = factory
        self.handshake = handshake
        self.loop = handshake.get_loop()
        self.high = DEFAULT_HIGH
        self.low = DEFAULT_HIGH // 4
        self.ssl = openssl.SSL_new(<void *> pointer)
        if self.ssl == NULL:
            raise last_error()
        # Two references: as what is read from, and as what is written to, it has one.
        openssl.BIO_up_ref(buffers.bio)
        openssl.SSL_set_bio(self.ssl, buffers.bio, buffers.bio)
        openssl.SSL_ctrl(
            self.ssl, SSL_CTRL_MODE,
            SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_AUTO_RETRY,
            NULL,
        )
        openssl.SSL_set_accept_state(self.ssl)

    def __dealloc__(self):
        if self.ssl != NULL:
            openssl.SSL_free(self.ssl)

    # -- the protocol of the transport below ---------------------------------------------------

    def connection_made(self, transport):
        self.lower = transport
        self.direct = direct(transport)
        transport.set_write_buffer_limits(high=0)  # to know of each byte that waits
        self.hold_within(self.high)

    def data_received(self, bytes data not None):
        self.take(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))

    def eof_received(self):
        """The end without close_notify: perhaps something was cut off. RFC 8446 6.1"""
        if self.handshake is not None:
            return False
        self.close()
        return True

    def connection_lost(self, error):
        protocol = self.protocol
        self.closing = True
        if self.ssl != NULL:
            openssl.SSL_free(self.ssl)
            self.ssl = NULL
        self.backlog = None
        self.backlog_size = 0
        self.forget_protocol()
        self.factory = None
        if self.handshake is not None:
            if not self.handshake.done():
                self.handshake.set_exception(
                    error or ConnectionResetError("the client left during the TLS handshake")
                )
            self.handshake = None
        elif protocol is not None:
            protocol.connection_lost(error or self.error)
        self.error = None  # its traceback may lead back here

    def pause_writing(self):
        self.congested = True

    def resume_writing(self):
        self.congested = False
        self.answered = 0
        if self.ssl == NULL or self.lower.is_closing():
            return
        self.send_backlog()
        if self.backlog is None:
            if self.closing:
                self.finish()
            elif self.eof:
                self.notify()
                self.lower.write_eof()
        if self.full and self.unsent() <= self.low:
            self.full = False
            if self.protocol is not None:
                self.protocol.resume_writing()

    # -- reading -------------------------------------------------------------------------------

    cdef int take(self, const char *at, size_t count) except -1:
        """These bytes have arrived."""
        cdef Wire *wire = &self.buffers.wire
        cdef bint begins = self.handshake is not None, ended = False
        cdef size_t plain = 0
        cdef bytes data
        if self.closing or self.ssl == NULL or begins and self.handshake.done():
            return 0
        wire.at = at
        wire.left = count
        try:
            if begins and not self.shake():
                return self.flush()
            data = self.decrypt(&plain, &ended)
        finally:
            wire.left = 0  # nobody reads what is no longer there
        if wire.filled:
            self.answer()
        if self.closing:
            return 0
        if begins:
            self.begin()
        if data is not None:
            self.give(PyBytes_AS_STRING(data), plain)
        elif plain:
            self.buffers.lent = True
            try:
                self.give(self.buffers.plain, plain)
            finally:
                self.buffers.lent = False
        if ended and not self.closing:
            self.end_input()
        return 0

    cdef int answer(self) except -1:
        """Send what OpenSSL has written by itself: a handshake's end, answers to KeyUpdates."""
        cdef Wire *wire = &self.buffers.wire
        if self.notified:
            wire.filled = 0
            wire.crowded = False
            return 0
        if self.congested:
            self.answered += wire.filled
        self.flush()
        if self.answered > MOST_ANSWERS:
            self.abort()
        return 0

    cdef bint shake(self) except -1:
        """Go on with the handshake; whether it is complete."""
        cdef Wire *wire = &self.buffers.wire
        openssl.ERR_clear_error()
        wire.starved = False
        while openssl.SSL_do_handshake(self.ssl) != 1:
            if wire.starved:
                openssl.ERR_clear_error()
                return False
            if wire.crowded:
                self.flush()
            else:
                self.fail(last_error())
                return False
        openssl.ERR_clear_error()
        return True

    cdef int begin(self) except -1:
        """The handshake is complete: let the protocol begin."""
        future, factory = self.handshake, self.factory
        self.handshake = self.factory = None
        future.set_result(None)
        protocol = factory()
        self.adopt(protocol)
        protocol.connection_made(self)
        return 0

    cdef bytes decrypt(self, size_t *count, bint *ended):
        """What the whole records hold, if anything. `ended`: nothing follows.

        None: it is in the buffer of all; a nested loop that an app runs does not use that.
        """
        cdef Wire *wire = &self.buffers.wire
        # OpenSSL may have a record but for its last bytes.
        cdef size_t room = wire.left + WHOLE
        cdef PyObject *made
        cdef bytes data
        if wire.left <= SMALL and not self.buffers.lent:
            count[0] = self.read_records(self.buffers.plain, room, ended)
            return None
        made = new_bytes(NULL, room)
        try:
            count[0] = self.read_records(PyBytes_AS_STRING(<object> made), room, ended)
        finally:
            _PyBytes_Resize(&made, count[0])
            data = <bytes> made
            Py_DECREF(data)
        return data

    cdef size_t read_records(self, char *to, size_t room, bint *ended) except? 0:
        cdef Wire *wire = &self.buffers.wire
        cdef size_t total = 0
        cdef int count
        wire.starved = False
        while True:
            count = openssl.SSL_read(self.ssl, to + total, <int> min(room - total, <size_t> WHOLE))
            if count > 0:
                total += count
                if wire.left == 0 and openssl.SSL_pending(self.ssl) == 0:
                    break
            elif wire.starved:
                break
            elif wire.crowded:
                self.answer()
                if self.closing:
                    break
            else:
                ended[0] = True
                # A fatal alert looks like close_notify but for the error, which is taken at once:
                # whoever uses OpenSSL next in this thread would find it. See SSL_get_error(3).
                if openssl.ERR_peek_last_error():
                    self.error = last_error()
                break
        return total

    cdef int end_input(self) except -1:
        """close_notify, or an error. RFC 8446 6"""
        if self.error is None and openssl.SSL_get_shutdown(self.ssl) & SSL_RECEIVED_SHUTDOWN:
            self.input_ended = True
            self.tell_end()
            return 0
        return self.fail(self.error or last_error())

    def tell_end(self):
        """The end comes after the rest: a protocol that has yet to read that pauses reading."""
        if not (self.paused or self.closing):
            self.protocol.eof_received()
            self.close()

    # -- writing -------------------------------------------------------------------------------

    cdef int put(self, const char *at, Py_ssize_t length) except -1:
        if self.closing or self.eof or length == 0:
            return 0
        if self.congested or self.backlog is not None or length > PIECE:
            return self.put_bytes(PyBytes_FromStringAndSize(at, length))
        self.encrypt(at, length)
        self.flush()
        return self.check_full() if self.congested else 0

    cdef int put_bytes(self, bytes data) except -1:
        if self.closing or self.eof:
            return 0
        self.take_over(data)
        self.flush()
        return self.check_full() if self.congested else 0

    cdef int put_parts(self, list parts) except -1:
        """In one write, as far as the buffer holds them."""
        cdef bytes data
        if self.closing or self.eof:
            return 0
        for data in parts:
            self.take_over(data)
        self.flush()
        return self.check_full() if self.congested else 0

    cdef int take_over(self, bytes data) except -1:
        """Encrypt it, or keep it behind what waits; the caller sends."""
        if PyBytes_GET_SIZE(data) == 0:
            return 0
        if self.congested or self.backlog is not None:
            return self.keep(data)
        return self.encrypt_pieces(data, 0)

    cdef int encrypt(self, const char *at, Py_ssize_t length) except -1:
        if length == 0 or self.error is not None:
            return 0
        while openssl.SSL_write(self.ssl, at, <int> length) <= 0:
            if self.buffers.wire.crowded:
                self.flush()
            else:
                return self.fail(last_error())
        return 0

    cdef int flush(self) except -1:
        """Send the records that are written."""
        cdef Wire *wire = &self.buffers.wire
        cdef size_t length = wire.filled
        wire.crowded = False
        wire.filled = 0
        if length == 0:
            return 0
        try:
            if self.direct is not None:
                self.direct.put(wire.out, length)
            else:
                self.lower.write(PyBytes_FromStringAndSize(wire.out, length))
        except BaseException:
            self.abort()  # no record may be missing
            raise
        return 0

    cdef int encrypt_pieces(self, bytes data, Py_ssize_t at) except -1:
        """From `at` on; whole pieces are sent, the last is for the caller to send.

        When the socket takes no more, the rest is kept, in front of everything else.
        """
        cdef Wire *wire = &self.buffers.wire
        cdef Py_ssize_t length = PyBytes_GET_SIZE(data), count
        while at < length and self.error is None:
            if self.congested:
                if self.backlog is None:
                    self.backlog = new_backlog()
                self.backlog.appendleft(data)
                self.backlog_at = at
                self.backlog_size += length - at
                return 0
            count = min(length - at, PIECE - <Py_ssize_t> wire.filled)
            if count > 0:
                self.encrypt(PyBytes_AS_STRING(data) + at, count)
                at += count
            if at < length:
                self.flush()
        return 0

    cdef int keep(self, bytes data) except -1:
        if self.backlog is None:
            self.backlog = new_backlog()
            self.backlog_at = 0
        self.backlog.append(data)
        self.backlog_size += PyBytes_GET_SIZE(data)
        return 0

    cdef int send_backlog(self) except -1:
        """What waits, as far as the socket takes it."""
        cdef bytes data
        cdef Py_ssize_t at
        while self.backlog is not None and not self.congested:
            data = self.backlog.popleft()
            at = self.backlog_at
            self.backlog_at = 0
            self.backlog_size -= PyBytes_GET_SIZE(data) - at
            if not self.backlog:
                self.backlog = None
            self.encrypt_pieces(data, at)
        return self.flush()

    cdef Py_ssize_t unsent(self) except -1:
        return self.backlog_size + <Py_ssize_t> self.lower.get_write_buffer_size()

    cdef int check_full(self) except -1:
        if not self.full and self.protocol is not None and self.unsent() > self.high:
            self.full = True
            self.protocol.pause_writing()
        return 0

    # -- the end -------------------------------------------------------------------------------

    cdef int notify(self) except -1:
        """Say that we send no more. RFC 8446 6.1"""
        if not self.notified:
            self.notified = True
            if self.error is None:
                openssl.SSL_shutdown(self.ssl)
                openssl.ERR_clear_error()
            self.flush()
        return 0

    cdef int finish(self) except -1:
        """All is sent. Nobody has to wait for the client's close_notify."""
        self.notify()
        self.lower.close()
        return 0

    cdef int fail(self, object error) except -1:
        """Send the alert that OpenSSL has written, if it can be sent at once."""
        self.flush()
        self.closing = True
        self.backlog = None
        self.backlog_size = 0
        self.error = error
        if self.handshake is not None and not self.handshake.done():
            self.handshake.set_exception(error)
        if self.lower.get_write_buffer_size():
            self.lower.abort()
        else:
            self.lower.close()
        return 0

    # -- asyncio.Transport, of the protocol ----------------------------------------------------

    def write(self, data):
        self.put_bytes(as_bytes(data))

    def writelines(self, parts):
        self.put_parts([as_bytes(part) for part in parts])

    def can_write_eof(self):
        return True

    def write_eof(self):
        """After what was written: close_notify and the end. The client may go on."""
        if not (self.eof or self.closing):
            self.eof = True
            if self.backlog is None:
                self.notify()
                self.lower.write_eof()

    def close(self):
        """Close when all is sent."""
        if not self.closing:
            self.closing = True
            if self.backlog is None:
                self.finish()
            else:
                self.lower.pause_reading()

    def abort(self):
        """Close now; what was not sent is lost."""
        self.closing = True
        self.backlog = None
        self.backlog_size = 0
        if self.lower is not None:
            self.lower.abort()

    def is_closing(self):
        return self.closing or self.lower.is_closing()

    def is_reading(self):
        return self.lower.is_reading()

    def pause_reading(self):
        self.paused = True
        self.lower.pause_reading()

    def resume_reading(self):
        self.paused = False
        if self.input_ended:
            self.loop.call_soon(self.tell_end)  # the protocol is in the middle of something
        elif not self.closing:
            self.lower.resume_reading()

    def get_write_buffer_size(self):
        return self.unsent()

    def get_write_buffer_limits(self):
        return self.low, self.high

    def set_write_buffer_limits(self, high=None, low=None):
        self.low, self.high = write_limits(high, low)
        self.hold_within(self.high)
        self.check_full()

    cdef int limit(self, Py_ssize_t high) except -1:
        self.low, self.high = high // 4, high
        self.hold_within(high)
        return self.check_full()

    cdef int let_go(self) except -1:
        return 0 if self.direct is None else self.direct.let_go()

    cdef int hold_within(self, Py_ssize_t high) noexcept:
        """The limit of the transport below says only that this one wants to be told."""
        return 0 if self.direct is None else self.direct.hold_within(high)

    cdef Py_ssize_t in_flight(self) except -1:
        return kept_by_kernel(self.lower, self.direct)

    cdef object find(self, object name):
        if name == "ssl_object":
            return None if self.ssl == NULL else negotiated(self.ssl, self.context)
        if name == "sslcontext":
            return self.context
        return extra(self.lower, self.direct, name)
