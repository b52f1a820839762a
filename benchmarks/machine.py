"""What the figures are taken on: cores, versions, the build, programs that are compiled."""

import contextlib
import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

import httpparser

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "build" / "benchmarks"
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, CLIENT_CORE = CORES[0], CORES[-1]  # the same where there is only one

REQUIREMENTS = Path(__file__).parent / "requirements.txt"
# fmt: off
TOOLS = {
    "cc": "--version", "node": "--version", "valgrind": "--version", "go": "version", "nginx": "-v",
    "h2load": "--version", "openssl": "version",
}
# fmt: on


def describe() -> dict[str, str]:
    """The machine and the system, as short strings."""
    model = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    return {
        "processor": model[1] if model else platform.machine(),
        "cores": str(len(CORES)),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load before": f"{os.getloadavg()[0]:.2f}",
    }


def versions() -> dict[str, str]:
    """Each package and each tool that is installed, with its version."""
    found = {}
    peers = re.findall(r"^([\w-]+)==", REQUIREMENTS.read_text(), re.MULTILINE)
    for name in ("fastserve-asgi", "uvloop", *peers):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name.removesuffix("-asgi")] = importlib.metadata.version(name)
    for name, option in TOOLS.items():
        if shutil.which(name):
            result = subprocess.run([name, option], capture_output=True, text=True)
            version = re.search(r"\d+\.\d[\d.]*", result.stdout + result.stderr)
            found[name] = version[0] if version else "unknown"
    return found


def revision() -> str:
    """The commit that is measured, marked when the tree differs from it."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip() or "unknown"


def build() -> str:
    """Which modules are measured: those of this tree, or those of an installed wheel."""
    return "in place" if Path(httpparser.__file__).is_relative_to(ROOT / "httpparser") else "wheel"


def import_path() -> str:
    """PYTHONPATH of what is started: this tree, after what this process was given."""
    return os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(ROOT)]))


def missing_package(name: str) -> str:
    """Why this Python cannot import the package, or nothing."""
    return "" if importlib.util.find_spec(name) else f"{name} is not installed"


def missing_tool(name: str) -> str:
    """Why the tool cannot be run, or nothing."""
    return "" if shutil.which(name) else f"{name} is not installed"


def runnable(source: Path, *options: str) -> list[str]:
    """The command that runs a program in JavaScript, C or Go, compiled when it is older.

    The options are the C compiler's, after the source.
    """
    if source.suffix == ".js":
        return ["node", str(source)]
    program = BUILD / (source.name.replace(".", "-") + "".join(options))
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        BUILD.mkdir(parents=True, exist_ok=True)
        go = source.suffix == ".go"
        compiler = ["go", "build", "-o"] if go else ["cc", "-O2", "-o"]
        command = [*compiler, str(program), str(source), *options]
        subprocess.run(command, check=True, cwd=source.parent)
    return [str(program)]
