"""What exists when the app has started is not searched for garbage again (gc.freeze)."""

import sys

import pytest
from serving import HERE, Command, get

FEW = 1000  # Python 3.12 itself freezes some


def number(command, word):
    return int(command.expect(rf"{word} (\d+)", "stdout")[1])


def frozen(port):
    """How many objects, and how many of the start's garbage are still there."""
    return tuple(map(int, get(port)[1].split()))


@pytest.mark.parametrize("workers", [1, 2])
def test_the_command_freezes_what_the_app_has_made(workers):
    args = "garbage_app:app", "--app-dir", HERE, "--port", "0"
    with Command(*args, "--workers", workers) as command:
        count, garbage = frozen(command.port())
    assert count > 10_000
    assert garbage == 0


def test_it_can_be_told_not_to():
    args = "garbage_app:app", "--app-dir", HERE, "--port", "0", "--no-gc-freeze"
    with Command(*args) as command:
        assert frozen(command.port())[0] < FEW


def test_a_program_around_the_server_keeps_its_own():
    """Only run() in the main thread has the process to itself, and not for longer than it runs."""
    with Command(start=(sys.executable, HERE / "garbage_app.py")) as command:
        assert number(command, "serving") > 10_000
        assert number(command, "stopped") < FEW
        assert number(command, "serving") > 10_000
        command.expect("theirs True", "stdout")
        assert number(command, "serving") < FEW
        assert number(command, "embedded") < FEW
        assert command.wait() == 0
