"""The C programs that measure or are measured, compiled when they are first needed."""

import subprocess
from pathlib import Path

from benchmarks.machine import ROOT

CLIENTS = Path(__file__).parent / "clients"
BUILD = ROOT / "build" / "benchmarks"


def compiled(source: Path, *options: str, name: str = "") -> str:
    """The path of the program that `source` compiles to, made when it is older."""
    program = BUILD / (name.replace(" ", "-") or source.stem)
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        BUILD.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cc", "-O2", "-o", str(program), str(source), *options], check=True)
    return str(program)
