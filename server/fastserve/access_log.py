"""The access log: one line per request, many lines per write."""

import asyncio
import contextlib
import logging
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from . import logs
from .access_format import Format, make_format
from .config import Config
from .formatters import wants_colors
from .line_writer import LineWriter
from .log_file import LogFile
from .logs import is_file, is_standard

if TYPE_CHECKING:
    from .asgi._entry import Entry

FLUSH_SECONDS = 0.1
FLUSH_LINES = 1000  # about 64 KiB
RECORD = '%s - "%s %s HTTP/%s" %d'  # uvicorn's: filters and formatters read the arguments


class Log(Protocol):
    """What a service asks of an access log."""

    @property
    def timed(self) -> bool:
        """Whether it uses `elapsed`; if not, nobody reads the clock for it."""

    @property
    def wants_headers(self) -> bool:
        """Whether it uses the fields of a request."""

    @property
    def wants_response_headers(self) -> bool:
        """Whether it uses those that the app gives a response."""

    def record(self, entry: "Entry") -> None:
        """Add a line for this."""

    def close(self) -> None:
        """Write what waits."""


def open_access_log(config: Config, loop: asyncio.AbstractEventLoop) -> Log | None:
    """The log that `access_log` and `access_log_format` choose; None if it is off.

    It writes to `access_log_file`, or to the handlers of the logger "fastserve.access" if it has
    any: its own or, with `log_config`, those of its parents; else to standard output. Handlers get
    uvicorn's message, or with another format than "text" the line in that format. What a
    program does to uvicorn's logger "uvicorn.access" (handlers, filters, a level) is done to ours.
    """
    if not config.access_log or logs.level_of(config) > logging.INFO:
        return None
    loggers = [logging.getLogger(f"{package}.access") for package in ("fastserve", "uvicorn")]
    if any(each.disabled or each.level > logging.INFO for each in loggers):
        return None
    file = None
    if is_file(config.access_log_file):
        file = LogFile("access_log_file", config.access_log_file)
    for each in loggers if file is None else ():
        if each.handlers or (config.log_config != "" and each.hasHandlers()):
            text = config.access_log_format
            return LoggerAccessLog(each, None if text == "text" else make_format(text))
    colors = wants_colors(config.use_colors, 1 if file is None else file.fd)
    log = AccessLog(loop, make_format(config.access_log_format, colors=colors), file)
    filters = [item for each in loggers for item in each.filters]
    return FilteredAccessLog(log, filters) if filters else log


class AccessLog:
    """Collects lines in a list and writes them every 0.1 s, or sooner if there are many.

    The hot path calls only `record`. The server calls `close` after the last request, so that a
    clean stop loses no line.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        form: Format,
        target: LogFile | TextIO | None = None,
    ) -> None:
        """To standard output without `target`, which is closed with the log if it is a file."""
        self._loop = loop
        self._line, self.timed, self.wants_headers, self.wants_response_headers = form
        self._file = target if isinstance(target, LogFile) else None
        self._stream = None if isinstance(target, LogFile) else target
        self._writer: LineWriter | None = None
        if self._file is not None:
            self._writer = LineWriter(self._file.fd, f"access log {self._file.path}")
        elif target is None and is_standard(sys.stdout, 1):
            self._writer = LineWriter(1, "access log")
            if isinstance(sys.stdout, TextIOWrapper):
                sys.stdout.reconfigure(line_buffering=True)  # or what the app prints would wait
        self._lines: list[str] = []
        self._timer: asyncio.TimerHandle | None = None

    def record(self, entry: "Entry") -> None:
        """Add a line for this."""
        self._lines.append(self._line(entry))
        if self._timer is None or len(self._lines) >= FLUSH_LINES:
            self._schedule()

    def _schedule(self) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(FLUSH_SECONDS, self._tick)
        if len(self._lines) >= FLUSH_LINES:
            self.flush()

    def _tick(self) -> None:
        self._timer = None
        self.flush()

    def flush(self) -> None:
        """Write the collected lines."""
        if not self._lines:
            return
        text, self._lines = "".join(self._lines), []
        # Looked up each time: programs and tests replace sys.stdout.
        stream = sys.stdout if self._stream is None else self._stream
        if self._writer is not None and (
            self._file is not None or stream is None or is_standard(stream, 1)
        ):
            self._writer.write(text)
            return
        # When nobody reads standard output any more, serving goes on.
        with contextlib.suppress(AttributeError, OSError, ValueError):
            stream.write(text)
            stream.flush()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.flush()
        if self._writer is not None and self._writer.close() and self._file is not None:
            self._file.close()


class FilteredAccessLog:
    """Asks the filters of the logger about each entry, for another access log."""

    def __init__(self, log: AccessLog, filters: Sequence[Any]) -> None:
        self._log = log
        self.close = log.close
        self._filterer = logging.Filterer()
        for each in filters:
            self._filterer.addFilter(each)
        self.timed = log.timed
        self.wants_headers = log.wants_headers
        self.wants_response_headers = log.wants_response_headers

    def record(self, entry: "Entry") -> None:
        record = logging.LogRecord(
            "fastserve.access", logging.INFO, __file__, 0, RECORD, arguments(entry), None
        )
        if self._filterer.filter(record):
            self._log.record(entry)


class LoggerAccessLog:
    """One log record per entry, for handlers that the program or --log-config sets up."""

    def __init__(self, logger: logging.Logger, form: Format | None) -> None:
        """Without a format, formatters make the line from the arguments, as for uvicorn."""
        self._logger = logger
        self._line = None if form is None else form.line
        self.timed = form is not None and form.timed
        self.wants_headers = form is not None and form.wants_headers
        self.wants_response_headers = form is not None and form.wants_response_headers

    def record(self, entry: "Entry") -> None:
        if self._line is None:
            self._logger.info(RECORD, *arguments(entry))
            return
        record = LineRecord(
            self._logger.name, logging.INFO, __file__, 0, RECORD, arguments(entry), None
        )
        record.line = self._line(entry).rstrip("\n")
        self._logger.handle(record)

    def close(self) -> None:
        """Nothing waits here."""


class LineRecord(logging.LogRecord):
    """Its message is a finished line; its arguments are uvicorn's all the same, for filters."""

    line = ""

    def getMessage(self) -> str:  # noqa: N802 - the name that logging gives it
        return self.line


def arguments(entry: "Entry") -> tuple[object, ...]:
    """uvicorn's, of a log record."""
    return entry.client, entry.method, entry.target, entry.version, entry.status
