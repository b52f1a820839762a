from enum import Enum
from typing import Any, Literal, TypeAlias

from typing_extensions import Buffer, disjoint_base

from ._head import RequestHead, ResponseHead
from ._limits import Limits
from ._parser import Parser

__all__ = (
    "BatchParser",
    "Chunk",
    "End",
    "RequestParser",
    "ResponseParser",
    "Trailers",
    "WholeRequest",
    "WholeRequestParser",
)

class End(Enum):
    END = "END"

@disjoint_base
class Trailers:
    @property
    def headers(self) -> list[tuple[bytes, bytes]]: ...

@disjoint_base
class Chunk:
    @property
    def size(self) -> int: ...
    @property
    def extensions(self) -> bytes: ...

_Body: TypeAlias = bytes | memoryview | Chunk | Trailers | Literal[End.END]

@disjoint_base
class BatchParser(Parser):
    @property
    def paused(self) -> bool: ...
    @property
    def held(self) -> bool: ...
    @property
    def leftover(self) -> bytes: ...
    @property
    def switched(self) -> bool: ...
    def feed(self, data: Buffer) -> list[Any]: ...
    def resume(self) -> list[Any]: ...
    def feed_eof(self) -> list[Any]: ...
    def reset(self) -> None: ...

class RequestParser(BatchParser):
    def __init__(
        self,
        *,
        strict: bool = True,
        limits: Limits | None = None,
        lenient: int = 0,
        any_method: bool = False,
        pause: bool = False,
        hold: bool = False,
        chunk_extensions: bool = False,
    ) -> None: ...
    def feed(self, data: Buffer) -> list[RequestHead | _Body]: ...
    def resume(self) -> list[RequestHead | _Body]: ...
    def feed_eof(self) -> list[RequestHead | _Body]: ...
    def switch(self) -> list[RequestHead | _Body]: ...

@disjoint_base
class WholeRequest(RequestHead):
    @property
    def body(self) -> bytes: ...
    @property
    def trailer_fields(self) -> list[tuple[bytes, bytes]] | None: ...

@disjoint_base
class WholeRequestParser(BatchParser):
    def __init__(
        self,
        *,
        strict: bool = True,
        limits: Limits | None = None,
        lenient: int = 0,
        any_method: bool = False,
        pause: bool = False,
    ) -> None: ...
    @property
    def expect_continue(self) -> bool: ...
    def feed(self, data: Buffer) -> list[WholeRequest]: ...
    def resume(self) -> list[WholeRequest]: ...
    def feed_eof(self) -> list[WholeRequest]: ...

@disjoint_base
class ResponseParser(BatchParser):
    method: str | None
    def __init__(
        self,
        *,
        method: str | None = None,
        strict: bool = True,
        limits: Limits | None = None,
        lenient: int = 0,
        pause: bool = False,
        chunk_extensions: bool = False,
    ) -> None: ...
    def feed(self, data: Buffer) -> list[ResponseHead | _Body]: ...
    def resume(self) -> list[ResponseHead | _Body]: ...
    def feed_eof(self) -> list[ResponseHead | _Body]: ...
