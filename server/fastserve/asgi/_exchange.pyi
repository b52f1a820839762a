from collections.abc import Coroutine
from typing import Any

from typing_extensions import disjoint_base

from fastserve.http._response import Response
from fastserve._ready import Ready

__all__ = ("Cycle", "Delivery")

@disjoint_base
class Delivery(Ready): ...

@disjoint_base
class Cycle(Response):
    def receive(self) -> Coroutine[Any, Any, dict[str, Any]]: ...
    async def wait_message(self) -> dict[str, Any]: ...
