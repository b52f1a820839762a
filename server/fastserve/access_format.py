"""Formats of the access log: each is a function from an entry to a line."""

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from .formatters import BOLD, RESET, colored_status

if TYPE_CHECKING:
    from .asgi._entry import Entry

Format = Callable[["Entry"], str]

# A line is one write even into a pipe that workers share (4 KiB).
JSON_CHARACTERS = 1800  # of the path, and of the query


def stamper(pattern: str, *, utc: bool = False) -> Callable[[], str]:
    """A function that gives the time, formatted once a second: that costs more than a line."""
    second, text = -1, ""
    now, zone = time.time, time.gmtime if utc else time.localtime

    def stamp() -> str:
        nonlocal second, text
        if int(now()) != second:
            second = int(now())
            text = time.strftime(pattern, zone(second))
        return text

    return stamp


def text_format(colors: bool = False) -> Format:
    """As uvicorn's, behind the time and the process."""
    stamp = stamper(f"%Y-%m-%d %H:%M:%S %z [{os.getpid()}]")

    def text(entry: "Entry") -> str:
        if entry.websocket != "closed":
            return f'{stamp()} {entry.client} - "{entry.request_line}" {entry.status}\n'
        return f'{stamp()} {entry.client} - "{entry.request_line}" {closing(entry)}\n'

    def colored_text(entry: "Entry") -> str:
        closed = entry.websocket == "closed"
        status = closing(entry) if closed else colored_status(entry.status, str(entry.status))
        return f'{stamp()} {entry.client} - "{BOLD}{entry.request_line}{RESET}" {status}\n'

    return colored_text if colors else text


def closing(entry: "Entry") -> str:
    return f"closed {entry.status} after {entry.elapsed / 1e9:.3f} s"


def json_format() -> Format:
    """One object per line."""
    from json.encoder import encode_basestring_ascii as quoted  # others need not import json

    stamp, now, pid = stamper("%Y-%m-%dT%H:%M:%S", utc=True), time.time, os.getpid()

    def part(text: bytes) -> str:
        """As a JSON string; cut short when it is too long for one line of the log."""
        whole = quoted(text.decode("latin-1"))
        if len(whole) <= JSON_CHARACTERS:
            return whole
        shortened = text[: JSON_CHARACTERS // 6]  # 6: as in \\u00e9
        return quoted(shortened.decode("latin-1") + "...")

    def line(entry: "Entry") -> str:
        event = entry.websocket
        websocket = "" if event is None else f'"websocket": "{event}", '
        return (
            f'{{"time": "{stamp()}.{int(now() * 1000) % 1000:03}Z", "pid": {pid}, '
            f'"client": {quoted(entry.client)}, "method": {quoted(entry.method)}, '
            f'"path": {part(entry.path)}, "query": {part(entry.query)}, '
            f'"version": "{entry.version}", "status": {entry.status}, {websocket}'
            f'"length": {entry.length}, "ms": {entry.elapsed / 1e6:.3f}}}\n'
        )

    return line
