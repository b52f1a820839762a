# Sockets that are read again without asking epoll(7), which takes a third of a microsecond for each
# that it names: those of busy clients, while most of them have something. Who is not among them
# waits a little longer for their turn: at most for LONGEST_GUESS and one turn.
from libc.stdint cimport int64_t

from fastserve.asgi._calls cimport EPOLLIN, epoll_event

cdef enum:
    MOST_EVENTS = 128  # sockets before the loop goes on with what else it has to do
    FEW = 8  # busy sockets: clients of so few take too long to answer
    MOST_GUESSES = 4  # turns without asking
    LONGEST_GUESS = 1_500_000  # nanoseconds from the asking to the last of them
    RAREST_GUESS = 64  # turns from one guess to the next where too many are wrong
    MOST_MISSES = 2  # turns in which it had nothing, and a socket is busy no more

cdef struct Guesses:
    int fds[MOST_EVENTS]  # of the busy sockets
    int count
    int turns  # without asking
    int64_t asked_at
    int waits  # turns until the next guess
    int patience  # how many those are after a wrong one


cdef inline bint may_guess(Guesses *guesses, int64_t now) noexcept:
    """Whether not to ask at this time."""
    return (
        guesses.count >= FEW and guesses.waits == 0 and guesses.turns < MOST_GUESSES
        and now - guesses.asked_at < LONGEST_GUESS
    )


cdef inline int guess(Guesses *guesses, epoll_event *events) noexcept:
    """How many may have something to read: as if epoll had said so."""
    cdef int index
    guesses.turns += 1
    for index in range(guesses.count):
        events[index].events = EPOLLIN
        events[index].data.fd = guesses.fds[index]
    return guesses.count


cdef inline void note_right(Guesses *guesses, int right) noexcept:
    """So many of them had something. To read in vain costs nearly as much as to ask."""
    if 3 * right >= 2 * guesses.count:
        guesses.patience = 1
    else:
        guesses.waits = max(guesses.patience, 1)
        guesses.patience = min(2 * guesses.waits, <int> RAREST_GUESS)


cdef inline void note_asked(Guesses *guesses, int64_t now) noexcept:
    guesses.asked_at = now
    guesses.turns = 0
    if guesses.waits:
        guesses.waits -= 1


cdef inline int add_busy(Guesses *guesses, int fd) noexcept:
    """The place of this socket; -1: there is none."""
    cdef int place = guesses.count
    if place == MOST_EVENTS:
        return -1
    guesses.fds[place] = fd
    guesses.count += 1
    return place


cdef inline bint is_busy(Guesses *guesses, int fd, int place) noexcept:
    """Whether this socket is known as busy; it has, or had, this place."""
    return 0 <= place < guesses.count and guesses.fds[place] == fd
