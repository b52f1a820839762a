from collections.abc import Coroutine
from typing import Any

from typing_extensions import disjoint_base

from fastserve.http._response import Response

__all__ = ("Cycle", "Delivery")

@disjoint_base
class Delivery:
    def throw(self, kind: Any, value: Any = None, traceback: Any = None) -> Any: ...

@disjoint_base
class Cycle(Response):
    def receive(self) -> Coroutine[Any, Any, dict[str, Any]]: ...
    async def wait_message(self) -> dict[str, Any]: ...
