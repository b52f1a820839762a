"""Play every case on fastserve and on uvicorn, and write docs/frameworks.md.

    python tests/frameworks/run.py [CASE ...]

Makes a virtual environment for each case in build/frameworks, of the Python that runs this, from
the case's requirements.txt: some minutes the first time. With names of cases it plays only those,
and the others keep their rows of the page. Ends with status 1 if a case did not come out the same.
"""

import argparse
import ast
import hashlib
import json
import platform
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from comparison import Outcome, compare  # noqa: E402

ROOT = HERE.parents[1]
CASES = HERE / "cases"
PAGE = ROOT / "docs" / "frameworks.md"
BUILT = ROOT / "build" / "frameworks"

HEAD = """# Frameworks

The same application with each framework, on fastserve and on uvicorn: does a client, and does the
application, see a difference?

`python tests/frameworks/run.py` writes this page. It installs each framework in its own environment,
starts the application with `fastserve app:app` and with `uvicorn app:app`, and plays the same scenario
on each (`tests/frameworks/cases`). It compares statuses, headers (without Date and Server), bodies,
WebSocket messages and close codes, tracebacks in the log, and what the application sees at the end. It
does not compare what a server may choose: the framing of a body (Content-Length or chunked), and the
text that says that the application has refused a WebSocket.

| framework | what was tried, besides a hello | outcome, compared with uvicorn {uvicorn} | Python |
| --- | --- | --- | --- |
"""


class Environment:
    """A virtual environment with one framework and the servers."""

    def __init__(self, case: str, wheel: Path) -> None:
        self.folder = BUILT / platform.python_version() / case
        self.python = self.folder / "bin" / "python"
        if not self.python.exists():
            venv.create(self.folder, with_pip=True, symlinks=True)
        files = [CASES / "servers.txt", CASES / case / "requirements.txt"]
        wanted = "".join(file.read_text() for file in files) + digest(wheel)
        stamp = self.folder / "installed"
        if not stamp.exists() or stamp.read_text() != wanted:
            requirements = [part for file in files for part in ("-r", str(file))]
            self._pip("install", *requirements, str(wheel))
            self._pip("install", "--force-reinstall", "--no-deps", str(wheel))
            stamp.write_text(wanted)

    def _pip(self, *arguments: str) -> None:
        command = [str(self.python), "-m", "pip", *arguments, "--quiet"]
        subprocess.run([*command, "--disable-pip-version-check"], check=True)

    def version(self, distribution: str) -> str:
        code = f"from importlib.metadata import version; print(version({distribution!r}))"
        command = [str(self.python), "-c", code]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def build_wheel() -> Path:
    folder = BUILT / platform.python_version() / "wheel"
    for old in folder.glob("*.whl"):
        old.unlink()
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(folder)]
    subprocess.run([*command, str(ROOT)], check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def digest(wheel: Path) -> str:
    """Of what is in the wheel; the archive's own bytes differ with each build."""
    with zipfile.ZipFile(wheel) as archive:
        sums = sorted((item.filename, item.CRC) for item in archive.infolist())
    return hashlib.sha256(repr(sums).encode()).hexdigest()


def tried(case: str) -> str:
    """What the case's scenario says of itself; its imports need not be installed here."""
    tree = ast.parse((CASES / case / "scenario.py").read_text())
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "TRIED":
            return str(ast.literal_eval(node.value))
    raise ValueError(f"the scenario of {case} has no TRIED")


def distribution(case: str) -> str:
    """The framework: the first of the case's requirements."""
    line = (CASES / case / "requirements.txt").read_text().split("\n")[0]
    return line.partition(">")[0].partition("[")[0]


def row(case: str, environment: Environment, outcome: Outcome) -> str:
    name = distribution(case)
    result = f"the same in {outcome.steps} steps"
    if outcome.problems:
        result = f"{len(outcome.problems)} differences in {outcome.steps} steps"
    framework = f"{name} {environment.version(name)}"
    return f"| {framework} | {tried(case)} | {result} | {platform.python_version()} |"


def report(outcome: Outcome) -> None:
    print(f"{outcome.case}: {outcome.steps} steps, {len(outcome.problems)} problems", flush=True)
    for problem in outcome.problems:
        print(problem)
    if outcome.problems:
        for server, lines in outcome.logs.items():
            print(f"-- log of {server}", *lines[-30:], sep="\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    every = sorted(folder.name for folder in CASES.iterdir() if folder.is_dir())
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(every))
    names = parser.parse_args().cases
    wheel = build_wheel()
    kept = BUILT / platform.python_version() / "rows.json"
    rows = json.loads(kept.read_text()) if kept.exists() else {}
    failed = 0
    for case in names or every:
        environment = Environment(case, wheel)
        outcome = compare(case, str(environment.python))
        report(outcome)
        rows[case] = row(case, environment, outcome)
        kept.write_text(json.dumps(rows, indent=1))
        failed += bool(outcome.problems)
    if all(case in rows for case in every):
        head = HEAD.format(uvicorn=environment.version("uvicorn"))
        PAGE.write_text(head + "\n".join(rows[case] for case in every) + "\n")
        print(f"Written: {PAGE.relative_to(ROOT)}")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
