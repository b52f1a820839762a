"""Noticing that the app's files have changed, for `--reload`."""

import contextlib
import logging
import socket
import threading
from collections.abc import Callable, Iterator

from .config import Config
from .errors import ConfigError

logger = logging.getLogger("fastserve")

FILES_CHANGED = 0  # on the wake-up socket, where every other byte is a signal's number

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

    def notify(wake: socket.socket, ended: threading.Event) -> None:
        only_python = watchfiles.PythonFilter()
        for changes in watchfiles.watch(*folders, watch_filter=only_python, stop_event=ended):
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
