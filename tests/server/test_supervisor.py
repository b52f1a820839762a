"""Several workers, as the command runs them."""

import os
import signal
import socket

import pytest
from serving import HERE, Command, Hold, fail_to_start, get, send_get

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
        ("nowhere:app", 'ERROR: there is no module "nowhere" in '),
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
    command.expect("INFO: Stopping$")
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
