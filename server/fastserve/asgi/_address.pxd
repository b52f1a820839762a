cdef extern from "sys/socket.h":
    struct sockaddr_storage:
        unsigned short ss_family
    ctypedef unsigned socklen_t

# As getsockname(2) gives it.
cdef struct Address:
    sockaddr_storage name
    socklen_t length  # 0: none

cdef int read_name(int fd, bint of_peer, Address *found) noexcept
cdef object address_of(const Address *found)
cdef bint is_same(const Address *name, const Address *other) noexcept
