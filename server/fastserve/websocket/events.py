"""What a WebSocket peer can say besides a message, and what it can do wrong."""

from dataclasses import dataclass

__all__ = ["Close", "Ping", "Pong", "ProtocolError"]


@dataclass(frozen=True, slots=True)
class Ping:
    """The peer asks for a Pong with the same payload (RFC 6455 5.5.2)."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to a Ping, or unasked for (RFC 6455 5.5.3)."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """The peer's Close; `code` is 1005 when its frame carried none (RFC 6455 7.1.5)."""

    code: int
    reason: str


class ProtocolError(Exception):
    """The peer broke a rule or a limit: close with `code` and `reason` (RFC 6455 7.1.7)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.reason} ({self.code})"
