"""Writing lines of a log from a thread.

A reader that stalls (a stopped terminal, a full pipe) then costs lines of the log, which are
counted, but never holds up the event loop or a stop.
"""

import errno
import logging
import os
import select
import stat
import sys
import threading
import weakref
from collections import deque
from collections.abc import Iterator

logger = logging.getLogger("fastserve")

# Several workers share one pipe, which keeps a write of up to so many bytes in one piece.
PIPE_BYTES = select.PIPE_BUF
FILE_BYTES = 65536  # a regular file keeps any write in one piece
QUEUE_BYTES = 8 << 20  # what may wait for the reader
SETTLE_SECONDS = 0.1  # a message is usually out before the program goes on
FLUSH_SECONDS = 2.0  # what a stop gives the reader
# So long without a line, and the thread ends: the kernel and libc take locks in each system call of
# a process that has two, which costs 2% of a GET.
IDLE_SECONDS = 1.0
# Faults of a disk, which may pass; a pipe without a reader is not one, and nobody misses its lines.
DISK_FAULTS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ESTALE}


class LineWriter:
    """Writes lines to a descriptor from a thread, each write whole lines in one piece.

    Lines longer than a pipe keeps together are wrapped. `write` never waits: while QUEUE_BYTES
    wait, lines are dropped, and their number is logged once the reader goes on. Any thread may
    call.
    """

    def __init__(self, fd: int, name: str) -> None:
        self._fd = fd
        self._name = name
        self._most = PIPE_BYTES if is_shared(fd) else FILE_BYTES
        self._reset()
        WRITERS.add(self)

    def _reset(self) -> None:
        self._changed = threading.Condition()
        self._queue: deque[bytes] = deque()
        self._waiting = 0  # bytes, including those of the write in progress
        self._dropped = 0  # lines
        self._lost = 0  # lines that could not be written
        self._fault = ""  # why
        self._is_within_line = False  # for a part of one was written
        self._stalled = False
        self._closed = False
        self._thread: threading.Thread | None = None  # a process that was forked has none

    def write(self, text: str) -> None:
        """Queue this text, which ends with a line feed."""
        data = text.encode("utf-8", "backslashreplace")
        with self._changed:
            if self._closed:  # its descriptor may be a socket's by now
                return
            if self._waiting < QUEUE_BYTES:
                added = list(pieces(data, self._most))
                size = sum(map(len, added))
                self._queue.extend(added)
                self._waiting += size  # no call in here: a signal handler's write would be undone
                self._changed.notify_all()
            else:
                self._dropped += data.count(b"\n")
            if sys.is_finalizing():  # threads do not run: Python 3.11 waits forever for a new one
                self._write_some()
            elif self._thread is None:
                self._start()

    def _start(self) -> None:
        """Start the thread, or do its work if there cannot be another thread."""
        thread = threading.Thread(target=self._run, name=f"fastserve {self._name}", daemon=True)
        self._thread = thread  # a signal handler that logs meanwhile needs no second one
        try:
            thread.start()
        except RuntimeError:
            self._thread = None
            self._write_some()

    def _write_some(self) -> None:
        """What can be written without waiting for the reader."""
        while self._queue and is_writable(self._fd):
            piece = self._queue.popleft()
            self._write(piece)
            self._waiting -= len(piece)

    def settle(self) -> None:
        """Wait a moment for what was written to be out, but not for a reader known to stall."""
        if not self._stalled and threading.current_thread() is not self._thread:
            self._stalled = not self.flush(SETTLE_SECONDS)

    def flush(self, seconds: float = FLUSH_SECONDS) -> bool:
        """Whether all was written, for which this waits so long."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting, seconds)

    def close(self) -> bool:
        """Write what waits and end the thread; whether nothing is being written any more."""
        written = self.flush()
        with self._changed:
            self._dropped += sum(piece.count(b"\n") for piece in self._queue)
            self._queue.clear()
            self._closed = True
            self._changed.notify_all()
            dropped, self._dropped = self._dropped, 0
        self._say_dropped(dropped)
        return written

    def _run(self) -> None:
        while (piece := self._next()) is not None:
            self._write(piece)
            with self._changed:
                self._stalled = False
                self._waiting -= len(piece)
                self._changed.notify_all()

    def _write(self, piece: bytes) -> None:
        """Say that it cannot be written, once, and how many lines were lost once it can again."""
        whole = b"\n" + piece if self._is_within_line else piece
        rest, number = write_all(self._fd, whole)
        if rest:
            if len(rest) < len(whole):
                self._is_within_line = whole[-len(rest) - 1] != ord("\n")
            if number in DISK_FAULTS:
                self._lost += min(rest.count(b"\n"), piece.count(b"\n"))
                if not self._fault:
                    self._fault = os.strerror(number)
                    logger.error("Cannot write the %s: %s", self._name, self._fault)
            return
        self._is_within_line = False
        if self._fault:
            lost, fault = self._lost, self._fault
            self._lost, self._fault = 0, ""
            logger.error("Lost %d lines of the %s: %s", lost, self._name, fault)

    def _next(self) -> bytes | None:
        """The next piece to write; None when the thread is to end."""
        while True:
            with self._changed:
                if self._queue:
                    return self._queue.popleft()
                if self._closed:
                    return None
                dropped, self._dropped = self._dropped, 0
                if not dropped:
                    if not self._changed.wait(IDLE_SECONDS) and not self._queue:
                        self._thread = None
                        return None
                    continue
            self._say_dropped(dropped)

    def _say_dropped(self, count: int) -> None:
        if count:
            logger.warning("Dropped %d lines of the %s: its reader stalled", count, self._name)


WRITERS: "weakref.WeakSet[LineWriter]" = weakref.WeakSet()


def reset_writers() -> None:
    for writer in WRITERS:
        writer._reset()


os.register_at_fork(after_in_child=reset_writers)


def is_shared(fd: int) -> bool:
    """Whether writes of several processes could mix: in pipes, sockets and terminals."""
    try:
        mode = os.fstat(fd).st_mode
    except OSError:
        return True
    return not stat.S_ISREG(mode) and not (stat.S_ISCHR(mode) and not os.isatty(fd))


def pieces(data: bytes, most: int) -> Iterator[bytes]:
    """Whole lines, as many as fit; a longer line is wrapped between two characters."""
    start = 0
    while len(data) - start > most:
        stop = data.rfind(b"\n", start, start + most) + 1
        if stop:
            yield data[start:stop]
        else:
            stop = start + most - 1
            while data[stop] & 0xC0 == 0x80:  # the inside of a UTF-8 sequence
                stop -= 1
            yield data[start:stop] + b"\n"
        start = stop
    if start < len(data):
        yield data[start:]


def is_writable(fd: int) -> bool:
    """Whether a piece can be written without waiting for the reader."""
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return bool(poll.poll(0))


def write_all(fd: int, piece: bytes) -> tuple[bytes, int]:
    """Wait for the reader as long as it takes. What could not be written, and the errno."""
    while piece:
        try:
            piece = piece[os.write(fd, piece) :]
        except BlockingIOError:  # a parent process has made it non-blocking
            poll = select.poll()
            poll.register(fd, select.POLLOUT)
            poll.poll()
        except OSError as error:
            return piece, error.errno or 0
    return b"", 0
