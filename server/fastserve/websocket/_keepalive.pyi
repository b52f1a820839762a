__all__ = ["KeepAlive"]

class KeepAlive:
    def __init__(self, interval: float | None, timeout: float | None) -> None: ...
