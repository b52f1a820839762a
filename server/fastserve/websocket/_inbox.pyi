__all__ = ["Inbox"]

class Inbox:
    def __init__(self, max_count: int) -> None: ...
