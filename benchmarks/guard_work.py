"""The work whose instructions are counted: run under callgrind by guard.py, one process for all.

`python -m benchmarks.guard_work REPEAT` prints the names of the parts, then does each part REPEAT
times. A call of getppid() stands before and after each part: callgrind writes its counts there.
"""

import asyncio
import gc
import os
import sys
from collections.abc import Callable
from typing import Any

from benchmarks.requests import BROWSER, POST, TINY

Work = Callable[[], object]


class Sink:
    """A transport that forgets what is written."""

    def write(self, data: bytes) -> None: ...

    def set_write_buffer_limits(self, high: int) -> None: ...

    def get_extra_info(self, name: str, default: object = None) -> object:
        return {"peername": ("127.0.0.1", 40000), "sockname": ("127.0.0.1", 8000)}.get(name)

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return False

    def can_write_eof(self) -> bool:
        return True

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def close(self) -> None: ...

    def abort(self) -> None: ...


def parser_parts() -> dict[str, Work]:
    from benchmarks.parsers import batch, callbacks

    whole, pieces = batch()[0], callbacks("httpparser")[0]
    return {
        "parser batch, tiny GET": lambda: whole(TINY),
        "parser batch, browser GET": lambda: whole(BROWSER),
        "parser batch, POST 256 B": lambda: whole(POST),
        "parser callbacks, browser GET": lambda: pieces(BROWSER),
    }


def hot_path_parts(loop: asyncio.AbstractEventLoop) -> dict[str, Work]:
    """A connection over a transport that does nothing: everything of ours but the loop."""
    from benchmarks.apps.asgi import app
    from fastserve.config import Config
    from fastserve.service import make_service

    connection = make_service(app, Config(app="", access_log=False), loop, None, None).connection()
    connection.connection_made(Sink())
    received = connection.data_received
    browser = BROWSER.replace(b"/articles/2024/parsers?page=2", b"/")
    post = POST.replace(b"POST / ", b"POST /form ")
    return {
        "hot path, tiny GET": lambda: received(TINY),
        "hot path, browser GET": lambda: received(browser),
        "hot path, POST 256 B": lambda: received(post),
        "hot path, 16 pipelined": lambda: received(TINY * 16),
    }


def websocket_parts(loop: asyncio.AbstractEventLoop) -> dict[str, Work]:
    """A message through an app that echoes it, the app's Python included."""
    from benchmarks.apps.websocket import app
    from benchmarks.sections.websocket import frame, handshake
    from fastserve.config import Config
    from fastserve.service import make_service

    sink = Sink()
    connection = make_service(app, Config(app="", access_log=False), loop, None, None).connection()
    connection.connection_made(sink)
    connection.data_received(handshake("/echo"))
    for _ in range(4):  # up to its first receive()
        loop.run_until_complete(asyncio.sleep(0))
    received = sink.protocol.data_received
    one = frame(b"x" * 32)
    return {
        "WebSocket, echo 32 B": lambda: received(one),
        "WebSocket, echo 32 B, 16 in flight": lambda: received(one * 16),
    }


def main() -> None:
    repeat = int(sys.argv[1])
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    parts = {**parser_parts(), **hot_path_parts(loop)}
    gc.disable()  # when a collection comes depends on everything before it

    def count() -> None:
        print("\n".join(parts), flush=True)
        for work in parts.values():
            for _ in range(repeat // 4):
                work()
            os.getppid()
            for _ in range(repeat):
                work()
            os.getppid()
        loop.stop()

    loop.call_soon(count)
    loop.run_forever()
    os._exit(0)  # the counts are complete; what the loop still holds does not matter


if __name__ == "__main__":
    main()
