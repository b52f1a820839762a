"""Scripts that are run by hand explain themselves, on a machine without what they test."""

import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]


SCRIPTS = [
    "autobahn/run.py", "browser/run.py", "compat/conformance.py", "compat/conformance_http2.py",
]  # fmt: skip


@pytest.mark.parametrize("script", SCRIPTS)
def test_help(script):
    command = [sys.executable, TESTS / script, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage:")


@pytest.mark.parametrize("script", ["conformance.py", "conformance_http2.py"])
def test_a_server_without_a_command_is_an_error(script):
    command = [sys.executable, TESTS / "compat" / script, "nothing"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert "unknown server 'nothing'; choose from fastserve, " in done.stderr


def test_the_page_for_the_browser_is_there():
    for page in ("page.html", "http2.html"):
        assert b"new WebSocket" in (TESTS / "browser" / page).read_bytes()
