from typing_extensions import Buffer, disjoint_base

__all__ = ("URL", "parse_url")

@disjoint_base
class URL:
    def __init__(
        self,
        schema: bytes | None,
        host: bytes | None,
        port: int | None,
        path: bytes | None,
        query: bytes | None,
        fragment: bytes | None,
        userinfo: bytes | None,
    ) -> None: ...
    @property
    def schema(self) -> bytes | None: ...
    @property
    def host(self) -> bytes | None: ...
    @property
    def port(self) -> int | None: ...
    @property
    def path(self) -> bytes | None: ...
    @property
    def query(self) -> bytes | None: ...
    @property
    def fragment(self) -> bytes | None: ...
    @property
    def userinfo(self) -> bytes | None: ...

def parse_url(url: Buffer) -> URL: ...
