"""What the figures were taken on, and whether anybody else was using it meanwhile."""

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

CORES = sorted(os.sched_getaffinity(0))
ROOT = Path(__file__).parent.parent


@dataclass
class Roles:
    """On which core the server runs and on which its client; they may be the same."""

    server: int
    client: int

    def swap(self) -> None:
        self.server, self.client = self.client, self.server


ROLES = Roles(CORES[0], CORES[-1])

# fmt: off
PACKAGES = [
    "fastserve", "uvicorn", "granian", "hypercorn", "daphne", "gunicorn", "fastpysgi", "socketify",
    "aiohttp", "tornado", "uvloop", "httptools", "h11", "zttp", "gunicorn_h1c", "websockets",
    "wsproto", "starlette", "twisted", "gevent", "curio",
]
# fmt: on
TOOLS = {
    "wrk": ["wrk", "-v"],
    "cc": ["cc", "--version"],
    "node": ["node", "--version"],
    "go": ["go", "version"],
    "nginx": ["nginx", "-v"],
    "valgrind": ["valgrind", "--version"],
}


def describe(python: str = sys.executable) -> dict[str, str]:
    """The machine and the system, as short strings."""
    return {
        "processor": _processor(),
        "cores": f"{len(CORES)} usable; the server on one, the client on another",
        "memory": _first_line(Path("/proc/meminfo")).partition(":")[2].strip(),
        "system": f"{platform.system()} {platform.release()}",
        "python": _ask(python, "import sys; print(sys.version.split()[0])") or python,
        "load before": f"{os.getloadavg()[0]:.2f}",
    }


def versions(python: str = sys.executable) -> dict[str, str]:
    """Each package that the measured interpreter has, and each tool, with its version."""
    found = {}
    script = f"""
import importlib.metadata as m, json
found = {{}}
for name in {PACKAGES!r}:
    try: found[name] = m.version(name)
    except m.PackageNotFoundError: pass
print(json.dumps(found))"""
    found.update(json.loads(_ask(python, script) or "{}"))
    for name, command in TOOLS.items():
        if shutil.which(command[0]):
            result = subprocess.run(command, capture_output=True, text=True)
            found[name] = (result.stdout + result.stderr).splitlines()[0][:60].strip()
    return found


def revision() -> str:
    """The commit that is measured, marked when the tree differs from it."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip() or "unknown"


def missing_package(python: str, package: str) -> str | None:
    """Why the interpreter cannot import `package`, or None."""
    result = subprocess.run(
        [python, "-c", f"import {package}"], capture_output=True, text=True, cwd=ROOT
    )
    if result.returncode == 0:
        return None
    lines = result.stderr.strip().splitlines()
    return f"{package} cannot be imported: {lines[-1] if lines else result.returncode}"


def missing_tool(name: str) -> str | None:
    """Why the tool cannot be run, or None."""
    return None if shutil.which(name) else f"{name} is not installed"


class Watch:
    """Sees how busy the two cores were over an interval, and how much the hypervisor took."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.before = _idle_times()

    def foreign(self, server_seconds: float, client_seconds: float) -> float:
        """The share of the interval that someone else used the busier of the two cores."""
        elapsed = time.monotonic() - self.began
        after = _idle_times()
        ours = {ROLES.server: 0.0, ROLES.client: 0.0}
        ours[ROLES.server] += server_seconds
        ours[ROLES.client] += client_seconds
        idle = {core: after[core] - self.before[core] for core in ours}
        return max(0.0, *(1 - (idle[core] + ours[core]) / elapsed for core in ours))


def _idle_times() -> dict[int, float]:
    """Seconds that each core was idle.

    The kernel measures these; the busy times beside them it samples by a tick, with which the
    short bursts of a client may be in step (seen: 0.65 s instead of 0.49).
    """
    tick = os.sysconf("SC_CLK_TCK")
    times = {}
    for line in Path("/proc/stat").read_text().splitlines():
        name, *fields = line.split()
        if name.startswith("cpu") and name != "cpu":
            idle, waiting = map(int, fields[3:5])
            times[int(name[3:])] = (idle + waiting) / tick
    return times


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _first_line(path: Path) -> str:
    return path.read_text().splitlines()[0]


def _ask(python: str, script: str) -> str:
    return subprocess.run([python, "-c", script], capture_output=True, text=True).stdout.strip()
