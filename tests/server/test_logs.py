"""Lines reach their reader whole, and a reader that stalls stops nobody."""

import contextlib
import errno
import fcntl
import http.client
import logging
import os
import re
import signal
import subprocess
import sys
import threading

import pytest
from serving import HERE, THREADS, WAIT, Command, fail_to_start, get, wait_for

from fastserve import Config, ConfigError, line_writer, logs
from fastserve.formatters import TIME, DefaultFormatter
from fastserve.line_writer import LineWriter, pieces
from fastserve.log_file import FILES, LogFile
from fastserve.logs import FORMAT, MESSAGE_CHARACTERS, LineHandler, printable


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


def test_a_thread_that_has_nothing_to_write_ends(pipe, monkeypatch):
    stream, fd = pipe
    monkeypatch.setattr(line_writer, "IDLE_SECONDS", 0.001)
    writer = LineWriter(fd, "log")
    for line in (b"one\n", b"two\n"):
        writer.write(line.decode())
        assert read_lines(stream, 1) == [line]
        wait_for(lambda: writer._thread is None)
    assert writer.close()


def test_without_a_thread_what_the_reader_takes_is_written(pipe, monkeypatch):
    def start(thread):
        raise RuntimeError("can't start new thread")

    stream, fd = pipe
    fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, 4096)
    writer = LineWriter(fd, "log")
    with monkeypatch.context() as context:
        context.setattr(threading.Thread, "start", start)
        writer.write("one\n")
        writer.write("two\n")
        assert not writer.flush(0)  # the pipe is of one page, which is taken
        assert read_lines(stream, 1) == [b"one\n"]
    writer.write("three\n")
    assert read_lines(stream, 2) == [b"two\n", b"three\n"]
    assert writer.close()


def test_a_full_queue_is_written_once_there_is_a_thread(pipe, monkeypatch):
    """A stalled reader and no thread at first: later lines are not lost for ever."""

    def start(thread):
        raise RuntimeError("can't start new thread")

    stream, fd = pipe
    monkeypatch.setattr(line_writer, "QUEUE_BYTES", 10_000)
    fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, 4096)
    writer = LineWriter(fd, "log")
    with monkeypatch.context() as context:
        context.setattr(threading.Thread, "start", start)
        while not writer._dropped:
            writer.write("x" * 99 + "\n")
    writer.write("dropped, but starts the thread\n")
    assert read_lines(stream, 101) == [b"x" * 99 + b"\n"] * 101
    assert writer.flush(WAIT)
    writer.write("last\n")
    assert read_lines(stream, 1) == [b"last\n"]
    assert writer.close()


def test_a_signal_handler_that_logs_starts_no_second_thread(pipe, monkeypatch):
    start, started = threading.Thread.start, []

    def interrupted(thread):
        started.append(thread)
        if len(started) == 1:
            writer.write("from the handler\n")
        start(thread)

    stream, fd = pipe
    monkeypatch.setattr(threading.Thread, "start", interrupted)
    writer = LineWriter(fd, "log")
    writer.write("interrupted\n")
    assert read_lines(stream, 2) == [b"interrupted\n", b"from the handler\n"]
    assert started == [writer._thread]
    assert writer.close()


def test_a_signal_handler_that_logs_while_a_line_is_counted(pipe, monkeypatch):
    """Else it is never known again that all is written, and each message waits for that."""
    interrupted = []

    def count(sizes):
        if not interrupted:
            interrupted.append(True)
            writer.write("from the handler\n")
        return sum(sizes)

    stream, fd = pipe
    monkeypatch.setattr(line_writer, "sum", count, raising=False)
    monkeypatch.setattr(line_writer, "IDLE_SECONDS", 0.001)
    writer = LineWriter(fd, "log")
    writer.write("interrupted\n")
    assert sorted(read_lines(stream, 2)) == [b"from the handler\n", b"interrupted\n"]
    wait_for(lambda: writer._thread is None)
    assert writer.close()


def test_nothing_is_written_once_closed(pipe, monkeypatch):
    stream, fd = pipe
    monkeypatch.setattr(line_writer, "IDLE_SECONDS", 0.001)
    writer = LineWriter(fd, "log")
    writer.write("one\n")
    wait_for(lambda: writer._thread is None)
    assert writer.close()
    writer.write("late\n")
    assert writer.flush(0)
    assert writer._thread is None
    os.close(fd)
    assert stream.read() == b"one\n"


LATE = """\
import builtins, logging, threading
from fastserve import line_writer, logs

class Late:
    def __del__(self, logger=logging.getLogger("late")):
        logger.warning("late")

line_writer.IDLE_SECONDS = 0.001
logger = logging.getLogger("late")
logger.addHandler(logs.LineHandler(2))
logger.warning("early")
while {idle} and threading.active_count() > 1:
    pass
builtins.late = Late()
builtins.late.itself = builtins.late
"""


@pytest.mark.parametrize("idle", [True, False])
def test_a_line_from_the_end_of_the_interpreter_is_written(idle):
    """asyncio tells of a pending task there, for example, when no other thread runs any more."""
    program = [sys.executable, "-c", LATE.format(idle=idle)]
    done = subprocess.run(program, stderr=subprocess.PIPE, timeout=WAIT, check=True)
    assert done.stderr == b"early\nlate\n"


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="needs /proc")
@pytest.mark.skipif(bool(THREADS), reason="asks for more threads")
def test_a_server_that_logs_nothing_has_one_thread():
    with Command("apps:app", "--port", "0", "--no-access-log") as server:
        get(server.port())
        wait_for(lambda: len(os.listdir(f"/proc/{server.process.pid}/task")) == 1)


def test_a_stalled_reader(pipe, monkeypatch, caplog):
    stream, fd = pipe
    monkeypatch.setattr(line_writer, "QUEUE_BYTES", 10_000)
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


# Lines


def test_a_line_has_the_time_and_the_process():
    record = logging.LogRecord("fastserve", logging.INFO, "", 0, "Stopping", (), None)
    line = DefaultFormatter(FORMAT, TIME, use_colors=False).format(record)
    pattern = rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{{4}} \[{os.getpid()}\] INFO: Stopping"
    assert re.fullmatch(pattern, line)


def test_a_message_as_long_as_a_client_likes_is_cut(pipe):
    stream, fd = pipe
    handler = LineHandler(fd)
    text = "x" * (MESSAGE_CHARACTERS + 1000)
    got = []
    thread = threading.Thread(target=lambda: got.append(stream.read()))
    thread.start()
    handler.emit(logging.LogRecord("a", logging.INFO, "", 0, "%s", (text,), None))
    assert handler._writer.close()
    os.close(fd)
    thread.join(WAIT)
    written = got[0].replace(b"\n", b"")  # wrapped for the pipe
    assert written == b"x" * MESSAGE_CHARACTERS + b"... (1000 more characters)"


# Files


def test_a_file_is_appended_to_and_opened_anew_when_it_was_moved(tmp_path):
    path = tmp_path / "log"
    path.write_text("before\n")
    file = LogFile("log_file", str(path))
    writer = LineWriter(file.fd, "log")
    number = file.fd
    try:
        for word in ("one", "two"):
            writer.write(f"{word}\n")
            assert writer.flush()
            logs.reopen()  # not moved: kept as it is
        path.rename(tmp_path / "log.1")
        writer.write("three\n")
        assert writer.flush()
        logs.reopen()
        writer.write("four\n")
        assert writer.close()
        assert file.fd == number
        assert not os.get_inheritable(number)
    finally:
        file.close()
    assert file not in FILES
    file.reopen()  # which is nothing now
    assert (tmp_path / "log.1").read_text() == "before\none\ntwo\nthree\n"
    assert path.read_text() == "four\n"


def test_a_file_that_cannot_be_opened_anew_goes_on(tmp_path, caplog):
    folder = tmp_path / "logs"
    folder.mkdir()
    file = LogFile("log_file", str(folder / "log"))
    try:
        folder.rename(tmp_path / "old")
        logs.reopen()
        os.write(file.fd, b"on\n")
    finally:
        file.close()
    assert caplog.messages == [f"Cannot reopen {folder / 'log'}: No such file or directory"]
    assert (tmp_path / "old" / "log").read_text() == "on\n"


def test_files_that_cannot_be_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, problem in (
        (tmp_path, f"log_file: cannot open {tmp_path}: Is a directory"),
        (tmp_path / "a" / "b", f"cannot open {tmp_path}/a/b: there is no folder {tmp_path}/a"),
        (tmp_path / "pipe", f"cannot open {tmp_path}/pipe: nobody reads this pipe"),
    ):
        with pytest.raises(ConfigError, match=problem):
            LogFile("log_file", str(path))


@pytest.mark.parametrize("option", ["--log-file", "--access-log-file"])
@pytest.mark.parametrize("workers", [(), ("--workers", "2")])
def test_a_file_that_cannot_be_opened_is_an_error_at_the_start(option, workers):
    status, lines = fail_to_start("apps:app", option, "/no/such/folder/log", *workers)
    assert status == 2
    problem = "cannot open /no/such/folder/log: there is no folder /no/such/folder"
    assert lines == [f"fastserve: {option}: {problem}"]


def test_a_log_file_beside_a_log_config():
    with pytest.raises(ConfigError, match="log_file: cannot be combined with log_config"):
        Config("a:b", log_file="a", log_config={"version": 1})


@pytest.mark.parametrize("workers", [1, 2])
def test_files_rotated_under_load(tmp_path, workers):
    """No line is lost, none comes twice, and none is cut."""
    access, errors = tmp_path / "access.log", tmp_path / "error.log"
    arguments = ["apps:app", "--port", "0", "--workers", workers]
    arguments += ["--access-log-file", access, "--log-file", errors]
    with Command(*arguments) as command:
        port = port_in(errors)
        stop = threading.Event()
        sent = []

        def load(name):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT)
            while not stop.is_set():
                target = f"/{name}/{len(sent)}"
                sent.append(target)
                connection.request("GET", target)
                connection.getresponse().read()
            connection.close()

        threads = [threading.Thread(target=load, args=(name,)) for name in "ab"]
        for thread in threads:
            thread.start()
        for number in range(5):
            wait_for(lambda: access.exists() and access.stat().st_size > 1000)
            access.rename(tmp_path / f"access.log.{number}")
            command.signal(signal.SIGUSR1)
            wait_for(access.exists)
        stop.set()
        for thread in threads:
            thread.join(WAIT)
        command.signal(signal.SIGTERM)
        assert command.wait() == 0
        assert command.stderr == command.stdout == []
    text = "".join(path.read_text() for path in tmp_path.glob("access.log*"))
    lines = text.splitlines()
    pattern = re.compile(
        r'[-\d]+ [:\d]+ [+-]\d+ \[\d+\] 127\.0\.0\.1:\d+ - "GET (\S+) HTTP/1\.1" \d+'
    )
    found = [pattern.fullmatch(line)[1] for line in lines]
    assert sorted(found) == sorted(sent)
    assert "Stopping" in errors.read_text()


def port_in(path):
    """Of a server that says it in this file."""
    wait_for(lambda: path.exists() and "running on" in path.read_text())
    return int(re.search(r"running on http://[^ ]*:(\d+)", path.read_text())[1])


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGHUP])
def test_a_signal_has_the_files_opened_anew(tmp_path, number):
    path = tmp_path / "access.log"
    with Command("apps:app", "--port", "0", "--access-log-file", path) as command:
        port = command.port()
        assert get(port)[0] == 200
        wait_for(lambda: path.stat().st_size)
        path.rename(tmp_path / "old")
        command.signal(number)
        wait_for(path.exists)
        assert get(port)[0] == 200
        command.signal(signal.SIGTERM)
        assert command.wait() == 0
    assert path.read_text().count("\n") == (tmp_path / "old").read_text().count("\n") == 1


def test_a_signal_handler_of_the_apps_stays(tmp_path):
    (tmp_path / "own.py").write_text(
        "import signal\n"
        "from apps import app\n"
        "signal.signal(signal.SIGUSR1, lambda *args: print('mine', flush=True))\n"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join((str(tmp_path), str(HERE)))}
    with Command("own:app", "--port", "0", env=env) as command:
        command.port()
        command.signal(signal.SIGUSR1)
        command.expect("mine", "stdout")
        command.signal(signal.SIGTERM)
        assert command.wait() == 0


def test_a_full_disk_is_told_and_leaves_whole_lines(tmp_path, monkeypatch, caplog):
    path, room = tmp_path / "log", [9]
    write = os.write

    def write_some(fd, data):
        if fd != file.fileno():
            return write(fd, data)
        if not room[0]:
            raise OSError(errno.ENOSPC, "")
        done = write(fd, data[: room[0]])
        room[0] -= done
        return done

    monkeypatch.setattr(os, "write", write_some)
    monkeypatch.setattr(logging.getLogger("fastserve"), "propagate", True)
    with path.open("wb") as file:
        writer = LineWriter(file.fileno(), "log")
        for line in ("one\n", "two\nthree\n", "four\n"):
            writer.write(line)
            assert writer.flush()
        room[0] = 1000
        for line in ("five\n", "six\n"):
            writer.write(line)
        assert writer.close()
    assert path.read_text() == "one\ntwo\nt\nfive\nsix\n"
    assert caplog.messages == [
        "Cannot write the log: No space left on device",
        "Lost 2 lines of the log: No space left on device",
    ]
