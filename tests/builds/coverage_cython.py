"""Line coverage of the compiled code: `make coverage-cython`.

Everything is built with Cython's line tracing in build/coverage, and the tests run there. It fails
below 95% of httpparser's lines; for a line that no test reaches and uncovered.txt does not explain;
and for an explanation of a line that is reached. The server's lines are only reported: what its
worker processes run is not seen from here.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

from copies import prepare

LEAST = 95.0
EXPLANATIONS = Path(__file__).parent / "uncovered.txt"
PARSER_TESTS = ["tests/httpparser"]
SERVER_TESTS = ["tests/server", "tests/websocket"]
SETTINGS = """\
[run]
plugins = Cython.Coverage
core = ctrace
source = httpparser, fastserve
omit = */*.pxd
[report]
omit = *.pxd, *.py
"""
# What cannot run under tracing, with the reason.
LEFT_OUT = {
    "test_httptools.py::test_version": "the copy is not an installed package",
    "test_foreign.py::test_no_python_call_per_header": "tracing calls Python for every line",
    "test_safety.py::test_a_parser_inside_itself_is_refused": "collections begin in the tracer",
    "test_safety.py::test_another_thread_inside_the_same_parser_is_refused": "likewise",
    "test_safety.py::test_a_million_requests_leave_nothing_behind": "a call for each line is slow",
    "test_safety.py::test_memory_stays_flat": "likewise",
}
FUNCTION = re.compile(r"\s*(?:cdef|def|cpdef)\b[^(=]*?(\w+)\(")


def measure(copy: Path, environment: dict[str, str], tests: list[str]) -> dict[str, dict]:
    """Coverage's own report of each compiled file."""
    settings = copy / "coverage.ini"
    settings.write_text(SETTINGS)
    coverage = [sys.executable, "-m", "coverage"]
    options = ["-q", "-o", "timeout=600", "-p", "no:cacheprovider"]
    options += [f"--deselect=tests/httpparser/{test}" for test in LEFT_OUT]
    subprocess.run(
        [*coverage, "run", f"--rcfile={settings}", "-m", "pytest", *options, *tests],
        cwd=copy,
        env=environment,
        check=True,
    )
    report = copy / "coverage.json"
    subprocess.run(
        [*coverage, "json", f"--rcfile={settings}", "-q", "-o", str(report)],
        cwd=copy,
        env=environment,
        check=True,
    )
    return {
        name: found
        for name, found in json.loads(report.read_text())["files"].items()
        if name.endswith(".pyx")
    }


def explanations() -> dict[str, str]:
    """{"file: function: the line": why no test reaches it}."""
    found = {}
    file = ""
    for line in EXPLANATIONS.read_text().splitlines():
        if line.endswith(".pyx:"):
            file = line
        elif line and not line.startswith("#"):
            text, _, reason = line.strip().partition("  # ")
            if not reason:
                sys.exit(f"{EXPLANATIONS.name} has no reason for: {line}")
            found[f"{file} {text}"] = reason
    return found


def uncovered(copy: Path, files: dict[str, dict]) -> dict[str, int]:
    """{"file: function: the line": its number}."""
    found = {}
    for file, report in files.items():
        source = (copy / file).read_text().splitlines()
        for number in report["missing_lines"]:
            above = (FUNCTION.match(line) for line in reversed(source[:number]))
            function = next((match[1] for match in above if match), "")
            found[f"{file}: {function}: {source[number - 1].strip()}"] = number
    return found


def check(copy: Path, files: dict[str, dict]) -> list[str]:
    """What is wrong with the uncovered lines."""
    explained, missing = explanations(), uncovered(copy, files)
    return [
        *(f"line {missing[line]} is not covered: {line}" for line in missing.keys() - explained),
        *(f"explained, but covered or gone: {line}" for line in explained.keys() - missing),
    ]


def table(files: dict[str, dict]) -> float:
    covered = statements = 0
    for name, found in sorted(files.items()):
        summary = found["summary"]
        covered += summary["covered_lines"]
        statements += summary["num_statements"]
        print(f"{name:45} {summary['num_statements']:6} {summary['percent_covered']:7.1f}%")
    percent = 100 * covered / statements if statements else 0.0
    print(f"{'all of them':45} {statements:6} {percent:7.1f}%\n", flush=True)
    return percent


def main() -> None:
    if sys.implementation.name != "cpython" or sys.version_info[:2] not in ((3, 11),):
        sys.exit("Cython's line tracing is seen by coverage on Python 3.11: see the Makefile")
    copy, environment = prepare("coverage", FASTSERVE_LINE_TRACING="1")
    files = measure(copy, environment, PARSER_TESTS)
    parser = {name: found for name, found in files.items() if name.startswith("httpparser")}
    percent = table(parser)
    wrong = check(copy, parser)
    if percent < LEAST:
        wrong.append(f"httpparser: {percent:.1f}% of the lines are covered, less than {LEAST}%")
    if wrong:
        sys.exit("\n".join(wrong))
    files = measure(copy, environment, SERVER_TESTS)
    table({name: found for name, found in files.items() if name.startswith("server")})


if __name__ == "__main__":
    main()
