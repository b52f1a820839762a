# cython: binding=False, boundscheck=False, wraparound=False, initializedcheck=False
"""When to ping a peer, and when to give it up; it is told the time, and has no timer."""

__all__ = ["KeepAlive"]


cdef class KeepAlive:
    """Pings `interval` seconds after the last answer; None or 0 turns either off."""

    def __init__(self, interval, timeout):
        self.interval = interval or 0
        self.timeout = timeout or 0

    cdef Verdict look(self, double now, bint blind) noexcept:
        """What to do at `now`; `blind` while nothing is read, so that no Pong can arrive."""
        if not self.interval:
            return WAIT
        if not self.due:
            self.due = now + self.interval
        if self.pinged and (self.heard or blind):
            # a peer in the middle of one large frame cannot answer, and is there all the same
            self.due = now + self.timeout
        self.heard = False
        if now < self.due:
            return WAIT
        if self.pinged:
            return GIVE_UP
        self.pinged = self.timeout > 0
        self.due = now + (self.timeout if self.pinged else self.interval)
        return SEND_PING

    cdef int answered(self) noexcept:
        """A Pong came, asked for or not: the peer is there."""
        if self.pinged:
            self.pinged = False
            self.due = 0
        return 0
