"""The conversation on an open WebSocket: events in, Pongs and Closes out, messages queued."""

from fastserve.asgi._waiting cimport WaitQueue
from fastserve.websocket._inbox cimport Inbox
from fastserve.websocket._keepalive cimport KeepAlive
from fastserve.websocket._link cimport Link
from fastserve.websocket._protocol cimport Protocol


cdef class Peer(Link):
    cdef Protocol protocol  # owned; None until the WebSocket is open
    cdef KeepAlive keepalive
    cdef object disconnect  # owned: (code, reason) once the connection has ended for the app
    cdef double deadline  # of the end on the wire after that; 0 until look() sets it

    cdef Inbox inbox
    cdef WaitQueue receivers  # those who wait for it
    cdef bint in_pull  # events are being read from the protocol
    cdef bytes pong  # owned: the one answer owed to a peer that pings but does not read
    cdef bint spoke  # a message was sent since the last Ping

    cdef int open(self, Protocol protocol, bytes early) except -1
    cdef int take(self, bytes data) except -1
    cdef int look(self, double now) except -1
    cdef int pull(self) except -1
    cdef bint is_full(self)
    cdef int pause_or_resume(self) except -1
    cdef int control(self, object event) except -1
    cdef int wake_receivers(self, bint now) except -1
    cdef int ended(self, int code, str reason) except -1
    cdef int close_with(self, object code, object reason) except -1
    cdef int closed_by_peer(self, object event) except -1
    cdef int fail(self, int code, str reason) except -1
