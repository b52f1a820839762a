"""Awaitables without coroutines, that a Task waits on."""


cdef class Line:
    cdef object loop  # borrowed in spirit: outlives every connection
    cdef Gate first  # owned: the gate that opens next; None in an empty line
    cdef list others  # owned: those behind it; None until there are two
    cdef Gate spare  # owned: the last one opened in place, to be closed again

    cdef Gate wait(self)
    cdef int leave(self, Gate gate) except -1
    cdef int open_first(self, bint now) except -1


cdef class Gate:
    cdef public bint _asyncio_future_blocking  # read and cleared by the Task that waits
    cdef Line line  # owned: where it stands
    cdef object callback  # owned: wakes the Task
    cdef object context  # owned: the one to wake it in
    cdef object message  # owned: of cancel()
    cdef bint is_open
    cdef bint is_cancelled

    cdef int open(self) except -1
    cdef int open_now(self) except -1


cdef class Awaitable:
    cdef object owner  # owned: whom wait_for() asks
    cdef object value  # owned: what awaiting gives
    cdef Gate gate  # owned: the last one waited on

    cdef object wait_for(self)


cdef int step_in_c(object cls) except -1
