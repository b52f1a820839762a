from httpparser.errors import HttpParserError

__all__ = ("Refusal",)

class Refusal(HttpParserError):
    def __init__(self, status: int, message: str) -> None: ...
