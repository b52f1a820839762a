"""A server under measurement: started, stopped between its turns, and its time and memory read."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.machine import ROOT, SERVER_CORE, import_path


class StartError(Exception):
    """The server did not begin to answer; the message has the end of what it printed."""


class Process:
    """One server and its children, in a session of their own, pinned to the server's core."""

    def __init__(self, command: list[str], port: int, pinned: bool = True, **env: str) -> None:
        self.port = port
        self._command = ["taskset", "-c", str(SERVER_CORE), *command] if pinned else command
        self._environment = {**os.environ, "PYTHONPATH": import_path(), **env}
        self.start()

    def start(self) -> None:
        """Called by __init__; again only after `stop`."""
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop()
        self._popen = subprocess.Popen(
            self._command,
            cwd=ROOT,
            env=self._environment,
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
                raise StartError(f"exited with {self._popen.returncode}: {self._end_of_log()}")
            with contextlib.suppress(OSError):
                return socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            time.sleep(0.02)
        raise StartError(f"no answer on its port in {seconds:.0f} s: {self._end_of_log()}")

    def restart(self) -> None:
        self.stop()
        self.start()
        with contextlib.suppress(StartError):  # whoever speaks to it next will find out
            self.wait_until_ready()

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """End the whole session, politely first; what was paused is woken to hear it."""
        self.resume()
        self._signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(timeout=3)
        self._signal(signal.SIGKILL)
        self._popen.wait()
        self._log.close()

    def pids(self) -> list[int]:
        """Every process of the session, found by its session id (as a daemon keeps it)."""
        entries = [entry for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        return [int(entry.name) for entry in entries if _session(entry) == self._popen.pid]

    def cpu_seconds(self) -> float:
        """Time on a processor by the scheduler's clock, over all processes and threads."""
        return sum(map(_time_on_cpu, self.pids()))

    def memory_bytes(self) -> int:
        """Resident memory, shared pages divided among the processes that share them (PSS)."""
        return sum(map(_memory, self.pids()))

    def _end_of_log(self) -> str:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return " | ".join(lines[-3:])[-300:] or "it printed nothing"

    def _signal(self, number: int) -> None:
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _session(entry: Path) -> int:
    with contextlib.suppress(OSError):
        # the command, in parentheses, may hold anything: count fields from the end of it
        return int((entry / "stat").read_text().rpartition(")")[2].split()[3])
    return 0


def _time_on_cpu(pid: int) -> float:
    total = 0
    for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with contextlib.suppress(OSError):  # the thread has just ended
            total += int(task.read_text().split()[0])
    return total / 1e9


def _memory(pid: int) -> int:
    with contextlib.suppress(OSError):
        found = re.search(
            r"^Pss: +(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE
        )
        return int(found[1]) * 1024 if found else 0
    return 0
