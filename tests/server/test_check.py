"""`fastserve check`, and variables of the environment that nothing reads."""

import os
import re
import socket
import ssl
import subprocess
import sys

import pytest
from serving import HERE, Command, fail_to_start

from fastserve import Config, check, ports, variables

CERT, KEY = HERE / "tls" / "cert.pem", HERE / "tls" / "key.pem"
TLS = "--ssl-certfile", CERT, "--ssl-keyfile", KEY
PLAIN = {name: value for name, value in os.environ.items() if not name.startswith("FASTSERVE_")}


def checked(*args, **variables):
    """The exit status and the lines."""
    with Command("check", *args, env={**PLAIN, **variables}) as command:
        status = command.wait()
        return status, [*command.stdout, *command.stderr]


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]


def test_all_is_well(port):
    status, lines = checked("apps:app", "--port", port)
    assert status == 0
    assert lines[:2] == [
        "Options that differ from the default:",
        f"  --port  {port}  command line",
    ]
    assert "ok       apps:app can be imported (its startup was not run)" in lines
    assert f"ok       http://127.0.0.1:{port} can be bound" in lines
    assert lines[-1].endswith(" 0 errors")


def test_where_each_option_is_from(tmp_path):
    file = tmp_path / "fastserve.toml"
    file.write_text('limit_body = 1000\nheaders = ["a: b", "c: d"]\nlog_level = "info"\n')
    status, lines = checked(
        *("apps:app", "--config", file, "--no-date-header", "--port", 0),
        *("--ssl-keyfile-password", "secret", "--h11-max-incomplete-event-size", 9000),
        FASTSERVE_BACKLOG="7",
        WEB_CONCURRENCY="3",
        FORWARDED_ALLOW_IPS="10.0.0.1",
    )
    assert status == 0
    found = [re.split(r"\s{2,}", line.strip()) for line in lines if line.startswith("  --")]
    assert found == [
        ["--port", "0", "command line"],
        ["--backlog", "7", "FASTSERVE_BACKLOG in the environment"],
        ["--workers", "3", "WEB_CONCURRENCY in the environment"],
        ["--header", "a: b, c: d", str(file)],
        ["--date-header", "no", "command line"],
        ["--forwarded-allow-ips", "10.0.0.1", "FORWARDED_ALLOW_IPS in the environment"],
        ["--log-level", "info", str(file)],
        ["--limit-request-line", "9000", "follows from another option"],
        ["--limit-field", "9000", "follows from another option"],
        ["--limit-fields", "9000", "follows from another option"],
        ["--h11-max-incomplete-event-size", "9000", "command line"],
        ["--limit-body", "1000", str(file)],
        ["--ssl-keyfile-password", "(not shown)", "command line"],
    ]


def test_every_option():
    _, lines = checked("apps:app", "--port", 0, "--all")
    assert lines[0] == "Options:"
    assert any(re.fullmatch(r"  --timeout-head +10 +default", line) for line in lines)


def errors(*args, **variables):
    status, lines = checked(*args, **variables)
    found = [line.removeprefix("error").strip() for line in lines if line.startswith("error")]
    assert status == (1 if found else 0)
    return found


def warnings(*args, **variables):
    status, lines = checked(*args, **variables)
    assert status == 0
    return [line.removeprefix("warning").strip() for line in lines if line.startswith("warning")]


def test_an_app_that_cannot_be_imported():
    assert errors("apps:nothing", "--port", 0) == ['module "apps" has no attribute "nothing"']
    status, lines = checked("broken_code:app", "--port", 0)
    assert status == 1
    assert "RuntimeError: no database" in lines


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc")
def test_a_port_that_another_program_has(port):
    with socket.create_server(("127.0.0.1", port)):
        (problem,) = errors("apps:app", "--port", port)
    assert problem.startswith(
        f"port: 127.0.0.1:{port} is already in use: process {os.getpid()} has it: "
    )


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc")
def test_a_port_that_this_very_server_has():
    with Command("apps:app", "--port", "0") as command:
        port = command.port()
        (found,) = [text for text in warnings("apps:app", "--port", port) if "in use" in text]
        assert f"process {command.process.pid} has it, which serves apps:app" in found
        (problem,) = errors("apps:lived", "--port", port)
        assert f"process {command.process.pid} has it: " in problem


def test_the_address_of_the_metrics(port, tmp_path):
    pytest.importorskip("prometheus_client")
    status, lines = checked("apps:app", "--port", 0, "--metrics", port)
    assert status == 0
    assert f"ok       http://127.0.0.1:{port} can be bound (metrics)" in lines
    (problem,) = errors("apps:app", "--port", port, "--metrics", port)
    assert problem == f"--metrics: http://127.0.0.1:{port} is an address of the application"
    assert errors("apps:app", "--port", 0, "--metrics", f"unix:{tmp_path}/no/socket") == [
        f"--metrics: cannot bind {tmp_path}/no/socket: No such file or directory"
    ]


def test_a_user_that_does_not_exist():
    (problem,) = errors("apps:app", "--port", 0, "--user", "nobody-of-this-name")
    assert problem == "--user: there is no user 'nobody-of-this-name'"


def test_a_port_whose_holder_nobody_knows(monkeypatch):
    monkeypatch.setattr(ports, "inodes", lambda port: set())
    assert ports.holder_of(80) is None


def test_a_unix_socket(tmp_path):
    path = tmp_path / "socket"
    status, lines = checked("apps:app", "--uds", path)
    assert status == 0
    assert f"ok       unix:{path} can be bound" in lines
    assert not path.exists()
    assert errors("apps:app", "--uds", tmp_path / "no" / "socket") == [
        f"uds: cannot bind {tmp_path}/no/socket: No such file or directory"
    ]


def test_certificates(tmp_path):
    _, lines = checked("apps:app", "--port", 0, *TLS)
    (line,) = [line for line in lines if line.startswith("ok") and "match" in line]
    assert "for localhost, 127.0.0.1; valid until Oct 28 07:24:41 2126 GMT (" in line
    other = HERE / "tls" / "key2.pem"
    (problem,) = errors("apps:app", "--port", 0, "--ssl-certfile", CERT, "--ssl-keyfile", other)
    assert problem.startswith("--ssl-keyfile: ")
    (problem,) = errors("apps:app", "--port", 0, "--ssl-certfile", tmp_path / "none.pem")
    assert "No such file or directory" in problem
    client = ("--ssl-ca-certs", CERT, "--ssl-cert-reqs", "required")
    assert errors("apps:app", "--port", 0, *TLS, *client) == []
    assert errors("apps:app", "--port", 0, *TLS, "--ssl-version", 5) == []


def make_certificate(folder, *days):
    """By the openssl command, which not every machine has."""
    key, certificate = folder / "key.pem", folder / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=a"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    try:
        subprocess.run([*command, *files, *days], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("there is no openssl command")
    key.chmod(0o600)
    return "--ssl-certfile", certificate, "--ssl-keyfile", key


def test_a_certificate_that_ends_soon(tmp_path):
    files = make_certificate(tmp_path, "-days", "5")
    found = [text for text in warnings("apps:app", "--port", 0, *files) if "valid until" in text]
    assert len(found) == 1
    assert re.search(r"for no name; valid until .* GMT \([45] days\)", found[0])


def test_certificates_by_name(tmp_path):
    _, certificate, _, key = make_certificate(tmp_path, "-days", "5")
    key.chmod(0o644)
    sni = "--ssl-sni", f"a.example={certificate},{key}"
    found = warnings("apps:app", "--port", 0, *TLS, *sni)
    assert [text for text in found if "valid until" in text and str(certificate) in text]
    assert f"every user of this machine can read the private key in {key}" in found


def test_a_certificate_that_has_expired(monkeypatch):
    config = Config("apps:app", ssl_certfile=CERT, ssl_keyfile=KEY)

    def fail(context, certificate):
        error = ssl.SSLCertVerificationError()
        error.verify_message = "certificate has expired"
        raise error

    monkeypatch.setattr(check, "presented", fail)
    found = [item.text for item in check.check_tls(config) if item.level == check.ERROR]
    assert found == [f"--ssl-certfile: {CERT}: certificate has expired"]


def test_files(tmp_path):
    (tmp_path / "log.json").write_text("{")
    (problem,) = errors("apps:app", "--port", 0, "--log-config", tmp_path / "log.json")
    assert problem.startswith(f"--log-config: cannot load {tmp_path}/log.json: JSONDecodeError")
    assert errors("apps:app", "--port", 0, "--static", "/s=/nowhere") == [
        "--static: /nowhere is not a folder"
    ]
    assert errors("apps:app", "--port", 0, "--reload", "--reload-dir", "/nowhere") == [
        "--reload-dir: /nowhere is not a folder"
    ]
    assert errors("apps:app", "--port", 0, "--http", "nowhere:Parser") == [
        "--http: 'nowhere:Parser' cannot be imported (No module named 'nowhere')"
    ]


def test_what_is_seldom_meant():
    found = warnings(
        *("apps:app", "--host", "0.0.0.0", "--port", 0, "--timeout-head", 0, "--limit-fields", 64),
        *("--forwarded-allow-ips", "*", "--timeout-graceful-shutdown", "none", "--reload"),
    )
    for text in (
        "--reload is for development",
        "--forwarded-allow-ips * lets whoever",
        "without a limit or a deadline: --timeout-head",
        "a stop may take for ever",
    ):
        assert any(each.startswith(text) for each in found), text
    assert any("root" in each for each in found) == (os.geteuid() == 0)


def test_bad_use_is_status_1_here():
    for args, problem in (
        ([], "Missing argument 'APP'."),
        (["apps:app", "--portt", 1], "No such option '--portt'."),
        (["apps:app", "--port", "x"], "--port: 'x' is not a whole number"),
    ):
        status, lines = checked(*args)
        assert status == 1
        assert lines[-1].startswith(f"fastserve: {problem}")
    assert errors("apps:app", "--uds", "a", "--fd", 0) == [
        "--uds: cannot be combined with fd; use one of them"
    ]


def test_help():
    status, lines = checked("--help")
    assert status == 0
    assert lines[0] == "Usage: fastserve check [OPTIONS] APP"
    assert any("--all" in line for line in lines)


def test_a_container(monkeypatch):
    monkeypatch.setattr(check, "in_container", lambda: True)
    findings = {
        host: [item.text for item in check.check_addresses(Config("a:b", host=host, port=0))]
        for host in ("127.0.0.1", "0.0.0.0")
    }
    assert findings["127.0.0.1"][1:] == [
        "in a container, only it reaches 127.0.0.1; use --host 0.0.0.0"
    ]
    assert len(findings["0.0.0.0"]) == 1
    bind = ("127.0.0.1:0", "127.0.0.1:0")
    assert [item.text for item in check.check_addresses(Config("a:b", bind=bind))][2:] == [
        "in a container, only it reaches 127.0.0.1; use --bind 0.0.0.0:PORT"
    ]


# The environment


def test_an_unknown_variable():
    wanted = "FASTSERVE_PROT in the environment is not an option; did you mean FASTSERVE_PORT?"
    assert errors("apps:app", "--port", 0, FASTSERVE_PROT="1") == [wanted]
    status, lines = fail_to_start("apps:app", env={**PLAIN, "FASTSERVE_PROT": "1"})
    assert (status, lines) == (2, [f"fastserve: {wanted}"])


def test_variables_that_are_not_options(monkeypatch):
    for name in PLAIN.keys() ^ os.environ.keys():
        monkeypatch.delenv(name)
    for name, value in {
        "FASTSERVE_APP": "a:b",
        "FASTSERVE_CONFIG": "a.toml",
        "FASTSERVE_PROFILE": "use",
        # as Kubernetes sets them beside services named fastserve and fastserve-web
        "FASTSERVE_SERVICE_HOST": "10.0.0.1",
        "FASTSERVE_SERVICE_PORT_HTTP": "80",
        "FASTSERVE_PORT_80_TCP_ADDR": "10.0.0.1",
        "FASTSERVE_WEB_PORT": "tcp://10.0.0.1:80",
        "FASTSERVE_WEB_SERVICE_PORT": "80",
        "FASTSERVE_WEB_PORT_80_TCP": "tcp://10.0.0.1:80",
    }.items():
        monkeypatch.setenv(name, value)
    assert list(variables.problems()) == []
    monkeypatch.setenv("FASTSERVE_WEB_PORT", "80")
    monkeypatch.setenv("FASTSERVE_XYZ", "80")
    assert list(variables.problems()) == [
        "FASTSERVE_WEB_PORT in the environment is not an option; did you mean FASTSERVE_PORT?",
        "FASTSERVE_XYZ in the environment is not an option",
    ]


def test_kubernetes_and_a_service_named_fastserve():
    env = {**PLAIN, "FASTSERVE_PORT": "tcp://10.0.0.1:80"}
    status, lines = fail_to_start("apps:app", env=env)
    assert status == 2
    assert "set enableServiceLinks to false in the pod" in lines[0]


def test_a_variable_in_the_file_of_the_application(tmp_path):
    (tmp_path / ".env").write_text("FASTSERVE_PORT=1\nOTHER=2\n")
    found = warnings("apps:app", "--port", 0, "--env-file", tmp_path / ".env")
    assert any(text.startswith("FASTSERVE_PORT in ") for text in found)
