"""The names of the processes in ps."""

import signal
import sys
from pathlib import Path

import pytest
from serving import HERE, Command, get

from fastserve import Config, ConfigError
from fastserve.titles import set_title


def title(pid):
    return Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").decode()


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="there is no /proc")
@pytest.mark.parametrize(
    ("args", "main", "worker"),
    [
        ((), "fastserve: apps:app", "fastserve: apps:app"),
        (("--workers", 2), "fastserve: supervisor apps:app", "fastserve: worker apps:app"),
        (("--process-name", "shop"), "fastserve: shop", "fastserve: shop"),
    ],
)
def test_role_and_application(args, main, worker):
    pytest.importorskip("setproctitle")
    secret = "--ssl-keyfile-password", "not for everybody"
    with Command("apps:app", "--app-dir", HERE, "--port", "0", *args, *secret) as command:
        port = command.port()
        assert title(command.process.pid) == main
        assert title(int(get(port, "/pid")[1])) == worker
        command.signal(signal.SIGTERM)
        assert command.wait() == 0


def test_without_setproctitle(monkeypatch):
    monkeypatch.setitem(sys.modules, "setproctitle", None)
    set_title(Config("apps:app"), "worker")
    with pytest.raises(ConfigError, match=r"process_name: needs setproctitle.*\[titles\]"):
        set_title(Config("apps:app", process_name="shop"))
