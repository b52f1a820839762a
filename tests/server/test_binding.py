"""Where the server listens: `--bind`, sockets that systemd passes, descriptors that are inherited."""

import contextlib
import fcntl
import os
import pwd
import shutil
import signal
import socket
import ssl
import stat
import sys

import pytest
from serving import HERE, PYTHON, Command, fail_to_start, get

from fastserve import BindError, Config, ConfigError
from fastserve.addresses import DESCRIPTOR, TCP, UNIX, Address, parse_bind
from fastserve.sockets import bind, close, set_permissions

CERT, KEY = HERE / "tls" / "cert.pem", HERE / "tls" / "key.pem"
TLS = ("--ssl-certfile", CERT, "--ssl-keyfile", KEY)
NOBODY = pwd.getpwuid(os.getuid()).pw_name

FORMS = {
    "127.0.0.1:80": Address(TCP, "127.0.0.1", 80),
    "example.org:0": Address(TCP, "example.org", 0),
    "localhost": Address(TCP, "localhost", 8000),
    ":8080": Address(TCP, "", 8080),
    "[::1]:443": Address(TCP, "::1", 443),
    "[::1]": Address(TCP, "::1", 8000),
    "http://localhost:80": Address(TCP, "localhost", 80, tls=False),
    "https://[::]:443/": Address(TCP, "::", 443, tls=True),
    "unix:a.sock": Address(UNIX, path="a.sock"),
    "unix:///run/a.sock": Address(UNIX, path="/run/a.sock"),
    "unix:/run/a.sock?mode=660": Address(UNIX, path="/run/a.sock", mode=0o660),
    "unix:/a?owner=www&group=33&tls=on": Address(
        UNIX, path="/a", owner="www", group="33", tls=True
    ),
    "fd://3": Address(DESCRIPTOR, fd=3),
    "fd://3?tls=off": Address(DESCRIPTOR, fd=3, tls=False),
}


@pytest.mark.parametrize("text", FORMS)
def test_the_forms(text):
    assert parse_bind(text) == FORMS[text]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "does not have the form HOST:PORT"),
        ("::1:80", "an IPv6 address needs brackets, as in [::1]:8000"),
        ("a:b", "does not have the form"),
        ("a:70000", "70000 in 'a:70000' is not a port"),
        ("a:1/x", "does not have the form"),
        ("ftp://a:1", "begins with none of http://, https://, unix: and fd://"),
        ("unix:", "unix: needs a path"),
        ("unix:?mode=660", "unix: needs a path"),
        ("unix:/a?mode=9", "'9' is not an octal mode"),
        ("unix:/a?mode", "does not have the form NAME=VALUE"),
        ("unix:/a?mod=660", "mod=660 is none of mode, owner, group, tls"),
        ("unix:/a?tls=maybe", "tls=maybe is not on or off"),
        ("fd://x", "fd://x does not name the number of a descriptor"),
        ("fd://3?mode=660", "mode=660 is none of tls"),
    ],
)
def test_other_forms_are_refused(text, said):
    with pytest.raises(ConfigError, match=r"^bind: ") as caught:
        Config("apps:app", bind=text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"port": 80}, "cannot be combined with port"),
        ({"host": "::"}, "cannot be combined with host"),
        ({"uds": "a"}, "cannot be combined with uds"),
        ({"fd": 3}, "cannot be combined with fd"),
    ],
)
def test_bind_stands_alone(options, said):
    with pytest.raises(ConfigError, match=said):
        Config("apps:app", bind=["127.0.0.1:0"], **options)


def test_tls_needs_a_certificate():
    with pytest.raises(ConfigError, match="bind: TLS requires ssl_certfile"):
        Config("apps:app", bind=["https://127.0.0.1:0"])


def urls(command, count):
    return [command.expect(r"running on (\S+) ")[1] for _ in range(count)]


def port_of(url):
    return int(url.rpartition(":")[2])


def fetch_tls(port):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", port), 30) as sock,
        context.wrap_socket(sock) as secure,
    ):
        return ask(secure)


def ask(sock):
    sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    return b"".join(iter(lambda: sock.recv(65536), b"")).rpartition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize("workers", [1, 2])
def test_tls_beside_plain_and_a_unix_socket(tmp_path, workers, loop):
    path = tmp_path / "a.sock"
    binds = ("http://127.0.0.1:0", "127.0.0.1:0", f"unix:{path}?mode=600&owner={NOBODY}&tls=off")
    args = [word for each in binds for word in ("--bind", each)]
    with Command("apps:app", *args, *TLS, "--workers", workers, "--loop", loop) as command:
        plain, secure, unix = urls(command, 3)
        assert plain.startswith("http://")
        assert secure.startswith("https://")
        assert unix == f"unix:{path}"
        assert get(port_of(plain)) == (200, "hello")
        assert fetch_tls(port_of(secure)) == b"hello"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(path))
            assert ask(sock) == b"hello"
        command.signal(15)
        assert command.wait() == 0
    assert not path.exists()


def test_an_owner_that_is_unknown_is_told(tmp_path):
    config = Config("apps:app", bind=f"unix:{tmp_path}/a?owner=nobody-of-this-name")
    with pytest.raises(BindError, match=r"bind: .* there is no user 'nobody-of-this-name'"):
        bind(config)
    assert list(tmp_path.iterdir()) == []


def test_permissions_do_not_follow_a_link(tmp_path):
    target = tmp_path / "target"
    target.write_text("")
    target.chmod(0o600)
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(OSError):  # noqa: PT011 - ELOOP or that it is another file
        set_permissions(str(tmp_path / "link"), 0o666)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_all_hosts_of_a_bind_are_bound():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(BindError, match=f"bind: 127.0.0.1:{port} is already in use"):
            bind(Config("apps:app", bind=["127.0.0.1:0", f"127.0.0.1:{port}"]))


def test_a_descriptor_is_not_passed_on():
    with socket.create_server(("127.0.0.1", 0)) as given:
        given.set_inheritable(True)
        close(bind(Config("apps:app", bind=f"fd://{given.fileno()}")))
        assert not given.get_inheritable()


# LISTEN_FDS

ACTIVATE = """
import os, sys
for at, name in enumerate(sys.argv[1].split(",")):
    os.dup2(int(name), 3 + at)
    os.close(int(name))
os.environ.update(LISTEN_FDS=str(at + 1), LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES="a:b")
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


def activated(sockets, *args, **options):
    """The command as systemd starts it, with these sockets."""
    # High numbers, that those of LISTEN_FDS do not take.
    fds = [fcntl.fcntl(sock.fileno(), fcntl.F_DUPFD, 100) for sock in sockets]
    start = (sys.executable, "-c", ACTIVATE, ",".join(map(str, fds)), *PYTHON[1:])
    try:
        return Command(*args, start=start, pass_fds=fds, **options)
    finally:
        for fd in fds:
            os.close(fd)


@pytest.mark.parametrize("workers", [1, 2])
def test_sockets_of_systemd_are_found(workers, tmp_path):
    with (
        socket.create_server(("127.0.0.1", 0)) as first,
        socket.socket(socket.AF_UNIX) as second,
    ):
        second.bind(str(tmp_path / "a.sock"))
        with activated([first, second], "apps:app", "--workers", workers) as command:
            command.expect(r"Using the sockets of LISTEN_FDS \(2\) instead of host and port")
            port = first.getsockname()[1]
            assert urls(command, 2) == [f"http://127.0.0.1:{port}", f"unix:{tmp_path}/a.sock"]
            assert get(port) == (200, "hello")
            # The app's own processes get neither the variables nor the sockets.
            assert get(port, "/inherited")[1] == "[]"
            command.signal(15)
            assert command.wait() == 0
        assert (tmp_path / "a.sock").exists()  # it is systemd's


@pytest.mark.parametrize("workers", [1, 2])
def test_an_upgrade_keeps_the_sockets_of_systemd(workers):
    with socket.create_server(("127.0.0.1", 0)) as given:
        port = given.getsockname()[1]
        args = "apps:app", "--workers", workers
        with activated([given], *args, start_new_session=True) as command:
            try:
                assert urls(command, 1) == [f"http://127.0.0.1:{port}"]
                command.signal(signal.SIGUSR2)
                assert urls(command, 1) == [f"http://127.0.0.1:{port}"]
                new = int(command.expect(r"Process (\d+) has taken over; stopping")[1])
                assert command.process.wait(30) == 0
                assert get(port) == (200, "hello")
                os.kill(new, signal.SIGTERM)
                assert command.wait() == 0
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(command.process.pid, signal.SIGKILL)


def test_other_options_go_before_the_sockets_of_systemd():
    with socket.create_server(("127.0.0.1", 0)) as given:
        with activated([given], "apps:app", "--bind", "127.0.0.1:0") as command:
            command.expect("WARNING: LISTEN_FDS: the descriptors 3 are not used: bind is given")
            assert urls(command, 1)[0] != f"http://127.0.0.1:{given.getsockname()[1]}"
        with activated([given], "apps:app", "--fd", "3") as command:
            assert urls(command, 1) == [f"http://127.0.0.1:{given.getsockname()[1]}"]
            assert not any("LISTEN_FDS" in line for line in command.stderr)


def test_sockets_for_another_process_are_not_taken():
    with Command(
        "apps:app", "--port", "0", env={**os.environ, "LISTEN_FDS": "1", "LISTEN_PID": "1"}
    ) as command:
        get(command.port())
        assert not any("LISTEN_FDS" in line for line in command.stderr)


def test_what_is_not_a_stream_socket_is_told():
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as given,
        activated([given], "apps:app") as command,
    ):
        assert command.wait() == 1
        assert command.stderr[-1] == "fastserve: LISTEN_FDS: 3 is not a stream socket"


@pytest.mark.skipif(not shutil.which("systemd-socket-activate"), reason="systemd is not installed")
def test_systemd_socket_activate():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    start = ("systemd-socket-activate", "-l", f"127.0.0.1:{port}", *PYTHON)
    with Command("apps:app", start=start) as command:
        command.expect("Listening on 127.0.0.1")
        assert get(port) == (200, "hello")  # which has it started
        command.signal(15)
        assert command.wait() == 0


def test_a_port_in_use_is_told_for_a_bind():
    with socket.create_server(("127.0.0.1", 0)) as other:
        where = f"127.0.0.1:{other.getsockname()[1]}"
        status, lines = fail_to_start("apps:app", "--bind", where)
    assert (status, lines) == (
        1,
        [f"fastserve: bind: {where} is already in use; choose another port"],
    )


def test_the_variable_has_one_address_per_line():
    env = {**os.environ, "FASTSERVE_BIND": "127.0.0.1:0\n127.0.0.1:0"}
    with Command("apps:app", env=env) as command:
        for url in urls(command, 2):
            assert get(port_of(url)) == (200, "hello")
