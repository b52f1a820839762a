"""What the packages say of their types is right for a user's program.

mypy runs here; pyright by hand, as it needs node: `pyright -p tests/types`.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_program_passes_mypy(tmp_path: Path) -> None:
    options = ["--strict", "--warn-unused-ignores", f"--cache-dir={tmp_path}"]
    result = subprocess.run(
        [sys.executable, "-m", "mypy", *options, "tests/types/program.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
