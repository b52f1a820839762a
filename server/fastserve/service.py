"""What the server needs of the code that speaks HTTP."""

import asyncio
import importlib
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Protocol

from .access_log import Log
from .config import Config
from .errors import ConfigError
from .types import ASGIApp

if TYPE_CHECKING:
    from .asgi._counters import Counters


class Service(Protocol):
    """All connections of one process, and the requests on them."""

    @property
    def connections(self) -> Collection[object]:
        """The open connections that speak HTTP."""

    @property
    def websockets(self) -> Collection[object]:
        """The open WebSockets."""

    @property
    def open_connections(self) -> int:
        """How many connections are open; WebSockets over HTTP/2 share one."""

    @property
    def active(self) -> int:
        """How many HTTP requests the app is working on; `websockets` has the WebSockets."""

    @property
    def served(self) -> int:
        """How many HTTP requests were answered."""

    @property
    def idle(self) -> bool:
        """Whether no connection is open and no call of the app is running."""

    def connection(self, endpoints: tuple[object, object] | None = None) -> asyncio.BaseProtocol:
        """Create the protocol for a connection that was accepted.

        `endpoints` are the addresses of client and server, if the PROXY protocol has told them.
        """

    def start(self) -> None:
        """Start watching the deadlines."""

    def stop(self) -> None:
        """Stop watching them; call nothing after this."""

    def drain(self) -> None:
        """Close idle connections now, busy ones after their response, WebSockets with 1012.

        A connection accepted later is closed at once.
        """

    def warn(self) -> None:
        """Tell the applications that still answer: `receive` gives http.disconnect."""

    def reload_certificate(self) -> None:
        """Read the certificate that the scopes of later connections show again."""

    def abort(self) -> None:
        """Close every connection now and cancel the app's calls."""

    async def wait_closed(self) -> None:
        """Wait until `idle` is true."""


def make_service(
    app: ASGIApp,
    config: Config,
    loop: asyncio.AbstractEventLoop,
    state: dict[str, Any],
    access_log: Log | None,
    counters: "Counters | None" = None,
) -> Service:
    from .asgi import Service as HttpService
    from .http1 import Connection
    from .http2 import Connection as Http2Connection

    return HttpService(
        app,
        config,
        loop,
        Connection,
        state=state,
        access_log=access_log,
        parser_factory=load_port(config.http),
        http2=Http2Connection if config.http2 else None,
        counters=counters,
    )


def load_port(name: str) -> Any:
    """The parser class of the option `http`; None for llhttp. Raises ConfigError."""
    if name in ("auto", "llhttp"):
        return None
    module, _, attribute = ("fastserve.http1.h11:H11Port" if name == "h11" else name).partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except ImportError as error:
        remedy = "; pip install h11" if name == "h11" else ""
        raise ConfigError("http", f"{name!r} cannot be imported ({error}){remedy}") from None
    except AttributeError:
        raise ConfigError("http", f"{module!r} has no {attribute!r}") from None
