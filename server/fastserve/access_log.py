"""The access log: one line per request, many lines per write."""

import asyncio
import contextlib
import logging
import sys
import time
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Any, TextIO

from . import logs
from .config import Config
from .formatters import BOLD, RESET, colored_status, wants_colors
from .logs import LineWriter, is_standard

FLUSH_SECONDS = 0.1
FLUSH_LINES = 1000  # about 64 KiB
# Longer ones are cut, so that a line is one write even into a pipe that workers share (4 KiB).
TARGET_CHARACTERS = 3500
JSON_CHARACTERS = 1800  # of the path, and of the query
RECORD = '%s - "%s %s HTTP/%s" %d'  # uvicorn's: filters and formatters read the arguments


def open_access_log(
    config: Config, loop: asyncio.AbstractEventLoop
) -> "AccessLog | FilteredAccessLog | None":
    """The log that `access_log` and `access_log_format` choose; None if it is off.

    It writes to standard output, or to the handlers of the logger "fastserve.access" if it has any:
    its own or, with `log_config`, those of its parents. What a program does to uvicorn's logger
    "uvicorn.access" (handlers, filters, a level) is done to ours.
    """
    if not config.access_log or logs.level_of(config) > logging.INFO:
        return None
    loggers = [logging.getLogger(f"{package}.access") for package in ("fastserve", "uvicorn")]
    if any(each.disabled or each.level > logging.INFO for each in loggers):
        return None
    for each in loggers:
        if each.handlers or (config.log_config != "" and each.hasHandlers()):
            return LoggerAccessLog(loop, each)
    make = JsonAccessLog if config.access_log_format == "json" else AccessLog
    if make is AccessLog and wants_colors(config.use_colors, 1):
        make = ColorAccessLog
    filters = [item for each in loggers for item in each.filters]
    return FilteredAccessLog(make(loop), filters) if filters else make(loop)


class AccessLog:
    """Collects lines in a list and writes them every 0.1 s, or sooner if there are many.

    The hot path calls only `record`. The server calls `close` after the last request, so that a
    clean stop loses no line.
    """

    # Whether `record` uses `elapsed_ns`; if not, the caller does not read the clock.
    timed = False

    def __init__(self, loop: asyncio.AbstractEventLoop, stream: TextIO | None = None) -> None:
        self._loop = loop
        self._stream = stream
        self._writer: LineWriter | None = None  # for the real standard output
        if stream is None and is_standard(sys.stdout, 1):
            self._writer = LineWriter(1, "access log")
            if isinstance(sys.stdout, TextIOWrapper):
                sys.stdout.reconfigure(line_buffering=True)  # or what the app prints would wait
        self._lines: list[str] = []
        self._timer: asyncio.TimerHandle | None = None

    def record(
        self,
        client: str,
        method: str,
        raw_path: bytes,
        query: bytes,
        version: str,
        status: int,
        length: int,
        elapsed_ns: int,
    ) -> None:
        """`client` is "host:port" or ""; `length` is the response body's, in bytes."""
        target = target_text(raw_path, query)
        self._lines.append(f'{client} - "{method} {target} HTTP/{version}" {status}\n')
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
        if self._writer is not None and (stream is None or is_standard(stream, 1)):
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
        if self._writer is not None:
            self._writer.close()


class JsonAccessLog(AccessLog):
    """One JSON object per line."""

    timed = True
    # The date and time of the current second, cached: formatting it costs more than a line.
    _second = 0
    _second_text = ""

    def __init__(self, loop: asyncio.AbstractEventLoop, stream: TextIO | None = None) -> None:
        from json.encoder import encode_basestring_ascii  # others need not import json

        super().__init__(loop, stream)
        self._quoted = encode_basestring_ascii

    def record(
        self,
        client: str,
        method: str,
        raw_path: bytes,
        query: bytes,
        version: str,
        status: int,
        length: int,
        elapsed_ns: int,
    ) -> None:
        now = time.time()
        if int(now) != self._second:
            self._second = int(now)
            self._second_text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
        path, shown_query = self._quoted_part(raw_path), self._quoted_part(query)
        millisecond = int(now * 1000) % 1000
        self._lines.append(
            f'{{"time": "{self._second_text}.{millisecond:03}Z", "client": {self._quoted(client)}, '
            f'"method": "{method}", "path": {path}, "query": {shown_query}, '
            f'"version": "{version}", "status": {status}, "length": {length}, '
            f'"ms": {elapsed_ns / 1e6:.3f}}}\n'
        )
        if self._timer is None or len(self._lines) >= FLUSH_LINES:
            self._schedule()

    def _quoted_part(self, text: bytes) -> str:
        """As a JSON string; cut short when it is too long for one line of the log."""
        whole = self._quoted(text.decode("latin-1"))
        if len(whole) <= JSON_CHARACTERS:
            return whole
        shortened = text[: JSON_CHARACTERS // 6]  # 6: as in \\u00e9
        return self._quoted(shortened.decode("latin-1") + "...")


class ColorAccessLog(AccessLog):
    """The request in bold, the status in the colour of its class."""

    def record(
        self,
        client: str,
        method: str,
        raw_path: bytes,
        query: bytes,
        version: str,
        status: int,
        length: int,
        elapsed_ns: int,
    ) -> None:
        target = target_text(raw_path, query)
        self._lines.append(
            f'{client} - "{BOLD}{method} {target} HTTP/{version}{RESET}" '
            f"{colored_status(status, str(status))}\n"
        )
        if self._timer is None or len(self._lines) >= FLUSH_LINES:
            self._schedule()


class FilteredAccessLog:
    """Asks the filters of the logger about each request, for another access log."""

    def __init__(self, log: AccessLog, filters: Sequence[Any]) -> None:
        self._log = log
        self._filterer = logging.Filterer()
        for each in filters:
            self._filterer.addFilter(each)
        self.timed = log.timed
        self.close = log.close

    def record(
        self,
        client: str,
        method: str,
        raw_path: bytes,
        query: bytes,
        version: str,
        status: int,
        length: int,
        elapsed_ns: int,
    ) -> None:
        arguments = client, method, target_text(raw_path, query), version, status
        record = logging.LogRecord(
            "fastserve.access", logging.INFO, __file__, 0, RECORD, arguments, None
        )
        if self._filterer.filter(record):
            self._log.record(client, method, raw_path, query, version, status, length, elapsed_ns)


class LoggerAccessLog(AccessLog):
    """One log record per request, for handlers that the program or --log-config sets up."""

    def __init__(self, loop: asyncio.AbstractEventLoop, logger: logging.Logger) -> None:
        super().__init__(loop)
        self._logger = logger

    def record(
        self,
        client: str,
        method: str,
        raw_path: bytes,
        query: bytes,
        version: str,
        status: int,
        length: int,
        elapsed_ns: int,
    ) -> None:
        target = target_text(raw_path, query)
        self._logger.info(RECORD, client, method, target, version, status)


def target_text(raw_path: bytes, query: bytes) -> str:
    """The request target, with characters that could forge a log line as \\xNN."""
    target = raw_path.decode("latin-1")
    if query:
        target += "?" + query.decode("latin-1")
    if not (target.isascii() and target.isprintable() and '"' not in target and "\\" not in target):
        target = "".join(
            char if " " <= char <= "~" and char not in '"\\' else f"\\x{ord(char):02x}"
            for char in target
        )
    return target if len(target) <= TARGET_CHARACTERS else f"{target[:TARGET_CHARACTERS]}..."
