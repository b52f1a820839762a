from asyncio import AbstractEventLoop

from typing_extensions import disjoint_base

__all__ = ("ShowsTask", "shows_task")

@disjoint_base
class ShowsTask:
    def __hash__(self) -> int: ...

def shows_task(kind: type[AbstractEventLoop]) -> type[AbstractEventLoop]: ...
