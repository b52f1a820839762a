"""What the access log writes, and when."""

import asyncio
import io
import json
import logging

import pytest

from fastserve import Config
from fastserve.access_log import (
    FLUSH_LINES,
    AccessLog,
    JsonAccessLog,
    open_access_log,
)

CLIENT = "127.0.0.1:54321"


@pytest.fixture
def loop():
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def record(log, path=b"/", query=b""):
    log.record(CLIENT, "GET", path, query, "1.1", 200, 12, 1_500_000)


LINES = {
    "plain": (b"/", b"", "/"),
    "query": (b"/a", b"b=c", "/a?b=c"),
    "escaped by the client": (b"/%0A%22", b"", "/%0A%22"),
    "line feed": (b"/\r\nGET / 200", b"", r"/\x0d\x0aGET / 200"),
    "quote": (b'/" 200', b'"', r"/\x22 200?\x22"),
    "backslash": (b"/\\x0a", b"", r"/\x5cx0a"),
    "terminal escape": (b"/\x1b[31m\x7f\x9b", b"", r"/\x1b[31m\x7f\x9b"),
    "utf-8": ("/\u20ac".encode(), b"", r"/\xe2\x82\xac"),
}


@pytest.mark.parametrize(("path", "query", "target"), LINES.values(), ids=LINES)
def test_a_line_cannot_be_forged(loop, path, query, target):
    stream = io.StringIO()
    log = AccessLog(loop, stream)
    record(log, path, query)
    log.close()
    assert stream.getvalue() == f'127.0.0.1:54321 - "GET {target} HTTP/1.1" 200\n'


def test_lines_of_one_turn_are_one_write(loop):
    writes = []

    class Stream(io.StringIO):
        def write(self, text):
            writes.append(text)

    log = AccessLog(loop, Stream())
    for _ in range(3):
        record(log)
    assert writes == []
    log.close()
    assert len(writes) == 1
    assert writes[0].count("\n") == 3


def test_many_lines_do_not_wait(loop):
    stream = io.StringIO()
    log = AccessLog(loop, stream)
    for _ in range(FLUSH_LINES):
        record(log)
    assert stream.getvalue().count("\n") == FLUSH_LINES
    log.close()


def test_lines_are_written_after_a_while(loop):
    written = loop.create_future()

    class Stream(io.StringIO):
        def flush(self):
            written.set_result(self.getvalue())

    log = AccessLog(loop, Stream())
    record(log)
    assert loop.run_until_complete(written).startswith(CLIENT)


def test_a_closed_standard_output(loop):
    class Broken(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    log = AccessLog(loop, Broken())
    record(log)
    log.close()


def test_json(loop):
    stream = io.StringIO()
    log = JsonAccessLog(loop, stream)
    record(log, b'/"\n\xe9', b"q")
    log.close()
    entry = json.loads(stream.getvalue())
    assert entry.pop("time").endswith("Z")
    assert entry == {
        "client": CLIENT,
        "method": "GET",
        "path": '/"\n\xe9',
        "query": "q",
        "version": "1.1",
        "status": 200,
        "length": 12,
        "ms": 1.5,
    }


def test_the_programs_own_handlers(loop):
    logger = logging.getLogger("fastserve.access")
    records = []

    class Handler(logging.Handler):
        def emit(self, record):
            records.append(record)

    handler = Handler()
    logger.addHandler(handler)
    logger.setLevel("INFO")
    try:
        log = open_access_log(Config("a:b"), loop)
        record(log, b"/\n", b"q")
    finally:
        logger.removeHandler(handler)
        logger.setLevel("NOTSET")
    assert records[0].args == (CLIENT, "GET", r"/\x0a?q", "1.1", 200)
    assert records[0].getMessage() == rf'{CLIENT} - "GET /\x0a?q HTTP/1.1" 200'


def test_the_options_choose(loop):
    assert open_access_log(Config("a:b", access_log=False), loop) is None
    assert type(open_access_log(Config("a:b"), loop)) is AccessLog
    log = open_access_log(Config("a:b", access_log_format="json"), loop)
    assert type(log) is JsonAccessLog


@pytest.mark.parametrize("kind", [AccessLog, JsonAccessLog])
def test_a_line_fits_into_one_write(loop, kind):
    """Or lines of several workers would mix in a pipe."""
    stream = io.StringIO()
    log = kind(loop, stream)
    record(log, b"/" + b"\xe9\n" * 4000, b"a=" + b"\x1b" * 4000)
    log.close()
    assert len(stream.getvalue()) < 4096
    assert stream.getvalue().count("\n") == 1
    if kind is JsonAccessLog:
        assert json.loads(stream.getvalue())["path"].endswith("...")
