from fastserve.http._response cimport Response

# One request and its response: scope, receive, send.
cdef class Cycle(Response):
    cdef dict scope
    cdef bytes first  # body that has arrived and was not received
    cdef list rest  # and what arrived after it
    cdef Py_ssize_t buffered
    cdef bint ended  # the whole request has arrived
    cdef bint delivered  # the app has received its end
    cdef bint disconnected  # the app is to be told so
    cdef bint continue_wanted
    cdef bint stepped_in  # the wire was stepping already when our step began
    cdef bint running
    cdef list waiters
    cdef long long started_at  # nanoseconds, for the access log

    cdef dict next_message(self)
    cdef int take_back(self, dict message) except -1
    cdef int add_body(self, bytes data) except -1
    cdef int end(self) except -1
    cdef int disconnect(self) except -1
    cdef int wake(self) except -1
    cdef int fail(self, object error) except -1
