"""What is in the repository."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_nothing_that_git_ignores_is_tracked() -> None:
    """Fetched sources, generated C and results are made by the build, and stay out."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a clone")
    command = ["git", "ls-files", "--cached", "--ignored", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert listed.stdout.split() == []
