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

# Descriptors kept free for the app, and for the two bursts that asyncio accepts before the pause:
# it makes the protocols, which tell us, one turn of the loop later.
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
        self._copies: list[socket.socket] = []
        self._accepted = 0
        self._closed = False
        self._resuming: asyncio.Task[None] | None = None
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        spare = min(SPARE_DESCRIPTORS, soft // 4) if soft > 0 else SPARE_DESCRIPTORS
        self._highest = soft - spare if soft > 0 else sys.maxsize  # RLIM_INFINITY is -1
        self._burst = max(1, min(spare // 4, self._limit))
        self._tls: dict[str, Any] = {}
        if context is not None:
            timeout = config.tls_handshake_timeout or None
            self._tls = {"ssl": context, "ssl_handshake_timeout": timeout}

    async def open(self) -> None:
        """Let clients in. Raises BindError."""
        for sock in self._sockets:
            # Else dup() would make it blocking, for a moment, in all processes that share it, and
            # asyncio accepts until there is nobody left.
            sock.setblocking(False)
            try:
                await self._listen(sock.dup())
            except OSError as error:
                self._stop_accepting()
                raise bind_error(error, sock) from error
            sock.listen(self._backlog)

    async def _listen(self, copy: socket.socket) -> None:
        options: dict[str, Any] = {"backlog": self._burst, **self._tls}
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
        self._copies.append(copy)

    def close(self) -> None:
        """Let nobody in any more."""
        self._closed = True
        self._stop_accepting()

    def _stop_accepting(self) -> None:
        if isinstance(self._loop, asyncio.SelectorEventLoop):
            for copy in self._copies:
                self._loop.remove_reader(copy)
        # Not now: asyncio has accepted connections whose transports need the server until the
        # next turn, and libuv may be in the middle of accepting on what this closes.
        self._loop.call_soon(close_servers, self._servers)
        self._servers, self._copies = [], []

    def _accept(self) -> asyncio.BaseProtocol:
        self._accepted += 1
        if not self.paused and not self._closed and not self._has_room():
            self.paused = True
            self._stop_accepting()
            self._resuming = self._loop.create_task(self._resume())
        return self._service.connection()

    def _has_room(self) -> bool:
        if self._count() + 1 >= self._limit:
            return False
        return self._accepted % PROBE_EVERY != 0 or self._has_descriptors()

    def _count(self) -> int:
        return len(self._service.connections) + len(self._service.websockets)

    def _has_descriptors(self) -> bool:
        # A new descriptor is the lowest free number, so it tells how many are in use.
        try:
            probe = os.dup(self._sockets[0].fileno())
        except OSError:
            return False
        os.close(probe)
        return probe < self._highest

    def _may_resume(self) -> bool:
        few = self._count() < self._limit
        return few and not self._closed and self._has_descriptors()

    async def _resume(self) -> None:
        while self.paused and not self._closed:
            await asyncio.sleep(RETRY_SECONDS)
            if self._may_resume():
                with contextlib.suppress(BindError):
                    await self.open()
                    self.paused = False
        if self._closed:  # while it was opening
            self._stop_accepting()


def close_servers(servers: list[asyncio.Server]) -> None:
    for server in servers:
        server.close()
