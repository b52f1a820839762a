"""The tests of threads under ThreadSanitizer: `make tsan PYTHON=...`.

It needs a free-threaded Python that is built with ThreadSanitizer itself; what this compiles is then
too (`./configure --disable-gil --with-thread-sanitizer`). Our modules are compiled in build/tsan.

CPython has races of its own, some on purpose. A report fails the run if code of ours is among the
first frames of one of its stacks; the others are counted.
"""

import collections
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from copies import prepare

TESTS = [
    "tests/httpparser/test_threads.py",
    "tests/server/test_two_loops.py",
    "tests/server/test_serving_threads.py",
]
# How many frames of a stack are looked at: a race in a list that our code changes is found in
# CPython's function, which is what ours calls.
FRAMES = 3
OURS = re.compile(r" (?:build/cython|vendor|httpparser)/")
# These read one int of a parser that another thread is in, old or new: the caller's mistake, and
# harmless.
READS = re.compile(r"BatchParser_\d+(?:held|paused|switched)_1__get__")
# Each thread counts in words of its own; who reads them meanwhile has the old numbers or the new.
COUNTS = re.compile(r"_counters_8Counters_\d+(?:read|add)")
STACK = re.compile(r"^  (?!Location|Thread|As if)\S.*:\n((?:    #\d+ .*\n)+)", re.MULTILINE)


def is_ours(report: str) -> bool:
    """Whether one of the two accesses is made by our code."""
    stacks = [stack.splitlines()[:FRAMES] for stack in STACK.findall(report)]
    if any(READS.search(stack[0]) or COUNTS.search("".join(stack)) for stack in stacks):
        return False
    return any(OURS.search(frame) for stack in stacks for frame in stack)


def place(report: str) -> str:
    """Its last line names the function."""
    found = re.search(r"^SUMMARY: ThreadSanitizer: (.*)$", report, re.MULTILINE)
    return found[1] if found else report[:100]


def read(folder: Path) -> list[str]:
    found = []
    for file in sorted(folder.iterdir()):
        parts = file.read_text(errors="replace").split("==================\n")
        found += [part for part in parts if "WARNING: ThreadSanitizer" in part]
    return found


def main() -> None:
    if "-fsanitize=thread" not in (sysconfig.get_config_var("CFLAGS") or ""):
        sys.exit(f"{sys.executable} is not built with ThreadSanitizer; see tests/builds/tsan.py")
    os.environ["TSAN_OPTIONS"] = "report_bugs=0"  # while it compiles
    copy, environment = prepare("tsan", CFLAGS="-g -fsanitize=thread")
    folder = copy / "reports"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    environment["TSAN_OPTIONS"] = f"log_path={folder / 'report'} exitcode=0 history_size=4"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-o", "timeout=1200"]
    failed = subprocess.run(
        [*command, *(sys.argv[1:] or TESTS)], cwd=copy, env=environment
    ).returncode
    found = read(folder)
    ours = collections.Counter(place(report) for report in found if is_ours(report))
    print(f"{len(found)} reports, {ours.total()} of them of our code; all are in {folder}")
    for name, count in ours.most_common():
        print(f"  {count:4} {name}")
    if failed or ours:
        sys.exit(1)


if __name__ == "__main__":
    main()
