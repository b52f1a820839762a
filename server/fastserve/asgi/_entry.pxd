from libc.stdint cimport int64_t

# What the access log is told of: a request and how it ended, or what became of a WebSocket.
cdef class Entry:
    cdef readonly str client  # owned: "host:port", or "" for a client on a Unix socket
    cdef readonly str method  # owned: "-" when too little has arrived
    cdef readonly bytes path  # owned: as the app sees it, undecoded
    cdef readonly bytes query  # owned
    cdef readonly str version  # owned: "1.0", "1.1", "2", or "-"
    cdef readonly int status  # or the code that a WebSocket was closed with
    cdef readonly int64_t length  # bytes of the response's content
    cdef readonly int64_t elapsed  # nanoseconds since the request's head; 0 unless `timed`
    cdef readonly str websocket  # owned: "accepted" or "closed"; None: not a WebSocket
    cdef readonly object headers  # owned: the request's fields as pairs; None: not known
    cdef readonly object response_headers  # owned: the app's, if the log asks for them; or None
    cdef bytes start  # owned: what has arrived of a request line that is not whole, else None

    cdef Py_ssize_t line_length(self) except -2
    cdef char *put_line(self, char *out) except NULL

cdef Entry entry_of_start(bytes start)
