"""SIGUSR2 and `fastserve upgrade`: a new process takes over from a running one."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
from serving import HERE, Command, Hold, get, send_get, wait_for

WITH_APPS = {**os.environ, "PYTHONPATH": str(HERE)}
UPGRADE = (sys.executable, "-m", "fastserve", "upgrade")
NUMBERS = [1, 2]


class Lineage(Command):
    """The command, and those that take over from it."""

    def __init__(self, *args, **options):
        super().__init__(*args, start_new_session=True, **options)

    def __exit__(self, *error):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        super().__exit__(*error)


def expect_all(command, workers):
    """Wait until all workers have imported the app, whose file may now change; where they serve."""
    url = command.expect(r"running on (\S+)")[1]  # when the first of them is ready
    for _ in range(workers - 1):
        command.expect(r"Worker \d+ is ready")
    return url


def taken_over(command):
    """Upgrade; the new main process, once the old one has said that it took over."""
    command.signal(signal.SIGUSR2)
    return int(command.expect(r"Process (\d+) has taken over; stopping")[1])


def ask_unix(path):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(path))
        sock.sendall(b"GET /pid HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        return int(b"".join(iter(lambda: sock.recv(65536), b"")).rpartition(b"\r\n\r\n")[2])


@pytest.mark.parametrize("workers", NUMBERS)
def test_requests_in_progress_are_finished_by_the_old_one(workers, tmp_path):
    pid_file = tmp_path / "pid"
    args = "apps:app", "--port", "0", "--workers", workers, "--pid-file", pid_file
    with Lineage(*args) as command:
        port = command.port()
        with Hold() as hold:
            connection = send_get(port, hold.path)
            hold.wait()
            new = taken_over(command)
            assert get(port) == (200, "hello")
            assert get(port, "/inherited") == (200, "[]")
            hold.release()
            assert connection.getresponse().read() == b"hello"
            connection.close()
        assert command.process.wait(30) == 0
        assert pid_file.read_text() == f"{new}\n"
        os.kill(new, signal.SIGTERM)
        assert command.wait() == 0
    assert not pid_file.exists()


@pytest.mark.parametrize("workers", NUMBERS)
def test_unix_sockets_go_on(workers, tmp_path):
    path, gone = tmp_path / "a.sock", tmp_path / "gone.sock"
    config = tmp_path / "fastserve.toml"
    config.write_text(f'bind = ["unix:{path}?mode=600", "unix:{gone}", "127.0.0.1:0"]\n')
    with Lineage("apps:app", "--config", config, "--workers", workers) as command:
        command.port()
        inode = path.stat().st_ino
        # The options of files are read again: one address goes, and one is new.
        config.write_text(f'bind = ["unix:{path}", "unix:{tmp_path}/new.sock"]\n')
        new = taken_over(command)
        assert command.process.wait(30) == 0
        assert path.stat().st_ino == inode
        assert not gone.exists()
        assert ask_unix(path) > 0
        assert ask_unix(tmp_path / "new.sock") > 0
        os.kill(new, signal.SIGTERM)
        assert command.wait() == 0
    assert not path.exists()


def test_again_and_again():
    with Lineage("apps:app", "--port", "0") as command:
        port, pid = command.port(), command.process.pid
        for _ in range(3):
            os.kill(pid, signal.SIGUSR2)
            pid = int(command.expect(r"Process (\d+) has taken over; stopping")[1])
            command.expect("INFO: Stopping$")
            wait_for(lambda: int(get(port, "/pid")[1]) == pid)  # noqa: B023 - called now
        os.kill(pid, signal.SIGTERM)
        assert command.wait() == 0


@pytest.mark.parametrize("workers", NUMBERS)
def test_one_that_fails_leaves_the_old_one(workers, tmp_path):
    app, path = tmp_path / "changing.py", tmp_path / "a.sock"
    app.write_text("from apps import app\n")
    args = "changing:app", "--app-dir", tmp_path, "--workers", workers, "--uds", path
    with Lineage(*args, env=WITH_APPS) as command:
        expect_all(command, workers)
        app.write_text("raise LookupError('a slip')\n")
        command.signal(signal.SIGUSR2)
        command.expect("LookupError: a slip")
        command.expect("The upgrade failed: process .* ended with exit status 1; going on")
        assert ask_unix(path) > 0
        app.write_text("from apps import app\n")
        new = taken_over(command)
        assert command.process.wait(30) == 0
        assert ask_unix(path) > 0
        os.kill(new, signal.SIGTERM)
        assert command.wait() == 0


@pytest.mark.parametrize("workers", NUMBERS)
def test_one_that_hangs_is_ended(workers, tmp_path):
    app = tmp_path / "changing.py"
    app.write_text("from apps import app\n")
    args = "changing:app", "--app-dir", tmp_path, "--port", "0", "--workers", workers
    environment = {**WITH_APPS, "PATIENCE": "1"}
    with Lineage(*args, env=environment, start=(sys.executable, "-c", IMPATIENT)) as command:
        port = urlsplit(expect_all(command, workers)).port
        app.write_text("import apps, time\napps.say('hanging')\ntime.sleep(600)\n")
        command.signal(signal.SIGUSR2)
        command.expect(r"The upgrade failed: process \d+ is not ready within .* s; ending it")
        command.expect(r"The upgrade failed: process \d+ ended with .*; going on")
        assert get(port) == (200, "hello")
        command.signal(signal.SIGTERM)
        assert command.wait() == 0


IMPATIENT = """
import sys
from fastserve import cli, main_process
main_process.STARTING_SECONDS = 0.0
main_process.END_SECONDS = 0.5
sys.argv[0] = "fastserve"
sys.argv += ["--timeout-startup", "2"]
cli.main()
"""


@pytest.mark.parametrize("workers", NUMBERS)
def test_a_stop_meanwhile_ends_the_new_one_too(workers, tmp_path):
    app = tmp_path / "changing.py"
    app.write_text("from apps import app\n")
    args = "changing:app", "--app-dir", tmp_path, "--port", "0", "--workers", workers
    with Lineage(*args, env=WITH_APPS) as command:
        expect_all(command, workers)
        app.write_text("import apps, time\napps.say('hanging')\ntime.sleep(600)\n")
        command.signal(signal.SIGUSR2)
        command.expect("hanging", "stdout")
        command.signal(signal.SIGUSR2)
        command.expect(r"No upgrade: process \d+ is starting already")
        command.signal(signal.SIGTERM)
        assert command.wait() == 0  # and the new one has ended: its output has


@pytest.mark.parametrize("workers", NUMBERS)
def test_nobody_takes_over_from_one_that_drains(workers, tmp_path):
    """SIGTERM would be forgotten: the new process has not received it."""
    app, ready = tmp_path / "changing.py", tmp_path / "ready"
    app.write_text("from apps import app\n")
    args = "changing:app", "--app-dir", tmp_path, "--port", "0", "--workers", workers
    with Lineage(*args, "--drain-delay", "600", env=WITH_APPS) as command:
        port = urlsplit(expect_all(command, workers)).port
        os.mkfifo(ready)
        app.write_text(f"from apps import app, say\nsay('starts')\nopen({str(ready)!r}).read()\n")
        command.signal(signal.SIGUSR2)
        command.expect("starts", "stdout")
        command.signal(signal.SIGTERM)
        command.expect("drain_delay")
        command.signal(signal.SIGUSR2)
        command.expect("No upgrade: this process is stopping")
        assert get(port) == (200, "hello")
        command.signal(signal.SIGTERM)
        assert command.wait() == 0  # and the new one has ended: its output has
        assert not [line for line in command.stderr if "taken over" in line]


@pytest.mark.parametrize("workers", NUMBERS)
def test_nobody_takes_over_from_one_that_stops(workers):
    with Lineage("apps:app", "--port", "0", "--workers", workers) as command:
        port = command.port()
        with Hold() as hold:
            connection = send_get(port, hold.path)
            hold.wait()
            command.signal(signal.SIGTERM)
            command.expect("Stopping")
            command.signal(signal.SIGUSR2)
            command.expect("No upgrade: this process is stopping")
            hold.release()
            assert connection.getresponse().read() == b"hello"
            connection.close()
        assert command.wait() == 0


@pytest.mark.parametrize("workers", NUMBERS)
def test_a_signal_while_the_app_is_imported_is_not_lost(workers, tmp_path):
    go = tmp_path / "go"
    os.mkfifo(go)
    (tmp_path / "slow.py").write_text(
        f"from apps import app, say\nsay('imports')\nopen({str(go)!r}).close()\n"
    )
    args = "slow:app", "--app-dir", tmp_path, "--port", "0", "--workers", workers
    with Lineage(*args, env=WITH_APPS) as command:
        command.expect("imports", "stdout")
        command.signal(signal.SIGUSR2)
        with open(go, "w"):  # also for the others that open it
            new = int(command.expect(r"started process (\d+), which will take over")[1])
            command.expect(f"Process {new} has taken over; stopping")
        os.kill(new, signal.SIGTERM)
        assert command.wait() == 0


def test_the_new_process_starts_in_the_folder_by_its_name(tmp_path):
    """As where a deploy changes a link to the current release."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "release.py").write_text(
            f"from apps import respond\n"
            f"async def app(scope, receive, send):\n    await respond(send, b'{name}')\n"
        )
    current = tmp_path / "current"
    current.symlink_to("one")
    environment = {**WITH_APPS, "PWD": str(current)}
    args = "release:app", "--port", "0", "--lifespan", "off"
    with Lineage(*args, cwd=current, env=environment) as command:
        port = command.port()
        assert get(port) == (200, "one")
        current.unlink()
        current.symlink_to("two")
        new = taken_over(command)
        wait_for(lambda: get(port) == (200, "two"))  # the old one may have accepted one more
        os.kill(new, signal.SIGTERM)
        assert command.wait() == 0


def test_a_folder_that_is_gone_is_told(tmp_path):
    folder = tmp_path / "app"
    folder.mkdir()
    environment = {**os.environ, "PWD": str(folder)}
    args = "apps:app", "--app-dir", HERE, "--port", "0"
    with Lineage(*args, cwd=folder, env=environment) as command:
        port = command.port()
        folder.rmdir()
        command.signal(signal.SIGUSR2)
        command.expect("ERROR: The upgrade failed: cannot start a new process: .*No such file")
        assert get(port) == (200, "hello")


# The command


def upgrade(*args, **options):
    command = [*UPGRADE, *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


@pytest.mark.parametrize("workers", NUMBERS)
def test_the_command_waits_for_the_new_process(workers, tmp_path):
    pid_file, app = tmp_path / "pid", tmp_path / "changing.py"
    app.write_text("from apps import app\n")
    args = "changing:app", "--app-dir", tmp_path, "--port", "0", "--workers", workers
    with Lineage(*args, "--pid-file", pid_file, env=WITH_APPS) as command:
        command.port()
        done = upgrade("--pid-file", pid_file)
        new, old = int(pid_file.read_text()), command.process.pid
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == f"process {new} has taken over from process {old}\n"
        app.write_text("raise SystemError\n")
        done = upgrade(env={**os.environ, "FASTSERVE_PID_FILE": str(pid_file)})
        assert done.returncode == 1
        assert (
            done.stderr
            == f"fastserve: process {new} goes on: the new process failed; see the log\n"
        )
        os.kill(new, signal.SIGTERM)
        assert command.wait() == 0


def test_the_command_by_number():
    with Lineage("apps:app", "--port", "0") as command:
        command.port()
        done = upgrade(command.process.pid)
        assert done.returncode == 0
        new = int(command.expect(r"Process (\d+) has taken over")[1])
        os.kill(new, signal.SIGTERM)
        assert command.wait() == 0


@pytest.mark.parametrize(
    ("args", "status", "said"),
    [
        ((), 2, "give either PID or --pid-file"),
        ((1, "--pid-file", "x"), 2, "give either PID or --pid-file"),
        (("--pid-file", "/nowhere/pid"), 2, "--pid-file: cannot read /nowhere/pid"),
        ((2**22 + 1,), 1, "there is no process 4194305"),
    ],
)
def test_what_the_command_says(args, status, said):
    done = upgrade(*args)
    assert done.returncode == status
    assert done.stderr.startswith(f"fastserve: {said}")
