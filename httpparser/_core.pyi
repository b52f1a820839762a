from typing_extensions import disjoint_base

from ._message import Message

__all__ = ("LLHTTP_VERSION", "Parser")

LLHTTP_VERSION: str

@disjoint_base
class Parser(Message): ...
