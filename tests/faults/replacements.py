"""Workers and whole servers are replaced under load, over HTTP/1.1 and HTTP/2: nothing is lost.

Workers are replaced by SIGHUP, because they have grown past --worker-max-memory, and because they
have served for --worker-lifetime. Servers are replaced by SIGUSR2. What counts as lost is as in
restarts.py and http2_restarts.py, whose clients ask at the same time.
"""

import asyncio
import contextlib
import os
import re
import signal
import tempfile
import time
from pathlib import Path

import driver
from http2_restarts import FEW, WORKERS, play
from restarts import CLIENTS, Visitor
from served import WAIT, Served

LIMIT = ("--worker-max-memory", "120M")
QUIET = ("--no-access-log", "--ws-ping-interval", 0)
LIFETIME = ("--worker-lifetime", 3, "--worker-lifetime-jitter", 2)
READY = r"Worker \d+ is ready"
SLOW = 2 * WAIT  # two cores start many processes here, under load


class Replaced(Served):
    """A server that others of its kind take over from; the pid file tells which one it is."""

    def __init__(self, folder, *options, **more):
        self.pid_file = Path(folder) / "pid"
        super().__init__("fastserve", "app", "--pid-file", self.pid_file, *QUIET, *options, **more)

    def main_pid(self):
        return int(self.pid_file.read_text())

    def signal(self, number):
        os.kill(self.main_pid(), number)

    def count(self, pattern):
        return len(re.findall(pattern, self.output()))

    def wait_for(self, load, pattern, count, action):
        """Do this until there are so many more such lines in the log."""
        count += self.count(pattern)
        action()
        if not self.until(lambda: self.count(pattern) >= count, SLOW):
            load.faults.append(f"{pattern!r} was logged {self.count(pattern)} times, not {count}")

    def stop(self, seconds=WAIT):
        """Also when it is not the process that we have started."""
        began = time.monotonic()
        self.signal(signal.SIGTERM)
        stopped = self.until(lambda: self.process.poll() is not None and not self.pids(), seconds)
        return time.monotonic() - began if stopped else float("inf")


@contextlib.contextmanager
def visitors(served, load):
    """Clients over HTTP/1.1 that keep their connections, beside the load over HTTP/2."""
    found = [Visitor(served) for _ in range(CLIENTS)]
    for visitor in found:
        visitor.start()
    served.until(lambda: load.done["get"] >= FEW)
    try:
        yield
    finally:
        for visitor in found:
            visitor.ended.set()
        for visitor in found:
            visitor.join()
        load.done["visit"] += sum(visitor.answered for visitor in found)
        if lost := sum(visitor.lost for visitor in found):
            load.faults.append(f"{lost} lost over HTTP/1.1")
        if refused := sum(visitor.refused for visitor in found):
            load.faults.append(f"{refused} refused over HTTP/1.1")


def replace_all(served, load, hangups, upgrades):
    with visitors(served, load):
        served.until(lambda: served.count(READY) == WORKERS)
        for _ in range(hangups):
            served.wait_for(load, READY, WORKERS, lambda: served.signal(signal.SIGHUP))
        grow(served, load)
        for _ in range(upgrades):
            served.wait_for(load, "has taken over", 1, lambda: served.signal(signal.SIGUSR2))
        grow(served, load)
        if not served.until(lambda: len(served.pids()) == WORKERS + 1, SLOW):
            load.faults.append(f"{len(served.pids())} processes are left")


def upgrade_one_process(served, load, upgrades):
    with visitors(served, load):
        for _ in range(upgrades):
            served.wait_for(load, "has taken over", 1, lambda: served.signal(signal.SIGUSR2))
            if not served.until(lambda: len(served.pids()) == 1, SLOW):
                load.faults.append(f"{len(served.pids())} processes are left")


def grow(served, load):
    """One worker grows past the limit: not one that is about to end."""
    served.until(lambda: len(served.pids()) == WORKERS + 1, SLOW)

    def ask():
        grown = []
        while not grown or grown.count(grown[-1]) < 2:
            grown.append(served.get("/grow"))

    ready = served.count(READY)
    served.wait_for(load, r"MiB \(worker_max_memory", 1, ask)
    if not served.until(lambda: served.count(READY) > ready, SLOW):
        load.faults.append("the worker that had grown was not replaced")


def outlive(served, load, lives):
    with visitors(served, load):
        served.wait_for(load, r"s \(worker_lifetime\); replacing it", lives, int)


def run(server, long):
    hangups, upgrades, lives = (15, 5, 10) if long else (1, 1, 2)
    faults, done, again = [], 0, 0
    for options, workers, tls, action, args in (
        (LIMIT, WORKERS, False, replace_all, (hangups, upgrades)),
        (LIFETIME, WORKERS, True, outlive, (lives,)),
        ((), 1, False, upgrade_one_process, (upgrades,)),
    ):
        with (
            tempfile.TemporaryDirectory() as folder,
            Replaced(folder, *options, workers=workers, tls=tls) as served,
        ):
            load, _ = asyncio.run(
                play(
                    served,
                    lambda load, served=served, action=action, args=args: action(
                        served, load, *args
                    ),
                )
            )
            if served.pid_file.exists():
                load.faults.append("the pid file was left behind")
        faults += load.faults
        again += load.done.pop("sent again", 0)
        done += load.done.total()
    figure = (
        f"{len(faults)} faults in {done} requests and messages over HTTP/1.1 and HTTP/2, {again} "
        f"sent again, in {hangups} restarts, 2 ends by worker_max_memory, {2 * upgrades} upgrades and "
        f"{lives} ends by worker_lifetime"
    )
    figure += "".join(f"\n  {fault}" for fault in faults[:20])
    return driver.Verdict("workers and servers replaced", figure, not faults)


if __name__ == "__main__":
    driver.main(run)
