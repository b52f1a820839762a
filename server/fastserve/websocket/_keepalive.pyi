from typing_extensions import disjoint_base

__all__ = ["KeepAlive"]

@disjoint_base
class KeepAlive:
    def __init__(self, interval: float | None, timeout: float | None) -> None: ...
