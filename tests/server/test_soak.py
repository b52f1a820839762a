"""The soak in its short form: every load, one restart, and that a wrong answer is noticed."""

import subprocess
import sys
from pathlib import Path

SOAK = Path(__file__).parent / "soak.py"


def run_soak(*args):
    command = [sys.executable, str(SOAK), "--seed", "1", *args]
    return subprocess.run(command, capture_output=True, text=True)


def test_every_promise_is_kept():
    run = run_soak("--seconds", "5")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "for 1 restarts" in run.stdout


def test_a_wrong_answer_is_noticed():
    run = run_soak("--seconds", "1", "--app", "wrong_app")
    assert run.returncode == 1, run.stdout + run.stderr
    assert "answers wrong" in run.stdout
