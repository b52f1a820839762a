"""What a session asks of its process, for tests without a server."""

import contextvars
import logging
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Config:
    ws_max_size: int = 1 << 24
    ws_max_queue: int = 32
    ws_max_fragments: int = 1024
    ws_ping_interval: float = 20.0
    ws_ping_timeout: float = 20.0
    ws_close_timeout: float = 10.0
    ws_per_message_deflate: bool = True
    send_timeout: float = 60.0


@dataclass
class Service:
    app: Any
    loop: Any
    config: Config = field(default_factory=Config)
    context: contextvars.Context = field(default_factory=contextvars.copy_context)
    websockets: set[Any] = field(default_factory=set)
    logger: logging.Logger = field(default_factory=lambda: logging.getLogger("fastserve.test"))

    def default_headers(self) -> bytes:
        return b"server: fastserve\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"

    def notice(self) -> None:
        """A WebSocket is over."""
