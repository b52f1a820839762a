"""The work whose instructions are counted: run under callgrind, one process for all.

`python -m benchmarks.guard_work REPEAT [alone]` prints the names of the parts, then does each part
REPEAT times: the guard's, or the parsers and the app alone under the loads of the matrix. A call
of getppid() stands before and after each part: callgrind writes its counts there.
"""

import asyncio
import gc
import os
import sys
from collections.abc import Callable
from typing import Any

from benchmarks.alone import jobs
from benchmarks.apps import asgi, websocket
from benchmarks.parsers import batch, callbacks
from benchmarks.requests import BROWSER, HTTP2_HELLO, POST, TINY, http2_requests
from benchmarks.sections.matrix import LOADS, PARSERS
from benchmarks.sections.websocket import frame, handshake
from fastserve.config import Config
from fastserve.service import make_service
from httpparser.http2 import ServerSession

Work = Callable[[], object]


class Sink:
    """A transport that forgets what is written, and knows the last protocol of all."""

    protocol: Any = None

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
        Sink.protocol = protocol

    def close(self) -> None: ...

    abort = close


def parser_parts() -> dict[str, Work]:
    whole, pieces = batch()[0], callbacks("httpparser")[0]
    return {
        "parser batch, tiny GET": lambda: whole(TINY),
        "parser batch, browser GET": lambda: whole(BROWSER),
        "parser batch, POST 256 B": lambda: whole(POST),
        "parser callbacks, browser GET": lambda: pieces(BROWSER),
    }


def connection(app: Any, loop: asyncio.AbstractEventLoop) -> Any:
    """One over a transport that does nothing: everything of ours but the loop."""
    service: Any = make_service(app, Config(app="", access_log=False), loop, None, None)
    service.turn_seconds = 1e9  # under callgrind a turn of the usual length ends too soon
    made = service.connection()
    transport: Any = Sink()
    made.connection_made(transport)
    return made


def hot_path_parts(loop: asyncio.AbstractEventLoop) -> dict[str, Work]:
    received = connection(asgi.app, loop).data_received
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
    made = connection(websocket.app, loop)
    made.data_received(handshake())
    for _ in range(4):  # up to its first receive()
        loop.run_until_complete(asyncio.sleep(0))
    received = Sink.protocol.data_received
    one = frame(b"x" * 32)
    return {
        "WebSocket, echo 32 B": lambda: received(one),
        "WebSocket, echo 32 B, 16 in flight": lambda: received(one * 16),
    }


def http2_parts(loop: asyncio.AbstractEventLoop, calls: int) -> dict[str, Work]:
    """The next GETs at each call: a stream is never used twice."""

    def next_of(received: Work, number: int) -> Work:
        ready = iter([http2_requests(3 + 2 * number * at, number) for at in range(calls)])
        return lambda: received(next(ready))

    def answer(data: bytes) -> None:
        stream = session.feed(data)[-1].stream_id
        session.respond(stream, 200, asgi.HEADERS["/"])
        session.send_data(stream, b"Hello, world!", end=True)
        session.take()

    def received() -> Work:
        connection(asgi.app, loop).data_received(HTTP2_HELLO[0])
        Sink.protocol.data_received(HTTP2_HELLO[1])
        return Sink.protocol.data_received

    session = ServerSession()
    session.feed(HTTP2_HELLO[0])
    session.take()
    answer(HTTP2_HELLO[1])
    return {
        "HTTP/2 session, GET": next_of(answer, 1),
        "HTTP/2, GET on one stream": next_of(received(), 1),
        "HTTP/2, GET on 32 streams": next_of(received(), 32),
    }


def alone_parts() -> dict[str, Work]:
    """Each parser and the app, under each load of the matrix."""
    return {
        f"{load.title}: {name}": job
        for load in LOADS
        for name, job in jobs(load.request(), set(PARSERS.values()))[0].items()
    }


def main() -> None:
    repeat = int(sys.argv[1])
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    if sys.argv[2:] == ["alone"]:
        parts = alone_parts()
    else:
        parts = {**parser_parts(), **hot_path_parts(loop), **websocket_parts(loop)}
        parts.update(http2_parts(loop, repeat + repeat // 4))
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

    failures: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda loop, context: (failures.append(context), loop.stop()))
    loop.call_soon(count)
    loop.run_forever()
    if failures:
        sys.exit(f"{failures[0].get('message')}: {failures[0].get('exception')!r}")
    os._exit(0)  # the counts are complete; what the loop still holds does not matter


if __name__ == "__main__":
    main()
