"""Run uvicorn's own tests with fastserve in the place of uvicorn, and write docs/uvicorn_tests.md.

    .venv/bin/python tests/suites/run_uvicorn.py [--on uvicorn] [ARGUMENTS OF PYTEST]

Takes the tests from uvicorn's source distribution and what they need from the index, into
build/suites; nothing of either is kept in the tree. Every test that does not pass must have
its reason in reasons.py. With arguments of pytest (`-k NAME`), or `--on uvicorn`, which runs them
on uvicorn itself, it shows pytest's output and writes nothing.
"""

import argparse
import json
import os
import subprocess
import sys
import textwrap
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from reasons import KINDS, REASONS, Reason  # noqa: E402
from source import install, take_tests  # noqa: E402

ROOT = HERE.parents[1]
PAGE = ROOT / "docs" / "uvicorn_tests.md"

VERSION = "0.54.0"
SHA256 = "a2e33cbfaa0306f8e6b0c13e0cb89d7d7a2da3e62b90c66e18c33d9807b28620"
FILES = {
    "tests/protocols/test_http.py": "HTTP",
    "tests/protocols/test_websocket.py": "WebSocket",
    "tests/test_config.py": "options",
    "tests/test_lifespan.py": "lifespan",
    "tests/middleware/test_proxy_headers.py": "X-Forwarded-For and -Proto",
    "tests/middleware/test_wsgi.py": "WSGI applications",
    "tests/middleware/test_logging.py": "logs",
    "tests/middleware/test_message_logger.py": "log of ASGI messages",
    "tests/test_default_headers.py": "Date, Server and own headers",
    "tests/test_main.py": "`run()`",
    "tests/test_server.py": "`Server`",
    "tests/test_ssl.py": "TLS",
    "tests/importer/test_importer.py": "MODULE:ATTRIBUTE",
}
HEAD = f"""# uvicorn's own tests

`python tests/suites/run_uvicorn.py` writes this page. It takes the tests of uvicorn {VERSION} from its
source distribution and runs them with fastserve under uvicorn's names: `Config`, `Server` and `run`
are ours, and the protocol classes, which the tests drive over transports of their own, are our
connection, once with each parser. Counted are the tests that pass on uvicorn itself in the same
environment; it has neither zttp nor wsproto, whose tests are skipped.
"""


@dataclass
class Test:
    name: str
    outcome: str  # passed, skipped or failed
    problem: str

    @property
    def file(self) -> str:
        return self.name.partition("::")[0]

    @property
    def function(self) -> str:
        return self.name.partition("::")[2].partition("[")[0]

    @property
    def reason(self) -> Reason | None:
        return next((reason for reason in REASONS if reason.matches(self.name)), None)


def play(server: str, arguments: list[str]) -> list[Test]:
    folder = take_tests("uvicorn", VERSION, SHA256)
    site = install(HERE / "for_uvicorn.txt")
    outcomes = folder / f"{server}.json"
    outcomes.unlink(missing_ok=True)
    settings = {
        "SUITE_SERVER": server,
        "SUITE_OUTCOMES": str(outcomes),
        "PYTHONPATH": os.pathsep.join(map(str, (HERE, site, folder))),
    }
    pytest = [sys.executable, "-m", "pytest", "-p", "drop_in", "--timeout", "30"]
    pytest += ["--rootdir", str(folder), "-c", str(folder / "pytest.ini"), *FILES]
    quiet = [] if arguments else ["-q", "--tb=no", "-r", "N"]
    subprocess.run([*pytest, *quiet, *arguments], cwd=folder, env={**os.environ, **settings})
    found = json.loads(outcomes.read_text())
    return [Test(name, *result) for name, result in found.items()]


def page(counted: list[Test]) -> str:
    passed = sum(test.outcome == "passed" for test in counted)
    inside = sum(test.reason.kind == "inside" for test in failed(counted) if test.reason)
    functions = {(test.file, test.function) for test in counted}
    whole = len(functions - {(test.file, test.function) for test in failed(counted)})
    summary = (
        f"**{passed} of {len(counted)} pass ({passed / len(counted):.0%}).** Without the {inside} "
        f"about uvicorn's inside it is {passed / (len(counted) - inside):.0%}. Of {len(functions)} "
        f"test functions, most of which run with several parameters, {whole} pass with all of "
        "them. The others, each with its reason:"
    )
    lines = [HEAD, textwrap.fill(summary, 100), ""]
    lines += [f"- {name}: {text}" for name, text in KINDS.items()]
    lines += ["", "| tests | about | counted | passed | " + " | ".join(KINDS) + " |"]
    lines.append("| --- " * (4 + len(KINDS)) + "|")
    for file, about in FILES.items():
        own = [test for test in counted if test.file == file]
        kinds = Counter(test.reason.kind for test in failed(own) if test.reason)
        numbers = [len(own), len(own) - len(failed(own)), *(kinds[name] for name in KINDS)]
        cells = [f"`{file.removeprefix('tests/')}`", about, *map(str, numbers)]
        lines.append(f"| {' | '.join(cells)} |")
    for kind in KINDS:
        lines += ["", f"## {kind.capitalize()}", "", "| tests | reason |", "| --- | --- |"]
        for reason in (each for each in REASONS if each.kind == kind):
            counts = Counter(test.function for test in failed(counted) if test.reason is reason)
            names = ", ".join(f"`{name}`" + times(count) for name, count in counts.items())
            lines.append(f"| {names} | {reason.text} |")
    return "\n".join(lines) + "\n"


def times(count: int) -> str:
    return f" ({count})" if count > 1 else ""


def failed(tests: list[Test]) -> list[Test]:
    return [test for test in tests if test.outcome == "failed"]


def complaints(tests: list[Test]) -> list[str]:
    """Failures without a reason, and reasons without a failure."""
    found = [f"{test.name}: {test.problem}" for test in failed(tests) if test.reason is None]
    used = {test.reason for test in failed(tests)}
    return found + [f"no test fails for: {each.text}" for each in REASONS if each not in used]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--on", choices=("fastserve", "uvicorn"), default="fastserve")
    known, arguments = parser.parse_known_args()
    tests = play(known.on, arguments)
    if arguments or known.on == "uvicorn":
        return 0
    reference = {test.name for test in play("uvicorn", []) if test.outcome == "passed"}
    tests = [test for test in tests if test.name in reference]
    found = complaints(tests)
    print(*found, sep="\n")
    if not found:
        PAGE.write_text(page(tests))
        print(f"Written: {PAGE.relative_to(ROOT)}")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
