"""Accepting connections, and pausing when there is no room for more."""

import asyncio
import contextlib
import errno
import fcntl
import functools
import logging
import os
import resource
import socket
import ssl
import sys
import termios
import time
from typing import Any

from .config import Config
from .errors import BindError
from .first_bytes import NotTLS, Refused, expect_tls, read_endpoints, refuse_http
from .proxy import Proxies
from .proxy_protocol import NotProxyProtocol
from .repeats import MAY_REPEAT
from .service import Service
from .sockets import bind_error, uses_tls
from .transports import Transports

logger = logging.getLogger("fastserve")

# Descriptors kept free for the app: a quarter of them, but no more than so many.
SPARE_DESCRIPTORS = 64
COUNT_EVERY = 8  # connections, at least; fewer than are spared
COUNT_SELDOM = 256  # connections, at most
FEW_CONNECTIONS = 8  # that are accepted even if the app has taken what is kept free for it
WATCH_SECONDS = 1.0  # how often the app's own descriptors are counted in
RETRY_SECONDS = 0.1
LOG_SECONDS = 60.0  # a server at its limit pauses often, and says so this often
CLOSE_NOTIFY_SECONDS = 1.0  # what a TLS client has, at a stop, to answer the end of the session
ACCEPTS_PER_TURN = 4  # few, so that workers share new clients evenly
# What accept(2) tells of a client, not of the server: the next may be accepted.
CLIENTS = {
    errno.ECONNABORTED,
    errno.EHOSTDOWN,
    errno.EHOSTUNREACH,
    errno.ENETDOWN,
    errno.ENETUNREACH,
    errno.ENOPROTOOPT,
    errno.EOPNOTSUPP,
    errno.EPERM,
    errno.EPROTO,
    errno.ETIMEDOUT,
}


class Listener:
    """Listens on bound sockets for as long as there is room.

    Without descriptors, asyncio logs thousands of errors a second, libuv accepts clients to drop
    them, and the app cannot open a file. So we accept ourselves, and pause before that; clients
    then wait in the kernel's queue. And the first bytes of TLS and of the PROXY protocol can be
    read before a transport has the socket, and each handshake is known.
    """

    def __init__(
        self,
        sockets: list[socket.socket],
        service: Service,
        config: Config,
        context: ssl.SSLContext | None,
    ) -> None:
        self.paused = False
        self.context = context  # for the next handshakes
        self._sockets = sockets
        self._service = service
        self._limit = config.limit_connections or sys.maxsize
        self._backlog = config.backlog
        self._handshake_timeout = config.timeout_tls_handshake or None
        self._first_byte_timeout = config.timeout_first_byte or None
        # Those who may send a PROXY header; None: it is not expected.
        self._relays = Proxies(config.forwarded_allow_ips) if config.proxy_protocol else None
        self._loop = asyncio.get_running_loop()
        self._transports = Transports(config, self._loop)
        self._reading: list[tuple[socket.socket, bool]] = []  # and whether it is for TLS
        # Those on which clients may wait that came before TCP_NODELAY was set: systemd's, for one.
        self._listened: set[socket.socket] = set()
        self._making: set[asyncio.Task[Any]] = set()  # connections: PROXY header, TLS handshake
        self._uncounted = 0  # accepted since descriptors were counted
        # Each thread accepts without the others, and all have the same descriptors.
        self._threads = config.threads
        self._count_every = self._count_often = max(1, COUNT_EVERY // config.threads)
        self._few = max(1, FEW_CONNECTIONS // config.threads)
        self._closed = False
        self._watch: asyncio.TimerHandle | None = None
        self._resuming: asyncio.Task[None] | None = None
        self._say_after = 0.0
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._soft = soft if soft > 0 else sys.maxsize  # RLIM_INFINITY is -1
        self._spare = min(SPARE_DESCRIPTORS, self._soft // 4)

    def replace_context(self, context: ssl.SSLContext | None) -> None:
        """Use other certificates from the next handshake on."""
        self.context = context
        self._service.reload_certificate()

    def open(self) -> None:
        """Accept clients. Raises BindError."""
        for sock in self._sockets:
            # It may be the program's own. Else dup() would make all copies blocking, for a moment.
            sock.setblocking(False)
            try:
                self._listen(sock)
            except OSError as error:
                self._stop_accepting()
                raise bind_error(error, sock) from error
        if self._watch is None:
            self._watch = self._loop.call_later(WATCH_SECONDS, self._on_watch)

    def _listen(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError):  # a Unix socket has no such option
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # its clients' have it too
            if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                self._listened.add(sock)
        sock.listen(self._backlog)
        secure = uses_tls(sock, self.context is not None)
        self._loop.add_reader(sock.fileno(), self._accept_some, sock, secure)
        self._reading.append((sock, secure))

    def close(self) -> None:
        """Accept those who wait already, and nobody any more."""
        for sock, secure in self._reading:
            # Not at once: this is called in a task, and they may be many.
            self._accept_some(sock, secure, self._backlog, at_once=False)
        self._closed = True
        if self._watch is not None:
            self._watch.cancel()
        self._stop_accepting()
        self._transports.close()

    def abort(self) -> None:
        """Give up the handshakes in progress."""
        for task in tuple(self._making):
            task.cancel()

    async def wait_handshakes(self) -> None:
        """Return when no TLS handshake is in progress."""
        while self._making:
            await asyncio.wait(tuple(self._making))
            await asyncio.sleep(0)  # they are forgotten a turn later

    def _stop_accepting(self) -> None:
        for sock, _ in self._reading:
            self._loop.remove_reader(sock.fileno())
        self._reading = []

    def _accept_some(
        self,
        sock: socket.socket,
        secure: bool,
        most: int = ACCEPTS_PER_TURN,
        at_once: bool = True,
    ) -> None:
        """The socket has clients waiting; `at_once`, answer each before the next is accepted."""
        accept, make_plain = self._transports.accept, self._transports.make_plain
        listener, factory = sock.fileno(), self._service.connection
        is_plain = not secure and self._relays is None
        for _ in range(most):
            if self.paused or self._closed:
                return
            try:
                client = accept(listener)
            except OSError as error:
                if error.errno in CLIENTS:
                    continue
                self._pause("no client can be accepted (%s)", error.strerror)
                return
            if client < 0:
                self._listened.discard(sock)
                return
            if self._listened and sock in self._listened:
                set_no_delay(client)
            if is_plain:
                try:
                    make_plain(client, factory, at_once)
                except OSError as error:
                    # The system's limit of what epoll may watch, for example.
                    logger.warning("A client could not be served: %s", error, extra=MAY_REPEAT)
            else:
                made = socket.socket(sock.family, socket.SOCK_STREAM, sock.proto, client)
                made.setblocking(False)  # the object does not know it
                task = self._loop.create_task(self._make(made, secure))
                self._making.add(task)
                task.add_done_callback(self._making.discard)
            self._check_room()

    async def _make(self, client: socket.socket, secure: bool) -> None:
        factory: Any = self._service.connection
        timeout: float | None = None
        with contextlib.ExitStack() as undo:
            undo.callback(client.close)
            try:
                if self._relays is not None:
                    async with asyncio.timeout(self._first_byte_timeout):
                        endpoints = await read_endpoints(client, self._relays)
                    factory = functools.partial(factory, endpoints)
                if secure:
                    async with asyncio.timeout(self._handshake_timeout) as deadline:
                        await expect_tls(client)
                    timeout = left(deadline)
                undo.pop_all()  # a transport closes it
                if secure:
                    assert self.context is not None
                    await self._transports.make_tls(factory, client, self.context, timeout)
                else:
                    self._transports.make_plain(client.detach(), factory, False)
            except NotTLS:
                await refuse_http(client)
                logger.debug("A client sent plain HTTP to a TLS port; answered 400")
            except (NotProxyProtocol, Refused) as error:
                # A scanner may cause it for ever, a wrong setting for all clients.
                logger.warning("Refused a connection (proxy_protocol): %s", error, extra=MAY_REPEAT)
            except TimeoutError:
                logger.debug("A connection failed: its first bytes did not come in time")
            except (OSError, asyncio.CancelledError) as error:  # ssl.SSLError is an OSError
                logger.debug("A connection failed before its first request: %s", error)

    # Room

    @property
    def handshakes(self) -> int:
        """How many TLS handshakes are in progress."""
        return len(self._making)

    def _check_room(self) -> None:
        """After each client: is there room for the next?"""
        self._uncounted += 1
        if self._limit < sys.maxsize and self._count() >= self._limit:
            self._pause("limit_connections (%d) is reached", self._limit)
        elif self._uncounted >= self._count_every:
            self._check_descriptors()

    def _count(self) -> int:
        return self._service.open_connections + len(self._making)

    def _check_descriptors(self) -> None:
        used = count_descriptors()
        room = self._soft - used - self._reserve()
        self._uncounted = 0
        # An app may open some for each connection.
        self._count_every = max(self._count_often, min(room // 8, COUNT_SELDOM) // self._threads)
        if room < 0:
            self._pause("%d of %d file descriptors are in use (ulimit -n)", used, self._soft)

    def _reserve(self) -> int:
        """How many descriptors are to be free."""
        few = self._count() < self._few
        return min(self._spare, 2 * FEW_CONNECTIONS) if few else self._spare

    def _on_watch(self) -> None:
        self._watch = self._loop.call_later(WATCH_SECONDS, self._on_watch)
        if not self.paused:
            self._check_descriptors()

    def _pause(self, reason: str, *args: object) -> None:
        if self.paused or self._closed:
            return
        self.paused = True
        self._stop_accepting()
        self._resuming = self._loop.create_task(self._resume())
        if time.monotonic() >= self._say_after:
            self._say_after = time.monotonic() + LOG_SECONDS
            logger.warning(f"Accepting is paused: {reason}; new clients wait", *args)

    def _may_resume(self) -> bool:
        if self._closed or self._count() >= self._limit:
            return False
        # With a little more room, or it would pause and resume at every client.
        return count_descriptors() + self._reserve() * 5 // 4 <= self._soft

    async def _resume(self) -> None:
        began = time.monotonic()
        while self.paused and not self._closed:
            await asyncio.sleep(RETRY_SECONDS)
            if self._may_resume():
                with contextlib.suppress(BindError):
                    self.open()
                    self.paused = False
        if self._closed:
            return
        level = logging.INFO if time.monotonic() - began > 1 else logging.DEBUG
        logger.log(level, "Accepting again after %.1f s", time.monotonic() - began)

    async def end_tls(self) -> None:
        """Until cancelled: close what is closing and sent, without the client's close_notify.

        RFC 8446 6.1: nobody has to wait for that, while asyncio and uvloop do for 30 seconds.
        """
        since: dict[asyncio.Transport, float] = {}
        while self.context is not None:
            now = time.monotonic()
            for peer in (*self._service.connections, *self._service.websockets):
                transport: asyncio.Transport | None = getattr(peer, "transport", None)
                if transport is None or not transport.is_closing():
                    continue
                if is_unsent(transport):
                    since.pop(transport, None)
                elif now - since.setdefault(transport, now) >= CLOSE_NOTIFY_SECONDS:
                    transport.abort()
            await asyncio.sleep(RETRY_SECONDS)


def set_no_delay(fd: int) -> None:
    """Send the last packet without waiting for the acknowledgment of the one before."""
    sock = socket.socket(fileno=fd)
    with contextlib.suppress(OSError):  # the client has gone: macOS
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.detach()


def left(deadline: asyncio.Timeout) -> float | None:
    """The seconds until a deadline that has not passed; None: there is none."""
    at = deadline.when()
    return None if at is None else max(0.001, at - asyncio.get_running_loop().time())


def is_unsent(transport: asyncio.Transport) -> bool:
    """Whether the client has not received all yet."""
    if transport.get_write_buffer_size():
        return True
    sock = transport.get_extra_info("socket")
    if sock is None:
        return False
    fd = sock.fileno()
    try:  # what the kernel holds; when that is full, asyncio and uvloop hold more below TLS
        return any(fcntl.ioctl(fd, termios.TIOCOUTQ, bytes(4)))
    except OSError:
        return True


def count_descriptors() -> int:
    """How many file descriptors this process has."""
    with contextlib.suppress(OSError):
        # Linux 6.2 and later tell it as the size; reading the folder takes 0.1 us for each.
        if size := os.stat("/proc/self/fd").st_size:
            return size
        return len(os.listdir("/proc/self/fd"))
    with contextlib.suppress(OSError):
        return len(os.listdir("/dev/fd"))
    try:  # a chroot without /proc; the next descriptor is the lowest that is free
        fd = os.dup(2)
    except OSError as error:  # listing takes a descriptor itself
        return sys.maxsize if error.errno == errno.EMFILE else 0
    os.close(fd)
    return fd
