from asyncio import AbstractEventLoop, BaseProtocol
from collections.abc import Callable
from contextvars import Context
from logging import Logger
from typing import Any

from typing_extensions import disjoint_base

from fastserve.access_log import Log
from fastserve.asgi._counters import Counters
from fastserve.config import Config
from fastserve.types import ASGIApp

__all__ = ("Service",)

@disjoint_base
class Service:
    app: ASGIApp
    config: Config
    loop: AbstractEventLoop
    logger: Logger
    access_log: Log | None
    counters: Counters | None
    context: Context
    parser_factory: Callable[..., Any] | None
    http2: Callable[[Service], BaseProtocol] | None
    proxies: Any
    connections: set[BaseProtocol]
    websockets: set[Any]
    active: int
    served: int
    draining: bool
    turn_seconds: float
    state: dict[str, Any] | None
    now: float
    def __new__(
        cls,
        app: ASGIApp,
        config: Config,
        loop: AbstractEventLoop,
        protocol: Callable[[Service], BaseProtocol],
        *,
        state: dict[str, Any] | None = None,
        access_log: Log | None = None,
        parser_factory: Callable[..., Any] | None = None,
        http2: Callable[[Service], BaseProtocol] | None = None,
        counters: Counters | None = None,
    ) -> Service: ...
    def connection(self, endpoints: tuple[object, object] | None = None) -> BaseProtocol: ...
    @property
    def open_connections(self) -> int: ...
    @property
    def idle(self) -> bool: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def sweep(self) -> None: ...
    def drain(self) -> None: ...
    def warn(self) -> None: ...
    def reload_certificate(self) -> None: ...
    def abort(self) -> None: ...
    def notice(self) -> None: ...
    async def wait_closed(self) -> None: ...
