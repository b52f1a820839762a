"""Why a server does not start, why it refuses a request, and that the client has gone."""

from collections.abc import Sequence


class ClientDisconnected(OSError):
    """`send()` after the client has disconnected (ASGI HTTP and WebSocket 2.4)."""


class Refusal(Exception):
    """A request that the server refuses: answer with `status` and `headers`, then close."""

    def __init__(
        self, status: int, reason: str, headers: Sequence[tuple[bytes, bytes]] = ()
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.headers = headers


class StartError(Exception):
    """The server cannot start; the message is one line and says what to do.

    `__cause__` is the exception of the app, if the app failed.
    """


class ConfigError(StartError, ValueError):
    """An option is invalid; the message begins with its name."""

    def __init__(self, option: str, problem: str) -> None:
        super().__init__(f"{option}: {problem}")
        self.option = option
        self.problem = problem


class AppError(StartError):
    """The app cannot be loaded."""


class BindError(StartError):
    """An address cannot be bound."""


class LifespanError(StartError):
    """The app failed to start or to stop; its traceback, if any, was logged."""


class WorkerError(StartError):
    """The worker processes do not start."""
