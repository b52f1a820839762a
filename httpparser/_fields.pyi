from typing_extensions import disjoint_base

__all__ = ("Section",)

@disjoint_base
class Section:
    strict: bool
