"""The server's HTTP side on the loop of these tests: the one place that imports it."""

import weakref
from typing import Any

from fastserve import Config
from fastserve.importer import load
from fastserve.metrics import private_counters
from fastserve.service import Service, make_service

from .loop import Loop
from .transport import Transport

PARSERS = ("llhttp", "h11")


class Served:
    """An app behind its service; `connect()` gives the transport of a new connection."""

    def __init__(
        self,
        loop: Loop,
        app: Any,
        *,
        state: dict[str, Any] | None = None,
        log: Any = None,
        **options: Any,
    ) -> None:
        self.loop = loop
        self.config = Config(app, access_log=False, **options)
        state = {} if state is None else state
        self.counters = private_counters()
        self.service: Service = make_service(
            load(self.config), self.config, loop, state, log, self.counters
        )
        self.service.start()
        self.transports: weakref.WeakSet[Transport] = weakref.WeakSet()

    def connect(self, **options: Any) -> Transport:
        transport = Transport(self.loop, self.service.connection(), **options)
        self.transports.add(transport)
        self.loop.settle()
        return transport

    def stop(self) -> None:
        """End all connections; nothing may have gone wrong on the way."""
        self.service.abort()
        self.loop.settle()
        self.service.stop()
        self.loop.settle()
        self.check()
        assert not self.service.connections
        assert self.service.active == 0
        levels = self.counters.read()["levels"]
        for name in ("requests", "connections", "http2_connections", "streams", "websockets"):
            assert levels[name] == 0, levels

    def check(self) -> None:
        """No exception has reached the loop, and no transport was misused."""
        assert not self.loop.failures, self.loop.failures
        for transport in self.transports:
            assert not transport.faults, transport.faults
