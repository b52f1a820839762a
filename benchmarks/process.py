"""A server under measurement: started, stopped between its turns, and its time and memory read."""

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.machine import ROLES, ROOT


class StartError(Exception):
    """The server did not begin to answer; the message has the end of what it printed."""


class Process:
    """One server and its children, alone in a session of their own, pinned to one core or some."""

    def __init__(
        self,
        command: list[str],
        port: int,
        environment: dict[str, str] | None = None,
        cores: Sequence[int] = (),
    ):
        self.port = port
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop()
        self._popen = subprocess.Popen(
            ["taskset", "-c", ",".join(map(str, cores or [ROLES.server])), *command],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )

    def wait_until_ready(self, seconds: float = 15) -> None:
        """Return when the port accepts; raise StartError when it does not in time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._popen.poll() is not None:
                raise StartError(f"exited with {self._popen.returncode}: {self.tail()}")
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise StartError(f"no answer on its port in {seconds:.0f} s: {self.tail()}")

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """End the whole session, politely first; what was paused is woken to hear it."""
        self._signal(signal.SIGCONT)
        self._signal(signal.SIGTERM)
        try:
            self._popen.wait(timeout=3)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._popen.wait()
        for pid in self.pids():
            _kill(pid, signal.SIGKILL)
        self._log.close()

    def pin(self, core: int) -> None:
        """Let all of its threads run on this core from now on."""
        for pid in self.pids():
            for task in Path(f"/proc/{pid}/task").iterdir():
                with contextlib.suppress(ProcessLookupError):
                    os.sched_setaffinity(int(task.name), {core})

    def pids(self) -> list[int]:
        """Every process of the session, found by its session id (as a daemon keeps it)."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and _session(entry) == self._popen.pid:
                found.append(int(entry.name))
        return found

    def cpu_seconds(self) -> float:
        """Time on a processor by the scheduler's clock, over all processes and threads."""
        return self.clock()()

    def clock(self) -> Callable[[], float]:
        """What tells the time of those processes that there are now, over and over."""
        pids = self.pids()
        return lambda: sum(map(_time_on_cpu, pids))

    def memory_bytes(self) -> int:
        """Resident memory, shared pages divided among the processes that share them (PSS)."""
        return sum(_memory(pid) for pid in self.pids())

    def tail(self) -> str:
        """The end of what the server printed, on one line."""
        self._log.seek(0)
        text = self._log.read().decode(errors="replace")
        return " | ".join(text.strip().splitlines()[-3:])[-300:] or "it printed nothing"

    def _signal(self, number: int) -> None:
        for pid in self.pids():
            _kill(pid, number)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _kill(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _session(entry: Path) -> int | None:
    try:
        # the command, in parentheses, may hold anything: count fields from behind it
        return int((entry / "stat").read_text().rpartition(")")[2].split()[3])
    except (OSError, IndexError, ValueError):
        return None


def _time_on_cpu(pid: int) -> float:
    total = 0
    for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            total += int(task.read_text().split()[0])
        except OSError:
            continue
    return total / 1e9


def _memory(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
