"""How much a message may hold."""

from libc.stdint cimport uint64_t

__all__ = ("Limits",)


cdef class Limits:
    """How much a message may hold, in bytes; 0 lifts a limit.

    `request_line` (414; a response's status line too), `field` (one field line, 431), `fields`
    (all of them, 431), `count` (their number, 431), `trailers` (431), `chunk_extensions` (per
    message, 413), `body` (413; not limited by default).
    """

    def __init__(self, *, size_t request_line=8192, size_t field=16384, size_t fields=65536,
                 size_t count=128, size_t trailers=16384, size_t chunk_extensions=16384,
                 uint64_t body=0):
        cdef size_t none = <size_t> -1
        self.request_line = request_line or none
        self.field = field or none
        self.fields = fields or none
        self.count = count or none
        self.trailers = trailers or none
        self.chunk_extensions = chunk_extensions or none
        self.body = body or <uint64_t> -1

    def __repr__(self):
        return (
            f"Limits(request_line={shown(self.request_line)}, field={shown(self.field)}, "
            f"fields={shown(self.fields)}, count={shown(self.count)}, "
            f"trailers={shown(self.trailers)}, chunk_extensions={shown(self.chunk_extensions)}, "
            f"body={shown(self.body)})"
        )


cdef object shown(uint64_t limit):
    return 0 if limit == <uint64_t> -1 else limit
