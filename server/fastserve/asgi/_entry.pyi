from collections.abc import Callable, Iterable
from typing import final

from typing_extensions import disjoint_base

__all__ = ("Entry", "TextLine", "find", "quoted")

@final
class Entry:
    client: str
    method: str
    path: bytes
    query: bytes
    version: str
    status: int
    length: int
    elapsed: int
    websocket: str | None
    headers: Iterable[tuple[bytes, bytes]] | None
    response_headers: Iterable[tuple[bytes, bytes]] | None
    def __init__(
        self,
        client: str,
        method: str,
        path: bytes,
        query: bytes = b"",
        version: str = "1.1",
        status: int = 200,
        *,
        length: int = 0,
        elapsed: int = 0,
        websocket: str | None = None,
        headers: Iterable[tuple[bytes, bytes]] | None = None,
        response_headers: Iterable[tuple[bytes, bytes]] | None = None,
    ) -> None: ...
    @property
    def target(self) -> str: ...
    @property
    def request_line(self) -> str: ...

@disjoint_base
class TextLine:
    def __new__(cls, renew: Callable[[int], str]) -> TextLine: ...
    def line(self, entry: Entry) -> str | None: ...

def find(headers: Iterable[tuple[bytes, bytes]] | None, wanted: bytes) -> bytes | None: ...
def quoted(text: bytes, most: int = 3500) -> str: ...
