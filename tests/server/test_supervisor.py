"""Several workers, as the command runs them."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from serving import HERE, PYTHON, Command, Hold, fail_to_start, get, one_loop, send_get, wait_for

from fastserve import Config
from fastserve.supervisor import Supervisor

# Workers do not import from the current folder.
WITH_APPS = {**os.environ, "PYTHONPATH": str(HERE)}


@pytest.fixture
def serve():
    commands = []

    def start(app="apps:app", *args, **options):
        args = app, "--port", "0", "--workers", "2", *args
        commands.append(Command(*args, **options))
        return commands[-1].__enter__()

    yield start
    for command in commands:
        command.__exit__()


def pids_and_port(command, count=2):
    """The workers that are ready, and where they serve."""
    pids, port = set(), None
    while len(pids) < count or port is None:
        match = command.expect(r"Worker (\d+) is ready|running on http://.*:(\d+) ")
        if match[1]:
            pids.add(int(match[1]))
        else:
            port = int(match[2])
    return pids, port


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@one_loop
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_workers_share_the_port_and_stop_cleanly(serve, number):
    command = serve("apps:lived")
    pids, port = pids_and_port(command)
    assert int(get(port, "/pid")[1]) in pids
    command.signal(number)
    assert command.wait() == 0
    assert not any(map(is_running, pids))
    assert command.stdout.count("startup") == command.stdout.count("shutdown") == 2
    assert "INFO: Stopping 2 workers" in command.stderr


def test_a_request_in_progress_is_finished(serve):
    command = serve()
    _, port = pids_and_port(command)
    with Hold() as hold:
        connection = send_get(port, hold.path)
        hold.wait()
        command.signal(signal.SIGTERM)
        command.expect("Stopping 2 workers")
        hold.release()
        assert connection.getresponse().read() == b"hello"
        connection.close()
    assert command.wait() == 0


def test_a_signal_to_the_workers_as_well_is_the_same_stop(serve):
    """As systemd sends it, to every process of a service."""
    command = serve()
    pids, port = pids_and_port(command)
    with Hold() as hold:
        connection = send_get(port, hold.path)
        hold.wait()
        for pid in pids:
            os.kill(pid, signal.SIGTERM)
        command.expect("INFO: Stopping$")
        command.expect("INFO: Stopping$")
        command.signal(signal.SIGTERM)
        command.expect("Stopping 2 workers|Stopping 1 worker")
        hold.release()
        assert connection.getresponse().read() == b"hello"
        connection.close()
    assert command.wait() == 0


def test_a_second_signal_aborts(serve):
    command = serve()
    _, port = pids_and_port(command)
    with Hold() as hold:
        connection = send_get(port, hold.path)
        hold.wait()
        command.signal(signal.SIGTERM)
        command.expect("Stopping 2 workers")
        command.expect("INFO: Stopping$")
        command.expect("INFO: Stopping$")
        command.signal(signal.SIGTERM)
        assert command.wait() == 0
        connection.close()


def test_a_worker_that_crashes_is_replaced(serve):
    command = serve()
    pids, port = pids_and_port(command)
    with pytest.raises(OSError):  # noqa: PT011 - closed without a response
        get(port, "/die")
    died = int(command.expect(r"Worker (\d+) ended with exit status 9")[1])
    born = int(command.expect(r"Worker (\d+) is ready")[1])
    assert died in pids
    assert born not in pids
    assert get(port) == (200, "hello")
    command.signal(signal.SIGTERM)
    assert command.wait() == 0


def test_a_worker_killed_by_the_system_is_replaced(serve):
    command = serve()
    pids, port = pids_and_port(command)
    victim = pids.pop()
    os.kill(victim, signal.SIGKILL)
    command.expect(rf"Worker {victim} ended with signal 9")
    command.expect(r"Worker \d+ is ready")
    assert get(port) == (200, "hello")


@pytest.mark.parametrize(
    ("app", "said"),
    [
        ("apps:fails", "ERROR: the application failed to start: KeyError: 'database'"),
        ("broken_code:app", 'ERROR: importing "broken_code" failed: RuntimeError: no database'),
        ("nowhere:app", 'ERROR: no module named "nowhere" in '),
    ],
)
def test_workers_that_cannot_start_are_given_up(app, said):
    status, lines = fail_to_start(app, "--port", "0", "--workers", "2")
    assert any(line.startswith(said) for line in lines)
    problem = "the workers do not start; the last one ended with exit status 1"
    assert lines[-1] == f"fastserve: {problem}"
    assert status == 1


def test_workers_that_die_before_they_are_ready_are_given_up(tmp_path):
    (tmp_path / "dies.py").write_text("import os\nos._exit(3)\n")
    args = "dies:app", "--app-dir", tmp_path, "--port", "0", "--workers", "2"
    status, lines = fail_to_start(*args)
    problem = "the workers do not start; the last one ended with exit status 3"
    assert lines[-1] == f"fastserve: {problem}"
    assert status == 1
    assert sum("before it was ready" in line for line in lines) >= 5


def test_port_in_use_is_told_once():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        status, lines = fail_to_start("apps:app", "--port", port, "--workers", "2")
    assert status == 1
    assert len(lines) == 1
    assert "is already in use" in lines[0]


def test_hangup_replaces_the_workers_without_downtime(serve):
    command = serve()
    pids, port = pids_and_port(command)
    with Hold() as hold:
        connection = send_get(port, hold.path)
        hold.wait()
        command.signal(signal.SIGHUP)
        new = set()
        while len(new) < 2:
            assert get(port) == (200, "hello")
            new.add(int(command.expect(r"Worker (\d+) is ready")[1]))
        assert not new & pids
        hold.release()
        assert connection.getresponse().read() == b"hello"  # from an old worker
        connection.close()
    assert int(get(port, "/pid")[1]) in new | pids
    command.signal(signal.SIGTERM)
    assert command.wait() == 0


def test_a_worker_that_has_served_its_number_is_replaced(serve):
    command = serve("apps:app", "--limit-max-requests", "1")
    pids, port = pids_and_port(command)
    worn = int(get(port, "/pid")[1])
    assert int(command.expect(r"Worker (\d+) has reached limit_max_requests")[1]) == worn
    born = int(command.expect(r"Worker (\d+) is ready")[1])
    wait_for(lambda: not Path(f"/proc/{worn}").exists())
    assert int(get(port, "/pid")[1]) in (pids | {born}) - {worn}
    command.signal(signal.SIGTERM)
    assert command.wait() == 0


def test_a_hangup_that_fails_leaves_the_old_workers(tmp_path):
    app = tmp_path / "changing.py"
    app.write_text("from apps import app\n")
    args = "changing:app", "--app-dir", tmp_path, "--port", "0", "--workers", "2"
    with Command(*args, env=WITH_APPS) as command:
        pids, port = pids_and_port(command)
        app.write_text("raise SystemError\n")
        command.signal(signal.SIGHUP)
        command.expect("The reload is abandoned; the old workers go on")
        assert int(get(port, "/pid")[1]) in pids
        command.signal(signal.SIGTERM)
        assert command.wait() == 0


def test_workers_are_added_and_removed(serve):
    command = serve()
    pids, _ = pids_and_port(command)
    command.signal(signal.SIGTTIN)
    added = int(command.expect(r"Worker (\d+) is ready")[1])
    assert added not in pids
    command.signal(signal.SIGTTOU)
    command.expect("INFO: Stopping$")
    command.signal(signal.SIGTERM)
    assert command.wait() == 0
    assert not any("ended with" in line for line in command.stderr)


def test_workers_end_with_their_supervisor(serve):
    command = serve()
    pids_and_port(command)
    command.signal(signal.SIGKILL)
    assert command.wait() == -signal.SIGKILL  # and waits for the workers' output to end
    assert command.stderr.count("WARNING: The supervisor is gone; stopping") == 2


def test_a_hung_worker_ends_with_its_supervisor(serve):
    """Nothing in its event loop can know of it: a thread does."""
    command = serve()
    _, port = pids_and_port(command)
    connection = send_get(port, "/hang")
    command.expect("hanging", "stdout")
    command.signal(signal.SIGKILL)
    assert command.wait() == -signal.SIGKILL
    connection.close()


LOG_CONFIG = """
version = 1
handlers.stderr.class = "logging.StreamHandler"
loggers.fastserve = {level = "INFO", handlers = ["stderr"]}
"""


def test_a_worker_whose_log_nobody_reads_ends_with_its_supervisor(tmp_path):
    """Its event loop waits within logging, and so would whoever says something."""
    app, file = tmp_path / "talks.py", tmp_path / "log.toml"
    app.write_text("""
import logging, os
import apps

async def app(scope, receive, send):
    if scope["path"] == "/talk":
        apps.say("talking")
        logging.getLogger("fastserve").error("x" * (1 << 20))
    await apps.app(scope, receive, send)
""")
    file.write_text(LOG_CONFIG)
    read, write = os.pipe()
    with socket.create_server(("127.0.0.1", 0)) as sock, open(read), open(write, "w") as stderr:
        port, fd = sock.getsockname()[1], sock.fileno()
        args = "talks:app", "--app-dir", tmp_path, "--fd", fd, "--workers", 2
        process = subprocess.Popen(
            [*PYTHON, *map(str, args), "--log-config", str(file)],
            env=WITH_APPS,
            pass_fds=[fd],
            stdout=subprocess.PIPE,
            stderr=stderr,
        )
        with process, process.stdout as stdout:
            connection = send_get(port, "/talk")
            assert stdout.readline() == b"talking\n"
            process.kill()
            assert stdout.read() == b""  # when all workers have ended
            connection.close()


def ready_late(config):
    """A supervisor that is stopping, and its worker that only now becomes ready."""
    supervisor, worker = Supervisor(config), FakeWorker()
    supervisor._workers.append(worker)
    supervisor._sockets.append(socket.socket())
    supervisor._stop()
    worker.ready = False
    supervisor._on_ready(worker)
    return supervisor, worker


class FakeWorker:
    pid = 1
    ready = stopping = killed = False
    replaces = None

    def stop(self):
        self.stopping = True

    def dump(self):
        self.killed = True


def test_a_worker_that_is_told_to_stop_as_it_becomes_ready_has_its_full_time():
    """It has accepted clients."""
    supervisor, worker = ready_late(Config("apps:app", workers=2, timeout_graceful_shutdown=30))
    now = time.monotonic()
    timers = sorted(supervisor._reactor._timers, key=lambda timer: timer[0])
    (starting, kill_unready), (stopping, kill_hanging) = timers
    assert starting < now + 6
    assert stopping > now + 60
    kill_unready()
    assert not worker.killed
    kill_hanging()
    assert worker.killed
    assert not supervisor._served


def test_a_worker_is_removed_during_a_reload():
    """Not the successor, whose predecessor stops when it is ready: two would be gone."""
    supervisor = Supervisor(Config("apps:app", workers=2))
    old, other, successor = FakeWorker(), FakeWorker(), FakeWorker()
    successor.replaces = other
    supervisor._workers += [other, old, successor]
    supervisor._remove_one()
    assert [worker.stopping for worker in supervisor._workers] == [False, True, False]


@one_loop
def test_a_worker_that_hangs_is_replaced(serve):
    command = serve("apps:app", "--timeout-worker-healthcheck", "0.5")
    pids, port = pids_and_port(command)
    connection = send_get(port, "/hang")
    hung = int(command.expect(r"Worker (\d+) hangs: its event loop has not run for 0.5 s")[1])
    assert hung in pids
    command.expect(rf"Worker {hung} ended with signal {signal.SIGABRT.value}")
    command.expect(rf"Worker {hung} was here:")
    command.expect(r'File ".*apps.py", line \d+ in app')
    command.expect(r"Worker \d+ is ready")
    connection.close()
    assert get(port) == (200, "hello")
    command.signal(signal.SIGTERM)
    assert command.wait() == 0


def test_a_worker_that_crashes_tells_where(serve):
    command = serve()
    _, port = pids_and_port(command)
    with pytest.raises(OSError):  # noqa: PT011 - closed without a response
        get(port, "/crash")
    command.expect(r"Worker \d+ was here:")
    command.expect("Fatal Python error: Segmentation fault")
    command.expect(r"Worker \d+ is ready")


def changing(tmp_path):
    app = tmp_path / "changing.py"
    app.write_text("from apps import app\n")
    return app, ("changing:app", "--app-dir", tmp_path, "--port", "0", "--workers", "2")


HANGS = "import apps, time\napps.say('hanging')\ntime.sleep(600)\n"


def test_a_startup_that_hangs_is_ended(tmp_path):
    app, args = changing(tmp_path)
    with Command(*args, "--timeout-startup", "3", env=WITH_APPS) as command:
        pids, port = pids_and_port(command)
        app.write_text(HANGS)
        command.signal(signal.SIGHUP)
        command.expect(r"Worker \d+ has not started within 3 s \(timeout_startup\); killing it")
        command.expect("The reload is abandoned; the old workers go on")
        assert int(get(port, "/pid")[1]) in pids
        command.signal(signal.SIGTERM)
        assert command.wait() == 0
        assert any("changing.py" in line for line in command.stderr)


def test_a_hangup_while_workers_start_replaces_those_too(tmp_path):
    app, args = changing(tmp_path)
    app.write_text(HANGS)
    with Command(*args, env=WITH_APPS) as command:
        for _ in range(2):
            command.expect("hanging", "stdout")
        app.write_text("from apps import app\n# mended\n")
        command.signal(signal.SIGHUP)
        pids_and_port(command)
        command.signal(signal.SIGTERM)
        assert command.wait() == 0


def test_a_hangup_takes_the_place_of_one_that_hangs(tmp_path):
    app, args = changing(tmp_path)
    with Command(*args, env=WITH_APPS) as command:
        pids, port = pids_and_port(command)
        app.write_text(HANGS)
        command.signal(signal.SIGHUP)
        command.expect("hanging", "stdout")
        app.write_text("from apps import app\n# mended\n")
        command.signal(signal.SIGHUP)
        new = {int(command.expect(r"Worker (\d+) is ready")[1]) for _ in range(2)}
        assert not new & pids
        app.write_text(HANGS)
        command.signal(signal.SIGHUP)
        command.expect("hanging", "stdout")
        assert int(get(port, "/pid")[1]) in new | pids
        command.signal(signal.SIGTERM)
        assert command.wait() == 0


def test_a_process_that_cannot_be_made_is_tried_again(tmp_path):
    """As while a deploy replaces the interpreter."""
    home = Path(sys.executable).parents[1]
    (tmp_path / "bin").mkdir()
    (tmp_path / "lib").symlink_to(home / "lib")
    (tmp_path / "pyvenv.cfg").write_text((home / "pyvenv.cfg").read_text())
    python = tmp_path / "bin" / "python"
    python.symlink_to(Path(sys.executable).resolve())
    args = "apps:app", "--port", "0", "--workers", "2"
    with Command(*args, start=(python, *PYTHON[1:])) as command:
        pids, port = pids_and_port(command)
        moved = python.rename(tmp_path / "bin" / "moved")
        os.kill(pids.pop(), signal.SIGKILL)
        command.expect(r"ERROR: Cannot start a worker: .*No such file.*; trying again in 0.5 s")
        assert int(get(port, "/pid")[1]) in pids
        command.signal(signal.SIGHUP)
        moved.rename(python)
        new = {int(command.expect(r"Worker (\d+) is ready")[1]) for _ in range(2)}
        assert not new & pids
        command.signal(signal.SIGTERM)
        assert command.wait() == 0


def test_a_file_in_the_current_folder_is_no_module(tmp_path):
    (tmp_path / "json.py").write_text("raise SystemError('not the library')\n")
    script = Path(sys.executable).with_name("fastserve")
    args = "apps:app", "--app-dir", HERE, "--port", "0", "--workers", "2"
    with Command(*args, cwd=tmp_path, start=(sys.executable, script)) as command:
        pids_and_port(command)
        command.signal(signal.SIGTERM)
        assert command.wait() == 0


def test_a_stop_of_workers_tells_how_to_force_it(serve):
    command = serve()
    _, port = pids_and_port(command)
    with Hold() as hold:
        connection = send_get(port, hold.path)
        hold.wait()
        command.signal(signal.SIGTERM)
        force = rf"send SIGTERM again to the main process \({command.process.pid}\)"
        command.expect(f"Waiting up to 30 s for 1 connection; {force}")
        command.signal(signal.SIGTERM)
        assert command.wait() == 0
        connection.close()


def test_a_request_in_progress_does_not_delay_a_reload(tmp_path):
    app = tmp_path / "changing.py"
    app.write_text("from apps import app\n")
    args = "changing:app", "--app-dir", tmp_path, "--port", "0", "--reload"
    with Command(*args, "--timeout-graceful-shutdown", "600", env=WITH_APPS) as command:
        _, port = pids_and_port(command, 1)
        with Hold() as hold:
            connection = send_get(port, hold.path)
            hold.wait()
            app.write_text("from apps import app\n# changed\n")
            command.expect("Changed: .*changing.py")
            new = int(command.expect(r"Worker (\d+) is ready")[1])
            assert int(get(port, "/pid")[1]) == new
            connection.close()
        command.signal(signal.SIGINT)
        assert command.wait() == 0


def test_reload_follows_the_files(tmp_path):
    app = tmp_path / "changing.py"
    app.write_text("from apps import app\n")
    args = "changing:app", "--app-dir", tmp_path, "--port", "0", "--reload"
    with Command(*args, env=WITH_APPS) as command:
        pids, port = pids_and_port(command, 1)
        app.write_text("raise LookupError('a slip')\n")
        command.expect("Changed: .*changing.py")
        command.expect("LookupError: a slip")
        command.expect("Waiting for a file to change")
        app.write_text("from apps import app\n# mended\n")
        command.expect("Changed: .*changing.py")
        new, _ = int(command.expect(r"Worker (\d+) is ready")[1]), pids
        assert int(get(port, "/pid")[1]) == new
        command.signal(signal.SIGINT)
        assert command.wait() == 0
