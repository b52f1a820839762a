"""The GIL, which a free-threaded Python must not have turned on while the tests run.

An extension module that does not declare that it needs no GIL turns it on for the whole process,
for good. What is tested then is no longer what it seems to be.
"""

import sys
import sysconfig
from importlib.machinery import EXTENSION_SUFFIXES

FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


def is_on() -> bool:
    return bool(getattr(sys, "_is_gil_enabled", lambda: True)())


class Watch:
    """Notices that the GIL came on, and which modules were imported since the last look."""

    def __init__(self) -> None:
        self._was_on = is_on()
        self._known = _compiled()

    def look(self) -> None:
        """Raises when it came on; one of the modules did it."""
        if not FREE_THREADED or self._was_on:
            return
        new = _compiled() - self._known
        self._known |= new
        self._was_on = is_on()
        assert not self._was_on, f"the GIL is on; new compiled modules: {sorted(new)}"


def _compiled() -> set[str]:
    return {
        name
        for name, module in list(sys.modules.items())
        if str(getattr(module, "__file__", "")).endswith(tuple(EXTENSION_SUFFIXES))
    }
