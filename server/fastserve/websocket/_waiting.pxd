"""Awaitables without coroutines: ready ones, and one that a Task waits on."""


cdef class Gate:
    cdef public bint _asyncio_future_blocking  # read and cleared by the Task that waits
    cdef object loop  # borrowed in spirit: outlives every connection
    cdef list line  # the other gates of the same kind; this one leaves it when it opens
    cdef object callback  # owned: wakes the Task
    cdef object context  # owned: the one to wake it in
    cdef object message  # of cancel()
    cdef bint is_open
    cdef bint is_cancelled

    cdef int open(self, bint now) except -1


cdef class Awaitable:
    cdef object value  # owned: what awaiting gives
    cdef Gate gate  # owned: the last one waited on

    cdef object _wait_for(self)


cdef class Ready(Awaitable):
    pass


cdef Gate new_gate(object loop, list line)
cdef Ready ready(object value)
