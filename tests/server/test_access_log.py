"""What the access log writes, and when."""

import asyncio
import io
import logging

import pytest

from fastserve import Config
from fastserve.access_format import Format, make_format
from fastserve.access_log import FLUSH_LINES, AccessLog, FilteredAccessLog, open_access_log
from fastserve.asgi._entry import Entry

CLIENT = "127.0.0.1:54321"
TEXT = Format(lambda entry: f"{entry.client} {entry.request_line} {entry.status}\n")


@pytest.fixture
def loop():
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def record(log, path=b"/", query=b""):
    log.record(Entry(CLIENT, "GET", path, query, length=12, elapsed=1_500_000))


def test_lines_of_one_turn_are_one_write(loop):
    writes = []

    class Stream(io.StringIO):
        def write(self, text):
            writes.append(text)

    log = AccessLog(loop, TEXT, Stream())
    for _ in range(3):
        record(log)
    assert writes == []
    log.close()
    assert len(writes) == 1
    assert writes[0].count("\n") == 3


def test_many_lines_do_not_wait(loop):
    stream = io.StringIO()
    log = AccessLog(loop, TEXT, stream)
    for _ in range(FLUSH_LINES):
        record(log)
    assert stream.getvalue().count("\n") == FLUSH_LINES
    log.close()


def test_lines_are_written_after_a_while(loop):
    written = loop.create_future()

    class Stream(io.StringIO):
        def flush(self):
            written.set_result(self.getvalue())

    log = AccessLog(loop, TEXT, Stream())
    record(log)
    assert loop.run_until_complete(written).startswith(CLIENT)


def test_a_closed_standard_output(loop):
    class Broken(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    log = AccessLog(loop, TEXT, Broken())
    record(log)
    log.close()


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


def test_the_options_choose(loop, tmp_path, capsys):
    assert open_access_log(Config("a:b", access_log=False), loop) is None
    for options, written in (
        ({}, f'{CLIENT} - "GET / HTTP/1.1" 200\n'),
        ({"access_log_format": "json"}, '"length": 12, "ms": 1.500}\n'),
        ({"access_log_format": "%(h)s %(D)d"}, "127.0.0.1 1500\n"),
    ):
        log = open_access_log(Config("a:b", **options), loop)
        record(log)
        log.close()
        assert capsys.readouterr().out.endswith(written)


def test_a_file(loop, tmp_path, capsys):
    path = tmp_path / "access.log"
    path.write_text("before\n")
    logger = logging.getLogger("fastserve.access")
    logger.addFilter(lambda record: record.args[2] != "/health")
    try:
        log = open_access_log(Config("a:b", access_log_file=str(path)), loop)
        assert isinstance(log, FilteredAccessLog)
        for target in (b"/seen", b"/health"):
            record(log, target)
        log.close()
    finally:
        logger.filters.clear()
    before, line = path.read_text().splitlines()
    assert before == "before"
    assert line.endswith(f'{CLIENT} - "GET /seen HTTP/1.1" 200')
    assert capsys.readouterr().out == ""


WEBSOCKET = Entry(CLIENT, "WebSocket", b"/ws", status=1001, elapsed=2 * 10**9, websocket="closed")


def test_a_websocket_has_the_arguments_of_a_request(loop):
    logger = logging.getLogger("fastserve.access")
    records = []
    logger.addFilter(lambda record: records.append(record))  # which keeps none
    try:
        log = open_access_log(Config("a:b"), loop)
        log.record(WEBSOCKET)
    finally:
        logger.filters.clear()
    assert records[0].args == (CLIENT, "WebSocket", "/ws", "1.1", 1001)


def test_a_format_says_what_it_needs(loop):
    for text, needs in (
        ("text", (False, False, False)),
        ("json", (True, False, False)),
        ("%(h)s %(s)s", (False, False, False)),
        ("%(L)s", (True, False, False)),
        ("%(a)s", (False, True, False)),
        ("%({Host}i)s", (False, True, False)),
        ("%({HTTP_HOST}e)s", (False, True, False)),
        ("%({X-Cache}o)s", (False, False, True)),
    ):
        log = AccessLog(loop, make_format(text), io.StringIO())
        assert (log.timed, log.wants_headers, log.wants_response_headers) == needs
