"""Lines reach their reader whole, and a reader that stalls stops nobody."""

import contextlib
import fcntl
import logging
import os

import pytest

from fastserve import logs
from fastserve.logs import LineWriter, pieces, printable


@pytest.fixture
def pipe():
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as stream:
        yield stream, writer
        with contextlib.suppress(OSError):
            os.close(writer)


def read_lines(stream, count):
    return [stream.readline() for _ in range(count)]


def test_lines_in_order(pipe):
    stream, fd = pipe
    writer = LineWriter(fd, "log")
    writer.write("one\ntwo\n")
    writer.write("three\u20ac\udc80\n")
    assert read_lines(stream, 3) == [b"one\n", b"two\n", b"three\xe2\x82\xac\\udc80\n"]
    writer.close()


def test_a_stalled_reader(pipe, monkeypatch, caplog):
    stream, fd = pipe
    monkeypatch.setattr(logs, "QUEUE_BYTES", 10_000)
    fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, 4096)
    writer = LineWriter(fd, "log")
    line = "x" * 99 + "\n"
    for _ in range(1000):
        writer.write(line)
        writer.settle()  # waits a moment, but once only
    assert not writer.flush(0)
    dropped = writer._dropped  # by now: the thread is in the middle of a write
    assert 0 < dropped < 1000
    with caplog.at_level("WARNING", "fastserve"):
        assert read_lines(stream, 1000 - dropped) == [line.encode()] * (1000 - dropped)
        writer.close()
        writer._thread.join()  # it may be the one to tell
    assert caplog.messages == [f"Dropped {dropped} lines of the log: its reader stalled"]


def test_a_reader_that_is_gone(pipe):
    stream, fd = pipe
    stream.close()
    writer = LineWriter(fd, "log")
    writer.write("line\n")
    assert writer.flush()
    writer.close()


def test_a_descriptor_that_does_not_block(pipe):
    stream, fd = pipe
    os.set_blocking(fd, False)
    fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, 4096)
    writer = LineWriter(fd, "log")
    writer.write("x\n" * 10_000)
    assert read_lines(stream, 10_000) == [b"x\n"] * 10_000
    writer.close()


@pytest.mark.filterwarnings("ignore:.*fork")
def test_a_forked_process_writes_too(pipe):
    stream, fd = pipe
    writer = LineWriter(fd, "log")
    writer.write("parent\n")
    assert writer.flush()
    pid = os.fork()
    if not pid:
        writer.write("child\n")
        os._exit(not writer.flush())
    assert os.waitpid(pid, 0)[1] == 0
    assert read_lines(stream, 2) == [b"parent\n", b"child\n"]
    writer.close()


PIECES = {
    "one": (b"ab\n", [b"ab\n"]),
    "packed": (b"ab\ncd\nef\n", [b"ab\ncd\n", b"ef\n"]),
    "full": (b"abcdefg\nhi\n", [b"abcdefg\n", b"hi\n"]),
    "wrapped": (b"abcdefghij\nk\n", [b"abcdefg\n", b"hij\nk\n"]),
    "between characters": ("abcdef\u20ac\n".encode(), [b"abcdef\n", "\u20ac\n".encode()]),
    "nothing": (b"", []),
}


@pytest.mark.parametrize(("data", "wanted"), PIECES.values(), ids=PIECES)
def test_writes_are_whole_lines(data, wanted):
    assert list(pieces(data, 8)) == wanted


TEXTS = {
    "plain": ("/path", "/path"),
    "letters": ("/caf\u00e9", "/caf\u00e9"),
    "line feed": ("/\r\nERROR: forged", r"/\r\nERROR: forged"),
    "terminal": ("/\x1b[2J", r"/\x1b[2J"),
    "right to left": ("/\u202e", r"/\u202e"),
    "backslash": ("/\\n", r"/\\n"),
    "surrogate": ("/\udc80", r"/\udc80"),
}


@pytest.mark.parametrize(("text", "wanted"), TEXTS.values(), ids=TEXTS)
def test_what_could_forge_a_line_is_escaped(text, wanted):
    assert printable(text) == wanted


def test_a_log_file_that_was_moved_is_opened_anew(tmp_path):
    path = tmp_path / "log"
    handler = logging.FileHandler(path, mode="w")
    logger = logging.getLogger("fastserve.test_logs")
    logger.addHandler(handler)
    try:
        logger.error("one")
        logs.reopen()  # not moved: kept as it is
        logger.error("two")
        path.rename(tmp_path / "log.1")
        logger.error("three")
        logs.reopen()
        logger.error("four")
    finally:
        logger.removeHandler(handler)
        handler.close()
    assert (tmp_path / "log.1").read_text() == "one\ntwo\nthree\n"
    assert path.read_text() == "four\n"
