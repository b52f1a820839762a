from asyncio import AbstractEventLoop

__all__ = ("ShowsTask", "shows_task")

class ShowsTask:
    def __hash__(self) -> int: ...

def shows_task(kind: type[AbstractEventLoop]) -> type[AbstractEventLoop]: ...
