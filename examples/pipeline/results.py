"""The files of results. A file has its name only once it is whole."""

import asyncio
import os
from pathlib import Path

KEEP = 10  # the newest files


class CannotKeep(Exception):
    """The disk is full or gone."""


class Results:
    """A folder of results by the names of their jobs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for left in folder.glob(".*.part"):  # by a server that was killed
            left.unlink(missing_ok=True)

    def path(self, job: str) -> Path:
        return self.folder / f"{job}.jsonl"

    async def write(self, job: str) -> "ResultFile":
        """A new file, to be used in `async with`."""
        return ResultFile(self, self.path(job), self.folder / f".{job}.part")

    def forget_old(self) -> None:
        files = sorted(self.folder.glob("*.jsonl"), key=os.path.getmtime, reverse=True)
        for old in files[KEEP:]:
            old.unlink(missing_ok=True)


class ResultFile:
    """Raises CannotKeep."""

    def __init__(self, results: Results, path: Path, part: Path) -> None:
        self._results, self._path, self._part = results, path, part

    async def __aenter__(self) -> "ResultFile":
        self._file = await kept(open, self._part, "wb")
        return self

    async def write(self, data: bytes) -> None:
        await kept(self._file.write, data)

    async def finish(self) -> None:
        """Give it its name."""
        await kept(self._file.close)
        await kept(os.replace, self._part, self._path)
        await kept(self._results.forget_old)

    async def __aexit__(self, *error: object) -> None:
        await asyncio.to_thread(self._discard)

    def _discard(self) -> None:
        self._file.close()
        self._part.unlink(missing_ok=True)


async def kept(call, *arguments):
    """In a thread: disks can be slow."""
    try:
        return await asyncio.to_thread(call, *arguments)
    except OSError as error:
        raise CannotKeep(f"the result cannot be written: {error.strerror}") from None
