"""What exists when the app has started is not searched for garbage again (gc.freeze)."""

import sys

import pytest
from serving import HERE, Command, get


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
        assert frozen(command.port())[0] == 0


def test_a_program_around_the_server_keeps_its_own():
    """Only run() in the main thread has the process to itself, and not for longer than it runs."""
    with Command(start=(sys.executable, HERE / "garbage_app.py")) as command:
        assert int(command.expect(r"serving (\d+)", "stdout")[1]) > 10_000
        command.expect("stopped 0", "stdout")
        assert int(command.expect(r"serving (\d+)", "stdout")[1]) > 10_000
        command.expect("theirs True", "stdout")
        command.expect("serving 0", "stdout")
        command.expect("embedded 0", "stdout")
        assert command.wait() == 0
