"""The file of --pid-file: whose it is, and what it is never written over."""

import os
import signal
import threading

import pytest
from serving import Command, fail_to_start

from fastserve import Config, ConfigError, Server
from fastserve.pid_file import PidFile, running_pid


@pytest.fixture
def path(tmp_path):
    return tmp_path / "app.pid"


@pytest.mark.parametrize("workers", [1, 2])
def test_it_names_the_main_process_while_that_runs(path, workers):
    with Command("apps:app", "--port", "0", "--workers", workers, "--pid-file", path) as command:
        command.port()
        assert path.read_text() == f"{command.process.pid}\n"
        assert path.stat().st_mode & 0o777 == 0o644
        assert running_pid(str(path)) == command.process.pid
        command.signal(signal.SIGTERM)
        assert command.wait() == 0
    assert list(path.parent.iterdir()) == []


def test_that_of_a_running_server_is_refused(path):
    with Command("apps:app", "--port", "0", "--pid-file", path) as command:
        command.port()
        pid = command.process.pid
        status, lines = fail_to_start("apps:app", "--port", "0", "--pid-file", path)
        said = f"fastserve: --pid-file: {path} is that of a running server (process {pid})"
        assert (status, lines) == (2, [said])
        assert path.read_text() == f"{pid}\n"
        command.signal(signal.SIGKILL)
        command.wait()
    # Its file is left, and stale, although the number may be in use again.
    path.write_text(f"{os.getpid()}\n")
    with Command("apps:app", "--port", "0", "--pid-file", path) as command:
        command.port()
        assert path.read_text() == f"{command.process.pid}\n"


def test_a_server_that_does_not_start_leaves_none(path):
    status, _ = fail_to_start("apps:fails", "--port", "0", "--pid-file", path)
    assert status == 1
    assert list(path.parent.iterdir()) == []


def test_only_our_own_is_removed(path):
    file = PidFile(str(path))
    file.write()
    path.unlink()
    path.write_text("1\n")
    file.remove()
    assert path.read_text() == "1\n"


def test_one_that_has_taken_over_keeps_it(path):
    old, new = PidFile(str(path)), PidFile(str(path))
    old.write()
    new.write(takes_over=True)
    old.remove()
    assert path.read_text() == f"{os.getpid()}\n"
    new.remove()
    assert list(path.parent.iterdir()) == []


def test_of_several_at_once_one_wins(path):
    path.write_text("1\n")  # stale
    start = threading.Barrier(8)
    files, refused = [PidFile(str(path)) for _ in range(8)], []

    def write(file):
        start.wait()
        try:
            file.write()
        except ConfigError:
            refused.append(file)

    threads = [threading.Thread(target=write, args=(file,)) for file in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 7
    for file in files:
        file.remove()
    assert list(path.parent.iterdir()) == []


def test_other_files_are_left_alone(path):
    path.write_text("import os\n")
    with pytest.raises(ConfigError, match="is not a pid file"):
        PidFile(str(path)).write()
    assert path.read_text() == "import os\n"
    assert list(path.parent.iterdir()) == [path]


def test_a_link_is_not_followed(path):
    target = path.with_name("target")
    target.write_text("1\n")
    path.symlink_to(target)
    with pytest.raises(ConfigError, match="cannot write"):
        PidFile(str(path)).write()
    assert target.read_text() == "1\n"
    with pytest.raises(ConfigError, match="cannot read"):
        running_pid(str(path))


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_regular_file_is_told(path, make):
    make(path)
    with pytest.raises(ConfigError, match=r"it is not a regular file|Is a directory"):
        PidFile(str(path)).write()


def test_a_stale_one_names_no_server(path):
    path.write_text("1\n")
    with pytest.raises(ConfigError, match="no server is running that holds"):
        running_pid(str(path))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_user_cannot_have_root_signal_any_process(path):
    file = PidFile(str(path))
    file.write()
    os.chown(path, 12345, -1)
    with pytest.raises(ConfigError, match="is another user's"):
        running_pid(str(path))
    file.remove()


def test_an_embedded_server_writes_it_too(path):
    server = Server(Config("apps:app", port=0, pid_file=path, app_dir=os.path.dirname(__file__)))
    seen = []
    server._on_listening = lambda scheme: (seen.append(path.read_text()), server.request_stop())
    server.run()
    assert seen == [f"{os.getpid()}\n"]
    assert not path.exists()
