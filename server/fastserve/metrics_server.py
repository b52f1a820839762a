"""/metrics, /live and /ready, on an address of their own and in a thread of their own.

They answer while the event loops of the application are busy, and while no worker runs. It is our
own HTTP server with small limits: a client that is slow, or that never asks, holds up nobody, and
many of them do not either: a health check that fails would have the server restarted.
"""

import asyncio
import contextlib
import logging
import signal
import socket
import threading
from collections.abc import Callable
from typing import Any

from . import sockets
from .config import Config
from .errors import BindError
from .exposition import Exposition
from .metrics import Metrics
from .metrics_address import address_of
from .service import Service, make_service
from .transports import Transports

logger = logging.getLogger("fastserve")

MAX_CLIENTS = 64  # when one more comes, the one that came first is closed
RETRY_SECONDS = 1.0  # after which accepting is tried again
SECONDS = 5.0  # for each deadline
TEXT = "text/plain; charset=utf-8"


class Pages:
    """The ASGI application."""

    def __init__(self, metrics: Metrics) -> None:
        self._health = metrics.health
        self._exposition = Exposition(metrics)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        status, kind, body = self._answer(scope)
        headers = [(b"content-type", kind.encode()), (b"cache-control", b"no-store")]
        headers.append((b"content-length", b"%d" % len(body)))
        if status == 405:
            headers.append((b"allow", b"GET, HEAD"))  # RFC 9110 15.5.6
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _answer(self, scope: Any) -> tuple[int, str, bytes]:
        path = scope["path"]
        if path not in ("/metrics", "/live", "/ready"):
            return 404, TEXT, b"use /metrics, /live or /ready\n"
        if scope["method"] not in ("GET", "HEAD"):
            return 405, TEXT, b"use GET or HEAD\n"
        if path == "/metrics":
            fields = [value for name, value in scope["headers"] if name == b"accept"]
            body, kind = self._exposition.write(b", ".join(fields).decode("latin-1"))
            return 200, kind, body
        live = path == "/live"
        health = self._health
        problem = health.problem_of_life() if live else health.problem_of_service()
        if problem is not None:
            return 503, TEXT, f"{problem}\n".encode()
        return 200, TEXT, b"live\n" if live else b"ready\n"


Bind = Callable[[Config], list[socket.socket]]


class MetricsServer:
    """Bound when it is made, which raises BindError; serves from start() to close().

    `bind` may give sockets that a predecessor listens on.
    """

    def __init__(self, address: str, metrics: Metrics, bind: Bind = sockets.bind) -> None:
        self._config = Config(
            Pages(metrics),
            **address_of(address),
            lifespan="off",
            interface="asgi3",
            http="llhttp",
            http2=False,  # streams would be more than one request for each connection
            ws="none",
            proxy_headers=False,
            access_log=False,
            limit_request_line=2048,
            limit_fields=16384,
            limit_body=16384,
            timeout_first_byte=SECONDS,
            timeout_head=SECONDS,
            timeout_body=SECONDS,
            timeout_send=SECONDS,
            # One request for each connection: requests that a client sends ahead would take the
            # time of all others, and an idle connection a place.
            timeout_keep_alive=0,
        )
        self.sockets: list[socket.socket] = []
        try:
            self.sockets += bind(self._config)
            for sock in self.sockets:
                sock.listen(MAX_CLIENTS)
        except (BindError, OSError) as error:
            sockets.close(self.sockets)
            reason = error.__cause__ or error
            problem = getattr(reason, "strerror", None) or reason
            raise BindError(f"metrics: cannot bind {address}: {problem}") from error
        self._loop = asyncio.SelectorEventLoop()
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="fastserve metrics", daemon=True)

    def start(self) -> None:
        """Once; later calls do nothing."""
        if self._thread.ident is not None:
            return
        for sock in self.sockets:
            where = sockets.url(sock, "http")
            logger.info("Metrics and health checks on %s (/metrics, /live, /ready)", where)
        self._thread.start()

    def close(self) -> None:
        """Stop at once."""
        self.hand_over()
        sockets.close(self.sockets)

    def hand_over(self) -> None:
        """Stop at once, but leave the sockets open for a successor."""
        if self._thread.is_alive():
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._ended.set)
            self._thread.join()
        self._loop.close()

    def _run(self) -> None:
        # Signals are for the main thread: in here they would not wake its event loop.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        loop = self._loop
        service = make_service(self._config.app, self._config, loop, {}, None)
        service.start()
        transports = Transports(self._config, loop)
        clients = Clients(service, transports, loop)
        for sock in self.sockets:
            clients.listen(sock)
        await self._ended.wait()
        for sock in self.sockets:
            loop.remove_reader(sock.fileno())
        transports.close()
        service.abort()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(service.wait_closed(), SECONDS)
        service.stop()


class Clients:
    """Those who are connected, in the order in which they came."""

    def __init__(
        self, service: Service, transports: Transports, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._service = service
        self._transports = transports
        self._loop = loop
        self._accepted: list[Any] = []

    def listen(self, sock: socket.socket) -> None:
        self._loop.add_reader(sock.fileno(), self._accept, sock)

    def _accept(self, sock: socket.socket) -> None:
        """The socket has a client waiting."""
        try:
            client = self._transports.accept(sock.fileno())
        except ConnectionAbortedError:
            return
        except OSError:  # no descriptor is free
            self._loop.remove_reader(sock.fileno())
            self._loop.call_later(RETRY_SECONDS, self.listen, sock)
            return
        if client >= 0:
            self._transports.make_plain(client, self._next, False)

    def _next(self) -> asyncio.BaseProtocol:
        """A connection for one more, for whom another may have to go."""
        known = self._service.connections
        self._accepted = [each for each in self._accepted if each in known]
        if len(known) >= MAX_CLIENTS:
            self._accepted.pop(0).transport.abort()
        connection = self._service.connection()
        self._accepted.append(connection)
        return connection
