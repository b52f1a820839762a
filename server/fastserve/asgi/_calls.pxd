# The system calls that a transport of sockets needs.

from libc.stdint cimport int64_t, uint32_t
from libc.string cimport strerror

from fastserve.asgi._address cimport sockaddr_storage, socklen_t

cdef extern from *:
    """
    #include <errno.h>
    #include <fcntl.h>
    #include <netinet/in.h>
    #include <netinet/tcp.h>
    #include <string.h>
    #include <sys/socket.h>
    #include <sys/uio.h>
    #include <unistd.h>
    #ifdef __linux__
    #include <sys/epoll.h>
    #include <sys/sendfile.h>
    #include <sys/syscall.h>
    #define FASTSERVE_EPOLL 1
    #else
    #define FASTSERVE_EPOLL 0
    #define EPOLLIN 1u
    #define EPOLLOUT 4u
    #define EPOLL_CTL_ADD 1
    #define EPOLL_CTL_DEL 2
    #define EPOLL_CTL_MOD 3
    typedef union epoll_data { int fd; } epoll_data_t;
    struct epoll_event { unsigned events; epoll_data_t data; };
    #define epoll_create1(flags) (-1)
    #define EPOLL_CLOEXEC 0
    #define epoll_ctl(epoll, operation, fd, event) (-1)
    #define epoll_wait(epoll, events, most, timeout) (-1)
    /* others' sendfile() is another function; os.sendfile() knows them all */
    #define sendfile(to, from, offset, count) (-1)
    #define MSG_MORE 0
    #endif
    #if defined(__linux__) && defined(SYS_recvfrom) && defined(SYS_sendto)
    /* libc's functions can be cancelled, which costs two locked instructions each once a process
       has had a second thread. */
    #define receive_bytes(fd, to, most, flags) \\
        syscall(SYS_recvfrom, fd, to, most, flags, NULL, NULL)
    #define send_bytes(fd, at, length, flags) syscall(SYS_sendto, fd, at, length, flags, NULL, 0)
    #else
    #define receive_bytes recv
    #define send_bytes send
    #endif
    #ifndef MSG_NOSIGNAL
    #define MSG_NOSIGNAL 0  /* macOS: Python ignores SIGPIPE */
    #endif
    /* A descriptor that neither blocks nor goes to other programs. Linux gives it the listening
       socket's options. */
    static inline int accept_fd(int listener, struct sockaddr_storage *peer, socklen_t *length)
    {
        *length = sizeof *peer;
    #ifdef __linux__
        return accept4(listener, (struct sockaddr *)peer, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    #else
        int fd = accept(listener, (struct sockaddr *)peer, length);
        if (fd >= 0) {
            fcntl(fd, F_SETFD, FD_CLOEXEC);
            fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        }
        return fd;
    #endif
    }
    static inline int may_block(int fd) { return !(fcntl(fd, F_GETFL) & O_NONBLOCK); }
    static inline int watch_fd(int epoll, int operation, int fd, unsigned events)
    {
        struct epoll_event event;
        memset(&event, 0, sizeof event);
        event.events = events;
        event.data.fd = fd;
        return epoll_ctl(epoll, operation, fd, &event);
    }
    static inline Py_ssize_t send_parts(int fd, struct iovec *parts, size_t count, int flags)
    {
        struct msghdr message;
        memset(&message, 0, sizeof message);
        message.msg_iov = parts;
        message.msg_iovlen = count;
        return sendmsg(fd, &message, flags);
    }
    """
    enum:
        FASTSERVE_EPOLL, EPOLL_CLOEXEC, EPOLLIN, EPOLLOUT
        EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD
        MSG_DONTWAIT, MSG_MORE, MSG_NOSIGNAL
        SHUT_WR
    union epoll_data_t:
        int fd
    struct epoll_event:
        uint32_t events
        epoll_data_t data
    struct iovec:
        void *iov_base
        size_t iov_len
    int accept_fd(int listener, sockaddr_storage *peer, socklen_t *length) noexcept nogil
    bint may_block(int fd) noexcept
    int shutdown(int fd, int how) noexcept
    int epoll_create1(int flags) noexcept
    int epoll_wait(int epoll, epoll_event *events, int most, int timeout) noexcept
    int watch_fd(int epoll, int operation, int fd, unsigned events) noexcept
    Py_ssize_t recv "receive_bytes"(int fd, void *to, size_t most, int flags) noexcept
    Py_ssize_t send "send_bytes"(int fd, const void *at, size_t length, int flags) noexcept
    Py_ssize_t send_parts(int fd, iovec *parts, size_t count, int flags) noexcept
    Py_ssize_t sendfile(int to, int source, int64_t *offset, size_t count) noexcept nogil
    int close(int fd) noexcept


cdef inline object os_error(int number):
    """Of the class that goes with it."""
    return OSError(number, strerror(number).decode("utf-8", "replace"))
