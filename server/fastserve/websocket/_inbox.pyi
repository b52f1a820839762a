from typing_extensions import disjoint_base

__all__ = ["Inbox"]

@disjoint_base
class Inbox:
    def __init__(self, max_count: int) -> None: ...
