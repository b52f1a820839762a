"""A folder of files. All of it may block: the app calls it in threads."""

import contextlib
import itertools
import os
import secrets
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from .names import numbered, safe_name

STALE_SECONDS = 24 * 3600  # an upload without news for so long is dead


class Full(Exception):
    """The folder has reached its limit, or the disk is full."""


@dataclass
class Entry:
    """A file of the folder."""

    name: str
    size: int
    modified: float

    @property
    def etag(self) -> str:
        return f'"{int(self.modified * 1e6):x}-{self.size:x}"'


class Store:
    def __init__(self, folder: Path, max_total: int) -> None:
        self.folder = folder
        self.uploads = folder / ".uploads"
        self.max_total = max_total
        self.uploads.mkdir(parents=True, exist_ok=True)
        for left in self.uploads.iterdir():  # by a server that was killed; others may be at work
            if time.time() - left.stat().st_mtime > STALE_SECONDS:
                left.unlink(missing_ok=True)

    def entries(self) -> list[Entry]:
        """The newest first."""
        found = []
        with os.scandir(self.folder) as items:
            for item in items:
                # It may have been deleted since.
                with contextlib.suppress(FileNotFoundError):
                    if not item.name.startswith(".") and item.is_file(follow_symlinks=False):
                        status = item.stat(follow_symlinks=False)
                        found.append(Entry(item.name, status.st_size, status.st_mtime))
        return sorted(found, key=lambda entry: entry.modified, reverse=True)

    def open(self, name: str) -> tuple[BinaryIO, Entry]:
        """Raises FileNotFoundError, also for all that clients have no business with."""
        if name != safe_name(name):
            raise FileNotFoundError(name)
        # A symbolic link would lead out of the folder, a pipe would hang.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            fd = os.open(self.folder / name, flags)
        except OSError:
            raise FileNotFoundError(name) from None
        file = os.fdopen(fd, "rb")
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            file.close()
            raise FileNotFoundError(name)
        return file, Entry(name, status.st_size, status.st_mtime)

    def delete(self, name: str) -> None:
        """Raises FileNotFoundError."""
        if name != safe_name(name) or not (self.folder / name).is_file():
            raise FileNotFoundError(name)
        (self.folder / name).unlink()

    def upload(self) -> "Upload":
        used = sum(entry.size for entry in self.entries())
        return Upload(self, self.max_total - used)


class Upload:
    """A file on its way in, without a name until `finish`. To be used in `with`."""

    def __init__(self, store: Store, room: int) -> None:
        self._store, self._room = store, room
        self._part = store.uploads / secrets.token_hex(16)
        self._file = open(self._part, "xb")  # noqa: SIM115 - closed by __exit__
        self.size = 0

    def write(self, data: bytes) -> None:
        """Raises Full."""
        self.size += len(data)
        if self.size > self._room:
            raise Full("the folder is full")
        try:
            self._file.write(data)
        except OSError as error:
            raise Full(f"the file cannot be written: {error.strerror}") from None

    def finish(self, name: str) -> str:
        """Give it this name, or one with a number: it replaces no other file. Raises Full."""
        try:
            self._file.flush()
            os.fsync(self._file.fileno())  # a name must not outlive its content
            for number in itertools.count(1):
                free = name if number == 1 else numbered(name, number)
                with contextlib.suppress(FileExistsError):
                    os.link(self._part, self._store.folder / free)  # unlike rename: never replaces
                    return free
        except OSError as error:
            raise Full(f"the file cannot be kept: {error.strerror}") from None
        raise AssertionError("itertools.count() has no end")

    def __enter__(self) -> "Upload":
        return self

    def __exit__(self, *error: object) -> None:
        with contextlib.suppress(OSError):  # what could not be flushed is of no use
            self._file.close()
        self._part.unlink(missing_ok=True)
