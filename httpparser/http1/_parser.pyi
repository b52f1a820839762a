from typing_extensions import disjoint_base

__all__ = ("LLHTTP_VERSION", "Parser")

LLHTTP_VERSION: str

@disjoint_base
class Parser:
    strict: bool
    any_method: bool
    hold: bool
    chunk_extensions: bool
    @property
    def keep_alive(self) -> bool: ...
