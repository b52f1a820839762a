"""The file of `--pid-file`: which process to signal.

A running server holds a lock on its file, which ends with the process whatever happens. So a file
without a lock is stale, even if another process has got the same number since.
"""

import contextlib
import fcntl
import os
import re
import stat
from typing import BinaryIO

from .errors import ConfigError

OPTION = "pid_file"
MOST_BYTES = 32


class PidFile:
    """Written by `write`, and removed by `remove` unless it is another's by then."""

    def __init__(self, path: str) -> None:
        self._path = os.path.abspath(path)  # the app may change the folder
        self._file: BinaryIO | None = None

    def write(self, *, takes_over: bool = False) -> None:
        """Put our number there; over that of a running server only to take over from it.

        Raises ConfigError.
        """
        try:
            self._write(takes_over)
        except OSError as error:
            problem = f"cannot write {self._path}: {error.strerror or error}"
            raise ConfigError(OPTION, problem) from error

    def _write(self, takes_over: bool) -> None:
        file, path = self._create()
        try:
            while True:
                with contextlib.ExitStack() as held:
                    try:
                        old = held.enter_context(open_pid_file(self._path))
                    except FileNotFoundError:
                        with contextlib.suppress(FileExistsError):
                            os.link(path, self._path)
                            os.unlink(path)
                            break
                        continue
                    # While we hold its lock, nobody else takes the stale file for free.
                    if not takes_over and not lock(old):
                        raise ConfigError(OPTION, f"{self._path} is that of a running server"
                                          f" (process {read_pid(old, self._path)})")  # fmt: skip
                    if not is_at(self._path, old):
                        continue
                    read_pid(old, self._path)
                    os.rename(path, self._path)
                    break
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(path)
            file.close()
            raise
        self._file = file

    def _create(self) -> tuple[BinaryIO, str]:
        """A locked file beside the one to write, with our number; nobody sees it unfinished."""
        path = f"{self._path}.{os.urandom(8).hex()}"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.fdopen(os.open(path, flags, 0o644), "w+b", buffering=0)
        if not lock(file):
            raise OSError("it cannot be locked")
        file.write(b"%d\n" % os.getpid())
        return file, path

    def remove(self) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        with file, contextlib.suppress(OSError):
            if is_at(self._path, file):
                os.unlink(self._path)


def open_pid_file(path: str) -> BinaryIO:
    """Raises OSError, also when a link or no regular file is there."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    file = os.fdopen(os.open(path, flags), "rb", buffering=0)
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError("it is not a regular file")
    return file


def read_pid(file: BinaryIO, path: str) -> int:
    """Raises ConfigError for a file that holds anything else."""
    file.seek(0)
    text = file.read(MOST_BYTES)
    if text and not re.fullmatch(rb"\s*[1-9][0-9]{0,9}\s*", text):
        raise ConfigError(OPTION, f"{path} is not a pid file; remove it, or choose another name")
    return int(text or 0)


def running_pid(path: str) -> int:
    """The process of the server that holds this file. Raises ConfigError."""
    try:
        with open_pid_file(path) as file:
            pid = read_pid(file, path)
            if lock(file):
                raise ConfigError(OPTION, f"no server is running that holds {path}")
            owner = os.fstat(file.fileno()).st_uid
    except OSError as error:
        raise ConfigError(OPTION, f"cannot read {path}: {error.strerror or error}") from error
    # Whoever may write the file could name any process, for root to signal.
    if owner not in (0, owner_of(pid)):
        raise ConfigError(OPTION, f"{path} names process {pid}, which is another user's")
    return pid


def owner_of(pid: int) -> int:
    try:
        return os.stat(f"/proc/{pid}").st_uid
    except OSError:  # not Linux
        return os.geteuid()


def lock(file: BinaryIO) -> bool:
    """Whether nobody else has it locked."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_at(path: str, file: BinaryIO) -> bool:
    """Whether the path still names this very file."""
    try:
        return os.path.samestat(os.lstat(path), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
