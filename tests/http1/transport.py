"""A transport without a socket, after asyncio's, and the client at its other end.

The protocol is called from the loop, never from within one of the client's methods. What a protocol
must not do to a transport is not done but noted in `faults`.
"""

import asyncio
import ctypes
import sys
from collections import deque
from collections.abc import Iterable
from typing import Any

LARGEST_READ = 256 * 1024  # bytes, as asyncio reads them
CLIENT, SERVER = ("127.0.0.1", 50000), ("127.0.0.1", 8000)


def lend(data: bytes, protocol: Any) -> None:
    """Our transports' memory is another connection's afterwards; so is this."""
    lent = bytes(bytearray(data))
    alone = sys.getrefcount(lent)
    try:
        protocol.data_received(lent)
    finally:
        is_kept = sys.getrefcount(lent) > alone  # the object itself, which is then not lent
        if len(lent) > 1 and not is_kept:
            ctypes.memset(id(lent) + bytes.__basicsize__ - 1, ord("?"), len(lent))


class Transport(asyncio.Transport):
    """`room` is how many bytes the client will take before it stops reading; None: all of them."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        protocol: Any,
        *,
        room: int | None = None,
        **extra: Any,
    ) -> None:
        super().__init__({"peername": CLIENT, "sockname": SERVER, **extra})
        self.loop = loop
        self.protocol = protocol
        self.room = room
        self.faults: list[str] = []
        # To the server.
        self.incoming: deque[bytes | None] = deque()  # segments; None: the end
        self.delivered = 0  # bytes
        self.reading = True
        self.delivering = False  # is scheduled
        # To the client.
        self.received = bytearray()
        self.unsent = bytearray()
        self.high, self.low = 64 * 1024, 16 * 1024
        self.congested = False  # the protocol was told to pause
        self.draining = False  # is scheduled
        self.ending = False  # write_eof()
        self.ended = False  # the client has seen the end
        self.cut_off = False  # the client saw a reset
        # Between the two.
        self.closing = False
        self.losing = False  # connection_lost() is scheduled
        self.lost = False
        self.deserted = False  # the client is gone: what is written comes back as a reset
        loop.call_soon(self._begin)

    def _begin(self) -> None:
        self.protocol.connection_made(self)

    # -- asyncio.Transport

    def write(self, data: Any) -> None:
        if self.ending:
            raise RuntimeError("write() after write_eof()")
        if self.lost or self.closing:
            # One that asyncio itself has closed, for a write that failed, takes more in silence.
            if not self.deserted:
                self.faults.append(f"{bytes(data[:60])!r} was written after the end")
            return
        if self.deserted:
            self._lose(BrokenPipeError("the client has gone"))
            return
        self.unsent += data
        self._send()
        self._watch()

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        self.write(b"".join(list_of_data))

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        if self.closing or self.ending:
            return
        if self.deserted and not self.unsent:
            raise OSError(107, "Transport endpoint is not connected")  # as shutdown() does
        self.ending = True
        self._send()

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        if self.closing:
            return
        self.closing = True
        self.reading = False
        if not self.unsent:
            self._lose(None)

    def abort(self) -> None:
        if self.lost:
            self.faults.append("abort() after the end")  # asyncio's has no loop left then
            return
        self.unsent.clear()
        self.cut_off = self.cut_off or not self.ended
        self._lose(None)

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        if not self.closing and not self.reading:
            self.reading = True
            self._schedule()
            if self.deserted and not self.incoming:
                self.loop.call_soon(self._lose, ConnectionResetError("reset by the client"))

    def is_reading(self) -> bool:
        return self.reading and not self.closing

    def get_write_buffer_size(self) -> int:
        return len(self.unsent)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self.low, self.high

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        if high is None:
            high = 64 * 1024 if low is None else 4 * low
        self.high, self.low = high, high // 4 if low is None else low
        self._watch()

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def get_protocol(self) -> Any:
        return self.protocol

    # -- what the loop does

    def _schedule(self) -> None:
        if self.incoming and self.is_reading() and not self.delivering and not self.lost:
            self.delivering = True
            self.loop.call_soon(self._deliver)

    def _deliver(self) -> None:
        """One segment to the protocol, as one read of the loop."""
        self.delivering = False
        if not self.is_reading() or self.losing or not self.incoming:
            return
        segment = self.incoming.popleft()
        try:
            if segment is None:
                self.reading = False
                if not self.protocol.eof_received():
                    self.close()
                return
            if len(segment) > LARGEST_READ:
                self.incoming.appendleft(segment[LARGEST_READ:])
                segment = segment[:LARGEST_READ]
            self.delivered += len(segment)
            lend(segment, self.protocol)
        except Exception as error:
            self.loop.call_exception_handler(
                {"message": "a protocol failed", "exception": error, "transport": self}
            )
            self._lose(error)
        self._schedule()

    def _send(self) -> None:
        """As much as the client takes."""
        count = len(self.unsent) if self.room is None else min(self.room, len(self.unsent))
        if count:
            self.received += self.unsent[:count]
            del self.unsent[:count]
            if self.room is not None:
                self.room -= count
        if self.ending and not self.unsent:
            self.ended = True

    def _watch(self) -> None:
        if not self.congested and len(self.unsent) > self.high:
            self.congested = True
            self.protocol.pause_writing()

    def _drain(self) -> None:
        self.draining = False
        if self.losing or self.deserted:
            return
        self._send()
        if self.congested and len(self.unsent) <= self.low:
            self.congested = False
            self.protocol.resume_writing()
        if self.closing and not self.unsent:
            self._lose(None)

    def _lose(self, error: Exception | None) -> None:
        self.closing = True
        self.reading = False
        if not self.losing:
            self.losing = True
            self.loop.call_soon(self._end, error)

    def _end(self, error: Exception | None) -> None:
        self.lost = True
        self.ended = True
        # A kernel answers with a reset when bytes are left that nobody has read.
        self.cut_off = self.cut_off or any(self.incoming)
        protocol, self.protocol = self.protocol, None
        protocol.connection_lost(error)

    # -- the client

    def send(self, *segments: bytes) -> None:
        """Each segment is read by itself."""
        if self.lost:
            self.cut_off = True
            return
        self.incoming.extend(filter(None, segments))
        self._schedule()

    def send_end(self) -> None:
        """Half-close: nothing more is sent."""
        self.incoming.append(None)
        self._schedule()

    def take(self, count: int | None = None) -> None:
        """Read so many bytes more, or from now on everything."""
        if count is None:
            self.room = None
        elif self.room is not None:
            self.room += count
        if not self.draining:
            self.draining = True
            self.loop.call_soon(self._drain)

    def leave(self) -> None:
        """Close in order: the server sees the end, and a reset for what it writes after it."""
        if not self.lost:
            self.send_end()
            self.loop.call_soon(self._desert)

    def _desert(self) -> None:
        self.deserted = True

    def vanish(self) -> None:
        """Go away without a word: the kernel knows, the loop has yet to be told."""
        if not self.lost:
            self.deserted = True
            self.incoming.clear()
            self.unsent.clear()

    def reset(self) -> None:
        """Go away, and the loop is told: if it reads or writes, else when it next does."""
        watched = self.is_reading() or self.unsent
        self.vanish()
        if not self.lost and watched:
            self.loop.call_soon(self._lose, ConnectionResetError("reset by the client"))

    @property
    def backlog(self) -> int:
        """Bytes that the server has yet to read."""
        return sum(map(len, filter(None, self.incoming)))
