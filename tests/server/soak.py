"""A server under every kind of load, with rolling restarts: `make soak`.

Two workers of the real command serve clients that keep connections alive, pipeline, do not read,
upload, stream, speak WebSocket, reset and send bad input; each answer is checked byte for byte.
SIGHUP replaces the workers every 30 s during the first half. In the second half the same two
workers go on, so that their memory can be seen to be flat.

The verdict is broken by a wrong, missing or refused answer, a restart that is not finished, a worker
that ends by itself, memory that grows after the first minute, and descriptors that stay open once
the clients have gone. `--asan` runs the server under the sanitizers, where memory is not judged:
they keep what is freed.
"""

import argparse
import asyncio
import contextlib
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "builds"))

import asan
import uvloop
from soak_clients import LOADS, Site

HERE = Path(__file__).parent
WORKERS = 2
RESTART_EVERY = 30.0
LINE_EVERY = 10.0
MINUTE = 60.0
# What fragments and caches may add to one process after its first minute.
ALLOWED = 3 * 1024 * 1024
GRACE = 45.0  # seconds for an old worker to end, or for a worker to close what it has open
UNEXPECTED_IN_LOG = ("WARNING", "ERROR", "CRITICAL")
EXPECTED_IN_LOG = re.compile(r"/fail")


class Process:
    """What the system says of a process; nothing once it has ended."""

    def __init__(self, pid):
        self.pid = pid

    @property
    def children(self):
        with contextlib.suppress(OSError):
            found = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
            return {int(pid) for pid in found.split()}
        return set()

    @property
    def memory(self):
        """Resident bytes."""
        with contextlib.suppress(OSError, IndexError):
            return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf(
                "SC_PAGE_SIZE"
            )
        return 0

    @property
    def descriptors(self):
        with contextlib.suppress(OSError):
            return len(os.listdir(f"/proc/{self.pid}/fd"))
        return 0


class Server:
    """The command with its workers."""

    def __init__(self, app, options, log, is_sanitized):
        self.copy, environment, folder = None, None, HERE
        if is_sanitized:
            self.copy, environment = asan.sanitized()
            folder = self.copy / "tests" / "server"
        self.log = log
        command = [sys.executable, "-m", "fastserve", f"soak_app:{app}", "--port", "0"]
        command += ["--workers", str(WORKERS), "--no-access-log", *options]
        self.command = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        self.main = Process(self.command.pid)
        self.ever = set()  # pids of all workers that there were

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.command.poll() is None:
            self.command.send_signal(signal.SIGTERM)
        try:
            self.command.wait(GRACE)
        except subprocess.TimeoutExpired:
            os.killpg(self.command.pid, signal.SIGKILL)
            self.command.wait()

    @property
    def workers(self):
        pids = self.main.children
        self.ever |= pids
        return [Process(pid) for pid in sorted(pids)]

    def lines(self):
        # Without seek(): the server writes where the file's position is.
        fd = self.log.fileno()
        return os.pread(fd, os.fstat(fd).st_size, 0).decode(errors="replace").splitlines()

    async def port(self):
        """The port, once all workers are ready."""
        if not await until(lambda: sum(" is ready" in line for line in self.lines()) >= WORKERS):
            sys.exit("\n".join(["the server does not start", *self.lines()]))
        return int(re.search(r"running on http://127.0.0.1:(\d+) ", "\n".join(self.lines()))[1])


async def until(condition, seconds=GRACE):
    """Whether the condition comes true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.1)
    return True


class Soak:
    """One run: the load, the restarts, what is measured meanwhile and the verdict."""

    def __init__(self, server, site, seconds):
        self.server, self.site, self.seconds = server, site, seconds
        self.began = time.monotonic()
        self.broken = []
        self.restarts = 0
        self.samples = []  # (seconds, {pid: resident bytes}), one a second
        self.steady_since = 0.0  # when the workers of the second half were the only ones

    @property
    def passed(self):
        return time.monotonic() - self.began

    async def run(self):
        descriptors = self.open_descriptors()
        clients = [
            asyncio.ensure_future(self.site.repeat(load, pause))
            for load, count, pause in LOADS
            for _ in range(count)
        ]
        others = [asyncio.ensure_future(part()) for part in (self.restart, self.measure)]
        await asyncio.sleep(self.seconds)
        self.site.over.set()
        await asyncio.gather(*clients, *others)
        self.show()
        await self.judge(descriptors)

    def open_descriptors(self):
        """Those of the main process, and those that all workers have together."""
        workers = sum(worker.descriptors for worker in self.server.workers)
        return self.server.main.descriptors, workers

    async def restart(self):
        every = min(RESTART_EVERY, self.seconds / 2)
        for number in range(1, int(self.seconds / 2 / every) + 1):
            await asyncio.sleep(number * every - self.passed)
            old = self.server.main.children
            self.server.command.send_signal(signal.SIGHUP)
            self.restarts += 1
            if not await until(lambda old=old: self.have_replaced(old)):
                self.broken.append(f"restart {self.restarts} was not finished in {GRACE:.0f} s")
        self.steady_since = self.passed

    def have_replaced(self, old):
        workers = {worker.pid for worker in self.server.workers}
        return len(workers) == WORKERS and not workers & old

    async def measure(self):
        shown = 0.0
        while not self.site.over.is_set():
            processes = [self.server.main, *self.server.workers]
            self.samples.append((self.passed, {each.pid: each.memory for each in processes}))
            if self.passed >= shown + LINE_EVERY:
                shown += LINE_EVERY
                self.show()
            await asyncio.sleep(1.0)

    def show(self):
        main, workers, outcome = self.server.main, self.server.workers, self.site.outcome
        mebibytes = " ".join(f"{worker.memory / 2**20:5.1f}" for worker in workers)
        descriptors = " ".join(f"{worker.descriptors:3}" for worker in workers)
        faults = ", ".join(f"{count} {kind}" for kind, count in outcome.faults.items())
        print(
            f"{self.passed:5.0f} s {outcome.checked:9,} checked, {faults or 'no'} errors, "
            f"{outcome.closed} closed for {self.restarts} restarts; "
            f"MiB {main.memory / 2**20:.1f} + {mebibytes}; "
            f"descriptors {main.descriptors} + {descriptors}",
            flush=True,
        )

    # -- the verdict

    async def judge(self, descriptors):
        await until(lambda: self.open_descriptors() == descriptors)
        if (left := self.open_descriptors()) != descriptors:
            self.broken.append(f"descriptors (main, workers): {descriptors} before, {left} after")
        outcome, number = self.site.outcome, WORKERS * (1 + self.restarts)
        self.broken += [f"{count} answers {kind}" for kind, count in outcome.faults.items()]
        self.broken += outcome.first_faults
        if not outcome.checked:
            self.broken.append("no answer was checked")
        if len(self.server.ever) != number:
            self.broken.append(f"{len(self.server.ever)} workers instead of {number}")
        unexpected = Counter(
            re.sub(r"\d+", "N", line)
            for line in self.server.lines()
            if line.startswith(UNEXPECTED_IN_LOG) and not EXPECTED_IN_LOG.search(line)
        )
        self.broken += [f"log, {count} times: {line}" for line, count in unexpected.items()]

    def judge_memory(self):
        """What each process has added since a minute after it had the load to itself."""
        last = self.samples[-1][0]
        spans = {self.server.main.pid: MINUTE}
        spans |= {worker.pid: self.steady_since + MINUTE for worker in self.server.workers}
        for pid, begin in spans.items():
            at_first = self.memory_between(pid, begin, begin + MINUTE / 2)
            at_last = self.memory_between(pid, last - MINUTE / 2, last)
            if last - begin < MINUTE or not at_first:
                print(f"memory of {pid}: not judged, it did not run for two minutes")
                continue
            first = statistics.median(at_first)
            more = statistics.median(at_last) - first
            print(
                f"memory of {pid}: {first / 2**20:.1f} MiB after a minute, then "
                f"{more / 1024:+,.0f} KiB in {last - begin:.0f} s"
            )
            if more > ALLOWED:
                self.broken.append(f"{pid} has grown by {more / 1024:,.0f} KiB")

    def memory_between(self, pid, begin, end):
        """The samples of one process."""
        return [
            memory[pid]
            for passed, memory in self.samples
            if begin <= passed <= end and pid in memory
        ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--asan", action="store_true", help="the server under the sanitizers")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32)
    parser.add_argument("--app", choices=("app", "wrong_app"), default="app")
    parser.add_argument("options", nargs="*", help="of fastserve, after --")
    chosen = parser.parse_args()
    print(f"{chosen.seconds:.0f} s from seed {chosen.seed}", flush=True)
    broken = uvloop.run(soak(chosen))
    print("\n".join(broken or ["kept: no wrong answer, nothing lost, nothing left"]))
    sys.exit(bool(broken))


async def soak(chosen):
    with tempfile.TemporaryFile() as log:
        with Server(chosen.app, chosen.options, log, chosen.asan) as server:
            site = Site(await server.port(), chosen.seed)
            run = Soak(server, site, chosen.seconds)
            await run.run()
            if not chosen.asan:
                run.judge_memory()
        if server.command.returncode:
            run.broken.append(f"the server ended with status {server.command.returncode}")
        if server.copy is not None and (findings := asan.print_findings(server.copy)):
            run.broken.append(f"{findings} findings of the sanitizers")
        if run.broken:
            run.broken += ["the end of the log:", *server.lines()[-30:]]
        return run.broken


if __name__ == "__main__":
    main()
