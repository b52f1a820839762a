"""Compiled classes made with `__new__` alone, as pickling or a curious user makes them."""

import subprocess
import sys
from pathlib import Path


def test_no_call_ends_the_process():
    program = Path(__file__).with_name("every_class.py")
    done = subprocess.run(
        [sys.executable, str(program)], capture_output=True, text=True, timeout=50, check=True
    )
    assert not done.stdout, done.stdout
    assert int(done.stderr.split()[-2]) > 20
