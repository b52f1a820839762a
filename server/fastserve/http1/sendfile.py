"""Files to the client: os.sendfile where the kernel can do it, else in pieces through memory.

The kernel copies from the file to the socket, so the transport must have written everything before
it starts. The descriptor is a duplicate: event loops keep their transports' own to themselves.
"""

import asyncio
import errno
import os
from collections.abc import Awaitable
from typing import Any, Protocol

from fastserve.asgi._files import File
from fastserve.errors import ClientDisconnected

PIECE = 1 << 20  # bytes for one call, so that other connections have their turn
CANNOT = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.ENOTSOCK}


class Connection(Protocol):
    """What is needed of the connection."""

    watcher: asyncio.Future[None] | None  # done when the connection is lost

    @property
    def transport(self) -> Any: ...
    @property
    def gone(self) -> bool: ...
    def write(self, data: bytes) -> object: ...
    def wait_drained(self) -> Awaitable[None]: ...


async def transmit(connection: Connection, file: File, timeout: float) -> None:
    """Send all of it. ClientDisconnected when the client goes, RuntimeError if the file shrinks."""
    transport = connection.transport
    sock = transport.get_extra_info("socket")
    if sock is None or transport.get_extra_info("ssl_object") is not None:
        return await send_pieces(connection, file)
    low, high = transport.get_write_buffer_limits()
    transport.set_write_buffer_limits(high=0)
    try:
        await connection.wait_drained()
        out = os.dup(sock.fileno())
        try:
            await send_by_kernel(connection, file, out, timeout)
        finally:
            os.close(out)
    finally:
        if not connection.gone:
            transport.set_write_buffer_limits(high=high, low=low)
    if file.count:
        await send_pieces(connection, file)
    return None


async def send_by_kernel(connection: Connection, file: File, out: int, timeout: float) -> None:
    """As much as os.sendfile takes: all, or nothing where the file system does not know it."""
    transfer = Transfer(connection, file, out, timeout)
    if not transfer.advance():
        await transfer.wait()
    if connection.gone and file.count:
        raise ClientDisconnected("the client has disconnected")


class Transfer:
    """A file on its way through the kernel.

    The descriptor is watched from the first time that the socket takes no more until the end.
    Watching it anew each time would cost more than the copying.
    """

    def __init__(self, connection: Connection, file: File, out: int, timeout: float) -> None:
        self._connection = connection
        self._file = file
        self._out = out
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._advanced_at = 0.0

    def advance(self) -> bool:
        """Send a piece; whether this was the last, or sending has to end. OSError, RuntimeError."""
        file = self._file
        if self._connection.gone:
            return True
        try:
            sent = os.sendfile(self._out, file.fd, file.offset, min(file.count, PIECE))
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno in CANNOT:
                return True
            raise ClientDisconnected("the client has disconnected") from error
        file.advance(sent)
        return not file.count

    async def wait(self) -> None:
        """Until all is sent, or the connection is lost. A client that reads nothing is dropped."""
        done = self._connection.watcher = self._loop.create_future()
        self._advanced_at = self._loop.time()
        if self._timeout:
            self._timer = self._loop.call_later(self._timeout, self._check)
        self._loop.add_writer(self._out, self._on_writable, done)
        try:
            await done
        finally:
            self._connection.watcher = None
            self._loop.remove_writer(self._out)
            if self._timer is not None:
                self._timer.cancel()

    def _on_writable(self, done: asyncio.Future[None]) -> None:
        if done.done():  # the waiter has yet to run
            return
        before = self._file.count
        try:
            ended = self.advance()
        except Exception as error:
            done.set_exception(error)
            return
        if self._file.count < before:
            self._advanced_at = self._loop.time()
        if ended:
            done.set_result(None)

    def _check(self) -> None:
        left = self._advanced_at + self._timeout - self._loop.time()
        if left <= 0:
            self._connection.transport.abort()
        else:
            self._timer = self._loop.call_later(left, self._check)


async def send_pieces(connection: Connection, file: File) -> None:
    """Read and write: for TLS, and for files that os.sendfile does not take."""
    while file.count:
        data = await file.read_piece()
        if connection.gone:
            raise ClientDisconnected("the client has disconnected")
        connection.write(data)
        await connection.wait_drained()
