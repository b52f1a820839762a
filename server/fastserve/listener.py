"""Accepting connections, and pausing when there is no room for more."""

import asyncio
import contextlib
import os
import resource
import socket
import ssl
import sys
from typing import Any

from .config import Config
from .errors import BindError
from .service import Service
from .sockets import bind_error

# asyncio accepts this many before a protocol is made, so a pause can come no sooner.
ACCEPT_BURST = 32
# Descriptors kept free for the app and for what one burst accepts after the pause is due.
SPARE_DESCRIPTORS = 64
PROBE_EVERY = 8
RETRY_SECONDS = 0.1


class Listener:
    """Listens on bound sockets for as long as there is room.

    Left to themselves, without descriptors asyncio logs thousands of errors a second and libuv
    accepts and drops every client. So accepting stops shortly before that; clients then wait in
    the kernel's queue. The event loop owns duplicates, which closing loses nothing of.
    """

    def __init__(
        self,
        sockets: list[socket.socket],
        service: Service,
        config: Config,
        context: ssl.SSLContext | None,
    ) -> None:
        self.paused = False
        self._sockets = sockets
        self._service = service
        self._limit = config.limit_connections or sys.maxsize
        self._backlog = config.backlog
        self._loop = asyncio.get_running_loop()
        self._servers: list[asyncio.Server] = []
        self._accepted = 0
        self._closed = False
        self._resuming: asyncio.Task[None] | None = None
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        unlimited = soft == resource.RLIM_INFINITY
        self._highest = sys.maxsize if unlimited else soft - min(SPARE_DESCRIPTORS, soft // 4)
        self._tls: dict[str, Any] = {}
        if context is not None:
            timeout = config.tls_handshake_timeout or None
            self._tls = {"ssl": context, "ssl_handshake_timeout": timeout}

    async def open(self) -> None:
        """Let clients in. Raises BindError."""
        for sock in self._sockets:
            try:
                await self._listen(sock.dup())
            except OSError as error:
                self._close_servers()
                raise bind_error(error, sock) from error
            sock.listen(self._backlog)

    async def _listen(self, copy: socket.socket) -> None:
        options: dict[str, Any] = {"backlog": min(ACCEPT_BURST, self._limit), **self._tls}
        create: Any = self._loop.create_server
        if copy.family == socket.AF_UNIX:
            create = self._loop.create_unix_server
            if sys.version_info >= (3, 13) and isinstance(self._loop, asyncio.SelectorEventLoop):
                options["cleanup_socket"] = False  # or every pause would remove the file
        try:
            self._servers.append(await create(self._accept, sock=copy, **options))
        except OSError:
            copy.close()
            raise

    def close(self) -> None:
        """Let nobody in any more."""
        self._closed = True
        if self._resuming is not None:
            self._resuming.cancel()
        self._close_servers()

    def _close_servers(self) -> None:
        for server in self._servers:
            server.close()
        self._servers.clear()

    def _accept(self) -> asyncio.BaseProtocol:
        self._accepted += 1
        if not self.paused and not self._has_room():
            # Not now: the loop is in the middle of accepting on what this would close.
            self.paused = True
            self._loop.call_soon(self._pause)
        return self._service.connection()

    def _has_room(self) -> bool:
        if len(self._service.connections) + 1 >= self._limit:
            return False
        return self._accepted % PROBE_EVERY != 0 or self._has_descriptors()

    def _has_descriptors(self) -> bool:
        # A new descriptor is the lowest free number, so it tells how many are in use.
        try:
            probe = os.dup(self._sockets[0].fileno())
        except OSError:
            return False
        os.close(probe)
        return probe < self._highest

    def _pause(self) -> None:
        if not self._closed:
            self._close_servers()
            self._resuming = self._loop.create_task(self._resume())

    async def _resume(self) -> None:
        while self.paused:
            await asyncio.sleep(RETRY_SECONDS)
            if len(self._service.connections) < self._limit and self._has_descriptors():
                with contextlib.suppress(BindError):
                    await self.open()
                    self.paused = False
