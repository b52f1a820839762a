"""Instructions per request against a committed baseline: fails on more than 5% more.

`python -m benchmarks.guard` in about ten seconds; `--update` writes the baseline of this Python,
compiler, C library and kind of CPU. `make test` runs it where one is known.
callgrind counts; unlike time, the count hardly changes from one run to the next.
"""

import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import click

from benchmarks.machine import ROOT

BASELINE = Path(__file__).parent / "guard.json"
REPEAT = 400
ALLOWED = 0.05
MARK = "getppid"


def key() -> str:
    """What the counts depend on besides our code: Python, compiler, C library, the CPU's words."""
    compiler = subprocess.run(
        [*shlex.split(sysconfig.get_config_var("CC")), "-dumpfullversion"],
        capture_output=True,
        text=True,
    ).stdout.strip()
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    parts = (
        f"Python {platform.python_version()}",
        sysconfig.get_platform(),
        " ".join(platform.libc_ver()),
        f"cc {compiler}",
        next((level for level in ("avx512bw", "avx2", "sse4_2") if level in flags), ""),
    )
    return ", ".join(parts)


def counted(repeat: int = REPEAT) -> dict[str, int]:
    """{part: instructions per call}."""
    return {name: round(total(dump) / repeat) for name, dump in dumps(repeat).items()}


def dumps(repeat: int) -> dict[str, str]:
    """{part: what callgrind wrote of so many calls}."""
    with tempfile.TemporaryDirectory() as folder:
        result = subprocess.run(
            [
                *("valgrind", "--tool=callgrind", f"--dump-before={MARK}", "--quiet"),
                f"--callgrind-out-file={folder}/out",
                *(sys.executable, "-m", "benchmarks.guard_work", str(repeat)),
            ],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
        if result.returncode != 0:
            raise click.ClickException(f"callgrind: {result.stderr.strip()[-600:]}")
        names = result.stdout.splitlines()
        paths = sorted(Path(folder).glob("out.*"), key=lambda path: int(path.suffix[1:]))
        found = [path.read_text() for path in paths]
    # Each part has a mark before and one after it: every second dump is the part itself.
    if len(found) < 2 * len(names):
        raise click.ClickException(f"callgrind wrote {len(found)} of {2 * len(names)} counts")
    return {name: found[2 * at + 1] for at, name in enumerate(names)}


def total(dump: str) -> int:
    """The instructions of one callgrind dump."""
    found = re.search(r"^(?:summary|totals): (\d+)", dump, re.MULTILINE)
    if found is None:
        raise click.ClickException("a callgrind dump has no total")
    return int(found[1])


def worse(before: dict[str, int], now: dict[str, int]) -> list[str]:
    """The parts that need more instructions than is allowed, or that are gone."""
    found = [
        f"{name}: {before[name]:,} -> {count:,} ({count / before[name] - 1:+.1%})"
        for name, count in now.items()
        if name in before and count > before[name] * (1 + ALLOWED)
    ]
    return found + [f"{name}: no longer counted" for name in before if name not in now]


@click.command()
@click.option("--update", is_flag=True, help="write this Python's baseline")
@click.option("--allow-missing", is_flag=True, help="succeed without valgrind or a baseline")
def main(update: bool, allow_missing: bool) -> None:
    """Compare instructions per request with the baseline."""
    baselines = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    if shutil.which("valgrind") is None:
        skip("valgrind is not installed (apt install valgrind): nothing was counted", allow_missing)
    before = baselines.get(key(), {})
    if not before and not update:
        skip(f"{BASELINE.name} has no baseline of {key()}; make one with --update", allow_missing)
    now = counted()
    for name, count in now.items():
        change = f"{count / before[name] - 1:+7.1%}" if name in before else "    new"
        click.echo(f"  {name:<32} {count:>10,} instructions  {change}")
    if update:
        text = json.dumps({**baselines, key(): now}, indent=1, sort_keys=True)
        BASELINE.write_text(text + "\n")
        click.echo(f"{BASELINE.name} has the baseline of {key()}")
    elif found := worse(before, now):
        raise click.ClickException(f"more than {ALLOWED:.0%} more:\n" + "\n".join(found))


def skip(reason: str, allowed: bool) -> None:
    click.echo(f"guard: {reason}", err=True)
    sys.exit(0 if allowed else 1)


if __name__ == "__main__":
    main()
