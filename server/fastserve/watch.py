"""Noticing that the app's files have changed, for `--reload`."""

import contextlib
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from .config import Config
from .errors import ConfigError

logger = logging.getLogger("fastserve")

FILES_CHANGED = 0  # on the wake-up socket, where every other byte is a signal's number

INCLUDES = ("*.py",)
EXCLUDES = (".*", ".py[cod]", ".sw.*", "~*")

Watch = Callable[[socket.socket], contextlib.AbstractContextManager[None]]


def open_watch(config: Config) -> Watch:
    """What writes FILES_CHANGED to the wake-up socket, if `reload` is set."""
    if not config.reload:
        return lambda wake: contextlib.nullcontext()
    try:
        import watchfiles
    except ImportError:
        remedy = "pip install 'fastserve-asgi[reload]'"
        raise ConfigError("reload", f"needs watchfiles, which is not installed; {remedy}") from None
    folders = config.reload_dirs or (config.app_dir,)
    folders += tuple(filter(os.path.isdir, config.reload_includes))
    wanted = Patterns(config)
    ignored = watchfiles.DefaultFilter()  # .git, .venv, node_modules and the like

    def is_wanted(change: Any, path: str) -> bool:
        return ignored(change, path) and wanted.match(path)

    def notify(wake: socket.socket, ended: threading.Event) -> None:
        step = int(config.reload_delay * 1000)
        for changes in watchfiles.watch(
            *folders,
            watch_filter=is_wanted,
            stop_event=ended,
            step=step,
            debounce=max(1600, 2 * step),
            ignore_permission_denied=True,
        ):
            names = ", ".join(sorted(path for _, path in changes))
            logger.info("Changed: %s", names)
            wake.send(bytes([FILES_CHANGED]))

    @contextlib.contextmanager
    def watch(wake: socket.socket) -> Iterator[None]:
        ended = threading.Event()
        thread = threading.Thread(target=notify, args=(wake, ended), name="fastserve reload")
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    return watch


class Patterns:
    """Which files matter: `reload_includes` and `reload_excludes` with the defaults.

    An option that names a default of the other takes it away; a directory stands for all in it.
    """

    def __init__(self, config: Config) -> None:
        excluded, included = config.reload_excludes, config.reload_includes
        self.includes = [*(each for each in INCLUDES if each not in excluded), *included]
        self.excludes = [*(each for each in EXCLUDES if each not in included), *excluded]
        self.folders = [Path(each).resolve() for each in excluded if os.path.isdir(each)]

    def match(self, name: str) -> bool:
        path = Path(name)
        if any(folder in path.parents for folder in self.folders):
            return False
        if path.name in self.includes:  # named itself, as .env is, no pattern excludes it
            return True
        is_included = any(map(path.match, self.includes))
        return is_included and not any(map(path.match, self.excludes))
