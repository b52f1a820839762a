"""--user, --group and --umask: workers give up the rights of root."""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from serving import HERE, Command, fail_to_start, get, wait_for

import fastserve
from fastserve import Config, ConfigError, Server, privileges
from fastserve.privileges import identity

IS_ROOT = os.geteuid() == 0
TLS = HERE / "tls"
PATHS = [str(HERE), *dict.fromkeys(path for path in sys.path if "site-packages" in path)]
PATHS += {
    str(Path(module.__file__).parents[1]) for module in (fastserve, sys.modules["httpparser"])
}
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(PATHS)}


def other_user():
    """One that is not root, and its name."""
    for user in pwd.getpwall():
        if user.pw_uid not in (0, os.geteuid()):
            return user
    return None


OTHER = other_user()


def python_for_everybody():
    """An interpreter that another user can run, with what the server needs; None without one."""
    if not IS_ROOT or OTHER is None:
        return None
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            done = subprocess.run(
                [python, "-c", "import fastserve.cli, fastserve.http1, uvloop"],
                user=OTHER.pw_uid, group=OTHER.pw_gid, extra_groups=[], env=ENVIRONMENT,
                capture_output=True, check=False, cwd="/",
            )  # fmt: skip
        except OSError:
            continue
        if done.returncode == 0:
            return python
    return None


PYTHON = python_for_everybody()
as_root = pytest.mark.skipif(PYTHON is None, reason="not root, or others cannot run this Python")


@pytest.fixture
def folder():
    """That others may look into, unlike tmp_path."""
    found = Path(tempfile.mkdtemp())
    found.chmod(0o755)
    yield found
    shutil.rmtree(found)


def serve(*args):
    start = (PYTHON, "-m", "fastserve")
    return Command("apps:app", *args, start=start, env=ENVIRONMENT)


def ids_of(pid):
    """Real, effective, saved and file system's user and group; and the supplementary groups."""
    fields = dict(
        line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if ":\t" in line
    )  # fmt: skip
    return fields["Uid"].split(), fields["Gid"].split(), fields["Groups"].split()


@as_root
def test_workers_become_the_user_and_the_main_process_does_not(folder):
    key = folder / "key.pem"
    key.write_bytes((TLS / "key.pem").read_bytes())
    key.chmod(0o600)  # only root can read it
    tls = "--ssl-certfile", TLS / "cert.pem", "--ssl-keyfile", key
    args = "--bind", "https://127.0.0.1:0", "--bind", "http://127.0.0.1:0", "--pid-file"
    with serve(*args, folder / "pid", "--user", OTHER.pw_name, *tls) as command:
        command.port()
        port = command.port()
        worker = int(get(port, "/pid")[1])
        groups = [str(each) for each in sorted(os.getgrouplist(OTHER.pw_name, OTHER.pw_gid))]
        assert ids_of(worker) == ([str(OTHER.pw_uid)] * 4, [str(OTHER.pw_gid)] * 4, groups)
        assert ids_of(command.process.pid)[0] == ["0"] * 4
        command.signal(signal.SIGHUP)  # a new worker reads the key as well
        command.expect(r"Worker \d+ is ready")
        command.expect("INFO: Stopping$")
        wait_for(lambda: int(get(port, "/pid")[1]) != worker)  # it may have accepted one more
        command.signal(signal.SIGTERM)
        assert command.wait() == 0
    assert list(folder.iterdir()) == [key]


@pytest.mark.skipif(not IS_ROOT or OTHER is None, reason="not root")
def test_a_user_who_cannot_run_this_python(tmp_path, monkeypatch):
    hidden = tmp_path / "os.py"
    hidden.touch(0o600)
    monkeypatch.setattr(os, "__file__", str(hidden))
    with pytest.raises(ConfigError, match=rf"user: {OTHER.pw_name} cannot read {hidden}"):
        privileges.check_python(Config("a:b", user=OTHER.pw_name))
    privileges.check_python(Config("a:b"))
    assert os.geteuid() == 0


@as_root
def test_a_group_alone():
    with serve("--port", "0", "--group", OTHER.pw_gid) as command:
        worker = int(get(command.port(), "/pid")[1])
        assert ids_of(worker) == (["0"] * 4, [str(OTHER.pw_gid)] * 4, [str(OTHER.pw_gid)])


@as_root
def test_log_files_belong_to_the_user(folder):
    os.chown(folder, OTHER.pw_uid, OTHER.pw_gid)
    log, config = folder / "app.log", folder / "log.toml"
    config.write_text(
        "version = 1\n"
        f'handlers.file = {{ class = "logging.FileHandler", filename = "{log}" }}\n'
        'loggers.fastserve = { level = "INFO", handlers = ["file"] }\n'
    )
    args = "--port", "0", "--user", OTHER.pw_name, "--umask", "027", "--pid-file", folder / "pid"
    with serve(*args, "--log-config", config, "--access-log") as command:
        until(lambda: log.exists() and "running on" in log.read_text())
        assert log.stat().st_uid == OTHER.pw_uid
        assert stat.S_IMODE(log.stat().st_mode) == 0o640
        log.rename(folder / "old.log")
        command.signal(signal.SIGHUP)
        until(lambda: log.exists() and "is ready" in log.read_text())
        assert log.stat().st_uid == OTHER.pw_uid
        command.signal(signal.SIGTERM)
        assert command.wait() == 0


def until(condition):
    """The test's own deadline ends what never comes true."""
    while not condition():
        os.sched_yield()


@pytest.mark.skipif(not IS_ROOT, reason="not root")
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"user": "nobody-of-this-name"}, "user: there is no user 'nobody-of-this-name'"),
        ({"group": "nobody-of-this-name"}, "group: there is no group 'nobody-of-this-name'"),
        ({"user": "54321"}, "user: the system does not know 54321; give its group too"),
    ],
)
def test_names_that_the_system_does_not_have(options, said):
    with pytest.raises(ConfigError) as caught:
        identity(Config("apps:app", **options))
    assert str(caught.value) == said
    name, value = options.popitem()
    status, lines = fail_to_start("apps:app", "--port", "0", f"--{name}", value)
    assert (status, lines) == (2, [f"fastserve: --{said}"])


@pytest.mark.skipif(not IS_ROOT, reason="not root")
def test_numbers_need_no_name():
    found = identity(Config("apps:app", user="54321", group="54322"))
    assert (found.uid, found.gid, found.groups) == (54321, 54322, (54322,))


@pytest.mark.skipif(IS_ROOT, reason="root can")
def test_only_root_can_change_it():
    with pytest.raises(ConfigError, match="user: only root can change it"):
        identity(Config("apps:app", user="root"))


def test_nothing_to_change():
    assert identity(Config("apps:app")) is None


def test_a_server_in_a_program_does_not_change_the_user():
    server = Server(Config("apps:app", port=0, user="root", app_dir=str(HERE)))
    with pytest.raises(ConfigError, match=r"user: needs fastserve.run\(\)"):
        server.run()


@pytest.mark.parametrize(
    ("given", "value"), [("027", 0o27), ("0o22", 0o22), ("0", 0), (0o77, 0o77), (None, None)]
)
def test_umask(given, value):
    assert Config("apps:app", umask=given).umask == value


@pytest.mark.parametrize("given", ["8", "rwx", "-1", "07777"])
def test_what_is_no_umask(given):
    with pytest.raises(ConfigError, match=r"^umask: "):
        Config("apps:app", umask=given)
