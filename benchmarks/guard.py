"""Instructions per request against a committed baseline: fails on more than 5% more.

`python -m benchmarks.guard` in about half a minute; `--update` writes the baseline of this Python,
compiler, C library and kind of CPU. `make test` runs it where one is known. Also prints, without
judging them, the cache misses of a GET. callgrind counts; unlike time, the count hardly changes
from one run to the next.
"""

import json
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

from benchmarks import callgrind
from benchmarks.load import Http
from benchmarks.servers import fastserve

BASELINE = Path(__file__).parent / "guard.json"
REPEAT = 400
ALLOWED = 0.05
# Of fixed sizes, so that they do not depend on the processor: 32 KB for code, 48 KB for data.
CACHES = ("--cache-sim=yes", "--I1=32768,8,64", "--D1=49152,12,64", "--LL=33554432,16,64")
CONNECTIONS = 16  # over which the misses are counted: one alone would always find its caches warm


def key() -> str:
    """What the counts depend on besides our code: Python, compiler, C library, CPU extensions."""
    command = [*shlex.split(sysconfig.get_config_var("CC")), "-dumpfullversion"]
    compiler = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    flags = Path("/proc/cpuinfo").read_text()
    parts = (
        f"Python {platform.python_version()}",
        sysconfig.get_platform(),
        " ".join(platform.libc_ver()),
        f"cc {compiler}",
        next((level for level in ("avx512bw", "avx2", "sse4_2") if level in flags), ""),
    )
    return ", ".join(parts)


def counted(repeat: int = REPEAT, *arguments: str) -> dict[str, int]:
    """{part: instructions per call} of guard_work."""
    found = callgrind.of_work(repeat, *arguments)
    return {name: round(callgrind.totals(dump)["Ir"] / repeat) for name, dump in found.items()}


def misses() -> dict[str, float]:
    """{kind: misses per GET} of the whole server, in first-level caches of callgrind's sizes."""
    (found,) = callgrind.of_server(fastserve(), [Http("GET")], CONNECTIONS, *CACHES)
    return {name: found[event] for event, name in callgrind.MISSES.items()}


def worse(before: dict[str, int], now: dict[str, int]) -> list[str]:
    """The parts that need more instructions than is allowed, or that are gone."""
    shares = {name: now[name] / count for name, count in before.items() if name in now}
    return [
        f"{name}: {share - 1:+.1%}" for name, share in shares.items() if share > 1 + ALLOWED
    ] + [f"{name}: no longer counted" for name in before if name not in now]


@click.command(help=__doc__)
@click.option("--update", is_flag=True, help="write this Python's baseline")
@click.option("--allow-missing", is_flag=True, help="succeed without valgrind or a baseline")
def main(update: bool, allow_missing: bool) -> None:
    baselines = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    if shutil.which("valgrind") is None:
        skip("valgrind is not installed (apt install valgrind): nothing was counted", allow_missing)
    before = baselines.get(key(), {})
    if not before and not update:
        skip(f"{BASELINE.name} has no baseline of {key()}; make one with --update", allow_missing)
    with ThreadPoolExecutor() as pool:
        missed = pool.submit(misses)
        now = counted()
        for name, count in now.items():
            change = f"{count / before[name] - 1:+7.1%}" if name in before else "    new"
            click.echo(f"  {name:<32} {count:>10,} instructions  {change}")
        for name, each in missed.result().items():
            click.echo(f"  GET, {CONNECTIONS} connections {each:>21,.0f} {name}")
    if update:
        text = json.dumps({**baselines, key(): now}, sort_keys=True)
        BASELINE.write_text(text.replace("}, ", "},\n") + "\n")  # a line for each Python
        click.echo(f"{BASELINE.name} has the baseline of {key()}")
    elif found := worse(before, now):
        raise click.ClickException(f"more than {ALLOWED:.0%} more:\n" + "\n".join(found))


def skip(reason: str, allowed: bool) -> None:
    click.echo(f"guard: {reason}", err=True)
    sys.exit(0 if allowed else 1)


if __name__ == "__main__":
    main()
