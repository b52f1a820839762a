"""When to ping a peer, and when to give it up."""


cdef enum Verdict:
    WAIT
    SEND_PING
    GIVE_UP


cdef class KeepAlive:
    cdef double interval  # seconds; 0 is never
    cdef double timeout
    cdef bint pinged  # a Pong is awaited
    cdef bint heard  # something arrived since the last look
    cdef double due  # of the next Ping, or of the Pong; 0 until the next look sets it

    cdef Verdict look(self, double now, bint blind) noexcept
    cdef int answered(self) noexcept
