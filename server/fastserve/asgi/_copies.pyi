from asyncio import AbstractEventLoop
from typing import final

__all__ = ("Copies",)

@final
class Copies:
    most: int
    size: int
    sent: int
    def __new__(cls, loop: AbstractEventLoop, most: int) -> Copies: ...
    def __len__(self) -> int: ...
    def sweep(self) -> None: ...
    def close(self) -> None: ...
