"""The tests under AddressSanitizer and UndefinedBehaviorSanitizer: `make asan`.

Everything compiled is built with gcc's sanitizers in build/asan, and every finding is fatal: it ends
the process that had it and stays in a file of its own, so that also a finding in a server's worker
fails the run. Python's own allocator is off, so that each object has its own guarded place.

Leaks are not looked for here: CPython itself lets go of its interned and static objects only by
ending. The tests of memory and reference counts see to ours (tests/httpparser/soak.py).
"""

import shutil
import subprocess
import sys
from pathlib import Path

from copies import prepare

TESTS = [
    f"tests/{name}"
    for name in ("asgi", "http1", "http2", "fuzz", "httpparser", "websocket", "server", "faults")
]
PROMISE = "tests/faults/test_faults.py::test_the_promise_is_kept"
# What cannot run here, each with its reason.
LEFT_OUT = {
    "tests/httpparser/test_safety.py::test_memory_stays_flat": "freed memory is kept in quarantine",
    "tests/httpparser/test_safety.py::test_a_million_requests_leave_nothing_behind": "likewise",
    "tests/server/test_memory.py": "likewise",
    "tests/server/test_websocket.py::test_an_app_that_does_not_receive": "likewise",
    "tests/server/test_websocket.py::test_a_client_that_does_not_read": "likewise",
    f"{PROMISE}[unread_pipeline]": "likewise",
    f"{PROMISE}[per_connection]": "likewise",
    f"{PROMISE}[http2_idle]": "likewise",
    f"{PROMISE}[http2_messages]": "likewise",
    f"{PROMISE}[http2_restarts]": "likewise",
    "tests/server/test_supervisor.py::test_a_worker_that_crashes_tells_where": "it is a finding",
}


def library(name: str) -> str:
    if shutil.which("gcc") is None:
        sys.exit("make asan needs gcc: its sanitizers are used")
    found = subprocess.check_output(["gcc", f"-print-file-name={name}"], text=True).strip()
    if not Path(found).is_absolute():
        sys.exit(f"this gcc has no {name}: install its sanitizers (libsanitizer)")
    return found


def environment_of(copy: Path, environment: dict[str, str]) -> dict[str, str]:
    reports = copy / "reports" / "finding"
    shutil.rmtree(reports.parent, ignore_errors=True)
    reports.parent.mkdir()
    return {
        **environment,
        "LD_PRELOAD": library("libasan.so"),  # Python itself is not linked with it
        "PYTHONMALLOC": "malloc",
        "ASAN_OPTIONS": f"detect_leaks=0:log_path={reports}",
        "UBSAN_OPTIONS": f"halt_on_error=1:print_stacktrace=1:log_path={reports}",
    }


def sanitized() -> tuple[Path, dict[str, str]]:
    """The sources compiled with the sanitizers, and the environment to run them in."""
    copy, environment = prepare("asan", FASTSERVE_SANITIZE="1")
    return copy, environment_of(copy, environment)


def print_findings(copy: Path) -> int:
    """What the sanitizers have reported since `sanitized()`; how many findings it were."""
    findings = sorted((copy / "reports").iterdir())
    for finding in findings:
        print(f"\n{finding.relative_to(copy)}\n{finding.read_text(errors='replace')}", flush=True)
    return len(findings)


def main() -> None:
    copy, environment = sanitized()
    left_out = [f"--deselect={test}" for test in LEFT_OUT]
    for test, reason in LEFT_OUT.items():
        print(f"left out: {test}: {reason}", flush=True)
    environment["PYTHONPATH"] += f":{copy / 'tests' / 'builds'}"
    plugin = ["-p", "foreign_programs"]
    command = [sys.executable, "-m", "pytest", *plugin, "-o", "timeout=600", *left_out]
    failed = subprocess.run(
        [*command, *(sys.argv[1:] or TESTS)], cwd=copy, env=environment
    ).returncode
    findings = print_findings(copy)
    if failed or findings:
        sys.exit(f"{findings} findings; pytest returned {failed}")


if __name__ == "__main__":
    main()
