"""The files that `http.response.pathsend` and `http.response.zerocopysend` name.

https://asgi.readthedocs.io/en/latest/extensions.html
"""

import asyncio
import operator
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PIECE = 1 << 18  # bytes that are read at once


@dataclass
class File:
    """A part of an open file."""

    fd: int
    offset: int
    count: int
    owned: bool = False  # to be closed afterwards
    seek: bool = False  # leave the file's position behind what was sent

    def close(self) -> None:
        if self.owned:
            os.close(self.fd)
        elif self.seek:
            os.lseek(self.fd, self.offset, os.SEEK_SET)

    def advance(self, count: int) -> None:
        """So much has been sent. RuntimeError when the file has become shorter meanwhile."""
        if count == 0:
            raise RuntimeError("the file has become shorter while it was sent")
        self.offset += count
        self.count -= count

    async def read_piece(self) -> bytes:
        """The next of it, read in a thread."""
        size = min(self.count, PIECE)
        loop = asyncio.get_running_loop()
        data = await loop.run_in_executor(None, os.pread, self.fd, size, self.offset)
        self.advance(len(data))
        return data


def open_path(path: str) -> File:
    """What `http.response.pathsend` names. OSError, or ValueError for what is no regular file.

    The specification asks apps for an absolute path, but frameworks pass on what theirs give them.
    """
    if not isinstance(path, str):
        raise TypeError(f"a path is a str, not {type(path).__name__}")
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError(f"{path!r} is not a regular file")
    except BaseException:
        os.close(fd)
        raise
    return File(fd, 0, status.st_size, owned=True)


def part_of(message: Mapping[str, Any]) -> File:
    """What `http.response.zerocopysend` describes; the file stays the app's to close."""
    file = message["file"]
    fd = file if isinstance(file, int) else file.fileno()
    offset, count = message.get("offset"), message.get("count")
    start = os.lseek(fd, 0, os.SEEK_CUR) if offset is None else operator.index(offset)
    count = None if count is None else operator.index(count)
    if start < 0 or (count is not None and count < 0):
        raise ValueError("offset and count are not negative")
    there = max(os.fstat(fd).st_size - start, 0)
    if count is not None and count > there:
        raise ValueError(f"the file ends {count - there} bytes before offset and count do")
    return File(fd, start, there if count is None else count, seek=offset is None)
