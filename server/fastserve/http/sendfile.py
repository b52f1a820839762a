"""Files to the client: os.sendfile where it can be had, else in pieces through memory.

The kernel copies from the file to the socket, so that the transport must have written everything
before it starts; the descriptor is a duplicate, since event loops keep transports' own to
themselves.
"""

import asyncio
import errno
import operator
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from fastserve.http._wire import ClientDisconnected

PIECE = 1 << 20  # bytes for one call, so that other connections have their turn
READ_PIECE = 1 << 18
CANNOT = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.ENOTSOCK}


class Wire(Protocol):
    """The connection: `transport`, whether it is `gone`, and waiting for it to be written."""

    @property
    def transport(self) -> Any: ...
    @property
    def gone(self) -> bool: ...
    def waiter(self) -> asyncio.Future[None]: ...
    def drop(self, waiter: asyncio.Future[None]) -> None: ...
    async def wait_drained(self) -> None: ...


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


def open_path(path: str) -> File:
    """What `http.response.pathsend` names. OSError, or ValueError for what is no regular file."""
    if not isinstance(path, str):
        raise TypeError(f"a path is a str, not {type(path).__name__}")
    if not os.path.isabs(path):
        raise ValueError(f"{path!r} is not an absolute path")
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


async def transmit(wire: Wire, file: File, timeout: float) -> None:
    """Send all of it. ClientDisconnected when the client goes, RuntimeError if the file shrinks."""
    transport = wire.transport
    sock = transport.get_extra_info("socket")
    if sock is None or transport.get_extra_info("ssl_object") is not None:
        return await send_pieces(wire, file)
    low, high = transport.get_write_buffer_limits()
    transport.set_write_buffer_limits(high=0)
    try:
        await wire.wait_drained()
        out = os.dup(sock.fileno())
        try:
            await send_by_kernel(wire, file, out, timeout)
        finally:
            os.close(out)
    finally:
        if not wire.gone:
            transport.set_write_buffer_limits(high=high, low=low)
    if file.count:
        await send_pieces(wire, file)
    return None


async def send_by_kernel(wire: Wire, file: File, out: int, timeout: float) -> None:
    """As much as os.sendfile takes: all, or nothing where the file system does not know it."""
    while file.count:
        if wire.gone:
            raise ClientDisconnected("the client has disconnected")
        try:
            sent = os.sendfile(out, file.fd, file.offset, min(file.count, PIECE))
        except BlockingIOError:
            await writable(wire, out, timeout)
            continue
        except OSError as error:
            if error.errno in CANNOT:
                return
            raise ClientDisconnected("the client has disconnected") from error
        advance(file, sent)
        await asyncio.sleep(0)


async def writable(wire: Wire, out: int, timeout: float) -> None:
    """Wait until the socket takes more, or the connection is lost."""
    loop = asyncio.get_running_loop()
    waiter = wire.waiter()
    loop.add_writer(out, wake, waiter)
    timer = loop.call_later(timeout, wire.transport.abort) if timeout else None
    try:
        await waiter
    finally:
        wire.drop(waiter)
        loop.remove_writer(out)
        if timer is not None:
            timer.cancel()


def wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


async def send_pieces(wire: Wire, file: File) -> None:
    """Read and write: for TLS, and for files that os.sendfile does not take."""
    loop = asyncio.get_running_loop()
    while file.count:
        size = min(file.count, READ_PIECE)
        data = await loop.run_in_executor(None, os.pread, file.fd, size, file.offset)
        if wire.gone:
            raise ClientDisconnected("the client has disconnected")
        advance(file, len(data))
        wire.transport.write(data)
        await wire.wait_drained()


def advance(file: File, count: int) -> None:
    if count == 0:
        raise RuntimeError("the file has become shorter while it was sent")
    file.offset += count
    file.count -= count
