"""A server beside other code: for tests, notebooks and programs that do more than serve."""

import asyncio
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from .config import Config
from .errors import ConfigError
from .server import Server

if TYPE_CHECKING:
    from typing import Self, Unpack

    from .keywords import Keywords

# Where these differ from the command's defaults: the logs are the program's, and nobody waits half
# a minute for a client that a test has forgotten.
DEFAULTS: dict[str, Any] = {
    "port": 0,
    "workers": 1,
    "log_config": None,
    "access_log": False,
    "timeout_graceful_shutdown": 5.0,
}
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # what a client connects to


def running(app: Any, **options: "Unpack[Keywords]") -> "RunningServer":
    """Serve `app` for as long as a `with` or `async with` block lasts; it gives a RunningServer.

    `with` serves in a thread that has an event loop of its own, `async with` in the running loop.
    The port is a free one, unless an option says which. The application's lifespan startup is
    complete when the block begins. Takes the options of Config. Raises StartError.
    """
    return RunningServer(app, options)


class RunningServer:
    """Where a server listens, and how to stop it."""

    def __init__(self, app: Any, options: Any) -> None:
        config = Config(app, **{**DEFAULTS, **options})
        if config.workers > 1 or config.reload:
            name = "reload" if config.reload else "workers"
            raise ConfigError(name, "needs processes of its own; use the command or fastserve.run")
        self.server = EmbeddedServer(config)
        self._url: str | None = None
        self._thread: threading.Thread | None = None
        self._serving: asyncio.Task[None] | None = None
        self._error: BaseException | None = None

    @property
    def url(self) -> str:
        """As in "http://127.0.0.1:49152"; of a Unix socket, "http://localhost"."""
        if self._url is None:
            raise RuntimeError("the server is not running: use it as `with running(app) as server`")
        return self._url

    @property
    def websocket_url(self) -> str:
        """The same with the scheme ws or wss."""
        return "ws" + self.url.removeprefix("http")

    @property
    def port(self) -> int | None:
        """None for a Unix socket."""
        return next(iter(self.server.ports), None)

    def stop(self) -> None:
        """Stop before the `with` block ends: finish requests, then the application."""
        if self._thread is None:
            raise RuntimeError("this server runs in the event loop: leave its `async with` block")
        self.server.request_stop()
        try:
            self._thread.join()
        except KeyboardInterrupt:
            self.server.force_exit = True
            self._thread.join()
            raise

    # In a thread

    def __enter__(self) -> "Self":
        self._begin()
        settled = threading.Event()  # it has started, or it cannot
        self._thread = threading.Thread(
            target=self._run, args=(settled,), name="fastserve", daemon=True
        )
        self._thread.start()
        try:
            settled.wait()
        except BaseException:
            self.stop()
            raise
        if self._error is not None:
            self._thread.join()
            raise self._error
        self._url = url_of(self.server)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
        if self._error is not None and error is None:
            raise self._error

    def _run(self, settled: threading.Event) -> None:
        self.server.on_started = settled.set
        try:
            self.server.run()
        except BaseException as error:  # __enter__ or __exit__ raises it in the caller
            self._error = error
        finally:
            settled.set()

    # In the running loop

    async def __aenter__(self) -> "Self":
        self._begin()
        await self.server.startup()
        self._serving = asyncio.create_task(self.server.serve_on(), name="fastserve")
        self._url = url_of(self.server)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._serving is not None
        self.server.request_stop()
        await self._serving

    def _begin(self) -> None:
        if self._thread is not None or self._serving is not None:
            raise RuntimeError("a running server is used once: call running() again")


class EmbeddedServer(Server):
    """Tells its owner when clients are accepted, and nobody to press CTRL+C."""

    on_started: Callable[[], None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.on_started is not None:
            self.on_started()

    async def serve_on(self) -> None:
        """After startup(): until told to stop."""
        try:
            await self.main_loop()
        finally:
            await self.shutdown()

    def _on_listening(self, scheme: str) -> None:
        pass

    def _how_to_force(self) -> str:
        return "set force_exit to close them now"


def url_of(server: Server) -> str:
    """What a client of this machine connects to."""
    scheme = "https" if server.config.is_ssl else "http"
    for sock in server.sockets:
        if sock.family == socket.AF_UNIX:
            continue
        host, port = sock.getsockname()[:2]
        host = ANY_ADDRESS.get(host, host)
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
    return f"{scheme}://localhost"
