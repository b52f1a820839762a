"""What the log says when clients are let in: where, and what is running."""

import asyncio
import logging
import os
import sys
from collections.abc import Iterable

from .config import Config

logger = logging.getLogger("fastserve")


def announce(config: Config, addresses: Iterable[str], workers: int = 0) -> None:
    """`workers` is the number of processes that the supervisor has."""
    for address in dict.fromkeys(addresses):
        logger.info("fastserve running on %s (Press CTRL+C to quit)", address)
    logger.info("%s", what_runs(config, workers))


def what_runs(config: Config, workers: int = 0) -> str:
    python = ".".join(map(str, sys.version_info[:3]))
    parser = "llhttp" if config.http == "auto" else config.http
    http2 = "on" if config.http2 else "off"
    process = f"process {os.getpid()}"
    if workers:
        process += f" with {workers} worker{'s' * (workers > 1)}"
    if config.threads > 1:
        process += f" {'of' if workers else 'with'} {config.threads} threads"
    loop = running_loop() or config.loop
    return f"Python {python}, loop {loop}, parser {parser}, HTTP/2 {http2}, {process}"


def running_loop() -> str:
    """The package that it comes from; "" in the supervisor, which has none."""
    try:
        return type(asyncio.get_running_loop()).__module__.partition(".")[0]
    except RuntimeError:
        return ""
