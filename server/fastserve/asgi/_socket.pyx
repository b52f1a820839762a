"""The transport of plain bytes: recv(2) and send(2), called in C, for the sockets that are ready.

The transports of uvloop and asyncio do the same, with a call in Python, a turn of the GIL and an
object or two for each read. Here the loop watches one descriptor, an epoll(7) of the sockets of all
connections; when something is ready there, they are read one after the other, and each protocol is
called with what has come. So a request costs the same on every loop. Where there is no epoll, the
loop watches each socket.

Each ready socket is read once, up to 64 KiB or, where more is coming, 256 KiB; then the others have
their turn, and after at most 128 of them the loop. Those of clients that always have something are
read again without asking which are ready (`_guesses`).

A client is read as soon as it is accepted: most have sent their request by then, and one that wants
no second is never watched.

To send wakes the client, and where that runs on another core of the same machine, as a proxy does,
this may take longer than to answer. So small answers of one turn of the loop are held, one for each
socket, and leave together: after a quarter of what the last turn took, at most 1 ms, and at its
end. Whether it pays depends on the clients, the system and the answers; so both ways are tried, and
that is taken which costs less CPU time (`_pace`). Where answers follow each other in more than
200 us, none is held: to wake a client is little beside them.
What is held leaves before anything else is done to its transport, or asked of it.

Of a body that is sent again and again, `_copies` has a copy, which splice(2) sends.

A socket that reports what nobody wants is no longer watched; so to pause and to resume reading
within a turn costs no system call.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_XDECREF, Py_XINCREF
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport int64_t, uint32_t

from fastserve.asgi._address cimport Addresses
from fastserve.asgi._calls cimport (
    EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD, EPOLLIN, EPOLLOUT, FASTSERVE_EPOLL,
    MSG_DONTWAIT, MSG_MORE, MSG_NOSIGNAL, SHUT_WR, close, epoll_create1, epoll_event,
    epoll_wait, iovec, may_block, os_error, recv, send, send_parts, sendfile, shutdown, watch_fd,
)
from fastserve.asgi._clock cimport monotonic_ns, thread_cpu_ns
from fastserve.asgi._context cimport leave_context, return_to_context
from fastserve.asgi._copies cimport LEAST_TO_COPY, Copies
from fastserve.asgi._files cimport File
from fastserve.asgi._guesses cimport (
    FEW, MOST_EVENTS, MOST_MISSES, add_busy, guess, is_busy, may_guess, note_asked, note_right,
)
from fastserve.asgi._in_flight cimport bytes_in_flight
from fastserve.asgi._pace cimport decide, end_turn, hold_first, is_long, pays, take_way
from fastserve.asgi._table cimport make_room
from fastserve.asgi._threads cimport has_others
from fastserve.asgi._transport cimport (
    DirectTransport, PyGC_Disable, PyGC_Enable, as_bytes, new_backlog, write_limits,
)

import socket

__all__ = ("HAS_EPOLL", "Poller", "SocketTransport")

cdef extern from "Python.h":
    PyObject *new_bytes "PyBytes_FromStringAndSize"(const char *, Py_ssize_t) except NULL
    int _PyBytes_Resize(PyObject **, Py_ssize_t) except -1

cdef enum:
    MOST_READS = 4  # of one socket, where there is no epoll
    SHARED = 65536  # bytes of a first read
    MUCH = 262144  # of one that follows a full one
    MAX_PARTS = 16  # of what waits, in one call
    MOST_OF_A_FILE = 1 << 20  # bytes for one call, so that other connections have their turn
    DEFAULT_HIGH = 65536
    PIECE = 64  # bytes of memory for each object that waits, besides its own
    MOST_HELD = 16384  # bytes of one socket
    FLAGS = MSG_DONTWAIT | MSG_NOSIGNAL

HAS_EPOLL = bool(FASTSERVE_EPOLL)


@cython.final
cdef class Poller:
    """One for each loop. Raises OSError.

    `epoll` false: as where there is no epoll(7). `hold`: whether small answers wait for the end of
    the turn; None: where that pays. `clock` and `cpu_clock`: for tests, what give the time and that
    of the thread on its CPU, in nanoseconds. `copies`: bytes of memory for copies of bodies.
    """

    def __cinit__(
        self, loop, bint epoll=HAS_EPOLL, hold=None, clock=None, cpu_clock=None,
        Py_ssize_t copies=0,
    ):
        self.loop = loop
        self.copies = Copies(loop, copies)
        self.clock = clock
        self.cpu_clock = cpu_clock
        self.by_clock = hold is None
        take_way(&self.pace.trial, True)
        self.always = bool(hold)
        self.addresses = Addresses()
        self.epoll = -1
        self.transports = set()
        self.ended, self.beginning = [], []
        self.held = [None] * MOST_EVENTS
        self.buffer = <char *> PyMem_Malloc(SHARED)
        if self.buffer == NULL:
            raise MemoryError
        if epoll:
            self.epoll = epoll_create1(EPOLL_CLOEXEC)
            if self.epoll < 0:
                raise os_error(errno)
            loop.add_reader(self.epoll, self.poll)

    def __dealloc__(self):
        if self.epoll >= 0:
            close(self.epoll)
        PyMem_Free(self.buffer)
        PyMem_Free(self.watched.at)

    def accept(self, int listener):
        """The descriptor of a client's socket, which does not block; -1: none waits.

        `listener` is a descriptor. Raises OSError.
        """
        return self.addresses.accept(listener)

    def serve(self, int fd, factory, bint at_once):
        """Make a transport and its protocol for an accepted socket, which it closes.

        `at_once`: it reads what has come already; not within a task. Raises OSError.
        """
        cdef SocketTransport transport
        try:
            transport = SocketTransport.__new__(SocketTransport, self, fd, factory())
        except BaseException:
            close(fd)
            self.addresses.forget(fd)
            raise
        transport.begin(at_once)

    def poll(self):
        """Something is ready: read and write what is."""
        entered = leave_context()
        try:
            self.serve_ready()
        finally:
            return_to_context(entered)

    cdef int serve_ready(self) except -1:
        cdef epoll_event events[MOST_EVENTS]
        cdef PyObject *ready[MOST_EVENTS]
        cdef int count, index = 0, right = 0
        cdef bint guessed
        self.send_held()  # by tasks, or in the turn within which an app runs a nested loop
        if self.epoll < 0:
            return 0
        self.turns += 1
        count = self.find_ready(events, ready)
        guessed = self.guesses.turns > 0
        try:
            while index < count:
                index += 1
                if ready[index - 1] != NULL:  # else an app has closed a descriptor of ours, say
                    transport = <SocketTransport> ready[index - 1]
                    Py_DECREF(transport)
                    if guessed and not transport.may_be_guessed():
                        continue  # an app has it, or the protocol has paused, since
                    transport.fed = False
                    self.handle(transport, events[index - 1].events)
                    if transport.fed:
                        right += 1
                        self.note_ready(transport)
                    self.send_old()
        finally:
            while index < count:
                Py_XDECREF(ready[index])
                index += 1
            self.note_turn(count, right)
            self.end_holding()
        return 0

    cdef int find_ready(self, epoll_event *events, PyObject **ready) except -1:
        """Those whose turn it is, with their events. References, or NULL, are the caller's."""
        cdef int count, index
        cdef int64_t now = self.time() if self.guesses.count >= FEW else 0
        if may_guess(&self.guesses, now) and not self.lent:
            count = guess(&self.guesses, events)
        else:
            count = epoll_wait(self.epoll, events, MOST_EVENTS, 0)
            note_asked(&self.guesses, now)
        # One may close another, or an app run a nested loop: keep them until it is their turn.
        for index in range(count):
            ready[index] = self.watched.at[events[index].data.fd]
            Py_XINCREF(ready[index])
        return count

    cdef int note_ready(self, SocketTransport transport) noexcept:
        """It had something in this turn."""
        transport.turn = self.turns
        if not is_busy(&self.guesses, transport.fd, transport.place) and transport.may_be_guessed():
            transport.place = add_busy(&self.guesses, transport.fd)
        return 0

    cdef int note_turn(self, int count, int right) noexcept:
        """A turn of so many is over, of which so many had something: who is still busy?"""
        cdef PyObject *found
        cdef int index, fd, kept = 0
        if self.guesses.turns:
            note_right(&self.guesses, right)
        elif count == MOST_EVENTS:  # others may be waiting, whom epoll could not name
            self.guesses.count = 0
        for index in range(self.guesses.count):
            fd = self.guesses.fds[index]
            found = self.watched.at[fd]
            if found == NULL or (<SocketTransport> found).place != index:
                continue  # another connection has this descriptor now
            transport = <SocketTransport> found
            if self.turns - transport.turn < MOST_MISSES:
                transport.place = kept
                self.guesses.fds[kept] = fd
                kept += 1
        self.guesses.count = kept
        return 0

    cdef bint wants_to_hold(self) except -1:
        """An answer is ready: whether it should wait for others."""
        cdef int64_t now
        if not self.by_clock:
            return self.always
        self.pace.trial.left -= 1
        if self.pace.trial.left <= 0:
            decide(
                &self.pace.trial,
                thread_cpu_ns() if self.cpu_clock is None else self.cpu_clock(),
            )
        if not self.pace.trial.holds:
            return False
        now = self.time()
        self.asked = True
        if self.after_held and is_long(&self.pace, now):
            self.send_held()
        return pays(&self.pace, now)

    cdef inline int64_t time(self) except? -1:
        return monotonic_ns() if self.clock is None else self.clock()

    cdef int hold(self, SocketTransport transport, bytes data) except -1:
        """It keeps this piece, which leaves with those of others."""
        if self.after_held == MOST_EVENTS:  # one protocol writes to many
            self.send_held()
        self.held[self.after_held] = transport
        self.after_held += 1
        transport.held = data
        if self.after_held == 1:
            hold_first(&self.pace)
        self.pace.held += 1
        try:
            self.plan_turn()  # which may run the garbage collector, and that code that writes
        except BaseException:
            if transport.held is data:
                transport.held = None  # its place means nothing
            raise
        return 0

    cdef int send_old(self) except -1:
        """Send what is held, if that has been long enough. An answer has seen to that, too."""
        if self.asked:
            self.asked = False
        elif self.after_held and self.by_clock and is_long(&self.pace, self.time()):
            self.send_held()
        return 0

    cdef int end_holding(self) except -1:
        """The turn ends: send what is held, and learn how long the next may hold."""
        if self.pace.held:
            end_turn(&self.pace, self.time())
        return self.send_held()

    cdef int send_held(self) except -1:
        """No protocol is called: nobody's is full, and none is closing.

        Nor is garbage collected: the end of a coroutine may write, while who lets go is about to.
        """
        cdef SocketTransport transport = None
        cdef bint collects
        if self.after_held == 0:
            return 0
        collects = PyGC_Disable()
        try:
            while self.first_held < self.after_held:
                try:
                    while self.first_held < self.after_held:
                        transport = <SocketTransport> self.held[self.first_held]
                        self.held[self.first_held] = None
                        self.first_held += 1
                        transport.send_one()
                except BaseException as error:
                    transport.fail(error)
            self.first_held = self.after_held = 0
        finally:
            if collects:
                PyGC_Enable()
        return 0

    cdef int read_first(self, SocketTransport transport) except -1:
        """Before it is watched: if the app runs a nested loop, that loop is the first to watch."""
        entered = leave_context()
        self.beginning.append(transport)
        self.plan_turn()
        try:
            self.handle(transport, 0)
        finally:
            self.beginning.remove(transport)
            return_to_context(entered)
        return 0

    cdef int handle(self, SocketTransport transport, uint32_t events) except -1:
        """It has these events; 0: it is new, and may have something to read.

        SystemExit and KeyboardInterrupt are the loop's affair; the rest ends the connection.
        """
        try:
            if events:
                transport.receive(events)
            elif not transport.paused and not transport.closing:
                transport.read()
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self.loop.call_exception_handler({
                "message": "Fatal error: the protocol of a connection failed",
                "exception": error,
                "transport": transport,
                "protocol": transport.protocol,
            })
            transport.fail(error)
        return 0

    cdef int watch(self, SocketTransport transport, uint32_t events) except -1:
        """Wait for these events of its socket, and no others. Raises OSError.

        An app may have closed its descriptor, and another transport may have the number by now.
        """
        cdef int fd = transport.fd
        if events == transport.watched:
            return 0
        if self.epoll < 0:
            self.tell_loop(transport, events)
        elif transport.watched == 0:
            self.watch_first(transport, events)
        elif self.watched.at[fd] == <PyObject *> transport:
            if events == 0:
                self.watched.at[fd] = NULL
                watch_fd(self.epoll, EPOLL_CTL_DEL, fd, 0)
            elif watch_fd(self.epoll, EPOLL_CTL_MOD, fd, events) < 0:
                raise os_error(errno)
        transport.watched = events
        return 0

    cdef int watch_first(self, SocketTransport transport, uint32_t events) except -1:
        cdef int fd = transport.fd
        make_room(&self.watched, fd)
        if watch_fd(self.epoll, EPOLL_CTL_ADD, fd, events) < 0:
            raise os_error(errno)
        self.watched.at[fd] = <PyObject *> transport
        return 0

    cdef int tell_loop(self, SocketTransport transport, uint32_t events) except -1:
        cdef uint32_t before = transport.watched
        if events & EPOLLIN and not before & EPOLLIN:
            self.loop.add_reader(transport.fd, self.on_event, transport, EPOLLIN)
        elif before & EPOLLIN and not events & EPOLLIN:
            self.loop.remove_reader(transport.fd)
        if events & EPOLLOUT and not before & EPOLLOUT:
            self.loop.add_writer(transport.fd, self.on_event, transport, EPOLLOUT)
        elif before & EPOLLOUT and not events & EPOLLOUT:
            self.loop.remove_writer(transport.fd)
        return 0

    def on_event(self, SocketTransport transport, uint32_t events):
        """uvloop tells of bytes and an error that come together once, and then no more."""
        for _ in range(MOST_READS):
            transport.fed = False
            self.handle(transport, events)
            if not transport.fed or not transport.watched & events & EPOLLIN:
                break

    cdef int plan_end(self, SocketTransport transport, object error) except -1:
        """One call of the loop for all that end in a turn."""
        self.ended.append((transport, error))
        return self.plan_turn()

    cdef int plan_turn(self) except -1:
        if not self.turn_planned:
            self.loop.call_soon(self.turn)
            self.turn_planned = True
        return 0

    def turn(self):
        """The next turn of the loop: watch who is new, tell the protocols whose client is gone."""
        cdef list ended = self.ended
        cdef SocketTransport transport
        self.turn_planned = False
        self.end_holding()
        for transport in tuple(self.beginning):
            transport.watch()
        self.ended = []
        ended.reverse()
        try:
            while ended:
                transport, error = ended.pop()
                transport.end(error)
        finally:
            for transport, error in reversed(ended):  # a protocol has failed
                self.plan_end(transport, error)

    cdef int forget(self, SocketTransport transport) except -1:
        self.transports.discard(transport)
        if self.closing and not self.transports:
            self.release()
        return 0

    def close(self):
        """Let go of the loop, when the last connection is lost."""
        self.closing = True
        if not self.transports:
            self.release()

    cdef int release(self) except -1:
        cdef int epoll = self.epoll
        self.copies.close()
        if epoll >= 0:
            self.epoll = -1
            try:
                self.loop.remove_reader(epoll)
            finally:
                close(epoll)
        return 0


@cython.final
cdef class SocketTransport(DirectTransport):
    """An asyncio.Transport on `fd`, a socket that was accepted and does not block. It closes it.

    begin() tells the protocol.
    """

    def __cinit__(self, Poller poller not None, int fd, protocol):
        self.poller = poller
        self.fd = -1
        self.place = -1
        self.high = DEFAULT_HIGH
        self.low = DEFAULT_HIGH // 4
        self.hold_within(self.high)
        self.adopt(protocol)
        self.fd = fd

    def __dealloc__(self):
        if self.fd >= 0 and not self.has_object:  # its loop was closed
            close(self.fd)

    cpdef begin(self, bint at_once=False):
        """Tell the protocol; `at_once`, give it what has come already. Raises OSError."""
        try:
            self.poller.transports.add(self)
            self.protocol.connection_made(self)
            if at_once and not self.poller.lent:
                self.poller.read_first(self)
            self.poller.watch(self, self.wanted())
        except BaseException:
            self.abort()
            raise

    # -- reading -------------------------------------------------------------------------------

    cdef int receive(self, uint32_t events) except -1:
        """The socket has these events."""
        if self.watched & EPOLLOUT and events & ~<uint32_t> EPOLLIN and self.backlog is not None:
            self.send_backlog()
        if self.watched & EPOLLIN and events & ~<uint32_t> EPOLLOUT:
            if self.paused or self.closing:
                return self.watch()
            if self.much or self.poller.lent:
                return self.read_apart()
            return self.read()
        return 0

    cdef int read(self) except -1:
        """Into what all sockets share. A nested loop that an app runs does not read there."""
        cdef Poller poller = self.poller
        cdef char *buffer = poller.buffer
        cdef Py_ssize_t count = recv(self.fd, buffer, SHARED, MSG_DONTWAIT)
        if count <= 0:
            return self.read_nothing(count, errno)
        self.much = count == SHARED
        self.fed = True
        poller.lent = True
        try:
            return self.give(buffer, count)
        finally:
            poller.lent = False

    cdef int read_apart(self) except -1:
        """Into an object of its own."""
        cdef PyObject *made = new_bytes(NULL, MUCH)
        cdef Py_ssize_t count = recv(self.fd, PyBytes_AS_STRING(<object> made), MUCH, MSG_DONTWAIT)
        cdef int error = errno
        cdef bytes data
        self.much = count >= SHARED
        _PyBytes_Resize(&made, max(count, 0))
        data = <bytes> made
        Py_DECREF(data)
        if count <= 0:
            return self.read_nothing(count, error)
        self.fed = True
        return self.give(PyBytes_AS_STRING(data), count)

    cdef int read_nothing(self, Py_ssize_t count, int error) except -1:
        """The end of the input, or an error."""
        if count < 0:
            return 0 if error == EAGAIN or error == EINTR else self.fail(os_error(error))
        self.eof_read = True
        if not self.protocol.eof_received():
            self.close()
        return self.watch()

    cdef uint32_t wanted(self) noexcept:
        """The events that somebody waits for."""
        cdef uint32_t events = 0
        if not (self.paused or self.closing or self.eof_read):
            events |= EPOLLIN
        if self.backlog is not None:
            events |= EPOLLOUT
        return events

    cdef bint may_be_guessed(self) noexcept:
        """Whether to read it although nobody says that it has something."""
        return self.fd >= 0 and not (self.paused or self.has_object)

    cdef int watch(self) except -1:
        """A socket that cannot be watched is lost."""
        try:
            self.poller.watch(self, self.wanted())
        except OSError as error:
            self.fail(error)
        return 0

    # -- writing -------------------------------------------------------------------------------

    cdef Py_ssize_t send_some(self, const char *at, size_t length) except -1:
        """As much as the socket takes at once, while nothing waits."""
        cdef Py_ssize_t sent = send(self.fd, at, length, FLAGS | (MSG_MORE if self.more else 0))
        return sent if sent >= 0 else self.sent_nothing(errno)

    cdef Py_ssize_t sent_nothing(self, int error) except -1:
        if error != EAGAIN and error != EINTR:
            self.fail(os_error(error))
        return 0

    cdef int let_go(self) except -1:
        """What is held is sent before anything else is done or asked."""
        if self.held is not None:
            self.poller.pace.cut += 1
            self.poller.send_held()
        return 0

    cdef int hold_within(self, Py_ssize_t high) noexcept:
        self.most_held = min(<Py_ssize_t> MOST_HELD, high - PIECE)
        return 0

    cdef bint may_hold(self, Py_ssize_t length) except -1:
        """Whether a piece of this length may wait for others: its protocol need not know."""
        return (
            self.poller.wants_to_hold()
            and not self.more and not self.has_object and not self.closing
            and length <= self.most_held
        )

    cdef int send_one(self) except -1:
        """What is held."""
        cdef Py_ssize_t sent
        cdef bytes data = self.held
        self.held = None
        if data is None:
            return 0
        sent = self.send_some(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
        if sent < PyBytes_GET_SIZE(data) and not self.closing:
            self.keep(data, sent)
        return 0

    cdef int put(self, const char *at, Py_ssize_t length) except -1:
        return self.put_piece(at, length, None)

    cdef int put_bytes(self, bytes data) except -1:
        return self.put_piece(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), data)

    cdef int put_piece(self, const char *at, Py_ssize_t length, bytes data) except -1:
        """`data`: the object that it is in; None: none, what has to wait is copied."""
        cdef Py_ssize_t sent = 0
        if self.closing or self.eof or length == 0:
            return 0
        self.let_go()
        if self.backlog is None:
            if self.may_hold(length):
                if data is None:
                    data = PyBytes_FromStringAndSize(at, length)
                return self.poller.hold(self, data)
            sent = self.send_some(at, length)
            if sent == length or self.closing:
                return 0
        if data is None:
            return self.keep(PyBytes_FromStringAndSize(at + sent, length - sent), 0)
        return self.keep(data, sent)

    cdef int put_parts(self, list parts) except -1:
        cdef Py_ssize_t sent = 0
        cdef bytes data
        if self.closing or self.eof:
            return 0
        self.let_go()
        if self.backlog is None and parts:
            sent = self.send_first_or_copy(parts)
            if self.closing:
                return 0
        for data in parts:
            if sent >= PyBytes_GET_SIZE(data):
                sent -= PyBytes_GET_SIZE(data)
            else:
                self.keep(data, sent)
                sent = 0
        return 0

    cdef Py_ssize_t send_first_or_copy(self, list parts) except -1:
        """As much of these as the socket takes; a head and a body that has a copy, in two calls."""
        cdef bytes head, body = parts[len(parts) - 1]
        cdef Copies copies = self.poller.copies
        cdef Py_ssize_t sent
        if (
            len(parts) != 2 or PyBytes_GET_SIZE(body) < LEAST_TO_COPY
            # splice(2) would wait for the client where an app has made its socket block.
            or self.has_object and may_block(self.fd)
            or not copies.load(body)
        ):
            return self.send_first(parts)
        head = parts[0]
        self.more = True
        try:
            sent = self.send_some(PyBytes_AS_STRING(head), PyBytes_GET_SIZE(head))
        finally:
            self.more = False
        if sent < PyBytes_GET_SIZE(head):
            copies.unload()
            return sent
        return sent + self.send_copy(body)

    cdef Py_ssize_t send_copy(self, bytes body) except -1:
        """As much of a loaded body as the socket takes; if splice(2) fails, without the copy."""
        cdef Py_ssize_t length = PyBytes_GET_SIZE(body)
        cdef Py_ssize_t sent = self.poller.copies.send(self.fd, length)
        return sent if sent > 0 else self.send_some(PyBytes_AS_STRING(body), length)

    cdef Py_ssize_t send_first(self, object parts) except -1:
        """Of these, in one call; the first begins at `backlog_at`."""
        cdef iovec vector[MAX_PARTS]
        cdef Py_ssize_t at = self.backlog_at, sent
        cdef size_t count = 0
        cdef bytes data
        for data in parts:
            vector[count].iov_base = PyBytes_AS_STRING(data) + at
            vector[count].iov_len = PyBytes_GET_SIZE(data) - at
            at = 0
            count += 1
            if count == MAX_PARTS:
                break
        sent = send_parts(self.fd, vector, count, FLAGS)
        return sent if sent >= 0 else self.sent_nothing(errno)

    cdef Py_ssize_t put_file(self, File file) except -2:
        cdef int64_t offset = file.offset
        cdef size_t count = min(file.count, <int64_t> MOST_OF_A_FILE)
        cdef Py_ssize_t sent
        cdef int source = file.fd, to = self.fd
        if self.closing or self.eof:
            return 0
        self.let_go()
        if self.backlog is not None:
            return 0
        if has_others():
            with nogil:  # they go on while a disk is slow
                sent = sendfile(to, source, &offset, count)
        else:
            sent = sendfile(to, source, &offset, count)
        return sent

    cdef int keep(self, bytes data, Py_ssize_t at) except -1:
        """The rest of it, from `at` on, until the socket takes more; `at` is 0 behind others."""
        cdef bint first = self.backlog is None
        if self.ending:  # the protocol has aborted it between two parts
            return 0
        if first:
            self.backlog = new_backlog()
            self.backlog_at = at
        self.backlog.append(data)
        self.backlog_size += PyBytes_GET_SIZE(data) - at
        if first:
            self.watch()
        return self.check_full()

    cdef int send_backlog(self) except -1:
        """What waits, as far as the socket takes it."""
        self.drop_sent(self.send_first(self.backlog))
        if self.full and self.cost() <= self.low and not self.closing:
            self.full = False
            self.protocol.resume_writing()
        if self.backlog is None:
            self.watch()
            if self.closing:
                self.plan_end(None)
            elif self.eof:
                self.shut()
        return 0

    cdef int drop_sent(self, Py_ssize_t sent) except -1:
        cdef Py_ssize_t left
        self.backlog_size -= sent
        while sent:
            left = PyBytes_GET_SIZE(<bytes> self.backlog[0]) - self.backlog_at
            if sent < left:
                self.backlog_at += sent
                break
            sent -= left
            self.backlog_at = 0
            self.backlog.popleft()
        if not self.backlog:
            self.backlog = None
        return 0

    cdef Py_ssize_t cost(self) except -1:
        """What the backlog takes: many small pieces take more than their bytes."""
        return 0 if self.backlog is None else self.backlog_size + PIECE * len(self.backlog)

    cdef int check_full(self) except -1:
        if not self.full and not self.closing and self.cost() > self.high:
            self.full = True
            self.protocol.pause_writing()
        return 0

    # -- the end -------------------------------------------------------------------------------

    cdef int shut(self) except -1:
        """Say that no more comes."""
        if shutdown(self.fd, SHUT_WR) < 0:  # the client has reset the connection
            self.fail(os_error(errno))
        return 0

    cdef int fail(self, object error) except -1:
        """Nothing more can be read or written."""
        self.let_go()
        self.backlog = None
        self.backlog_size = self.backlog_at = 0
        self.closing = True
        try:
            if self.fd >= 0:
                self.poller.watch(self, 0)
        finally:
            self.plan_end(error)
        return 0

    cdef int plan_end(self, object error) except -1:
        """Tell the protocol, which may be in the middle of something, in the next turn."""
        if not self.ending:
            self.ending = True
            self.poller.plan_end(self, error)
        return 0

    cdef int end(self, object error) except -1:
        protocol = self.protocol
        try:
            protocol.connection_lost(error)
        finally:
            self.forget_protocol()
            fd, self.fd = self.fd, -1
            self.poller.addresses.forget(fd)
            self.poller.forget(self)
            if self.has_object:
                self.close_object()
            else:
                close(fd)
        return 0

    cdef int close_object(self) except -1:
        try:
            self.sock.close()
        except OSError:  # an app has closed its descriptor
            pass
        return 0

    # -- asyncio.Transport ---------------------------------------------------------------------

    def __repr__(self):
        return f"<SocketTransport of {self.get_extra_info('peername') or self.fd}>"

    def write(self, data):
        self.put_bytes(as_bytes(data))

    def writelines(self, parts):
        self.put_parts([as_bytes(part) for part in parts])

    def can_write_eof(self):
        return True

    def write_eof(self):
        """After what was written: the end. The client may go on."""
        if not (self.eof or self.closing):
            self.let_go()
            self.eof = True
            if self.backlog is None:
                self.shut()

    def close(self):
        """Close when all is sent."""
        if not self.closing:
            self.let_go()
            self.closing = True
            self.watch()
            if self.backlog is None:
                self.plan_end(None)

    def abort(self):
        """Close now; what was not sent is lost."""
        self.fail(None)

    def is_closing(self):
        self.let_go()  # which may tell that the client has gone
        return self.closing

    def is_reading(self):
        return not (self.paused or self.closing or self.eof_read)

    def pause_reading(self):
        self.paused = True

    def resume_reading(self):
        if self.paused:
            self.paused = False
            if not self.closing:
                self.watch()

    def get_write_buffer_size(self):
        self.let_go()
        return self.backlog_size

    def get_write_buffer_limits(self):
        return self.low, self.high

    def set_write_buffer_limits(self, high=None, low=None):
        self.let_go()
        self.low, self.high = write_limits(high, low)
        self.hold_within(self.high)
        self.check_full()

    cdef int limit(self, Py_ssize_t high) except -1:
        self.let_go()
        self.low, self.high = high // 4, high
        self.hold_within(high)
        return self.check_full()

    cdef Py_ssize_t in_flight(self) except -1:
        return bytes_in_flight(self.fd)

    cdef object find(self, object name):
        if name is "ssl_object":  # each connection asks twice
            return None
        if name == "peername":
            return self.name_of(True)
        if name == "sockname":
            return self.name_of(False)
        if name != "socket":
            return None
        self.let_go()  # who asks may write to it, or close it; from now on, nothing is held
        return self.object_of()

    cdef object object_of(self):
        """The socket, for who asks; it then closes the descriptor."""
        if not self.has_object and self.fd >= 0:
            self.sock = socket.socket(fileno=self.fd)
            self.has_object = True
            self.sock.setblocking(False)  # the object does not know it
        return self.sock

    cdef object name_of(self, bint of_peer):
        return None if self.fd < 0 else self.poller.addresses.find(self.fd, of_peer)
