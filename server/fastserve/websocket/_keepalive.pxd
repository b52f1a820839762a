# When to ping a peer, and when to give it up; without a timer of its own.

cdef enum Verdict:
    WAIT
    SEND_PING
    GIVE_UP

# Pings `interval` seconds after the last answer; 0 turns either off.
cdef struct KeepAlive:
    double interval  # seconds
    double timeout
    bint pinged  # a Pong is awaited
    bint heard  # something arrived since the last check
    double due  # of the next Ping, or of the Pong; 0 until the next check sets it


cdef inline Verdict check(KeepAlive *self, double now, bint blind) noexcept:
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


cdef inline int answered(KeepAlive *self) noexcept:
    """A Pong came, asked for or not: the peer is there."""
    if self.pinged:
        self.pinged = False
        self.due = 0
    return 0
