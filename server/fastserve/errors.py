"""Why a server does not start."""


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
