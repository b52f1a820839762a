"""`fastserve upgrade`: ask a running server to start its command again and hand over to it."""

import os
import time
from pathlib import Path

from .errors import StartError
from .main_process import UPGRADE_SIGNAL
from .pid_file import running_pid
from .upgrade import VARIABLE

POLL_SECONDS = 0.05


class UpgradeError(StartError):
    """The server cannot be asked, or has not handed over."""


def ask(pid: int) -> str:
    """Ask, and leave it at that; what to tell the user. Raises UpgradeError."""
    try:
        os.kill(pid, UPGRADE_SIGNAL)
    except ProcessLookupError:
        raise UpgradeError(f"there is no process {pid}") from None
    except PermissionError:
        raise UpgradeError(f"process {pid} is another user's") from None
    return f"asked process {pid}; its log says whether a new process takes over"


def upgrade(path: str, seconds: float) -> str:
    """Wait until the pid file is another process's; what to tell the user. Raises StartError."""
    old = running_pid(path)
    ask(old)
    deadline = time.monotonic() + seconds
    successors: set[int] = set()
    while (new := running_pid(path)) == old:
        successors |= successors_of(old)
        if successors and not any(map(is_running, successors)) and running_pid(path) == old:
            raise UpgradeError(f"process {old} goes on: the new process failed; see the log")
        if time.monotonic() > deadline:
            problem = f"process {old} has not handed over within {seconds:g} s; see the log"
            raise UpgradeError(problem)
        time.sleep(POLL_SECONDS)
    return f"process {new} has taken over from process {old}"


def successors_of(pid: int) -> set[int]:
    """What it has started to take over from it, as far as the system tells."""
    found = set()
    mark = f"{VARIABLE}=".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = (entry / "stat").read_bytes().rpartition(b")")[2].split()[1]
            if int(parent) == pid and mark in (entry / "environ").read_bytes():
                found.add(int(entry.name))
        except (OSError, IndexError):
            continue
    return found


def is_running(pid: int) -> bool:
    """A process that has ended and was not waited for does not run."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] not in b"ZX"
    except (OSError, IndexError):
        return False
