"""Whether threads can run Python at the same time: on a free-threaded build, with its GIL off."""

import sys
import sysconfig
import time

from .errors import ConfigError

# CPython turns it on while any thread imports a C extension, until it knows what that declares.
IMPORT_SECONDS = 2.0


def is_on() -> bool:
    """Whether a thread has to wait for the global interpreter lock (GIL), now."""
    return bool(getattr(sys, "_is_gil_enabled", lambda: True)())


def require_off() -> None:
    """Raises ConfigError, which says what to do about it."""
    if not sysconfig.get_config_var("Py_GIL_DISABLED"):
        raise ConfigError(
            "threads",
            "this Python has a GIL, so only one thread would run at a time; use --workers, or a "
            "free-threaded Python (3.13t, 3.14t)",
        )
    deadline = time.monotonic() + IMPORT_SECONDS
    while is_on():
        if time.monotonic() > deadline:
            raise ConfigError(
                "threads",
                "the GIL is on, so only one thread would run at a time: an imported module has "
                "turned it on (the RuntimeWarning names it), or PYTHON_GIL has; do without that "
                "module, set PYTHON_GIL=0 if it works without the GIL, or use --workers",
            )
        time.sleep(0.01)
