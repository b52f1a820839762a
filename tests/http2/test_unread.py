"""Floods of clients that read nothing: what waits for them is bounded. RFC 9113 10.5"""

import tracemalloc

import pytest
from http1.apps import Gated, body, start
from http1.served import Served

from . import frames as f

MANY = 20_000
AT_ONCE = 100  # frames in one segment
MOST_UNSENT = 200_000  # bytes in the transport
MOST_MEMORY = 4_000_000  # bytes; 20,000 frames that each cost 200 would be as much
STREAMS = 100

FLOODS = {
    "ping": lambda n: f.ping(b"%08d" % n),
    "settings": lambda n: f.settings((f.INITIAL_WINDOW_SIZE, 65_535 + n % 2)),
    "reset": lambda n: f.headers(2 * n + 1, f.GET) + f.reset(2 * n + 1),
    "malformed": lambda n: f.headers(2 * n + 1, [*f.GET, (b"connection", b"close")]),
    "overflow": lambda n: (
        f.headers(2 * n + 1, f.POST, end=False) + f.window(2 * n + 1, f.LARGEST_WINDOW)
    ),
    "priority-update": lambda n: f.priority_update(2 * n + 1, b"u=1"),
    "requests": lambda n: f.headers(2 * n + 1, f.GET),
    "large-requests": lambda n: f.headers(2 * n + 1, [*f.GET, (b"x-a", b"v" * 4000)]),
}


@pytest.mark.parametrize("frames", FLOODS.values(), ids=FLOODS)
@pytest.mark.parametrize("limits", [{}, {"h2_max_resets": 1 << 30, "h2_max_control_frames": 1 << 30}],
                         ids=["limits", "no-limits"])  # fmt: skip
def test_what_waits_is_bounded(loop, frames, limits):
    """With the limits the connection ends; without them it is not read any more."""
    app = Gated()
    served = Served(loop, app, **limits)
    transport = served.connect(room=0)
    transport.send(f.PREFACE + f.settings())
    loop.settle()
    segments = [
        b"".join(frames(number) for number in range(at, at + AT_ONCE))
        for at in range(0, MANY, AT_ONCE)
    ]
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for segment in segments:
        transport.send(segment)
        loop.settle()
    now = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert now - before < MOST_MEMORY, f"{now - before:,} bytes"
    assert len(transport.unsent) < MOST_UNSENT
    assert len(app.calls) - len(app.ends) <= STREAMS
    app.gate.set()
    transport.take()
    loop.settle()
    assert len(transport.unsent) == 0
    transport.reset()
    loop.settle()
    served.stop()


class Large:
    """Sends 10 MB in parts; `sent` is what was taken."""

    sent = 0

    async def __call__(self, scope, receive, send):
        await send(start())
        for _ in range(160):
            await send(body(bytes(65_536), True))
            self.sent += 65_536
        await send(body())


@pytest.mark.parametrize("room", [0, None], ids=["transport", "windows"])
def test_a_hundred_answers_that_nobody_reads(loop, room):
    """What shuts them off is the transport, or the windows of the streams."""
    app = Large()
    served = Served(loop, app)
    transport = served.connect(room=room)
    transport.send(f.PREFACE + f.settings((f.INITIAL_WINDOW_SIZE, 0)))
    loop.settle()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    transport.send(b"".join(f.headers(2 * n + 1, f.GET) for n in range(STREAMS)))
    loop.settle()
    now = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert now - before < 20_000_000, f"{now - before:,} bytes"
    assert app.sent <= 2 * STREAMS * 65_536
    transport.reset()
    loop.settle()
    served.stop()
