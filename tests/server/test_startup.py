"""Importing the packages is quick: what only some programs need is imported where it is needed."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from serving import Command, get

from fastserve.errors import ConfigError
from fastserve.loops import choose_loop, loop_factory

HELLO = Path(__file__).parents[2] / "examples" / "hello.py"
PROGRAM = """
import sys
before = set(sys.modules)
import {package}
print(*sorted(set(sys.modules) - before))
"""
SLOW = {
    "email",
    "http.client",
    "importlib.metadata",
    "json",
    "logging.config",
    "multiprocessing",
    "pickle",
    "random",
    "tempfile",
    "tomllib",
    "urllib.request",
}
NOT_FOR_EVERYBODY = {
    "fastserve": {
        *SLOW,
        "a2wsgi",
        "click",
        "fastserve.cli",
        "fastserve.gil",
        "fastserve.spreading",
        "fastserve.supervisor",
        "fastserve.threads",
        "fastserve.worker",
        "h11",
        "uvloop",
        "watchfiles",
    },
    "httpparser": {
        *SLOW,
        "asyncio",
        "dataclasses",
        "inspect",
        "logging",
        "pathlib",
        "socket",
        "ssl",
    },
}


@pytest.mark.parametrize("package", NOT_FOR_EVERYBODY)
def test_what_an_import_leaves_for_later(package):
    command = [sys.executable, "-c", PROGRAM.format(package=package)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    imported = set(result.stdout.split())
    assert package in imported
    assert imported & NOT_FOR_EVERYBODY[package] == set()


# Without uvloop

WITHOUT_UVLOOP = """
import sys
sys.modules["uvloop"] = None
from fastserve.cli import main
main()
"""


@pytest.fixture
def no_uvloop(monkeypatch):
    monkeypatch.setitem(sys.modules, "uvloop", None)


def test_auto_is_asyncio(no_uvloop, caplog):
    with caplog.at_level("INFO", "fastserve"):
        assert choose_loop("auto") == "asyncio"
    (message,) = caplog.messages
    assert message.startswith("uvloop is not installed; ")


@pytest.mark.usefixtures("no_uvloop")
def test_uvloop_is_asked_for():
    with pytest.raises(ConfigError, match="pip install uvloop"):
        loop_factory(choose_loop("uvloop"))


def test_auto_is_uvloop():
    pytest.importorskip("uvloop")
    assert choose_loop("auto") == "uvloop"


@pytest.mark.parametrize("workers", [1, 2])
def test_one_line_says_it(workers):
    start = [sys.executable, "-c", WITHOUT_UVLOOP]
    with Command("apps:app", "--port", 0, "--workers", workers, start=start) as command:
        assert get(command.port(), "/pid")[0] == 200
        command.process.terminate()
        assert command.wait() == 0
        assert len([line for line in command.stderr if "uvloop is not installed" in line]) == 1


# As people's container files have it


def test_a_line_made_for_uvicorn(tmp_path):
    pytest.importorskip("uvloop")
    (tmp_path / "web").mkdir()
    shutil.copy(HELLO, tmp_path / "web" / "main.py")
    line = "web.main:app --host 127.0.0.1 --port 0 --loop uvloop --http h11"
    with Command(*line.split(), cwd=tmp_path) as command:
        assert get(command.port())[0] == 200
