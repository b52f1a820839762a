"""Options: how they are checked, and what is generated from them."""

import dataclasses
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import fastserve
from fastserve import Config, ConfigError
from fastserve.config import options

ROOT = Path(__file__).parents[2]

WRONG = {
    "port": ({"port": "8000"}, "port: must be of type int, not '8000'"),
    "bool for int": ({"port": True}, "port: must be of type int, not True"),
    "int for bool": ({"access_log": 1}, "access_log: must be of type bool, not 1"),
    "range": ({"port": -1}, "port: -1 is out of range; it must be between 0 and 65535"),
    "low": ({"workers": 0}, "workers: 0 is out of range; it must be at least 1"),
    "nan": ({"timeout_send": float("nan")}, "timeout_send: nan is out of range; "),
    "inf": ({"timeout_send": float("inf")}, "timeout_send: inf is out of range; "),
    "choice": ({"http": "h2"}, "http: 'h2' is not one of auto, llhttp, h11"),
    "none": ({"host": None}, "host: must be of type str, not None"),
    "list": ({"headers": "a:b"}, "headers: must be a list of strings, not 'a:b'"),
    "list of numbers": ({"headers": [1]}, "headers: must be a list of strings, not [1]"),
    "two sockets": ({"uds": "x", "fd": 3}, "uds: cannot be combined with fd"),
    "key alone": ({"ssl_keyfile": "x"}, "ssl_keyfile: requires ssl_certfile"),
    "authorities": (
        {"ssl_certfile": "x", "ssl_cert_reqs": "required"},
        "ssl_cert_reqs: requires ssl_ca_certs",
    ),
    "workers": ({"workers": 2}, 'workers: requires the application as a "module:attribute" string'),
    "reload": ({"reload": True}, 'reload: requires the application as a "module:attribute" string'),
    "root_path": ({"root_path": "/api/"}, "root_path: must start with / and must not end with /"),
    "header name": ({"headers": ["a b:c"]}, "headers: 'a b:c' does not have the form Name:Value"),
    "header value": ({"headers": ["a:b\r\nc:d"]}, r"headers: 'a:b\r\nc:d' has control characters"),
    "header text": ({"headers": ["a:\u20ac"]}, "headers: 'a:\u20ac' has characters outside"),
    "header of ours": (
        {"headers": ["Content-Length:1"]},
        "headers: Content-Length is set by the server",
    ),
}


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


def test_immutable_and_picklable():
    config = Config("a:b", workers=4, headers=["a:b"])
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.port = 1
    assert pickle.loads(pickle.dumps(config)) == config


def test_every_option_has_help_a_flag_and_a_variable():
    assert {option.name for option in options()} == {
        field.name for field in dataclasses.fields(Config)
    } - {"app", "extra_headers"}
    for option in options():
        assert option.help.endswith(".")
        assert option.flag.startswith("--")
        assert option.env.startswith("FASTSERVE_")
    assert len({option.flag for option in options()}) == len(options())


def test_docs_are_current():
    made = subprocess.run(
        [sys.executable, ROOT / "docs" / "make_options.py"], check=True, capture_output=True
    ).stdout.decode()
    current = (ROOT / "docs" / "options.md").read_text()
    assert made == current, "run: python docs/make_options.py > docs/options.md"


def test_the_index_of_the_package():
    assert sorted(fastserve.__all__) == [
        "AppError",
        "BindError",
        "Config",
        "ConfigError",
        "LifespanError",
        "Server",
        "StartError",
        "WorkerError",
        "__version__",
        "run",
    ]
    assert all(hasattr(fastserve, name) for name in fastserve.__all__)


def test_a_password_is_shown_nowhere():
    config = Config("a:b", ssl_certfile="x", ssl_keyfile_password="hunter2")
    assert "hunter2" not in repr(config)
    with pytest.raises(ConfigError) as caught:
        Config("a:b", ssl_certfile="x", ssl_keyfile_password=b"hunter2")
    assert "hunter2" not in str(caught.value)
