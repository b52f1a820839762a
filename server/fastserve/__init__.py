"""An ASGI server for HTTP and WebSocket on uvloop or asyncio."""

from typing import Any

from httpparser import __version__

from .config import Config
from .errors import AppError, BindError, ConfigError, LifespanError, StartError, WorkerError
from .server import Server

__all__ = [
    "AppError",
    "BindError",
    "Config",
    "ConfigError",
    "LifespanError",
    "Server",
    "StartError",
    "WorkerError",
    "__version__",
    "run",
]


def run(app: Any, **options: Any) -> None:
    """Serve `app`, an application or its "module:attribute", until a signal stops it.

    Takes the options of Config. Raises StartError.
    """
    from . import logs

    config = Config(app, **options)
    logs.configure(config)
    if config.workers > 1 or config.reload:
        from .supervisor import Supervisor

        Supervisor(config).run()
    else:
        Server(config).run()
