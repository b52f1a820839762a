from asyncio import Task, Transport
from collections.abc import Coroutine
from typing import Any

from typing_extensions import disjoint_base

from fastserve.websocket._peer import Peer
from fastserve.websocket.handshake import Request

__all__ = ["Session"]

@disjoint_base
class Session(Peer):
    task: Task[object] | None
    def __init__(
        self,
        service: Any,
        transport: Transport,
        scope: dict[str, Any],
        request: Request,
        leftover: bytes = b"",
    ) -> None: ...
    def start(self) -> None: ...
    def sweep(self, now: float) -> None: ...
    def shutdown(self) -> None: ...
    def abort(self) -> None: ...
    def data_received(self, data: bytes) -> None: ...
    def connection_lost(self, exc: Exception | None) -> None: ...
    def receive(self) -> Coroutine[Any, Any, dict[str, Any]]: ...
    def send(self, message: dict[str, Any]) -> Coroutine[Any, Any, None]: ...
