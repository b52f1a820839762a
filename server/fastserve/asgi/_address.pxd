cdef extern from "sys/socket.h":
    struct sockaddr_storage:
        unsigned short ss_family
    ctypedef unsigned socklen_t

# As getsockname(2) gives it.
cdef struct Address:
    sockaddr_storage name
    socklen_t length  # 0: none

# Clients of one loop and their addresses. What was accepted last, and our side of what was asked
# for last, are remembered: most ask for both at once, and a listener has one address.
cdef class Addresses:
    cdef int accepted  # the descriptor that was accepted last; -1: none, or it is closed
    cdef Address peer  # of its client
    cdef Address own  # of the last socket that was asked for its own
    cdef object own_address  # owned: the same for Python

    cdef int accept(self, int listener) except -2
    cdef int forget(self, int fd) noexcept
    cdef object find(self, int fd, bint of_peer)
