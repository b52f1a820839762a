# What the kernel has taken to send, and the client's has not acknowledged.

cdef extern from *:
    """
    #include <sys/ioctl.h>
    #include <sys/socket.h>
    #ifdef __linux__
    #include <linux/sockios.h>
    #endif
    static Py_ssize_t bytes_in_flight(int fd)
    {
        int count = 0;
    #if defined(SIOCOUTQ)
        if (ioctl(fd, SIOCOUTQ, &count) < 0)
            return 0;
    #elif defined(SO_NWRITE)
        socklen_t length = sizeof count;
        if (getsockopt(fd, SOL_SOCKET, SO_NWRITE, &count, &length) < 0)
            return 0;
    #endif
        return count;
    }
    """
    # 0 if there is no such socket. The end that follows the bytes counts as one.
    Py_ssize_t bytes_in_flight(int fd) noexcept
