"""Formatters of log lines, with colours on a terminal, and the configuration that uses them.

They take the arguments and know the fields of uvicorn's, so that its users' formats go on working:
`%(levelprefix)s`, and in the access log `%(client_addr)s`, `%(request_line)s` and
`%(status_code)s`.
"""

import copy
import logging
import os
import time
from typing import Any

TRACE = 5  # below logging.DEBUG
TIME = "%Y-%m-%d %H:%M:%S %z"  # of both logs

RESET = "\x1b[0m"
BOLD = "\x1b[1m"
LEVEL_COLORS = {
    TRACE: "\x1b[34m",
    logging.DEBUG: "\x1b[36m",
    logging.INFO: "\x1b[32m",
    logging.WARNING: "\x1b[33m",
    logging.ERROR: "\x1b[31m",
    logging.CRITICAL: "\x1b[91m",
}
STATUS_COLORS = {1: "\x1b[97m", 2: "\x1b[32m", 3: "\x1b[33m", 4: "\x1b[31m", 5: "\x1b[91m"}
PREFIX_WIDTH = 9  # of the longest level but CRITICAL, with its colon


def wants_colors(use_colors: bool | None, fd: int) -> bool:
    """Whether lines written there have colours; None: on a terminal (https://no-color.org)."""
    if use_colors is None:
        return os.isatty(fd) and not os.environ.get("NO_COLOR")
    return use_colors


class DefaultFormatter(logging.Formatter):
    """For messages: `%(level)s` is the level in its colour, `%(levelprefix)s` fills a column."""

    fd = 2

    def __init__(
        self,
        fmt: str | None = None,
        datefmt: str | None = None,
        style: Any = "%",
        use_colors: bool | None = None,
    ) -> None:
        self.use_colors = wants_colors(use_colors, self.fd)
        self._second, self._time = -1, ""
        super().__init__(fmt, datefmt, style)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        record = copy.copy(record)  # others format it too
        self.fill(record)
        return super().formatMessage(record)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        """With our own `datefmt` once a second."""
        if datefmt is not TIME:
            return super().formatTime(record, datefmt)
        if int(record.created) != self._second:
            self._second = int(record.created)
            self._time = time.strftime(TIME, time.localtime(record.created))
        return self._time

    def fill(self, record: logging.LogRecord) -> None:
        """Add the fields."""
        color = LEVEL_COLORS.get(record.levelno) if self.use_colors else None
        name = record.levelname
        level = f"{color}{name}{RESET}" if color else name
        prefix = f"{level}:" + " " * (PREFIX_WIDTH - 1 - len(name))
        record.__dict__.update(level=level, levelprefix=prefix)


class AccessFormatter(DefaultFormatter):
    """For the access log, whose records have the request's parts as arguments."""

    fd = 1

    def fill(self, record: logging.LogRecord) -> None:
        super().fill(record)
        if not isinstance(record.args, tuple) or len(record.args) != 5:
            return
        record.client_addr, method, target, version, status = record.args
        line = f"{method} {target} HTTP/{version}"
        record.request_line = f"{BOLD}{line}{RESET}" if self.use_colors else line
        assert isinstance(status, int)
        text = status_text(status)
        record.status_code = colored_status(status, text) if self.use_colors else text


def status_text(status: int) -> str:
    from http import HTTPStatus

    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def colored_status(status: int, text: str) -> str:
    color = STATUS_COLORS.get(status // 100)
    return f"{color}{text}{RESET}" if color else text


LOGGING_CONFIG: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "default": {
            "()": "fastserve.formatters.DefaultFormatter",
            "fmt": "%(levelprefix)s %(message)s",
            "use_colors": None,
        },
        "access": {
            "()": "fastserve.formatters.AccessFormatter",
            "fmt": '%(levelprefix)s %(client_addr)s - "%(request_line)s" %(status_code)s',
            "use_colors": None,
        },
    },
    "handlers": {
        "default": {
            "formatter": "default",
            "class": "logging.StreamHandler",
            "stream": "ext://sys.stderr",
        },
        "access": {
            "formatter": "access",
            "class": "logging.StreamHandler",
            "stream": "ext://sys.stdout",
        },
    },
    "loggers": {
        "fastserve": {"handlers": ["default"], "level": "INFO", "propagate": False},
        "fastserve.error": {"level": "INFO"},
        "fastserve.access": {"handlers": ["access"], "level": "INFO", "propagate": False},
    },
}
