"""One request's ASGI side: its scope, `receive` and `send`, whatever carries it.

The exchange checks what the app does: the order of messages, their types, the length of the body.
Its carrier, a `Channel`, turns that into bytes.
"""

cimport cython
from cpython.bytes cimport (
    PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE,
)
from cpython.dict cimport PyDict_Copy, PyDict_GetItemWithError
from cpython.object cimport PyObject
from libc.stdint cimport int64_t
from libc.string cimport memcmp

from httpparser cimport Output, RequestHead, as_bytes
from fastserve.asgi._clock cimport monotonic_ns
from fastserve.asgi._counters cimport Counters
from fastserve.asgi._entry cimport Entry, entry_of_start
from fastserve.asgi._files cimport File, open_path, part_of
from fastserve.asgi._making cimport may_make, will_make
from fastserve.asgi._message cimport Fields, as_message, flag, is_text, read_fields
from fastserve.asgi._service cimport Service
from fastserve.asgi._task cimport DONE, Awaitable, Job, Waiter, WaitQueue, ready
from fastserve.asgi._transport cimport DirectTransport, direct, extra

import sys
from asyncio import current_task

from fastserve.asgi._entry import quoted
from fastserve.asgi.disconnects import is_of_disconnect
from fastserve.asgi.tls_scope import describe
from fastserve.errors import ClientDisconnected, Refusal
from fastserve.logs import printable

__all__ = ("Channel", "Exchange")

cdef extern from "Python.h":
    ctypedef struct PyMethodDef:
        pass
    ctypedef struct PyMethodDescrObject:
        PyMethodDef *d_method
    ctypedef struct PyCFunctionObject:
        PyObject *m_weakreflist
    object PyCFunction_NewEx(PyMethodDef *, object, PyObject *)
    Py_ssize_t Py_REFCNT(PyObject *)
    PyObject *item_of "PyList_GET_ITEM"(list, Py_ssize_t)
    PyObject *first_of "PyTuple_GET_ITEM"(PyObject *, Py_ssize_t)
    Py_ssize_t size_of "PyBytes_GET_SIZE"(PyObject *)

cdef enum:
    LATE_SENDS = 16  # few: who goes on sending learns that nobody reads
    MOST_SPARES = 64  # callables of a loop that wait for a request

cdef bytes EMPTY = b"", SLASH = b"/"
# What the scope's template says already; httpparser gives these very objects, interned.
cdef str VERSION_1_1 = sys.intern("1.1"), GET = sys.intern("GET")

# RFC 9110 6.5.1: fields for framing, routing and the connection cannot come after the content.
NO_TRAILERS = frozenset(
    b"connection content-encoding content-length content-range content-type host keep-alive "
    b"set-cookie te trailer transfer-encoding upgrade".split()
)


cdef class Channel(Sink):
    """What an exchange asks of its carrier; a carrier overrides all of it.

    A method that returns an object returns an awaitable: done, or waiting for a slow client.
    """

    cdef int64_t send_head(self, Exchange exchange, object headers) except? -2:
        """Check and keep the head until the first of the body; the declared length or -1.

        Raises ValueError and TypeError for what cannot be sent, and then keeps nothing.
        """
        raise NotImplementedError

    cdef int drop_head(self) except -1:
        """Forget the head that was kept."""
        raise NotImplementedError

    cdef object send_body(self, Exchange exchange, bytes data, bint more):
        """Send the head, if it was kept, and this much of the body."""
        raise NotImplementedError

    cdef object send_trailers(self, Exchange exchange, object headers, bint more):
        """Send trailer fields; ValueError and TypeError for what cannot be sent."""
        raise NotImplementedError

    cdef object send_early_hint(self, Exchange exchange, object links):
        """Send 103 (Early Hints) with these Link fields. RFC 8297"""
        raise NotImplementedError

    cdef object send_file(self, Exchange exchange, File file, bint more):
        """Send a part of a file as body; not its end. DONE if that is all that is to be done."""
        raise NotImplementedError

    cdef object upgrade(self, Exchange exchange, object session, object fields):
        """Give the byte stream to a WebSocket session; see `websocket/_session`."""
        raise NotImplementedError

    cdef int send_continue(self) except -1:
        """Send 100 (Continue). RFC 9110 10.1.1"""
        raise NotImplementedError

    cdef int taken(self, Exchange exchange) except -1:
        """The app has taken the body that was buffered, or waits for more."""
        raise NotImplementedError

    cdef int end_step(self) except -1:
        """A step of the app has ended: send what it wrote."""
        raise NotImplementedError

    cdef int finished(self, Exchange exchange) except -1:
        """The response is complete."""
        raise NotImplementedError

    cdef int answer(self, Exchange exchange, int status, str text, object headers=()) except -1:
        """Send a whole response of the server's own."""
        raise NotImplementedError

    cdef int cut(self, Exchange exchange) except -1:
        """The response ends before it is complete: the client must see that it is cut."""
        raise NotImplementedError

    cdef bint give_back(self, Exchange exchange) except -1:
        """Tell the client that nobody has begun this: it may send it again. False: no way to."""
        return False

    cdef int left(self) except -1:
        """An app has returned, with `counts_apps`."""
        raise NotImplementedError

    cdef bint must_wait(self) except -1:
        """Whether the client must read before more is sent; ClientDisconnected if it has gone."""
        raise NotImplementedError


@cython.final
cdef class Drained(Awaitable):
    """`send` while the client does not read."""

    cdef Waiter wait_for(self):
        cdef Channel channel = self.channel
        if channel is None:
            raise RuntimeError("send() makes these")
        if not channel.must_wait():
            return None
        if channel.senders is None:
            channel.senders = WaitQueue(channel.service.loop)
        return channel.senders.add()


cdef class Received(Awaitable):
    """A received message; it goes back when it is thrown away before it is awaited."""

    cdef Exchange exchange  # owned

    def throw(self, kind, value=None, traceback=None):
        self.exchange.take_back(self.value["body"])
        raise kind if value is None else value


cdef class Receive(Awaitable):
    """`receive` when nothing has arrived yet."""

    cdef Exchange exchange  # owned

    cdef Waiter wait_for(self):
        cdef Exchange exchange = self.exchange
        if exchange is None:
            raise RuntimeError("receive() makes these")
        if exchange.phase != COMPLETE and exchange.has_message():
            self.value = exchange.next_message()
            return None
        if exchange.phase == COMPLETE or exchange.says_gone():
            if exchange.telling:
                task = current_task()
                exchange.told = <void *> task
            self.value = {"type": "http.disconnect"}
            return None
        if exchange.continue_wanted:
            exchange.continue_wanted = False
            if exchange.phase == EXPECT_START and not exchange.channel.gone:
                exchange.channel.send_continue()
        exchange.channel.taken(exchange)
        if exchange.receivers is None:
            exchange.receivers = WaitQueue(exchange.channel.service.loop)
        return exchange.receivers.add()


@cython.final
cdef class Callables:
    """`receive` and `send` of a request, as its app calls them.

    Making them takes 5% of a GET. They serve again after the app has returned, if it, and whatever
    it ran, holds neither, not even weakly: who calls them late must not reach a later request.
    """

    def __cinit__(self):
        if not may_make():
            raise TypeError("callables are made by an exchange")

    def receive(self):
        """ASGI `receive`."""
        return self.exchange.receive()

    def send(self, message):
        """ASGI `send`."""
        return self.exchange.send(message)

    cdef int release(self, Service service) except -1:
        """The app has returned."""
        cdef Callables before = <Callables> service.callables
        if (
            (before is None or before.count < MOST_SPARES)
            and Py_REFCNT(<PyObject *> self) == 3  # the caller, and the two
            and Py_REFCNT(<PyObject *> self.receive_function) == 1
            and Py_REFCNT(<PyObject *> self.send_function) == 1
            and not has_weak_reference(self.receive_function)
            and not has_weak_reference(self.send_function)
        ):
            self.exchange = None
            self.below = before
            self.count = 1 if before is None else before.count + 1
            service.callables = self
        else:  # who holds one of them holds us
            self.receive_function = self.send_function = None
        return 0


cdef class Exchange(Job):
    def __cinit__(self):
        if not may_make():
            raise TypeError("exchanges are made by a connection")

    cdef int begin(self, Channel channel, RequestHead head) except -1:
        self.channel = channel
        self.head = head
        self.scope = make_scope(channel, head)
        self.remaining = -1
        self.continue_wanted = head.expect_continue
        if channel.service.timed:
            self.started_at = monotonic_ns()
        if channel.proxied and channel.service.access_log is not None:
            name_client(channel, self.scope["client"])  # the proxy's word for it, if it gave one
        return 0

    # -- the request ---------------------------------------------------------------------------

    cdef object receive(self):
        """ASGI `receive`: an awaitable, done already when there is something to receive."""
        cdef Received received
        cdef Receive waiting
        if self.phase == COMPLETE:
            return ready({"type": "http.disconnect"})
        if self.has_message():
            received = Received.__new__(Received)
            received.exchange = self
            received.value = self.next_message()
            received.done = True
            return received
        if self.says_gone():
            return ready({"type": "http.disconnect"})
        waiting = Receive.__new__(Receive)
        waiting.exchange = self
        return waiting

    cdef inline bint has_message(self) noexcept:
        return self.buffered or self.ended and not self.delivered

    cdef dict next_message(self):
        cdef Service service = self.channel.service
        cdef dict message
        cdef bytes body = self.first
        if self.rest is not None and self.rest.length:
            body = self.rest.take()
        elif body is None:
            body = EMPTY
        self.first = None
        self.buffered = 0
        self.delivered = self.ended
        if not self.ended:
            self.channel.taken(self)
        message = PyDict_Copy(service.last_message if self.ended else service.part_message)
        message["body"] = body
        return message

    cdef int take_back(self, bytes body) except -1:
        if self.buffered:
            body += self.next_message()["body"]
        self.first = body
        self.buffered = PyBytes_GET_SIZE(body)
        self.delivered = False
        return 0

    cdef int add_body(self, const char *at, size_t length) except -1:
        """A piece of the body has arrived. Pieces are joined, so that small ones cost no more."""
        if self.phase == COMPLETE:
            return 0
        self.continue_wanted = False
        if not self.buffered:
            self.first = PyBytes_FromStringAndSize(at, length)
        else:
            if self.first is not None:
                if self.rest is None:
                    self.rest = Output.__new__(Output)
                self.rest.append(PyBytes_AS_STRING(self.first), PyBytes_GET_SIZE(self.first))
                self.first = None
            self.rest.append(at, length)
        self.buffered += length
        return 0 if self.receivers is None else self.receivers.wake_all()

    cdef int end_body(self) except -1:
        """The whole request has arrived."""
        self.ended = True
        self.continue_wanted = False
        return 0 if self.receivers is None else self.receivers.wake_all()

    cdef int disconnect(self) except -1:
        """The client has gone, or will send no more: `receive` says so after what has arrived."""
        self.disconnected = True
        if self.receivers is not None and self.receivers.first is not None:
            self.telling = LATE_SENDS
        return self.wake()

    cdef int warn(self) except -1:
        """The server stops soon: `receive` says that the client goes, after the whole request."""
        self.warned = True
        return self.wake()

    cdef inline bint says_gone(self) noexcept:
        return self.disconnected or self.warned and self.ended

    cdef int wake(self) except -1:
        return 0 if self.receivers is None else self.receivers.wake_all()

    # -- the response --------------------------------------------------------------------------

    cdef object send(self, object given):
        """ASGI `send`. Raises OSError after a disconnect, RuntimeError for what is out of order,
        ValueError and TypeError for what cannot be sent."""
        cdef Fields fields
        cdef dict message = as_message(given)
        read_fields(message, &fields)
        if self.channel.gone and self.phase != COMPLETE:
            return self.send_late()
        if is_text(fields.type, "http.response.body"):
            return self.send_body(&fields)
        if is_text(fields.type, "http.response.start"):
            self.start_response(message, &fields)
            return DONE
        if is_text(fields.type, "http.response.pathsend"):
            return self.send_file(message, True)
        if is_text(fields.type, "http.response.zerocopysend"):
            return self.send_file(message, False)
        if is_text(fields.type, "http.response.trailers"):
            return self.send_trailers(message)
        if is_text(fields.type, "http.response.early_hint"):
            if self.phase != EXPECT_START:
                raise RuntimeError("http.response.early_hint comes before http.response.start")
            return self.channel.send_early_hint(self, message["links"])
        kind = message["type"]
        if not isinstance(kind, str):
            raise TypeError(f"the type of a message is a str, not {type(kind).__name__}")
        if type(kind) is not str:  # of an enumeration, perhaps
            return self.send({**message, "type": "".join([kind])})
        raise RuntimeError(f"{kind!r} is not a message of an HTTP response")

    cdef object send_late(self):
        """The client has gone."""
        if self.telling:
            # A task group is about to cancel this sender: an error would be the group's.
            task = current_task()
            if self.told != <void *> task:
                self.telling -= 1
                return DONE
        raise ClientDisconnected("the client has disconnected")

    cdef int start_response(self, dict message, Fields *fields) except -1:
        cdef object status, headers
        cdef bint trailers
        status = message["status"] if fields.status == NULL else <object> fields.status
        headers = None if fields.headers == NULL else <object> fields.headers
        trailers = flag(fields.trailers, "trailers")
        if self.phase != EXPECT_START:
            raise RuntimeError("http.response.start was sent already")
        if not isinstance(status, int):
            raise TypeError(f"a status is an int, not {type(status).__name__}")
        self.status = status
        if self.status < 200:
            raise ValueError(f"{self.status} is not a final status")
        self.has_trailers = trailers
        if self.channel.service.wants_response_headers and headers is not None:
            headers = self.headers = list(headers)
        # RFC 9110 9.3.2, 15.3.5, 15.3.6 and 15.4.5
        self.has_content = not (
            self.status == 204 or self.status == 205 or self.status == 304
            or self.head.method is not GET and self.head.method == "HEAD"
        )
        self.remaining = self.channel.send_head(self, headers if headers is not None else ())
        if not self.has_content:
            self.remaining = -1
        self.phase = HEAD_GIVEN
        return 0

    cdef object send_body(self, Fields *fields):
        cdef object data, awaitable
        cdef bint more
        cdef int64_t length
        data = EMPTY if fields.body == NULL else <object> fields.body
        more = flag(fields.more_body, "more_body")
        if not PyBytes_CheckExact(data):
            if not isinstance(data, (bytes, bytearray, memoryview)):
                raise TypeError(f"a body is bytes, not {type(data).__name__}")
            data = bytes(data)
        length = PyBytes_GET_SIZE(data)
        if self.phase == HEAD_GIVEN:
            self.check_first(length, more)
        elif self.phase != EXPECT_BODY:
            raise RuntimeError(
                "http.response.start must come before http.response.body"
                if self.phase == EXPECT_START else "the response is complete already"
            )
        if self.has_content:
            if self.remaining >= 0:
                if length > self.remaining:
                    raise RuntimeError("the body is longer than its Content-Length")
                self.remaining -= length
                if self.remaining and not more:
                    return self.end_short(data)
            self.sent += length
        self.phase = EXPECT_BODY
        awaitable = self.channel.send_body(self, data, more)
        if not more:
            if self.has_trailers:
                self.phase = EXPECT_TRAILERS
            else:
                self.complete()
        return awaitable

    cdef int check_first(self, int64_t length, bint more) except -1:
        """Does the first of the body fit Content-Length? The head can still become a 500."""
        if self.remaining < 0 or length == self.remaining or more and length < self.remaining:
            return 0
        raise RuntimeError(
            f"the body has {length} bytes where Content-Length says {self.remaining}"
        )

    cdef object end_short(self, bytes data):
        self.channel.send_body(self, data, True)
        self.fail()
        raise RuntimeError(f"the body is {self.remaining} bytes short of its Content-Length")

    cdef object send_trailers(self, dict message):
        """RFC 9110 6.5: a client that did not say TE: trailers gets none."""
        cdef bint more = flag(PyDict_GetItemWithError(message, "more_trailers"), "more_trailers")
        cdef object headers = message.get("headers", ())
        cdef object awaitable
        if self.phase != EXPECT_TRAILERS:
            raise RuntimeError("trailers come after the body, announced by http.response.start")
        headers = [(as_bytes(name), as_bytes(value)) for name, value in headers]
        for name, _ in headers:
            if name.lower() in NO_TRAILERS:
                raise ValueError(f"{name!r} cannot be a trailer")
        awaitable = self.channel.send_trailers(self, headers, more)
        if not more:
            self.complete()
        return awaitable

    cdef object send_file(self, dict message, bint whole):
        """http.response.pathsend, a whole body, and http.response.zerocopysend, a part of one."""
        cdef bint more = (
            not whole and flag(PyDict_GetItemWithError(message, "more_body"), "more_body")
        )
        cdef File file = open_path(message["path"]) if whole else part_of(message)
        cdef int64_t count
        cdef object awaitable
        try:
            if self.phase != HEAD_GIVEN and (whole or self.phase != EXPECT_BODY):
                raise RuntimeError("a file comes between http.response.start and the end")
            if 0 <= self.remaining < file.count:
                if not whole and message.get("count") is not None:
                    raise RuntimeError("the body is longer than its Content-Length")
                file.count = self.remaining  # it has grown since the app looked
            count = file.count
            if self.phase == HEAD_GIVEN:
                self.check_first(count, more)
            self.phase = SENDING_FILE
            awaitable = self.channel.send_file(self, file, more)
        except BaseException:
            file.close()
            raise
        if awaitable is not DONE:
            return self.wait_for_file(awaitable, file, count, more)
        file.close()
        return self.end_file(count, more)

    async def wait_for_file(self, awaitable, File file, int64_t count, bint more):
        """The client takes it bit by bit."""
        try:
            await awaitable
        finally:
            file.close()
        await self.end_file(count, more)

    cdef object end_file(self, int64_t count, bint more):
        """So much of the body was a file."""
        cdef Fields fields
        self.phase = EXPECT_BODY
        if self.channel.gone:
            raise ClientDisconnected("the client has disconnected")
        if self.has_content:
            self.sent += count
            if self.remaining >= 0:
                self.remaining -= count
        if more:
            return DONE
        fields.body = fields.more_body = NULL
        return self.send_body(&fields)

    cdef int complete(self) except -1:
        self.phase = COMPLETE
        self.wake()
        return self.channel.finished(self)

    # -- the app's steps -----------------------------------------------------------------------

    cdef int call(self) except -1:
        """Call the app, which runs until it waits for something."""
        cdef Exchange kept = self  # no-cython-lint: the channel may let go of it meanwhile
        self.called = True
        self.warned = self.channel.service.warned and not self.is_websocket
        self.channel.service.enter()
        return self.channel.service.runner.run(self)

    cdef object start(self):
        cdef dict scope = self.scope
        cdef Callables callables = callables_of(self)
        self.scope = None
        self.callables = callables
        return self.channel.service.app(
            scope, callables.receive_function, callables.send_function
        )

    cdef int before_step(self) except -1:
        self.nested = self.channel.in_step
        self.channel.in_step = True
        return 0

    cdef int after_step(self) except -1:
        if not self.nested:
            self.channel.in_step = False
            return self.channel.end_step()
        return 0

    cdef int finished(self, object error) except -1:
        """The app has returned, or raised. RFC 9110 15.6.1: a 500 while nothing was sent."""
        cdef Channel channel = self.channel
        cdef Callables callables = self.callables
        if callables is not None:
            self.callables = None
            callables.release(channel.service)
        channel.service.leave()
        if channel.counts_apps:
            channel.left()
        if channel.gone and error is not None and is_of_disconnect(error):
            error = None
        if self.phase == COMPLETE:
            if error is not None:
                self.log_failure(error)
            return 0
        if channel.gone:
            if error is not None:
                self.log_failure(error)
            record(self, CLIENT_LEFT)
            return self.complete()
        if error is None and not self.says_gone():
            error = RuntimeError("the app returned before its response was complete")
        elif error is None and not channel.service.draining:  # else it was told to end, at a stop
            record(self, CLIENT_LEFT)
        if error is not None:
            self.log_failure(error)
        return self.fail()

    cdef int fail(self) except -1:
        """The app will not complete the response. RFC 9110 15.6.1: 500 while nothing was sent"""
        if self.phase <= HEAD_GIVEN:
            return self.answer(500, None)
        self.phase = COMPLETE
        self.wake()
        return self.channel.cut(self)

    cdef int answer(self, int status, str text) except -1:
        """Answer in the app's place, which has sent nothing."""
        if self.phase == HEAD_GIVEN:
            self.channel.drop_head()
        self.status = status
        self.phase = COMPLETE
        self.wake()
        return self.channel.answer(self, status, text)

    cdef int log_failure(self, object error) except -1:
        self.channel.service.count_failure()
        self.channel.service.logger.error(
            "the app failed in %s %s", self.head.method, printable(self.head.path), exc_info=error,
        )
        return 0


cdef inline bint has_weak_reference(object function) noexcept:
    return (<PyCFunctionObject *> <PyObject *> function).m_weakreflist != NULL


# Made without a look-up.
cdef PyMethodDef *RECEIVE = (<PyMethodDescrObject *> <PyObject *> Callables.receive).d_method
cdef PyMethodDef *SEND = (<PyMethodDescrObject *> <PyObject *> Callables.send).d_method


cdef Callables callables_of(Exchange exchange):
    """Those for the app of this exchange."""
    cdef Service service = exchange.channel.service
    cdef Callables callables = <Callables> service.callables
    if callables is not None:
        service.callables = callables.below
        callables.below = None
    else:
        will_make()
        callables = Callables.__new__(Callables)
        callables.receive_function = PyCFunction_NewEx(RECEIVE, callables, NULL)
        callables.send_function = PyCFunction_NewEx(SEND, callables, NULL)
    callables.exchange = exchange
    return callables


cdef Exchange new_exchange(Channel channel, RequestHead head):
    """The exchange of a request whose head has arrived; the app is yet to be called."""
    cdef Exchange exchange
    will_make()
    exchange = Exchange.__new__(Exchange)
    exchange.begin(channel, head)
    return exchange


cdef object make(object kind):
    """An exchange of a derived class."""
    will_make()
    return kind.__new__(kind)


cdef dict make_scope(Channel channel, RequestHead head):
    """The ASGI scope of a request."""
    cdef Service service = channel.service
    cdef dict scope = PyDict_Copy(channel.scope)
    cdef dict extensions
    scope["asgi"] = PyDict_Copy(service.asgi)
    if head.version is VERSION_1_1:
        scope["extensions"] = extensions = PyDict_Copy(service.extensions_1_1)
    else:
        scope["http_version"] = head.version
        scope["extensions"] = extensions = PyDict_Copy(
            service.extensions_1_0 if head.version == "1.0" else service.extensions_1_1
        )
    if head.method is not GET:
        scope["method"] = head.method
    if head.raw_path is not SLASH:
        if service.root_path is None or head.path[:1] != "/":  # RFC 9112 3.2.4: OPTIONS *
            scope["path"] = head.path
            scope["raw_path"] = head.raw_path
        else:
            scope["path"] = service.root_path + head.path
            scope["raw_path"] = service.raw_root_path + head.raw_path
    if head.query is not EMPTY:
        scope["query_string"] = head.query
    scope["headers"] = head.headers
    scope["client"] = channel.client
    if channel.server is not None:  # lists are for one scope each
        scope["server"] = channel.server.copy()
        if type(channel.client) is list:
            scope["client"] = (<list> channel.client).copy()
    if head.trailers:
        extensions["http.response.trailers"] = {}
    if channel.tls is not None:
        extensions["tls"] = channel.tls.copy()
    if service.state is not None:
        scope["state"] = copy_state(service.state)
    if channel.proxied and is_forwarded(head.headers):
        service.proxies.apply(scope)
    return scope


cdef int admit(Service service, RequestHead head) except -1:
    """Raises Refusal for a request that no app is to see."""
    if head.method is not GET:
        # An origin server is not a tunnel; HTTP/2 asks for a WebSocket so. RFC 8441 4
        if head.method == "CONNECT" and (head.upgrade is None or head.version != "2"):
            raise Refusal(501, "CONNECT is not supported")
        # RFC 9110 9.1: methods are case-sensitive, while ASGI upper-cases them
        if head.method != head.method.upper():
            raise Refusal(501, "the method is not known")
    if service.limit_concurrency and service.active >= service.limit_concurrency:
        raise Refusal(503, "too many requests at once")
    return 0


cdef str describe_carrier(Channel channel, object transport):
    """Fill in what every scope on a connection says; its scheme."""
    cdef Service service = channel.service
    cdef DirectTransport known = direct(transport)
    cdef str scheme = "http"
    tls = extra(transport, known, "ssl_object")
    if tls is not None:
        scheme = "https"
        channel.tls = describe(tls, service.server_certificate)
    server = None
    if channel.endpoints is None:
        channel.client = address(extra(transport, known, "peername"))
        channel.proxied = service.proxies is not None and service.trusts(channel.client)
    else:
        channel.client, server = channel.endpoints
        channel.proxied = (
            service.proxies is not None and service.proxies.trust_behind(channel.client)
        )
    if server is None:
        server = address(extra(transport, known, "sockname"))
    if type(server) is list:
        channel.server = server
    channel.scope = service.scope_of(server, scheme)
    return scheme


cdef object address(object name):
    """As ASGI wants it: (host, port), or [path, None] for a Unix socket."""
    if isinstance(name, tuple):
        return name if len(<tuple> name) == 2 else name[:2]
    if isinstance(name, (str, bytes)) and name:
        return [name if isinstance(name, str) else name.decode(), None]
    return None


cdef str text_of(object client):
    """As the access log wants it."""
    return f"{client[0]}:{client[1]}" if isinstance(client, tuple) else ""


cdef int name_client(Channel channel, object client) except -1:
    """For the access log: the client is this, and not always the peer."""
    if client is not channel.client or channel.forwarded:
        channel.forwarded = client is not channel.client
        # An address, but others' word for it: no line may be forged whatever it is.
        channel.client_text = quoted(text_of(client).encode("utf-8", "backslashreplace"))
    return 0


# The ends, each in one place. What counts requests counts them here.

cdef int record(Exchange exchange, int status) except -1:
    """A request that the app has seen has ended: with its response, or CLIENT_LEFT."""
    cdef Service service = exchange.channel.service
    if exchange.recorded:
        return 0
    exchange.recorded = True
    if status != CLIENT_LEFT:
        service.served += 1
    if service.counters is not None:
        count_answer(service.counters, exchange, status)
    if service.access_log is not None:
        write_entry(service, entry_of(exchange, status))
    return 0


cdef int count_answer(Counters counters, Exchange exchange, int status) except -1:
    if not exchange.is_websocket:
        return counters.answered(
            exchange.head.method, status, monotonic_ns() - exchange.started_at
        )
    return 0 if status == CLIENT_LEFT else counters.refused_websocket()


cdef int record_refusal(Channel channel, Exchange exchange, RequestHead head, bytes start,
                        int status) except -1:
    """The server itself answers a request: `head` and `start` are what is known without exchange.

    `start` is what has arrived of a request line.
    """
    cdef Service service = channel.service
    cdef Entry entry
    if exchange is not None:
        if exchange.recorded:
            return 0
        exchange.recorded = True
        if exchange.called:
            service.served += 1
    if service.counters is not None:
        service.counters.refused(status)
    if service.access_log is None:
        return 0
    if exchange is not None:
        entry = entry_of(exchange, status)
    elif head is not None:
        entry = entry_of_head(channel, head)
    else:
        entry = entry_of_start(EMPTY if start is None else start)
        entry.client = client_text_of(channel)
    entry.status = status
    write_entry(service, entry)
    return 0


cdef Entry record_websocket(Exchange exchange, int status):
    """A WebSocket was accepted; what record_close() needs, or None."""
    cdef Service service = exchange.channel.service
    cdef Entry entry
    exchange.recorded = True
    if service.counters is not None:
        service.counters.opened_websocket()
    if service.access_log is None:
        return None
    entry = entry_of(exchange, status)
    entry.method = "WebSocket"
    entry.websocket = "accepted"
    write_entry(service, entry)
    entry = entry_of(exchange, status)
    entry.method = "WebSocket"
    entry.websocket = "closed"
    if not service.wants_headers:
        entry.headers = None  # they would be kept for as long as it is open
    return entry


cdef int record_close(Service service, Entry entry, int code, double seconds) except -1:
    """A WebSocket that was accepted has ended."""
    if service.counters is not None:
        service.counters.closed_websocket()
    if entry is not None:
        entry.status = code
        entry.elapsed = <int64_t> (seconds * 1e9)
        write_entry(service, entry)
    return 0


cdef int write_entry(Service service, Entry entry) except -1:
    """A filter or handler of the program's must not break a connection."""
    try:
        service.access_log.record(entry)
    except Exception:
        service.logger.exception("the access log failed")
    return 0


cdef str client_text_of(Channel channel):
    if channel.client_text is None:
        channel.client_text = text_of(channel.client)
    return channel.client_text


cdef Entry entry_of(Exchange exchange, int status):
    cdef Channel channel = exchange.channel
    cdef Entry entry = entry_of_head(channel, exchange.head)
    entry.status = status
    entry.length = exchange.sent
    entry.response_headers = exchange.headers
    if channel.service.timed:
        entry.elapsed = monotonic_ns() - exchange.started_at
    return entry


cdef Entry entry_of_head(Channel channel, RequestHead head):
    cdef Service service = channel.service
    cdef Entry entry = Entry.__new__(Entry)
    entry.client = client_text_of(channel)
    entry.method = head.method
    entry.path = head.raw_path or head.target  # CONNECT has no path
    if service.root_path is not None and entry.path.startswith(b"/"):  # as the app sees it
        entry.path = <bytes> service.raw_root_path + entry.path
    entry.query = head.query
    entry.version = head.version
    entry.headers = head.headers
    return entry


cdef bint is_forwarded(list headers) except -1:
    """Whether a field may be a proxy's; most requests from this machine have none."""
    cdef PyObject *name  # borrowed from the head
    cdef Py_ssize_t i, length
    for i in range(len(headers)):
        name = first_of(item_of(headers, i), 0)
        length = size_of(name)
        if 15 <= length <= 17:  # x-forwarded-for, -host, -port, -proto
            if memcmp(PyBytes_AS_STRING(<object> name), b"x-forwarded-", 12) == 0:
                return True
        elif length == 9 and memcmp(PyBytes_AS_STRING(<object> name), b"forwarded", 9) == 0:
            return True
    return False


cdef inline object copy_state(object state):
    return PyDict_Copy(<dict> state) if type(state) is dict else state.copy()
