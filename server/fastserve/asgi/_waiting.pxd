"""Awaitables that are neither coroutines nor futures: what receive() and send() return."""


cdef class WaitQueue:
    cdef object loop  # owned: the event loop, which outlives every connection
    cdef Waiter first  # owned: the one that is woken next; None in an empty queue
    cdef list others  # owned: those behind it; None until there are two
    cdef Waiter spare  # owned: the last one woken in place, to be used again

    cdef Waiter add(self)
    cdef Waiter one_turn(self)
    cdef int remove(self, Waiter waiter) except -1
    cdef int wake_first(self, bint now) except -1
    cdef int wake_all(self) except -1


cdef class Waiter:
    cdef public bint _asyncio_future_blocking  # read and cleared by the Task that waits
    cdef object loop  # owned: as the queue's
    cdef WaitQueue queue  # owned while it waits; None once it is woken, cancelled or closed
    cdef object callback  # owned: wakes the Task
    cdef object context  # owned: the one to wake it in
    cdef object message  # owned: of cancel()
    cdef bint cancelled

    cdef int wake(self) except -1
    cdef bint wake_now(self) except -1


cdef class Awaitable:
    cdef object value  # owned: what awaiting gives
    cdef bint done  # `value` is it: wait_for() is not asked any more
    cdef Waiter waiter  # owned: the one that the Task waits on

    cdef Waiter wait_for(self)


cdef Awaitable DONE  # of None; one object for all

cdef Awaitable ready(object value)
