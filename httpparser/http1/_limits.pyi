from typing_extensions import disjoint_base

__all__ = ("Limits",)

@disjoint_base
class Limits:
    def __init__(
        self,
        *,
        request_line: int = 8192,
        field: int = 16384,
        fields: int = 65536,
        count: int = 128,
        trailers: int = 16384,
        chunk_extensions: int = 16384,
        body: int = 0,
    ) -> None: ...
    @property
    def request_line(self) -> int: ...
    @property
    def field(self) -> int: ...
    @property
    def fields(self) -> int: ...
    @property
    def count(self) -> int: ...
    @property
    def trailers(self) -> int: ...
    @property
    def chunk_extensions(self) -> int: ...
    @property
    def body(self) -> int: ...
