# Clients that are too slow, be it in reading or in sending.
from fastserve.asgi._service cimport Service

# What waits for a client, and since when it has become no less.
cdef struct Stuck:
    double until  # service.now beyond which that has lasted too long; 0: not watched
    Py_ssize_t least  # bytes


cdef inline bint is_stuck(Stuck *self, Py_ssize_t waiting, Service service) noexcept:
    """Whether it has read nothing for timeout_send."""
    if self.until == 0 or waiting < self.least:
        self.least = waiting
        self.until = service.after(service.timeout_send)
        return False
    return service.now > self.until


cdef inline bint drips(Service service, double since, size_t arrived) noexcept:
    """Whether a body comes slower than min_body_rate, of which so much has arrived since then."""
    cdef double seconds = service.now - since - service.timeout_body
    return (
        service.timeout_body and seconds > 0 and arrived < service.min_body_rate * seconds
    )
