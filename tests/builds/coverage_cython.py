"""Line coverage of the compiled code: `make coverage-cython`.

Everything is built with Cython's line tracing in build/coverage, and the tests run there. It fails
below 95% of httpparser's lines; for a line that no test reaches and uncovered.txt does not explain;
and for an explanation of a line that is reached. The server's lines are only reported: what its
worker processes run is not seen from here.
"""

import json
import subprocess
import sys
from collections import defaultdict
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
[report]
include = httpparser/*.pyx, server/fastserve/*/*.pyx
"""
Lines = dict[str, list[int]]


def measure(copy: Path, environment: dict[str, str], tests: list[str]) -> dict[str, dict]:
    """Coverage's own report of each compiled file."""
    settings = copy / "coverage.ini"
    settings.write_text(SETTINGS)
    coverage = [sys.executable, "-m", "coverage"]
    options = ["-q", "-o", "timeout=600", "-p", "no:cacheprovider"]
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


def explanations() -> dict[tuple[str, str], str]:
    """{(file, the line without its indentation): why no test reaches it}."""
    found = {}
    file = ""
    for line in EXPLANATIONS.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        if line.endswith(".pyx:"):
            file = line[:-1]
        else:
            text, _, reason = line.strip().partition("  # ")
            assert reason, f"{EXPLANATIONS.name} has no reason for: {line}"
            found[file, text] = reason
    return found


def check(copy: Path, files: dict[str, dict]) -> list[str]:
    """What is wrong with the uncovered lines."""
    explained = explanations()
    uncovered: dict[tuple[str, str], list[int]] = defaultdict(list)
    for file, found in files.items():
        source = (copy / file).read_text().splitlines()
        for number in found["missing_lines"]:
            uncovered[file, source[number - 1].strip()].append(number)
    return [
        *(f"{file}:{numbers[0]}: not covered: {text}" for (file, text), numbers in uncovered.items()
          if (file, text) not in explained),
        *(f"{file}: explained but covered, or gone: {text}" for file, text in explained
          if (file, text) not in uncovered),
    ]  # fmt: skip


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
