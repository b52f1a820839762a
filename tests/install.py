"""Install a dependency group of pyproject.toml package by package: `install.py GROUP`.

make runs it where pip cannot install the group whole. On a free-threaded or a new Python some
packages have no wheel yet: an older one is tried, and what cannot be had at all is named here. Its
tests are skipped.
"""

import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
# Build from source, if the newest version has no wheel; else the newest that has one, with all that
# it needs.
WAYS: tuple[tuple[str, ...], ...] = ((), ("--only-binary", ":all:"))


def requirements(groups: dict[str, list[Any]], name: str) -> Iterator[str]:
    for item in groups[name]:
        if isinstance(item, str):
            yield item
        else:
            yield from requirements(groups, item["include-group"])


def install(requirement: str) -> bool:
    command = [sys.executable, "-m", "pip", "install", "--quiet", requirement]
    return any(
        subprocess.run([*command, *options], capture_output=True).returncode == 0
        for options in WAYS
    )


def main() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    print(f"Installing the group {sys.argv[1]} package by package", flush=True)
    wanted = list(dict.fromkeys(requirements(groups, sys.argv[1])))
    missing = [requirement for requirement in wanted if not install(requirement)]
    if missing == wanted:
        sys.exit("pip could install nothing")
    for requirement in missing:
        print(f"not installed: {requirement}. Its tests are skipped.")


if __name__ == "__main__":
    main()
