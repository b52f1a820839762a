"""As PID 1, in a container: orphans are reaped, and signals passed on."""

import os
import shutil
import signal
import subprocess

import pytest
from serving import HERE, PYTHON, Command, Hold, get, send_get

from fastserve.init import is_command, meant_for_us

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
@pytest.mark.parametrize("workers", NUMBERS)
def test_a_second_signal_is_passed_on_too(workers):
    with Container("apps:app", "--port", "0", "--workers", workers) as command:
        port = command.port()
        with Hold() as hold:
            connection = send_get(port, hold.path)
            hold.wait()
            command.signal(signal.SIGINT)
            command.expect("Stopping")
            command.signal(signal.SIGINT)
            command.wait()
            connection.close()


# Before there is a child

WAITS = """
import sys

class Finder:
    def find_spec(self, name, *args):
        if name == {name!r}:
            sys.meta_path.remove(self)
            with open({fifo!r}) as file:
                file.read()

sys.meta_path.insert(0, Finder())
"""


def stopped_at(name, number, folder, *args):
    """The command as PID 1, which has received this signal before it imports this module."""
    fifo = folder / "fifo"
    os.mkfifo(fifo)
    (folder / "sitecustomize.py").write_text(WAITS.format(name=name, fifo=str(fifo)))
    path = os.pathsep.join([str(folder), str(HERE)])
    before = signal.signal(number, signal.SIG_DFL)  # in a shell's background SIGQUIT is ignored
    try:
        with Container(*args, env={**os.environ, "PYTHONPATH": path}) as command:
            with open(fifo, "w"):  # it has come there
                command.signal(number)
            command.wait()
    finally:
        signal.signal(number, before)
    return command


@in_container
@pytest.mark.parametrize("name", ["httpparser", "fastserve.cli", "fastserve.logs"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_a_stop_during_the_imports_is_not_lost(name, number, tmp_path):
    """They are in the order in which the command imports them, the first of all and the last."""
    command = stopped_at(name, number, tmp_path, "apps:app", "--port", "0")
    assert command.process.returncode == 128 + number
    assert command.stderr == []


@in_container
def test_a_stop_before_another_command(tmp_path):
    command = stopped_at("fastserve.cli", signal.SIGTERM, tmp_path, "check", "apps:app")
    assert command.process.returncode == 128 + signal.SIGTERM
    assert command.stdout == []


@in_container
def test_what_comes_later_does_not_stop_another_command(tmp_path):
    """It begins as it would without us: PID 1 gets no SIGTERM."""
    command = stopped_at("fastserve.check", signal.SIGTERM, tmp_path, "check", "apps:app")
    assert command.process.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "original", "expected"),
    [
        (["-m", "apps:app"], ["python", "-m", "fastserve", "apps:app"], True),
        (["-m"], ["python", "-W", "error", "-mfastserve"], True),
        (["-m", "fastserve"], ["python", "-m", "mine", "fastserve"], False),
        (["/bin/fastserve", "apps:app"], ["python", "/bin/fastserve", "apps:app"], True),
        (["serve.py"], ["python", "serve.py"], False),
        (["-c"], ["python", "-c", "import fastserve"], False),
        ([], ["python"], False),
    ],
)
def test_whose_stops_wait(arguments, original, expected):
    """A program that imports the package may never come to serve."""
    assert is_command(arguments, original) == expected


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
