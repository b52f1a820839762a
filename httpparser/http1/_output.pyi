from collections.abc import Iterable

from typing_extensions import disjoint_base

__all__ = ("Output", "write_response_head")

@disjoint_base
class Output: ...

def write_response_head(
    status: int, headers: Iterable[tuple[bytes, bytes]], reason: bytes | None = None
) -> bytes: ...
