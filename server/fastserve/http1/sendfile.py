"""Files to the client: os.sendfile where the kernel can do it, else in pieces through memory.

The kernel copies from the file to the socket, so the transport must have written everything before
it starts. The descriptor is a duplicate: event loops keep their transports' own to themselves.
"""

import asyncio
import errno
import os
from collections.abc import Awaitable
from typing import Any, Protocol

from fastserve.asgi.files import File
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
    while file.count:
        if connection.gone:
            raise ClientDisconnected("the client has disconnected")
        try:
            sent = os.sendfile(out, file.fd, file.offset, min(file.count, PIECE))
        except BlockingIOError:
            await writable(connection, out, timeout)
            continue
        except OSError as error:
            if error.errno in CANNOT:
                return
            raise ClientDisconnected("the client has disconnected") from error
        file.advance(sent)
        await asyncio.sleep(0)


async def writable(connection: Connection, out: int, timeout: float) -> None:
    """Wait until the socket takes more, or the connection is lost."""
    loop = asyncio.get_running_loop()
    watcher = connection.watcher = loop.create_future()
    loop.add_writer(out, wake, watcher)
    timer = loop.call_later(timeout, connection.transport.abort) if timeout else None
    try:
        await watcher
    finally:
        connection.watcher = None
        loop.remove_writer(out)
        if timer is not None:
            timer.cancel()


def wake(watcher: asyncio.Future[None]) -> None:
    if not watcher.done():
        watcher.set_result(None)


async def send_pieces(connection: Connection, file: File) -> None:
    """Read and write: for TLS, and for files that os.sendfile does not take."""
    while file.count:
        data = await file.read_piece()
        if connection.gone:
            raise ClientDisconnected("the client has disconnected")
        connection.transport.write(data)
        await connection.wait_drained()
