"""An ASGI server for HTTP and WebSocket on uvloop or asyncio."""

from . import init  # first: it keeps a stop that comes during all other imports

# isort: split

from typing import TYPE_CHECKING, Any

from httpparser import __version__

from .config import Config, own_words
from .embedded import RunningServer, running
from .errors import AppError, BindError, ConfigError, LifespanError, StartError, WorkerError
from .server import Server

if TYPE_CHECKING:
    from typing import Unpack

    from .keywords import Keywords

__all__ = [
    "AppError",
    "BindError",
    "Config",
    "ConfigError",
    "LifespanError",
    "RunningServer",
    "Server",
    "StartError",
    "WorkerError",
    "__version__",
    "run",
    "running",
]


def run(app: Any, **options: "Unpack[Keywords]") -> None:
    """Serve `app`, an application or its "module:attribute", until a signal stops it.

    Takes the options of Config. Raises StartError.
    """
    from . import logs, privileges, titles

    init.split()
    config = Config(app, **options)
    privileges.set_umask(config)
    with privileges.as_user(config):
        logs.configure(config)
    for note in own_words(options):
        logs.logger.info("%s", note)
    if name := config.needs_supervisor:
        if not isinstance(app, str):
            raise ConfigError(name, 'requires the application as a "module:attribute" string')
        from .supervisor import Supervisor

        Supervisor(config).run()
    else:
        titles.set_title(config)
        Server(config).run()
