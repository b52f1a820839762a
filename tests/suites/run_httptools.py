"""Run httptools' own tests with httpparser in the place of httptools.

    .venv/bin/python tests/suites/run_httptools.py [ARGUMENTS OF PYTEST]

Takes them from its source distribution, into build/suites. Ends with status 1 unless all pass but
those of DIFFERENT.
"""

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from source import take_tests

VERSION = "0.9.0"
SHA256 = "d484ebb7e3a3f3597b0f645fbd1b85633674ca808c1f5ba11c2caf7c66f5c8b6"
DIFFERENT = ("test_parser_url_too_long",)  # docs/migrating-from-httptools.md has the reason
PROGRAM = (
    "import sys, httpparser, pytest; httpparser.install_as_httptools(); sys.exit(pytest.main())"
)


def main() -> int:
    folder = take_tests("httptools", VERSION, SHA256)
    options = ["-q", "-W", "error", "-k", " and ".join(f"not {name}" for name in DIFFERENT)]
    arguments = sys.argv[1:] or options
    command = [sys.executable, "-c", PROGRAM, "tests", *arguments]
    return subprocess.run(command, cwd=folder).returncode


if __name__ == "__main__":
    sys.exit(main())
