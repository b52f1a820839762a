"""The names of the processes in ps and top, if setproctitle is installed."""

import contextlib

from .config import Config
from .errors import ConfigError


def set_title(config: Config, role: str = "") -> None:
    """`fastserve: worker app:app`. Raises ConfigError if the options name what cannot be."""
    try:
        from setproctitle import setproctitle
    except ImportError:
        if config.process_name is not None:
            remedy = "pip install 'fastserve-asgi[titles]'"
            problem = f"needs setproctitle, which is not installed; {remedy}"
            raise ConfigError("process_name", problem) from None
        return
    name = config.process_name or (config.app if isinstance(config.app, str) else "")
    with contextlib.suppress(OSError, ValueError):
        setproctitle(" ".join(filter(None, ("fastserve:", role, name))))
