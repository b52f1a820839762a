"""What systemd is told: a socket of the test is in its place."""

import os
import signal
import socket

import pytest
from serving import WAIT, Command, get
from test_upgrade import Lineage, expect_all

from fastserve import Config
from fastserve.main_process import MainProcess
from fastserve.notify import Notifier, watchdog_seconds


class Systemd:
    """Receives as the system's manager does."""

    def __init__(self, address):
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sock.settimeout(WAIT)
        self._sock.bind(f"\0{address[1:]}" if address[0] == "@" else address)
        self.environment = {**os.environ, "NOTIFY_SOCKET": address}
        self.seen = []

    def expect(self, name, **fields):
        """Wait for a message with this assignment; all of it. WATCHDOG=1 is passed over."""
        while True:
            message = dict(
                line.split("=", 1) for line in self._sock.recv(65536).decode().split("\n")
            )
            self.seen.append(message)
            if name in message:
                for each, value in fields.items():
                    assert message[each] == value, message
                return message
            assert not message.keys() & {"READY", "STOPPING", "RELOADING"}, (name, message)

    def close(self):
        self._sock.close()


@pytest.fixture
def systemd(tmp_path):
    found = Systemd(str(tmp_path / "notify"))
    yield found
    found.close()


@pytest.mark.parametrize("workers", [1, 2])
def test_start_reload_and_stop(systemd, workers):
    args = "apps:app", "--port", "0", "--workers", workers
    with Command(*args, env=systemd.environment) as command:
        port = command.port()
        status = f"Serving on http://127.0.0.1:{port}"
        assert systemd.expect("READY") == {"READY": "1", "STATUS": status}
        assert get(port) == (200, "hello")
        command.signal(signal.SIGHUP)
        assert int(systemd.expect("RELOADING", RELOADING="1")["MONOTONIC_USEC"]) > 0
        assert systemd.expect("READY")["STATUS"] == status
        command.signal(signal.SIGTERM)
        systemd.expect("STOPPING", STOPPING="1")
        assert command.wait() == 0


def test_a_reload_before_the_start_is_none(systemd):
    """READY would end the start that systemd waits for, and after STOPPING is not true."""
    main = MainProcess(Config("apps:app"))
    main._notifier = Notifier(systemd.environment)
    main.on_reload()
    main.on_reloaded()
    main.on_serving([], None)
    assert systemd.expect("READY")["STATUS"] == "Serving on "
    main.on_reload()
    systemd.expect("RELOADING")
    main.on_stopping()
    main.on_reloaded()
    main.on_reload()
    main.on_draining()
    systemd.expect("STOPPING")
    assert systemd.expect("STATUS") == {"STATUS": "Serving until drain_delay is over"}


def test_an_abstract_socket_and_the_watchdog():
    systemd = Systemd(f"@fastserve-{os.getpid()}")
    env = {**systemd.environment, "WATCHDOG_USEC": "100000"}
    with Command("apps:app", "--port", "0", env=env) as command:
        systemd.expect("READY")
        for _ in range(3):
            systemd.expect("WATCHDOG", WATCHDOG="1")
        command.signal(signal.SIGTERM)
        systemd.expect("STOPPING")
    systemd.close()


@pytest.mark.parametrize("workers", [1, 2])
def test_an_upgrade_names_the_new_main_process(systemd, workers):
    args = "apps:app", "--port", "0", "--workers", workers
    env = {**systemd.environment, "WATCHDOG_USEC": "600000000", "WATCHDOG_PID": "0"}
    with Lineage(*args, env=env) as command:
        systemd.expect("READY")
        command.signal(signal.SIGUSR2)
        new = int(command.expect(r"started process (\d+), which will take over")[1])
        assert systemd.expect("MAINPID", READY="1")["MAINPID"] == str(new)
        command.expect(f"Process {new} has taken over; stopping")
        os.kill(new, signal.SIGTERM)
        systemd.expect("STOPPING")  # of the new process; the old one has said nothing more
        assert command.wait() == 0
        assert sum("STOPPING" in message for message in systemd.seen) == 1


def test_an_upgrade_that_fails_changes_nothing(systemd, tmp_path):
    app = tmp_path / "changing.py"
    app.write_text("from apps import app\n")
    env = {**systemd.environment, "PYTHONPATH": os.path.dirname(__file__)}
    args = "changing:app", "--app-dir", tmp_path, "--port", "0", "--workers", "2"
    with Command(*args, env=env) as command:
        systemd.expect("READY")
        expect_all(command, 2)
        app.write_text("raise SystemError\n")
        command.signal(signal.SIGUSR2)
        command.expect("The upgrade failed: process .* ended with exit status 1; going on")
        command.signal(signal.SIGTERM)
        systemd.expect("STOPPING")
        assert not any("MAINPID" in message for message in systemd.seen)


def test_without_systemd_nothing_is_sent():
    notifier = Notifier({})
    notifier.ready("x")
    notifier.stopping()
    assert notifier.watchdog_seconds == 0
    Notifier({"NOTIFY_SOCKET": "vsock:2:1"}).ready("x")
    Notifier({"NOTIFY_SOCKET": "/nowhere/notify"}).ready("x")


def test_a_line_cannot_be_smuggled_in(systemd):
    Notifier(systemd.environment).status("a\nMAINPID=1")
    assert systemd.expect("STATUS") == {"STATUS": "a MAINPID=1"}


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, 0),
        ({"WATCHDOG_USEC": "4000000"}, 2),
        ({"WATCHDOG_USEC": "4000000", "WATCHDOG_PID": str(os.getpid())}, 2),
        ({"WATCHDOG_USEC": "4000000", "WATCHDOG_PID": "1"}, 0),
        ({"WATCHDOG_USEC": "x"}, 0),
    ],
)
def test_the_interval_of_the_watchdog(environment, seconds):
    assert watchdog_seconds(environment) == seconds
