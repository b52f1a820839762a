"""--log-config, formatters, colours and the trace of ASGI messages."""

import asyncio
import configparser
import io
import logging
import os
import pickle
import signal
import sys

import pytest
from serving import HERE, Command, get

from fastserve import Config, ConfigError, LifespanError, Server
from fastserve.access_log import FilteredAccessLog, open_access_log
from fastserve.asgi._entry import Entry
from fastserve.formatters import AccessFormatter, DefaultFormatter, wants_colors
from fastserve.log_config import load, read, rename_sections, with_our_loggers
from fastserve.trace import traced


@pytest.fixture
def access_logger():
    logger = logging.getLogger("uvicorn.access")
    yield logger
    logger.filters.clear()
    logger.handlers.clear()
    logger.disabled = False
    logger.setLevel(logging.NOTSET)


def record(level, message, *args):
    return logging.LogRecord("a", level, "", 0, message, args, None)


def test_messages_have_their_level():
    formatter = DefaultFormatter("%(level)s|%(levelprefix)s|%(message)s", use_colors=False)
    assert formatter.format(record(logging.INFO, "m")) == "INFO|INFO:    |m"
    formatter = DefaultFormatter("%(level)s", use_colors=True)
    assert formatter.format(record(logging.ERROR, "m")) == "\x1b[31mERROR\x1b[0m"


def test_the_parts_of_a_request():
    request = record(logging.INFO, '%s - "%s %s HTTP/%s" %d', "c:1", "GET", "/", "1.1", 404)
    formatter = AccessFormatter("%(client_addr)s|%(request_line)s|%(status_code)s")
    formatter.use_colors = False
    assert formatter.format(request) == "c:1|GET / HTTP/1.1|404 Not Found"
    formatter.use_colors = True
    bold_and_red = "c:1|\x1b[1mGET / HTTP/1.1\x1b[0m|\x1b[31m404 Not Found\x1b[0m"
    assert formatter.format(request) == bold_and_red


def test_colours_are_for_terminals(monkeypatch):
    monkeypatch.setattr("os.isatty", lambda fd: fd == 2)
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert (wants_colors(None, 2), wants_colors(None, 1)) == (True, False)
    monkeypatch.setenv("NO_COLOR", "1")
    assert not wants_colors(None, 2)
    assert wants_colors(True, 1)


def test_what_is_said_of_uvicorns_loggers():
    given = {
        "version": 1,
        "formatters": {"access": {"()": "uvicorn.logging.AccessFormatter", "use_colors": None}},
        "loggers": {
            "uvicorn": {"handlers": ["a"], "level": "INFO", "propagate": False},
            "uvicorn.error": {"handlers": ["b"], "level": "DEBUG"},
            "uvicorn.access": {"handlers": ["c"]},
        },
    }
    found = with_our_loggers(given, True)
    assert found["formatters"]["access"] == {
        "()": "fastserve.formatters.AccessFormatter",
        "use_colors": True,
    }
    ours = found["loggers"]["fastserve"]
    assert (ours["handlers"], ours["level"], ours["propagate"]) == (["b", "a"], "DEBUG", False)
    assert found["loggers"]["fastserve.access"] == {"handlers": ["c"]}
    assert given["formatters"]["access"]["use_colors"] is None  # the program's own
    mine = {"handlers": ["mine"]}
    given["loggers"]["fastserve"] = mine
    assert with_our_loggers(given, None)["loggers"]["fastserve"] == mine


def test_an_ini_file():
    parser = configparser.ConfigParser()
    parser.read_string(
        "[logger_a]\nqualname = uvicorn.error\n[logger_b]\nqualname = uvicorn.access\n"
        "[formatter_c]\nclass = uvicorn.logging.DefaultFormatter\n"
    )
    rename_sections(parser)
    assert parser["logger_a"]["qualname"] == "fastserve"
    assert parser["logger_b"]["qualname"] == "fastserve.access"
    assert parser["formatter_c"]["class"] == "fastserve.formatters.DefaultFormatter"


def test_a_yaml_file(tmp_path):
    path = tmp_path / "log.yaml"
    path.write_text("version: 1\nloggers:\n  fastserve: {level: INFO}\n")
    assert read(str(path)) == {"version": 1, "loggers": {"fastserve": {"level": "INFO"}}}


def test_a_yaml_file_without_pyyaml(tmp_path, monkeypatch):
    path = tmp_path / "log.yml"
    path.write_text("version: 1\n")
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ConfigError, match=r"PyYAML is not installed; pip install '.*\[yaml\]'$"):
        load(str(path), None)


def test_an_open_file_is_read_at_once():
    config = Config("a:b", workers=2, log_config=io.StringIO("[loggers]\nkeys = root\n"))
    assert pickle.loads(pickle.dumps(config)).log_config["loggers"]["keys"] == "root"


def test_filters_of_the_access_log(access_logger, capsys):
    class NotHealth(logging.Filter):
        def filter(self, record):
            return record.args[2] != "/health"

    async def main():
        loop = asyncio.get_running_loop()
        access_logger.addFilter(NotHealth())
        log = open_access_log(Config("a:b"), loop)
        assert isinstance(log, FilteredAccessLog)
        for path in (b"/seen", b"/health"):
            log.record(Entry("c:1", "GET", path))
        log.close()
        access_logger.disabled = True
        assert open_access_log(Config("a:b"), loop) is None

    asyncio.run(main())
    assert capsys.readouterr().out.partition("] ")[2] == 'c:1 - "GET /seen HTTP/1.1" 200\n'


def test_a_coloured_access_log(capsys):
    async def main():
        log = open_access_log(Config("a:b", use_colors=True), asyncio.get_running_loop())
        log.record(Entry("c:1", "GET", b"/"))
        log.close()

    asyncio.run(main())
    line = 'c:1 - "\x1b[1mGET / HTTP/1.1\x1b[0m" \x1b[32m200\x1b[0m\n'
    assert capsys.readouterr().out.partition("] ")[2] == line


@pytest.mark.parametrize("level", ["warning", "error", "critical"])
def test_no_access_log_from_warning_on(level):
    assert open_access_log(Config("a:b", log_level=level), None) is None


def test_a_trace(caplog):
    async def app(scope, receive, send):
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": iter([])})
        raise ValueError

    async def receive():
        return {"type": "http.request", "body": b"secret"}

    async def send(message):
        list(message["headers"])  # still there

    with caplog.at_level(5, "fastserve.asgi"), pytest.raises(ValueError, match=r"^$"):
        asyncio.run(
            traced(app)({"type": "http", "headers": [(b"cookie", b"secret")]}, receive, send)
        )
    assert caplog.messages == [
        "[1] called with {'type': 'http', 'headers': '<...>'}",
        "[1] receive {'type': 'http.request', 'body': '<6 bytes>'}",
        "[1] send {'type': 'http.response.start', 'status': 200, 'headers': '<...>'}",
        "[1] raised ValueError",
    ]


BASIC = """
import logging
from apps import app
logging.basicConfig(format="root %(message)s", level=logging.INFO)
"""


def test_an_app_that_sets_up_the_root_logger_has_each_line_once(tmp_path):
    (tmp_path / "basic.py").write_text(BASIC)
    path = os.pathsep.join((str(HERE), str(tmp_path)))
    with Command("basic:app", "--port", "0", env={**os.environ, "PYTHONPATH": path}) as command:
        assert get(command.port()) == (200, "hello")
        command.signal(signal.SIGTERM)
        assert command.wait() == 0
    assert len([line for line in command.stderr if "Stopping" in line]) == 1


def test_a_failed_start_is_logged_for_programs(caplog):
    async def fails(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    with pytest.raises(LifespanError):
        asyncio.run(Server(Config(fails, port=0)).serve())
    assert caplog.messages == ["the application failed to start: no database"]
