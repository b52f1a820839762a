"""Accepted connections and their addresses, mostly without a socket object."""

cimport cython
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcmp

from fastserve.asgi._calls cimport accept_fd, os_error
from fastserve.asgi._threads cimport has_others

import socket

__all__ = ()

cdef extern from "arpa/inet.h":
    uint16_t ntohs(uint16_t) noexcept
    uint32_t ntohl(uint32_t) noexcept
    const char *inet_ntop(int family, const void *at, char *to, unsigned size) noexcept

cdef extern from "netinet/in.h":
    enum:
        INET6_ADDRSTRLEN
    struct in_addr:
        pass
    struct in6_addr:
        pass
    struct sockaddr_in:
        uint16_t sin_port
        in_addr sin_addr
    struct sockaddr_in6:
        uint16_t sin6_port
        uint32_t sin6_flowinfo, sin6_scope_id
        in6_addr sin6_addr

cdef extern from "sys/socket.h":
    enum:
        AF_INET, AF_INET6, AF_UNIX
    struct sockaddr:
        pass
    int getpeername(int fd, sockaddr *name, socklen_t *length) noexcept
    int getsockname(int fd, sockaddr *name, socklen_t *length) noexcept


@cython.final
cdef class Addresses:
    def __cinit__(self):
        self.accepted = -1

    cdef int accept(self, int listener) except -2:
        """The descriptor of a client's socket, which does not block; -1: none waits. OSError."""
        cdef int fd
        if has_others():
            with nogil:  # another process may have made the listener block
                fd = accept_fd(listener, &self.peer.name, &self.peer.length)
        else:
            fd = accept_fd(listener, &self.peer.name, &self.peer.length)
        self.accepted = fd
        if fd < 0 and errno != EAGAIN and errno != EINTR:
            raise os_error(errno)
        return fd

    cdef int forget(self, int fd) noexcept:
        """It is closed."""
        if self.accepted == fd:
            self.accepted = -1
        return 0

    cdef object find(self, int fd, bint of_peer):
        """The client's address or ours, as the socket module has it; None: there is none."""
        cdef Address found
        if of_peer and fd == self.accepted:
            found = self.peer
        elif read_name(fd, of_peer, &found) < 0:
            return None
        if not of_peer and is_same(&found, &self.own):
            return self.own_address
        address = address_of(&found)
        if address is None:
            address = ask_python(fd, of_peer)
        if not of_peer:
            self.own, self.own_address = found, address
        return address


cdef int read_name(int fd, bint of_peer, Address *found) noexcept:
    """The client's address or ours; below 0: it has none."""
    found.length = sizeof(found.name)
    if of_peer:
        return getpeername(fd, <sockaddr *> &found.name, &found.length)
    return getsockname(fd, <sockaddr *> &found.name, &found.length)


cdef object address_of(const Address *found):
    """As the socket module has it; None: of another kind than most."""
    cdef const sockaddr_storage *name = &found.name
    cdef const sockaddr_in *in4 = <const sockaddr_in *> name
    cdef const sockaddr_in6 *in6 = <const sockaddr_in6 *> name
    cdef char[INET6_ADDRSTRLEN] text
    if name.ss_family == AF_INET:
        return dotted(<const uint8_t *> &in4.sin_addr), ntohs(in4.sin_port)
    if name.ss_family == AF_INET6:
        inet_ntop(AF_INET6, &in6.sin6_addr, text, sizeof(text))
        return (
            text.decode("ascii"), ntohs(in6.sin6_port), ntohl(in6.sin6_flowinfo),
            in6.sin6_scope_id,
        )
    if name.ss_family == AF_UNIX and found.length == sizeof(name.ss_family):
        return ""  # a client's, which has no name
    return None


cdef object ask_python(int fd, bint of_peer):
    """What a socket object says, which then lets go of the descriptor."""
    sock = socket.socket(fileno=fd)
    try:
        return sock.getpeername() if of_peer else sock.getsockname()
    finally:
        sock.detach()


cdef bint is_same(const Address *name, const Address *other) noexcept:
    return name.length == other.length and memcmp(&name.name, &other.name, name.length) == 0


cdef str dotted(const uint8_t *parts):
    """An IPv4 address; inet_ntop() takes 2,300 instructions."""
    cdef char[16] text
    cdef int i, length = 0
    for i in range(4):
        if parts[i] >= 100:
            text[length] = c"0" + parts[i] // 100
            length += 1
        if parts[i] >= 10:
            text[length] = c"0" + parts[i] // 10 % 10
            length += 1
        text[length] = c"0" + parts[i] % 10
        text[length + 1] = c"."
        length += 2
    return text[:length - 1].decode("ascii")
