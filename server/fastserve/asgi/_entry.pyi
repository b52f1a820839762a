from collections.abc import Iterable
from typing import final

from typing_extensions import disjoint_base

__all__ = ("Entry", "quoted")

@final
@disjoint_base
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
    def __new__(
        cls,
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
    ) -> Entry: ...
    @property
    def target(self) -> str: ...
    @property
    def request_line(self) -> str: ...

def quoted(text: bytes, most: int = 3500) -> str: ...
