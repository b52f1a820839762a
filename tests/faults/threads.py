"""Servers with threads under every kind of load, while they are told to reload and are replaced.

One process with three event loops, then two workers with two each and TLS. Clients ask over
HTTP/1.1 and HTTP/2, upload, stream, speak WebSocket, and leave in the middle of a request; what
counts as lost is as in replacements.py. With a GIL the threads take turns.
"""

import asyncio
import contextlib
import os
import signal
import socket
import struct
import tempfile
import threading
from pathlib import Path

import driver
from http2_restarts import WORKERS, play
from replacements import READY, SLOW, Replaced, visitors

WITH_GIL = Path(__file__).parents[1] / "server" / "with_gil"
BEGINNINGS = (
    b"GET / HT",
    b"GET /late HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /digest HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf of it",
    b"POST /digest HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
)
RESET = struct.pack("ii", 1, 0)  # close() resets the connection
TAKEN_OVER = "has taken over"


class Leaver(threading.Thread):
    """Begins requests, and resets the connection in the middle of each."""

    def __init__(self, served):
        super().__init__()
        self.served = served
        self.ended = threading.Event()

    def run(self):
        while not self.ended.wait(0.01):
            for beginning in BEGINNINGS:
                with contextlib.suppress(OSError), self.served.connect() as sock:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                    sock.sendall(beginning)


@contextlib.contextmanager
def leaver(served):
    thread = Leaver(served)
    thread.start()
    try:
        yield
    finally:
        thread.ended.set()
        thread.join()


def replace_one(served, load, times):
    with visitors(served, load), leaver(served):
        for _ in range(times):
            served.wait_for(load, "Reopened the log", 1, lambda: served.signal(signal.SIGHUP))
            served.wait_for(load, TAKEN_OVER, 1, lambda: served.signal(signal.SIGUSR2))
            if not served.until(lambda: len(served.pids()) == 1, SLOW):
                load.faults.append(f"{len(served.pids())} processes are left")


def replace_workers(served, load, times):
    with visitors(served, load), leaver(served):
        served.until(lambda: served.count(READY) == WORKERS, SLOW)
        for _ in range(times):
            served.wait_for(load, READY, WORKERS, lambda: served.signal(signal.SIGHUP))
        served.wait_for(load, TAKEN_OVER, 1, lambda: served.signal(signal.SIGUSR2))
        if not served.until(lambda: len(served.pids()) == WORKERS + 1, SLOW):
            load.faults.append(f"{len(served.pids())} processes are left")


def run(server, long):
    times = 10 if long else 1
    env = {"PYTHONPATH": os.pathsep.join([str(WITH_GIL), str(Path(__file__).parent)])}
    faults, done, again = [], 0, 0
    for threads, workers, tls, action in (
        (3, 1, False, replace_one),
        (2, WORKERS, True, replace_workers),
    ):
        with (
            tempfile.TemporaryDirectory() as folder,
            Replaced(folder, "--threads", threads, workers=workers, tls=tls, env=env) as served,
        ):
            load, _ = asyncio.run(
                play(served, lambda load, a=action, served=served: a(served, load, times))
            )
        faults += load.faults
        again += load.done.pop("sent again", 0)
        done += load.done.total()
    figure = (
        f"{len(faults)} faults in {done} requests and messages over HTTP/1.1 and HTTP/2, {again} "
        f"sent again, in {2 * times} reloads and {times + 1} upgrades"
    )
    figure += "".join(f"\n  {fault}" for fault in faults[:20])
    return driver.Verdict("servers with threads", figure, not faults)


if __name__ == "__main__":
    driver.main(run)
