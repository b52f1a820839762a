"""Logging of the server's messages: to standard error, or as --log-config says.

Lines are written by a thread. A reader that stalls (a stopped terminal, a full pipe) then costs
lines of the log, which are counted, but never holds up the event loop or a stop.
"""

import contextlib
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

from . import log_config
from .config import Config
from .formatters import TIME, TRACE, DefaultFormatter, wants_colors
from .log_file import LogFile, log_files
from .repeats import REPEATS

logger = logging.getLogger("fastserve")

FORMAT = "%(asctime)s [%(process)d] %(level)s: %(message)s"
MESSAGE_CHARACTERS = 65536  # an exception's text may be as long as what a client has sent
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


def configure(config: Config) -> None:
    """Set up logging; a second time with the same config does nothing. Raises ConfigError."""
    global configured
    if configured is config:
        return
    configured = config
    open_standard_descriptors()
    logging.addLevelName(TRACE, "TRACE")
    logger.addFilter(REPEATS)
    if config.access_log and is_file(config.access_log_file):  # each worker opens it for itself
        LogFile("access_log_file", config.access_log_file).close()
    if config.log_config == "":
        configure_as_usual(config)
    elif config.log_config != {}:  # the program has set up logging itself
        log_config.load(config.log_config, config.use_colors)
    if config.log_level is not None and config.log_config != "":
        for name in ("fastserve", "fastserve.access", "fastserve.asgi"):
            logging.getLogger(name).setLevel(level_of(config))


def level_of(config: Config) -> int:
    names = {"TRACE": TRACE, **logging.getLevelNamesMapping()}
    return names[(config.log_level or "info").upper()]


def is_file(path: str) -> bool:
    """Whether an option names a file, not the standard stream."""
    return path != "-"


def configure_as_usual(config: Config) -> None:
    """To `log_file`, or standard error unless the program has set up logging itself."""
    logger.setLevel(level_of(config))
    file_handler = None
    if is_file(config.log_file):
        file_handler = LineHandler(LogFile("log_file", config.log_file))
        file_handler.setFormatter(formatter(config.use_colors, file_handler.fd))
        logger.addHandler(file_handler)
        logger.propagate = False
    uvicorn = logging.getLogger("uvicorn")
    if not logger.handlers:
        for each in (logging.getLogger("uvicorn.error"), uvicorn):
            logger.handlers.extend(each.handlers)
    if not uvicorn.hasHandlers() and uvicorn.level == logging.NOTSET:
        uvicorn.setLevel(level_of(config))  # applications log to it too
    handler: logging.Handler | None = file_handler
    asyncio_logger = logging.getLogger("asyncio")  # whose errors others collect at the root
    for each in (logger, asyncio_logger, uvicorn):
        if not each.hasHandlers():
            handler = handler or standard_error_handler(config.use_colors)
            each.addHandler(handler)
            # An application that sets up the root logger would have every line twice.
            each.propagate = each is asyncio_logger
    asyncio_logger.addFilter(REPEATS)


configured: Config | None = None


def open_standard_descriptors() -> None:
    """Put /dev/null where standard input, output or error is closed.

    Else the next socket gets the number: print() would write to a client, and libuv aborts when it
    closes a socket whose number is 0, 1 or 2.
    """
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            os.dup2(os.open(os.devnull, os.O_RDWR), fd)  # open() took this very number
            os.set_inheritable(fd, True)
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - lives as long as the process
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115


def reopen() -> None:
    """Open the log files anew that logrotate or its like has moved or removed."""
    for file in log_files():
        try:
            file.reopen()
        except OSError as error:
            logger.error("Cannot reopen %s: %s", file.path, error.strerror)
    loggers = [logging.root, *logging.root.manager.loggerDict.values()]
    found = [each.handlers for each in loggers if isinstance(each, logging.Logger)]
    for handler in {item for handlers in found for item in handlers}:
        if isinstance(handler, logging.FileHandler):
            try:
                _reopen(handler)
            except OSError as error:
                logger.error("Cannot reopen %s: %s", handler.baseFilename, error.strerror)


def reopen_on_signal(number: int, frame: object) -> None:
    """A signal handler. The lock of the writers is one that a thread may take twice."""
    reopen()


def _reopen(handler: logging.FileHandler) -> None:
    if handler.stream is None:  # opened by its first message
        return
    with contextlib.suppress(FileNotFoundError):
        if os.path.samestat(os.stat(handler.baseFilename), os.fstat(handler.stream.fileno())):
            return
    old = handler.setStream(handler._open())
    if old is not None:
        old.close()


def printable(text: str) -> str:
    """The text with all that could forge a log line or command a terminal as an escape."""
    if text.isprintable() and "\\" not in text:
        return text
    return "".join(
        char if char.isprintable() and char != "\\" else ascii(char)[1:-1] for char in text
    )


# Writing without waiting


def standard_error_handler(use_colors: bool | None = None) -> logging.Handler:
    """For standard error, as it is now."""
    # A test or the program may have replaced sys.stderr.
    ours = is_standard(sys.stderr, 2)
    handler = StandardErrorHandler() if ours else logging.StreamHandler()
    handler.setFormatter(formatter(use_colors, 2))
    return handler


def formatter(use_colors: bool | None, fd: int) -> logging.Formatter:
    """Of lines that are written there."""
    return DefaultFormatter(FORMAT, TIME, use_colors=wants_colors(use_colors, fd))


def is_standard(stream: object, fd: int) -> bool:
    """Whether it writes to this descriptor, so that we may as well."""
    try:
        return stream.fileno() == fd  # type: ignore[attr-defined, no-any-return]
    except (AttributeError, OSError, ValueError):
        return False


class LineHandler(logging.Handler):
    """Writes to a file, or to a descriptor. A message is out when the call returns, unless the
    reader stalls."""

    def __init__(self, target: LogFile | int) -> None:
        super().__init__()
        self._file = target if isinstance(target, LogFile) else None  # owned
        self.fd = target.fd if isinstance(target, LogFile) else target
        name = "log on standard error" if self._file is None else f"log {self._file.path}"
        self._writer = LineWriter(self.fd, name)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self.format(record)
        except Exception:
            self.handleError(record)
            return
        if len(text) > MESSAGE_CHARACTERS:
            left_out = len(text) - MESSAGE_CHARACTERS
            text = f"{text[:MESSAGE_CHARACTERS]}... ({left_out} more characters)"
        self._writer.write(text + "\n")
        self._writer.settle()

    def flush(self) -> None:
        """At the end of the process."""
        self._writer.flush()


class StandardErrorHandler(LineHandler):
    """Writes to standard error; a `log_config` may name it too."""

    def __init__(self) -> None:
        super().__init__(2)


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
            if self._waiting >= QUEUE_BYTES:
                self._dropped += data.count(b"\n")
                return
            added = list(pieces(data, self._most))
            self._queue.extend(added)
            self._waiting += sum(map(len, added))
            self._changed.notify_all()
            if self._thread is None:
                self._start()

    def _start(self) -> None:
        """Start the thread, or do its work as far as nobody waits for it."""
        thread = threading.Thread(target=self._run, name=f"fastserve {self._name}", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # as many as may be, or the interpreter ends
            while self._queue and is_writable(self._fd):
                piece = self._queue.popleft()
                self._write(piece)
                self._waiting -= len(piece)
        else:
            self._thread = thread

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
