"""CPU per request of the access log, in each format: `python -m benchmarks.access_log`.

The server's code around an app that answers at once, without sockets; lines go to a file, and the
thread that writes them counts. The least of many rounds, since other programs only add to it.
"""

import asyncio
import logging.config
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.apps import asgi
from benchmarks.guard_work import Sink
from benchmarks.requests import BROWSER
from fastserve.access_log import open_access_log
from fastserve.config import LOGGING_CONFIG, Config
from fastserve.log_config import load
from fastserve.service import make_service

ROUNDS, REQUESTS = 60, 2000
REQUEST = BROWSER.replace(b"/articles/2024/parsers?page=2", b"/")
COMBINED = '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"'
FORMATS = {
    "text": "text",
    "json": "json",
    "short format": '%(h)s "%(r)s" %(s)s',
    "Apache's combined format": COMBINED,
}


Made = tuple[Callable[[], None], Callable[[], None]]


def work(loop: asyncio.AbstractEventLoop, config: Config) -> Made:
    """A round of requests, until all of its lines are written; and what ends it all."""
    log: Any = open_access_log(config, loop)
    service: Any = make_service(asgi.app, config, loop, None, log)
    service.turn_seconds = 1e9
    received = service.connection()
    received.connection_made(Sink())

    def play() -> None:
        for _ in range(REQUESTS):
            received.data_received(REQUEST)
        if log is not None and hasattr(log, "flush"):
            log.flush()
            log._writer.flush()

    def stop() -> None:
        service.stop()
        if log is not None:
            log.close()

    return play, stop


def main() -> None:
    loop = asyncio.new_event_loop()
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "log")
        made = {"none": work(loop, Config("a:b", access_log=False))}
        for name, text in FORMATS.items():
            config = Config("a:b", access_log_file=path, access_log_format=text)
            made[name] = work(loop, config)
        handlers = {**LOGGING_CONFIG["handlers"]}
        handler = {"class": "logging.FileHandler", "filename": path, "formatter": "access"}
        handlers["access"] = handler
        load({**LOGGING_CONFIG, "handlers": handlers}, False)
        made["logging, uvicorn's line"] = work(loop, Config("a:b"))
        least = dict.fromkeys(made, float("inf"))
        for _ in range(ROUNDS):
            for name, (play, _) in made.items():
                start = time.process_time()
                play()
                least[name] = min(least[name], (time.process_time() - start) / REQUESTS * 1e6)
        for _, stop in made.values():
            stop()
        logging.shutdown()
        loop.run_until_complete(asyncio.sleep(0))
    for name, found in least.items():
        print(f"{name:26}{found:6.2f} us{found - least['none']:+7.2f}")


if __name__ == "__main__":
    main()
