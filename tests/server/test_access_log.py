"""What the access log writes, and when."""

import asyncio
import io
import logging
import threading

import pytest
from websockets.sync.client import connect

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


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("text", rf'{CLIENT} - "GET /\x0a?q HTTP/1.1" 200'),
        ("%(h)s %(U)s %(D)s", r"127.0.0.1 /\x0a 1500"),
    ],
)
def test_the_programs_own_handlers(loop, form, message):
    logger = logging.getLogger("fastserve.access")
    records = []

    class Handler(logging.Handler):
        def emit(self, record):
            records.append(record)

    handler = Handler()
    logger.addHandler(handler)
    logger.setLevel("INFO")
    try:
        log = open_access_log(Config("a:b", access_log_format=form), loop)
        assert log.timed == (form != "text")
        record(log, b"/\n", b"q")
    finally:
        logger.removeHandler(handler)
        logger.setLevel("NOTSET")
    assert records[0].args == (CLIENT, "GET", r"/\x0a?q", "1.1", 200)
    assert records[0].getMessage() == message


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


async def served(scope, receive, send):
    await receive()
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        assert (await receive())["code"] == 3001
    elif scope["path"] == "/waits":
        assert (await receive())["type"] == "http.disconnect"
    else:
        headers = [(b"content-length", b"2"), (b"x-cache", b"hit")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})


def wait_for_lines(path, count):
    """By asking again and again: nothing tells when a line was written."""
    pause = threading.Event()
    for _ in range(3000):
        lines = path.read_text().splitlines()
        if len(lines) >= count:
            return lines
        pause.wait(0.01)
    raise AssertionError(lines)


def test_on_each_parser_and_loop(live, tmp_path):
    path = tmp_path / "access.log"
    form = '%(m)s "%(r)s" %(s)s %(b)s %({x-id}i)s %({x-cache}o)s'
    server = live(served, access_log=True, access_log_file=str(path), access_log_format=form)
    with server.connect() as client:
        client.send(b'GET /a?b HTTP/1.1\r\nHost: h\r\nX-Id: "\r\n\r\n')
        assert client.response().status == 200
        client.send(b"GET /waits HTTP/1.1\r\nHost: h\r\n\r\n")
    wait_for_lines(path, 2)
    with server.connect() as client:
        client.send(b'GET /"\x1b HTTP/1.1\r\n\r\n')
        assert client.response().status == 400
    wait_for_lines(path, 3)
    with connect(f"ws://127.0.0.1:{server.server.ports[0]}/ws", proxy=None) as socket:
        socket.close(3001)
    lines = wait_for_lines(path, 5)
    server.stop()
    assert lines == [
        r'GET "GET /a?b HTTP/1.1" 200 2 \x22 hit',
        'GET "GET /waits HTTP/1.1" 499 - - -',
        r'GET "GET /\x22\x1b HTTP/1.1" 400 - - -',
        'WebSocket "WebSocket /ws HTTP/1.1" 101 - - -',
        'WebSocket "WebSocket /ws HTTP/1.1" 3001 - - -',
    ]
