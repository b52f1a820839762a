"""Starting the real command and talking to it; nothing here sleeps, everything waits."""

import http.client
import os
import queue
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

HERE = Path(__file__).parent
WAIT = 30  # seconds until a test fails for want of what it waits for


PYTHON = (sys.executable, "-W", "error", "-m", "fastserve")
# Set it to run the tests with so many threads: without the GIL, or with tests/server/with_gil on
# PYTHONPATH.
THREADS = os.environ.get("TEST_THREADS", "")
one_loop = pytest.mark.skipif(bool(THREADS), reason="it is about a server's only event loop")


class Command:
    """`python -m fastserve ARGS` in the folder of these tests, its output line by line."""

    def __init__(self, *args, cwd=HERE, limits="", start=PYTHON, **options):
        if THREADS and start is PYTHON and args and ":" in str(args[0]):
            args = args[0], "--threads", THREADS, *args[1:]
        command = [*start, *map(str, args)]
        if limits:
            command = ["sh", "-c", f'{limits} && exec "$@"', "sh", *command]
        self.process = subprocess.Popen(
            command,
            cwd=cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )
        self.lines = {}
        self.seen = []
        self._queues = {}
        self._threads = []
        for name in ("stdout", "stderr"):
            stream = getattr(self.process, name)
            self.lines[name] = []
            self._queues[name] = queue.Queue()
            thread = threading.Thread(target=self._read, args=(name, stream))
            thread.start()
            self._threads.append(thread)

    def _read(self, name, stream):
        with stream:
            for line in stream:
                self.lines[name].append(line.rstrip("\n"))
                self._queues[name].put(line)
        self._queues[name].put(None)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for thread in self._threads:
            thread.join(WAIT)
            assert not thread.is_alive(), "a child process still holds the output open"

    def expect(self, pattern, stream="stderr"):
        """Wait for a line; the match."""
        while True:
            line = self._queues[stream].get(timeout=WAIT)
            assert line is not None, f"ended without {pattern!r}: {self.lines}"
            if match := re.search(pattern, line):
                return match

    def port(self):
        return int(self.expect(r"running on https?://.*:(\d+) ")[1])

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self):
        """The exit status, once all output has been read: children have ended too."""
        status = self.process.wait(timeout=WAIT)
        for thread in self._threads:
            thread.join(timeout=WAIT)
            assert not thread.is_alive(), "a child process is still running"
        return status

    @property
    def stdout(self):
        return without_stamps(self.lines["stdout"])

    @property
    def stderr(self):
        return without_stamps(self.lines["stderr"])


STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4} \[\d+\] ")


def without_stamps(lines):
    """Lines of the logs without their time and process."""
    return [STAMP.sub("", line, count=1) for line in lines]


def fail_to_start(*args, **options):
    """Status and standard error of a command that should end by itself."""
    with Command(*args, **options) as command:
        return command.wait(), command.stderr


class Hold:
    """Requests to /hold are in progress from `wait()` until `release()`."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(WAIT)
        self.path = f"/hold?{self._listener.getsockname()[1]}"
        self._held = []

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.release()
        self._listener.close()

    def wait(self):
        self._held.append(self._listener.accept()[0])

    def release(self):
        for held in self._held:
            held.close()
        self._held.clear()


def send_get(port, path="/"):
    """A connection whose request is on the way."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT)
    connection.request("GET", path, headers={"Connection": "close"})
    return connection


def get(port, path="/"):
    """The status and the body as text."""
    connection = send_get(port, path)
    try:
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def wait_for(condition):
    """By asking again and again: nothing tells of what another process does."""
    pause = threading.Event()
    for _ in range(WAIT * 100):
        if condition():
            return
        pause.wait(0.01)
    raise AssertionError("it did not come")
