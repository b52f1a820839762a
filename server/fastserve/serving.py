"""What a server does in one event loop: start the app, accept clients, finish what is in progress.

A server has one Serving in its own loop and, with `threads`, another in each thread.
"""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .access_log import open_access_log
from .config import Config
from .draining import drain, first
from .errors import LifespanError
from .lifespan import Lifespan
from .listener import Listener
from .service import Service, make_service
from .sockets import close
from .types import ASGIApp

if TYPE_CHECKING:
    from .asgi._counters import Counters

logger = logging.getLogger("fastserve")

# What calls of the app have to end once they are cancelled; those that ignore it are left.
ABORT_SECONDS = 5.0


class Serving:
    """Everything in one loop, in which all is called. `end` undoes what was done, however little.

    `sockets` are those that it listens on, owned; `state` is the lifespan's.
    """

    def __init__(
        self,
        app: ASGIApp,
        config: Config,
        context: ssl.SSLContext | None,
        counters: "Counters | None" = None,
    ) -> None:
        self.state: dict[str, Any] = {}
        self.sockets: list[socket.socket] = []
        self.service: Service | None = None
        self.abort = asyncio.Event()  # do not wait for what is in progress
        self.stop = asyncio.Event()  # accept nobody and finish what is in progress
        self._app = app
        self._config = config
        self._context = context
        self._counters = counters
        self._listener: Listener | None = None
        self._undo = contextlib.AsyncExitStack()

    def tell(self, stop: bool, abort: bool) -> None:
        """What the server was told."""
        for event, wanted in ((self.stop, stop), (self.abort, abort)):
            if wanted:
                event.set()
            else:
                event.clear()

    @property
    def services(self) -> list[Service]:
        """Of every loop in which clients are accepted."""
        return [] if self.service is None else [self.service]

    @property
    def more_sockets(self) -> list[socket.socket]:
        """On which clients wait besides those that the server was given."""
        return []

    def runs(self) -> bool:
        """Whether every loop has run since the last call."""
        return True

    def others_run(self, seconds: float) -> bool:
        """Whether the loops besides the first do, within so long. No loop may call this."""
        return True

    async def start(self) -> bool:
        """Start the app; false if told to stop meanwhile. Raises LifespanError."""
        lifespan = Lifespan(self._app, self._config.lifespan)
        self._undo.push_async_callback(lifespan.close)
        # An app that has started is shut down, even if it was told to stop just then.
        self._undo.push_async_callback(self._shut_down, lifespan)
        if not await first(lifespan.startup(), self.stop):
            return False
        self.state = lifespan.state
        return True

    async def open(self, sockets: Sequence[socket.socket]) -> None:
        """Accept clients. Raises ConfigError and BindError."""
        self.sockets = list(sockets)
        loop = asyncio.get_running_loop()
        access_log = open_access_log(self._config, loop)
        if access_log is not None:
            self._undo.callback(access_log.close)
        service = make_service(
            self._app, self._config, loop, self.state, access_log, self._counters
        )
        listener = Listener(self.sockets, service, self._config, self._context)
        self.service, self._listener = service, listener
        self._undo.push_async_callback(self._abort_clients, service, listener)
        service.start()
        listener.open()

    @property
    def context(self) -> ssl.SSLContext | None:
        """For the next TLS handshakes."""
        return self._context

    def replace_context(self, context: ssl.SSLContext | None) -> None:
        """Use other certificates from the next handshake on."""
        self._context = context
        if self._listener is not None:
            self._listener.replace_context(context)

    def stop_accepting(self) -> None:
        """Close the sockets, or clients would queue in the kernel for nobody."""
        if self._listener is not None:
            self._listener.close()
        close(self.sockets)

    async def drain(self) -> bool:
        """Whether all that was in progress has ended in time."""
        if self.service is None or self._listener is None:
            return True
        return await drain(self.service, self._listener, self._config, self.abort)

    async def end(self) -> None:
        """Cut off what is still in progress and stop the app."""
        await self._undo.aclose()
        close(self.sockets)

    async def _abort_clients(self, service: Service, listener: Listener) -> None:
        self.service = self._listener = None
        listener.close()
        listener.abort()
        service.abort()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(service.wait_closed(), ABORT_SECONDS)
        service.stop()

    async def _shut_down(self, lifespan: Lifespan) -> None:
        try:
            limit = self._config.timeout_graceful_shutdown
            # 0 is meant for requests: the app closes its database even then.
            limit = ABORT_SECONDS if limit == 0 else limit
            if not await first(lifespan.shutdown(), self.abort, limit):
                logger.warning("The application's shutdown was cut off")
        except LifespanError as error:
            logger.error("%s", error)
