"""A carrier that is not HTTP: it notes what an exchange asks of it, in words."""

from libc.stdint cimport int64_t

from httpparser cimport RequestHead
from fastserve.asgi._exchange cimport Channel, Exchange, drained, new_exchange, wake_senders
from fastserve.asgi._files cimport File
from fastserve.asgi._service cimport Service
from fastserve.asgi._task cimport DONE


cdef class FakeChannel(Channel):
    cdef readonly list notes
    cdef public bint full  # the client does not read, until `read()` is called
    cdef readonly Exchange exchange

    def __init__(self, Service service not None):
        self.service = service
        self.scope = service.scope_of(("here", 1), "fake")
        self.client = ("there", 2)
        self.notes = []

    # -- the client

    def request(self, RequestHead head not None):
        """A request has arrived: call the app."""
        self.exchange = new_exchange(self, head)
        self.exchange.call()

    def body(self, bytes data, more=True):
        if data:
            self.exchange.add_body(data, len(data))
        if not more:
            self.exchange.end_body()

    def leave(self):
        self.gone = True
        self.exchange.disconnect()

    def read(self):
        self.full = False
        wake_senders(self)

    # -- the Channel

    cdef object wait(self):
        return drained(self) if self.full else DONE

    cdef bint must_wait(self) except -1:
        return self.full

    cdef int64_t send_head(self, Exchange exchange, object headers) except? -2:
        fields = dict(headers)
        self.notes.append(("head", exchange.status, fields, exchange.has_content))
        return int(fields.get(b"content-length", b"-1"))

    cdef int drop_head(self) except -1:
        self.notes.append(("drop head",))
        return 0

    cdef object send_body(self, Exchange exchange, bytes data, bint more):
        self.notes.append(("body", data, more))
        return self.wait()

    cdef object send_trailers(self, Exchange exchange, object headers, bint more):
        self.notes.append(("trailers", list(headers), more))
        return self.wait()

    cdef object send_early_hint(self, Exchange exchange, object links):
        self.notes.append(("early hint", list(links)))
        return self.wait()

    cdef object send_file(self, Exchange exchange, File file, bint more):
        self.notes.append(("file", file.offset, file.count, more))
        return self.wait()

    cdef int send_continue(self) except -1:
        self.notes.append(("continue",))
        return 0

    cdef int taken(self, Exchange exchange) except -1:
        self.notes.append(("taken",))
        return 0

    cdef int end_step(self) except -1:
        self.notes.append(("end of step",))
        return 0

    cdef int finished(self, Exchange exchange) except -1:
        self.notes.append(("finished",))
        return 0

    cdef int answer(self, Exchange exchange, int status, str text, object headers=()) except -1:
        self.notes.append(("answer", status))
        return self.finished(exchange)

    cdef int cut(self, Exchange exchange) except -1:
        self.notes.append(("cut",))
        return 0
