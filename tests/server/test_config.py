"""Options: how they are checked, and what is generated from them."""

import dataclasses
import logging
import os
import pickle
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

import fastserve
from fastserve import Config, ConfigError
from fastserve.config import GROUPS, options
from fastserve.keywords import Keywords

ROOT = Path(__file__).parents[2]

WRONG = {
    "port": ({"port": "8000"}, "port: must be a whole number, not '8000'"),
    "bool for int": ({"port": True}, "port: must be a whole number, not True"),
    "int for bool": ({"access_log": 1}, "access_log: must be true or false, not 1"),
    "range": ({"port": -1}, "port: -1 is out of range; it must be between 0 and 65535"),
    "low": ({"workers": 0}, "workers: 0 is out of range; it must be at least 1"),
    "nan": ({"timeout_send": float("nan")}, "timeout_send: nan is out of range; "),
    "inf": ({"timeout_send": float("inf")}, "timeout_send: inf is out of range; "),
    "choice": ({"http": "h2"}, "http: 'h2' is not one of auto, llhttp, h11 or MODULE:ATTRIBUTE"),
    "none": ({"port": None}, "port: must be a whole number, not None"),
    "list": ({"headers": "a:b"}, "headers: must be a list of strings, not 'a:b'"),
    "list of numbers": ({"headers": [1]}, "headers: must be a list of strings, not [1]"),
    "two sockets": ({"uds": "x", "fd": 3}, "uds: cannot be combined with fd"),
    "key alone": ({"ssl_keyfile": "x"}, "ssl_keyfile: requires ssl_certfile"),
    "authorities": (
        {"ssl_certfile": "x", "ssl_cert_reqs": "required"},
        "ssl_cert_reqs: requires ssl_ca_certs",
    ),
    "root_path": ({"root_path": "api"}, "root_path: must start with /"),
    "unknown": ({"prot": 1}, "prot: there is no such option; did you mean port?"),
    "of another server": (
        {"certfile": "x"},
        "certfile: there is no such option; use --ssl-certfile",
    ),
    "log_config": ({"log_config": 1}, "log_config: must be a file or a dict, not 1"),
    "old TLS": ({"ssl_version": 3}, "ssl_version: 3 is older than TLS 1.2"),
    "env_file": ({"env_file": "none.env"}, "env_file: none.env is not a file"),
    "log level": ({"log_level": 15}, "log_level: must be text, not 15"),
    "proxy": ({"forwarded_allow_ips": "nginx"}, "forwarded_allow_ips: 'nginx' does not appear"),
    "header name": ({"headers": ["a b:c"]}, "headers: 'a b:c' does not have the form Name:Value"),
    "header value": ({"headers": ["a:b\r\nc:d"]}, r"headers: 'a:b\r\nc:d' has control characters"),
    "header text": ({"headers": ["a:\u20ac"]}, "headers: 'a:\u20ac' has characters outside"),
    "header of ours": (
        {"headers": ["Content-Length:1"]},
        "headers: Content-Length is set by the server",
    ),
}


@pytest.mark.parametrize("given", [{"workers": 2}, {"reload": True}])
def test_workers_import_their_application(given):
    (name,) = given
    problem = f'{name}: requires the application as a "module:attribute" string'
    with pytest.raises(ConfigError, match=problem):
        fastserve.run(lambda: None, **given)
    assert getattr(Config(lambda: None, **given), name)  # a program may serve it by itself


@pytest.mark.parametrize(("given", "message"), WRONG.values(), ids=WRONG)
def test_an_invalid_option_is_named(given, message):
    with pytest.raises(ConfigError) as caught:
        Config(lambda: None, **given)
    assert str(caught.value).startswith(message)
    assert caught.value.option == message.partition(":")[0]


def test_values_have_the_type_of_the_option():
    config = Config("a:b", timeout_head=3, headers=["X-One: 1", "x-two:2 "], workers=2)
    assert config.timeout_head == 3.0
    assert isinstance(config.timeout_head, float)
    assert config.extra_headers == ((b"x-one", b"1"), (b"x-two", b"2"))


def test_values_of_uvicorn():
    config = Config(
        "a:b",
        "0.0.0.0",
        80,
        limit_concurrency=None,
        limit_max_requests=None,
        ws_ping_interval=None,
        timeout_graceful_shutdown=None,
        workers=None,
        headers=[("X-One", "1"), (b"x-two", b"2")],
        forwarded_allow_ips=["10.0.0.1", "unix"],
        reload_dirs=Path("src"),
        reload_includes="*.html",
        ssl_certfile=Path("cert.pem"),
        ssl_ca_certs="ca.pem",
        ssl_cert_reqs=ssl.CERT_REQUIRED,
        ssl_version=ssl.PROTOCOL_TLS_SERVER,
        log_level=logging.DEBUG,
        http="httptools",
        ws="wsproto",
        loop="none",
        root_path="/api/",
    )
    assert (config.host, config.port, config.workers) == ("0.0.0.0", 80, 1)
    assert config.limit_concurrency == config.limit_max_requests == config.ws_ping_interval == 0
    assert config.timeout_graceful_shutdown is None
    assert config.extra_headers == ((b"x-one", b"1"), (b"x-two", b"2"))
    assert config.forwarded_allow_ips == "10.0.0.1,unix"
    assert (config.reload_dirs, config.reload_includes) == (("src",), ("*.html",))
    assert (config.ssl_certfile, config.ssl_cert_reqs) == ("cert.pem", "required")
    assert (config.log_level, config.http, config.ws) == ("debug", "llhttp", "auto")
    assert (config.loop, config.root_path) == ("asyncio", "/api")


def test_the_limit_of_a_head_by_uvicorns_name():
    config = Config("a:b", h11_max_incomplete_event_size=100_000, limit_field=50_000)
    assert (config.limit_request_line, config.limit_fields) == (100_000, 100_000)
    assert config.limit_field == 50_000
    changed = dataclasses.replace(config, port=1)
    assert changed.limit_fields == 100_000


def test_a_changed_copy_differs_in_what_was_changed():
    config = Config("a:b", headers=["a:b"], log_level="debug", timeout_keep_alive=None)
    assert dataclasses.replace(config, port=config.port) == config
    assert dataclasses.replace(config, port=1).log_config == config.log_config
    assert Config("a:b", log_config=None).log_config != config.log_config


def test_defaults_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("WEB_CONCURRENCY", "3")
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "10.0.0.0/8")
    config = Config("a:b")
    assert (config.workers, config.forwarded_allow_ips) == (3, "10.0.0.0/8")
    assert Config("a:b", workers=2, forwarded_allow_ips="*").workers == 2
    assert Config(lambda: None).workers == 1  # workers import their application
    monkeypatch.setenv("WEB_CONCURRENCY", "many")
    with pytest.raises(ConfigError) as caught:
        Config("a:b")
    problem = "workers: 'many' is not a whole number (from WEB_CONCURRENCY in the environment)"
    assert str(caught.value) == problem

    monkeypatch.delenv("WEB_CONCURRENCY")
    file = tmp_path / ".env"
    file.write_text("WEB_CONCURRENCY=4\nFORWARDED_ALLOW_IPS=*\nFASTSERVE_TEST_X=from the file\n")
    monkeypatch.setenv("FASTSERVE_TEST_X", "")  # so that it is removed afterwards
    monkeypatch.delenv("FASTSERVE_TEST_X")
    config = Config("a:b", env_file=file)
    assert (config.workers, config.forwarded_allow_ips) == (4, "10.0.0.0/8")
    assert os.environ["FASTSERVE_TEST_X"] == "from the file"
    monkeypatch.setenv("WEB_CONCURRENCY", "")


def test_keywords_are_the_options():
    assert list(Keywords.__annotations__) == [option.name for option in options()]


WRONG_KEYWORD = """
import fastserve
fastserve.run("a:b", port=1, timeout_keep_alive=None)
fastserve.Config("a:b", prot=1)
fastserve.run("a:b", prot=1)
fastserve.run("a:b", port="1")
"""


def test_mypy_sees_a_wrong_keyword(tmp_path):
    file = tmp_path / "program.py"
    file.write_text(WRONG_KEYWORD)
    checked = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--config-file",
            ROOT / "pyproject.toml",
            "--no-incremental",
            file,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    wrong = [line for line in checked.stdout.splitlines() if "error:" in line]
    assert [int(line.split(":")[1]) for line in wrong] == [4, 5, 6]


def test_every_group_of_the_help_has_options():
    assert {option.group for option in options()} == {name for name, title in GROUPS.values()}


def test_immutable_and_picklable():
    config = Config("a:b", workers=4, headers=["a:b"])
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.port = 1
    assert pickle.loads(pickle.dumps(config)) == config


def test_every_option_has_help_a_flag_and_a_variable():
    assert {option.name for option in options()} == {
        field.name for field in dataclasses.fields(Config)
    } - {"app", "extra_headers", "own_server", "own_date"}
    for option in options():
        assert option.help.endswith(".")
        assert option.flag.startswith("--")
        assert option.env.startswith("FASTSERVE_")
    assert len({option.flag for option in options()}) == len(options())


@pytest.mark.parametrize("page", ["options", "options_compared", "migrating"])
def test_docs_are_current(page):
    made = subprocess.run(
        [sys.executable, ROOT / "docs" / f"make_{page}.py"], check=True, capture_output=True
    ).stdout.decode()
    current = (ROOT / "docs" / f"{page}.md").read_text()
    assert made == current, f"run: python docs/make_{page}.py > docs/{page}.md"


def test_the_index_of_the_package():
    assert sorted(fastserve.__all__) == [
        "AppError",
        "BindError",
        "Config",
        "ConfigError",
        "LifespanError",
        "RunningServer",
        "Server",
        "StartError",
        "WorkerError",
        "__version__",
        "run",
        "running",
    ]
    assert all(hasattr(fastserve, name) for name in fastserve.__all__)


def test_a_password_is_shown_nowhere():
    config = Config("a:b", ssl_certfile="x", ssl_keyfile_password="hunter2")
    assert "hunter2" not in repr(config)
    with pytest.raises(ConfigError) as caught:
        Config("a:b", ssl_certfile="x", ssl_keyfile_password=b"hunter2")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("option", [each.name for each in options() if each.type is int])
def test_a_number_that_is_too_large_is_an_error(option):
    """For C, that is: a traceback later, when the server starts."""
    with pytest.raises(ConfigError, match=rf"{option}: {10**30} is out of range; .* between"):
        Config("app", **{option: 10**30})
