"""Files that logs are appended to, and that are opened anew when logrotate has moved them."""

import errno
import os
import threading
import weakref

from .errors import ConfigError

MODE = 0o644  # less the umask


class LogFile:
    """A file open for appending. Raises ConfigError, which names the option.

    `fd` stays the same number when the file is opened anew, so that whoever writes to it need not
    know. Workers open the same file: each write is appended in one piece.
    """

    def __init__(self, option: str, path: str) -> None:
        self.path = os.path.abspath(path)  # the app may change its working directory
        try:
            self.fd = open_for_appending(self.path)
        except OSError as error:
            raise ConfigError(option, problem(path, error)) from None
        with LOCK:
            FILES.add(self)

    def reopen(self) -> None:
        """Open the file anew if it is another one by now, or none. Raises OSError."""
        with LOCK:  # else, closed meanwhile, its number may be that of a socket by now
            if self.fd >= 0:
                self._reopen()

    def _reopen(self) -> None:
        try:
            if os.path.samestat(os.stat(self.path), os.fstat(self.fd)):
                return
        except FileNotFoundError:
            pass
        new = open_for_appending(self.path)
        os.dup2(new, self.fd, inheritable=False)  # a write in progress goes on in the old file
        os.close(new)

    def close(self) -> None:
        with LOCK:
            FILES.discard(self)
            fd, self.fd = self.fd, -1
            os.close(fd)


FILES: "weakref.WeakSet[LogFile]" = weakref.WeakSet()
LOCK = threading.RLock()  # of FILES; a signal handler may interrupt the thread that has it


def log_files() -> list[LogFile]:
    """Those that are open."""
    with LOCK:
        return list(FILES)


def open_for_appending(path: str) -> int:
    # Without O_NONBLOCK a named pipe would hold up the start until somebody reads it.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
    return os.open(path, flags, MODE)


def problem(path: str, error: OSError) -> str:
    """What to say of a file that cannot be opened."""
    if error.errno == errno.ENXIO:
        reason = "nobody reads this pipe, or it is a socket; use - for the standard stream"
    elif error.errno == errno.ENOENT:
        reason = f"there is no folder {os.path.dirname(os.path.abspath(path))}"
    else:
        reason = str(error.strerror)
    return f"cannot open {path}: {reason}"
