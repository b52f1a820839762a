"""Why a server does not start, and what an app is told when its client is gone."""


class ClientDisconnected(OSError):
    """send() after the client has disconnected (ASGI HTTP and WebSocket 2.4)."""


class StartError(Exception):
    """The server cannot start; the message is one line that says what to do.

    `__cause__` is the app's own exception when it is the app that failed.
    """


class ConfigError(StartError, ValueError):
    """An option is wrong; the message begins with its name."""

    def __init__(self, option: str, problem: str) -> None:
        super().__init__(f"{option}: {problem}")
        self.option = option
        self.problem = problem


class AppError(StartError):
    """There is no app to serve."""


class BindError(StartError):
    """An address cannot be had."""


class LifespanError(StartError):
    """The app failed to start or to stop; its traceback, if there is one, has been logged."""


class WorkerError(StartError):
    """The worker processes do not start."""
