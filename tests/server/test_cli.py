"""The command: what it says and with which status it ends."""

import os
import signal
import socket
import subprocess
import sys

import pytest
from serving import HERE, Command, fail_to_start, get

from fastserve.config import options

ONE_LINE = {
    "no module": (
        ["nowhere:app"],
        1,
        f'no module named "nowhere" in {HERE} or on sys.path',
    ),
    "no submodule": (
        ["apps.nowhere:app"],
        1,
        f'no module named "apps.nowhere" in {HERE} or on sys.path',
    ),
    "no attribute": (["apps:nothing"], 1, 'module "apps" has no attribute "nothing"'),
    "no deep attribute": (["apps:app.nothing"], 1, 'module "apps" has no attribute "app.nothing"'),
    "not callable": (
        ["apps:NUMBER"],
        1,
        "apps:NUMBER is not callable (its type is int), so it is not an application",
    ),
    "factory of nothing": (
        ["apps:make_nothing", "--factory"],
        1,
        "apps:make_nothing is None, so it is not an application",
    ),
    "not a target": (
        ["apps"],
        1,
        '"apps" does not name an application; use MODULE:ATTRIBUTE; apps:app, perhaps',
    ),
    "no target": ([], 2, "Missing argument 'APP'."),
    "unknown loop": (
        ["apps:app", "--loop", "fast"],
        2,
        "--loop: 'fast' is not one of auto, uvloop, asyncio or MODULE:ATTRIBUTE",
    ),
    "unknown option": (["apps:app", "--portt", "1"], 2, "No such option '--portt'."),
    "not a number": (
        ["apps:app", "--port", "http"],
        2,
        "--port: 'http' is not a whole number",
    ),
    "out of range": (
        ["apps:app", "--port", "70000"],
        2,
        "--port: 70000 is out of range; it must be between 0 and 65535",
    ),
    "header": (
        ["apps:app", "--header", "nocolon"],
        2,
        "--header: 'nocolon' does not have the form Name:Value",
    ),
    "no certificate": (
        ["apps:app", "--ssl-certfile", "none.pem"],
        2,
        "--ssl-certfile: cannot load none.pem: [Errno 2] No such file or directory",
    ),
    "unknown host": (
        ["apps:app", "--host", "nowhere.invalid"],
        1,
        "host: cannot resolve nowhere.invalid: ",
    ),
    "no descriptor": (
        ["apps:app", "--fd", "99"],
        1,
        "fd: 99 is not an inherited socket (Bad file descriptor)",
    ),
    "no log config": (
        ["apps:app", "--log-config", "none.json"],
        2,
        "--log-config: cannot load none.json: FileNotFoundError: ",
    ),
    "no config file": (
        ["apps:app", "--config", "none.toml"],
        2,
        "--config: cannot read none.toml: ",
    ),
}


@pytest.mark.parametrize(("args", "status", "line"), ONE_LINE.values(), ids=ONE_LINE)
def test_bad_use_is_one_line(args, status, line):
    ended, lines = fail_to_start(*args)
    assert len(lines) == 1
    assert lines[0].startswith(f"fastserve: {line}")
    assert ended == status


def test_port_in_use():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        status, lines = fail_to_start("apps:app", "--port", port)
    where = f"port: 127.0.0.1:{port} is already in use; choose another with --port"
    assert (status, lines) == (1, [f"fastserve: {where}"])


def test_the_apps_own_traceback_and_nothing_of_ours():
    status, lines = fail_to_start("broken_code:app")
    files = [line for line in lines if line.lstrip().startswith("File")]
    assert all("broken_code.py" in line for line in files)
    assert len(files) == 2
    problem = 'importing "broken_code" failed: RuntimeError: no database'
    assert lines[-1] == f"fastserve: {problem}"
    assert status == 1


def test_a_module_that_the_app_misses_is_not_called_a_missing_app():
    status, lines = fail_to_start("broken_import:app")
    assert "ModuleNotFoundError: No module named 'a_module_that_nobody_has'" in lines
    assert lines[-1].startswith('fastserve: importing "broken_import" failed: ModuleNotFound')
    assert status == 1


def test_a_factory_that_raises():
    status, lines = fail_to_start("apps:broken_factory", "--factory")
    assert "LookupError: no settings" in lines
    assert (
        lines[-1] == "fastserve: the factory apps:broken_factory failed: LookupError: no settings"
    )
    assert status == 1


def test_a_failed_startup_shows_the_apps_traceback():
    status, lines = fail_to_start("apps:fails", "--port", "0")
    assert "KeyError: 'database'" in lines
    assert any("apps.py" in line for line in lines)
    assert lines[-1] == "fastserve: the application failed to start: KeyError: 'database'"
    assert status == 1


def test_version():
    with Command("--version") as command:
        assert command.wait() == 0
        assert len(command.stdout) == 1
        assert command.stdout[0].startswith("fastserve ")


def test_help_has_every_option():
    with Command("--help", "all", env={**os.environ, "COLUMNS": "200"}) as command:
        assert command.wait() == 0
        text = "\n".join(command.stdout)
    for option in options():
        assert not option.in_command or option.flag in text
        assert not option.in_command or option.help in " ".join(text.split())


def test_help_of_a_group():
    with Command("--help=tls") as command:
        assert command.wait() == 0
        text = "\n".join(command.stdout)
    assert "--ssl-ciphers" in text
    assert "--host" not in text
    with Command("apps:app", "--help") as command:
        assert command.wait() == 0
        text = "\n".join(command.stdout)
    assert "--host" in text
    assert "--ssl-ciphers" not in text


def test_completion():
    env = {**os.environ, "_FASTSERVE_COMPLETE": "bash_complete", "COMP_CWORD": "2"}
    for words, wanted in (
        ("fastserve --timeout-k", "plain,--timeout-keep-alive"),
        ("fastserve --loop uv", "plain,uvloop"),
        ("fastserve --help ws", ""),
    ):
        cword = str(len(words.split()) - 1)
        with Command(env={**env, "COMP_WORDS": words, "COMP_CWORD": cword}) as command:
            command.wait()
            assert "\n".join(command.stdout) == wanted


def test_factory():
    with Command("apps:make", "--factory", "--port", "0") as command:
        assert get(command.port()) == (200, "hello")


def test_options_from_the_environment():
    env = {**os.environ, "FASTSERVE_APP": "apps:app", "FASTSERVE_PORT": "0"}
    with Command(env={**env, "FASTSERVE_ACCESS_LOG": "0"}) as command:
        assert get(command.port()) == (200, "hello")
        command.signal(signal.SIGTERM)
        assert command.wait() == 0
        assert command.stdout == []


def test_the_environment_is_blamed_for_what_it_has_wrong():
    status, lines = fail_to_start("apps:app", env={**os.environ, "FASTSERVE_PORT": "x"})
    assert status == 2
    assert len(lines) == 1
    assert "FASTSERVE_PORT" in lines[0]


def test_options_from_a_file(tmp_path):
    file = tmp_path / "fastserve.toml"
    file.write_text('app = "apps:app"\nport = 1\naccess_log = false\nheaders = ["a:b"]\n')
    with Command("--config", file, "--port", "0") as command:  # the command line goes first
        assert get(command.port()) == (200, "hello")
        command.signal(signal.SIGTERM)
        assert command.wait() == 0
        assert command.stdout == []


def test_an_unknown_option_in_a_file(tmp_path):
    file = tmp_path / "fastserve.toml"
    file.write_text("prot = 1\n")
    status, lines = fail_to_start("apps:app", "--config", file)
    assert status == 2
    assert lines[0].endswith(f'unknown option "prot" in {file}')


LOG_CONFIG = """
version = 1
formatters.short.format = "%(name)s|%(levelname)s|%(message)s"
handlers.file = { class = "logging.FileHandler", filename = "LOG", formatter = "short" }
loggers.fastserve = { level = "WARNING", handlers = ["file"] }
loggers."fastserve.access" = { level = "INFO", handlers = ["file"], propagate = false }
"""
LOG_CONFIG_INI = """
[loggers]
keys = root, access
[handlers]
keys = file
[formatters]
keys = short
[logger_root]
level = WARNING
handlers = file
[logger_access]
level = INFO
handlers = file
qualname = fastserve.access
propagate = 0
[handler_file]
class = FileHandler
formatter = short
args = ("LOG",)
[formatter_short]
format = %(name)s|%(levelname)s|%(message)s
"""
LOG_CONFIG_JSON = """
{
  "version": 1,
  "formatters": {"short": {"format": "%(name)s|%(levelname)s|%(message)s"}},
  "handlers": {
    "file": {"class": "logging.FileHandler", "filename": "LOG", "formatter": "short"}
  },
  "loggers": {
    "fastserve": {"level": "WARNING", "handlers": ["file"]},
    "fastserve.access": {"level": "INFO", "handlers": ["file"], "propagate": false}
  }
}
"""


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    ("suffix", "text"),
    [("toml", LOG_CONFIG), ("json", LOG_CONFIG_JSON), ("ini", LOG_CONFIG_INI)],
)
def test_logging_as_a_file_says(tmp_path, suffix, text, workers):
    log, file = tmp_path / "log", tmp_path / f"logging.{suffix}"
    file.write_text(text.replace("LOG", str(log)))
    sock = socket.create_server(("127.0.0.1", 0))
    with sock:  # the port is not told: only warnings are logged
        port, fd = sock.getsockname()[1], sock.fileno()
        args = "apps:app", "--fd", fd, "--log-config", file, "--workers", workers
        with Command(*args, pass_fds=[fd]) as command:
            assert get(port, "/raise")[0] == 500
            command.signal(signal.SIGTERM)
            assert command.wait() == 0
            assert command.stdout == command.stderr == []
    lines = log.read_text().splitlines()
    assert "fastserve|ERROR|the app failed in GET /raise" in lines
    (access,) = [line for line in lines if line.startswith("fastserve.access|INFO|")]
    assert access.endswith('"GET /raise HTTP/1.1" 500')


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("a.json", "{", "JSONDecodeError: "),
        ("a.toml", "version =", "TOMLDecodeError: "),
        (
            "a.json",
            '{"version": 1, "root": {"handlers": ["none"]}}',
            "ValueError: Unable to add handler 'none'",
        ),
        ("a.ini", "[loggers]", "KeyError: 'formatters'"),
    ],
)
def test_a_log_config_that_cannot_be_used_is_one_line(tmp_path, name, text, problem):
    file = tmp_path / name
    file.write_text(text)
    status, (line,) = fail_to_start("apps:app", "--log-config", file)
    assert status == 2
    assert line.startswith(f"fastserve: --log-config: cannot load {file}: {problem}")


def test_app_dir(tmp_path):
    (tmp_path / "elsewhere.py").write_text("from apps import app\n")
    with Command("elsewhere:app", "--app-dir", tmp_path, "--port", "0") as command:
        assert get(command.port()) == (200, "hello")


def test_run_takes_an_app_or_its_name(tmp_path):
    script = tmp_path / "serve.py"
    script.write_text(
        "import signal, sys, fastserve, apps\n"
        "for app in (apps.lived, 'apps:lived'):\n"
        "    fastserve.run(app, port=int(sys.argv[1]), access_log=False)\n"
        "print('after')\n"
    )
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")])),
    }
    process = subprocess.Popen(
        [sys.executable, script, "0"], env=env, stdout=subprocess.PIPE, text=True
    )
    with process:
        for line in process.stdout:
            if line == "startup\n":
                process.send_signal(signal.SIGTERM)
            if line == "after\n":
                break
        else:
            pytest.fail("run() did not return")
    assert process.returncode == 0


def test_names_of_other_implementations_are_told():
    with Command("apps:app", "--port", "0", "--ws", "wsproto", "--http", "httptools") as command:
        command.expect("--http httptools: fastserve has a parser of its own over llhttp")
        command.expect("--ws wsproto: fastserve has one implementation of WebSocket")
        assert get(command.port()) == (200, "hello")


def test_variables_of_uvicorn_are_told():
    env = {**os.environ, "UVICORN_PORT": "1", "UVICORN_OTHER": "x"}
    with Command("apps:app", "--port", "0", env=env) as command:
        command.expect("UVICORN_PORT in the environment is not read; use FASTSERVE_PORT")
        command.port()
        assert not any("UVICORN_OTHER" in line for line in command.stderr)


def test_a_trace_of_asgi_messages():
    with Command("apps:app", "--port", "0", "--log-level", "trace") as command:
        assert get(command.port()) == (200, "hello")
        command.expect(r"TRACE: \[\d+\] send .*'http.response.start'")
