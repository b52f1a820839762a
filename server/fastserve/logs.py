"""Logging of the server's messages: to standard error, or as --log-config says."""

import contextlib
import logging
import os
import sys

from . import log_config
from .config import Config
from .formatters import TIME, TRACE, DefaultFormatter, wants_colors
from .line_writer import LineWriter
from .log_file import LogFile, log_files
from .repeats import REPEATS

logger = logging.getLogger("fastserve")

FORMAT = "%(asctime)s [%(process)d] %(level)s: %(message)s"
MESSAGE_CHARACTERS = 65536  # an exception's text may be as long as what a client has sent


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
