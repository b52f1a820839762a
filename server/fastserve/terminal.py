"""Whether the terminal is still there that the server was started from."""

import os


class Terminal:
    """The terminal that the program was started from, if it was."""

    def __init__(self) -> None:
        self._descriptors = [fd for fd in (0, 1, 2) if os.isatty(fd)]

    def is_gone(self) -> bool:
        """Whether SIGHUP has its old meaning: its window was closed."""
        return bool(self._descriptors) and not any(map(os.isatty, self._descriptors))
