from asyncio import AbstractEventLoop
from collections.abc import Callable
from contextvars import Context
from types import TracebackType
from typing import Any, Self

from typing_extensions import disjoint_base

__all__ = ["Awaitable", "Gate", "Line"]

@disjoint_base
class Line:
    def __init__(self, loop: AbstractEventLoop) -> None: ...

@disjoint_base
class Gate:
    _asyncio_future_blocking: bool
    def get_loop(self) -> AbstractEventLoop: ...
    def add_done_callback(
        self, callback: Callable[[Gate], object], *, context: Context | None = None
    ) -> None: ...
    def cancel(self, msg: Any = None) -> bool: ...
    def result(self) -> None: ...

@disjoint_base
class Awaitable:
    def __await__(self) -> Self: ...
    def __next__(self) -> Gate: ...
    def send(self, value: None) -> Gate: ...
    def throw(
        self,
        kind: type[BaseException] | BaseException,
        value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> Gate: ...
    def close(self) -> None: ...
