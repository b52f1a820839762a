from typing import final

from typing_extensions import disjoint_base

__all__ = ("File",)

@final
@disjoint_base
class File:
    fd: int
    offset: int
    count: int
    def __init__(self, fd: int, offset: int, count: int) -> None: ...
    def close(self) -> None: ...
    def advance(self, count: int) -> None: ...
    async def read_piece(self) -> bytes: ...
