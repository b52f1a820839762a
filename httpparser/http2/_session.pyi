
from typing_extensions import disjoint_base

from httpparser.errors import HttpParserError

__all__ = ("NGHTTP2_VERSION", "Session", "SessionError", "Stream")

NGHTTP2_VERSION: str

class SessionError(HttpParserError): ...

@disjoint_base
class Stream:
    @property
    def id(self) -> int: ...
    @property
    def closed(self) -> bool: ...
    @property
    def ended(self) -> bool: ...
    @property
    def unsent(self) -> int: ...

@disjoint_base
class Session:
    @property
    def streams(self) -> set[Stream]: ...
    @property
    def reason(self) -> str | None: ...
