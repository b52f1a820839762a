from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint32_t

from fastserve.asgi._address cimport Addresses
from fastserve.asgi._calls cimport epoll_event
from fastserve.asgi._copies cimport Copies
from fastserve.asgi._guesses cimport Guesses
from fastserve.asgi._pace cimport Pace
from fastserve.asgi._table cimport Table
from fastserve.asgi._transport cimport DirectTransport

# Which sockets of one loop have something to read, or room to write.
cdef class Poller:
    cdef object loop  # owned
    cdef readonly int epoll  # -1: the loop watches each socket by itself
    cdef char *buffer  # owned: where all its sockets read to, one after the other
    cdef bint lent  # a protocol reads there
    cdef Table watched  # borrowed are those that are watched: they are in `transports`
    cdef readonly set transports  # owned: those whose connection is not lost
    cdef list beginning  # owned: transports that are being read for the first time
    cdef list ended  # owned: transports whose protocols do not know it, each with the error or None
    cdef list held  # owned: places for transports whose bytes leave together; a turn is planned
    cdef int first_held, after_held  # which places are taken
    cdef readonly Copies copies  # owned: of bodies, for splice(2)
    cdef bint by_clock, always  # when to hold
    cdef Pace pace
    cdef Guesses guesses
    cdef unsigned int turns  # of ready sockets
    cdef bint asked  # for the time, as an answer was ready
    cdef object clock, cpu_clock  # owned: give the time in nanoseconds; None: the system's
    cdef bint turn_planned
    cdef bint closing  # when the last of them is lost
    cdef Addresses addresses  # owned: of its clients, and ours

    cdef int watch(self, SocketTransport transport, uint32_t events) except -1
    cdef int watch_first(self, SocketTransport transport, uint32_t events) except -1
    cdef int tell_loop(self, SocketTransport transport, uint32_t events) except -1
    cdef int serve_ready(self) except -1
    cdef int find_ready(self, epoll_event *events, PyObject **ready) except -1
    cdef int note_ready(self, SocketTransport transport) noexcept
    cdef int note_turn(self, int count, int right) noexcept
    cdef bint wants_to_hold(self) except -1
    cdef inline int64_t time(self) except? -1
    cdef int hold(self, SocketTransport transport, bytes data) except -1
    cdef int send_old(self) except -1
    cdef int end_holding(self) except -1
    cdef int send_held(self) except -1
    cdef int read_first(self, SocketTransport transport) except -1
    cdef int handle(self, SocketTransport transport, uint32_t events) except -1
    cdef int plan_end(self, SocketTransport transport, object error) except -1
    cdef int plan_turn(self) except -1
    cdef int forget(self, SocketTransport transport) except -1
    cdef int release(self) except -1

cdef class SocketTransport(DirectTransport):
    cdef Poller poller  # owned: that of its loop
    cdef int fd  # owned; -1: it is closed
    cdef object sock  # owned: a socket.socket, for who asks
    cdef bint has_object  # it closes the descriptor; `sock` is cleared first by a collection
    cdef uint32_t watched  # the events that the poller waits for
    cdef object backlog  # owned: a deque of bytes that the socket did not take; None: none
    cdef Py_ssize_t backlog_at  # where the first of them goes on
    cdef Py_ssize_t backlog_size
    cdef Py_ssize_t high, low  # the protocol's limits for it
    cdef Py_ssize_t most_held  # bytes that may wait for the end of the turn
    cdef bytes held  # owned: what leaves with others'; None: nothing
    cdef bint full  # the protocol knows that more waits than `high`
    cdef bint paused  # the protocol does not want to read
    cdef bint much  # the last read filled the shared buffer
    cdef bint fed  # it has had something to read
    cdef int place  # among the guesses; -1: none
    cdef unsigned int turn  # in which it had something
    cdef bint eof_read  # the client sends no more
    cdef bint eof  # we write no more
    cdef bint closing
    cdef bint ending  # connection_lost is planned

    cpdef begin(self, bint at_once=*)
    cdef int receive(self, uint32_t events) except -1
    cdef int read(self) except -1
    cdef int read_apart(self) except -1
    cdef int read_nothing(self, Py_ssize_t count, int error) except -1
    cdef uint32_t wanted(self) noexcept
    cdef bint may_be_guessed(self) noexcept
    cdef int watch(self) except -1
    cdef Py_ssize_t send_some(self, const char *at, size_t length) except -1
    cdef Py_ssize_t sent_nothing(self, int error) except -1
    cdef Py_ssize_t send_first_or_copy(self, list parts) except -1
    cdef Py_ssize_t send_copy(self, bytes body) except -1
    cdef Py_ssize_t send_first(self, object parts) except -1
    cdef int put_piece(self, const char *at, Py_ssize_t length, bytes data) except -1
    cdef bint may_hold(self, Py_ssize_t length) except -1
    cdef int send_one(self) except -1
    cdef int keep(self, bytes data, Py_ssize_t at) except -1
    cdef int send_backlog(self) except -1
    cdef int drop_sent(self, Py_ssize_t sent) except -1
    cdef Py_ssize_t cost(self) except -1
    cdef int check_full(self) except -1
    cdef int shut(self) except -1
    cdef int fail(self, object error) except -1
    cdef int plan_end(self, object error) except -1
    cdef int end(self, object error) except -1
    cdef int close_object(self) except -1
    cdef object object_of(self)
    cdef object name_of(self, bint of_peer)
