"""As PID 1, in a container: orphans are reaped, and signals passed on."""

import os
import shutil
import signal
import subprocess

import pytest
from serving import PYTHON, Command, get

from fastserve.init import meant_for_us

UNSHARE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")


def can_unshare():
    if not shutil.which("unshare"):
        return False
    done = subprocess.run([*UNSHARE, "true"], capture_output=True, check=False)
    return done.returncode == 0


in_container = pytest.mark.skipif(not can_unshare(), reason="unshare cannot make PID namespaces")
NUMBERS = [1, 2]


class Container(Command):
    """The command as PID 1 of its own namespace; its lines tell numbers of that."""

    def __init__(self, *args, **options):
        super().__init__(*args, start=(*UNSHARE, *PYTHON), **options)

    def signal(self, number):
        """As from outside: to PID 1, which is the child of unshare."""
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        with open(path) as file:
            os.kill(int(file.read().split()[0]), number)


@in_container
@pytest.mark.parametrize("workers", NUMBERS)
def test_orphans_are_reaped(workers):
    with Container("apps:app", "--port", "0", "--workers", workers) as command:
        port = command.port()
        # The app starts a process, whose own child it then leaves behind.
        orphan = int(get(port, "/orphan")[1])
        while orphan in map(int, get(port, "/processes")[1].split()):
            pass
        # The status of its own is the app's to ask for.
        assert get(port, "/status") == (200, "7")
        command.signal(signal.SIGTERM)
        assert command.wait() == 0


@in_container
@pytest.mark.parametrize("workers", NUMBERS)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_are_passed_on(workers, number):
    with Container("apps:lived", "--port", "0", "--workers", workers) as command:
        command.port()
        command.signal(signal.SIGHUP)
        command.expect("Reopened the log files|Replacing the workers")
        command.signal(number)
        assert command.wait() == 0
        assert command.stdout.count("startup") == command.stdout.count("shutdown") > 0


@in_container
def test_the_exit_status_is_that_of_the_server():
    with Container("apps:fails", "--port", "0") as command:
        assert command.wait() == 1
        assert command.stderr[-1].startswith("fastserve: the application failed to start")


@in_container
def test_no_upgrade_in_a_container():
    with Container("apps:app", "--port", "0") as command:
        port = command.port()
        command.signal(signal.SIGUSR2)
        command.expect("ERROR: No upgrade: the container ends with its first process")
        assert get(port) == (200, "hello")


def test_variables_for_process_1_are_for_its_child():
    given = {"LISTEN_PID": "1", "WATCHDOG_PID": "7"}
    assert meant_for_us(given) == {"LISTEN_PID": str(os.getpid())}
