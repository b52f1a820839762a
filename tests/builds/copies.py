"""A copy of the sources below build/, compiled in another way, in which the tests then run.

The copy has the compiled modules beside its own sources, so that those of the working tree stay
what they are. What has not changed since the last time is not compiled again.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("benchmarks", "docs", "examples", "httpparser", "release", "server", "tests", "vendor")
FILES = (
    "setup.py",
    "pyproject.toml",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Makefile",
    "LICENSE",
)
COMPILED = {"httpparser", "release", "server"}


def prepare(name: str, **settings: str) -> tuple[Path, dict[str, str]]:
    """Compile a copy with these settings of setup.py; returns it and the environment to use it."""
    copy = ROOT / "build" / name
    for folder in FOLDERS:
        _copy(folder, copy)
    for file in FILES:
        shutil.copy2(ROOT / file, copy / file)
    environment = {**os.environ, "PYTHONPATH": f"{copy}:{copy / 'server'}"}
    subprocess.run(
        [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"],
        cwd=copy,
        env={**environment, **settings},
        check=True,
    )
    return copy, environment


def _copy(folder: str, copy: Path) -> None:
    """Files keep their times: what was compiled of an unchanged one is still good."""
    made = ("__pycache__", "*.so", "_*.c") if folder in COMPILED else ("__pycache__",)
    if folder not in COMPILED:
        shutil.rmtree(copy / folder, ignore_errors=True)
    shutil.copytree(
        ROOT / folder, copy / folder, ignore=shutil.ignore_patterns(*made), dirs_exist_ok=True
    )
