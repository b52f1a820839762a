from collections.abc import Coroutine
from typing import Any

from typing_extensions import disjoint_base

from fastserve.http._task import Job

__all__ = ("Response",)

@disjoint_base
class Response(Job):
    status: int
    sent: int
    def send(self, message: dict[str, Any], /) -> Coroutine[Any, Any, None]: ...
    async def send_file(self, message: dict[str, Any]) -> None: ...
