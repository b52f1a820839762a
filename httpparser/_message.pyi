from typing_extensions import disjoint_base

from ._fields import Section

__all__ = ("Message",)

@disjoint_base
class Message(Section):
    any_method: bool
    hold: bool
    chunk_extensions: bool
    @property
    def keep_alive(self) -> bool: ...
