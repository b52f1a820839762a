from typing_extensions import disjoint_base

__all__ = ("Sink",)

@disjoint_base
class Sink: ...
