"""HTTP/2 requests, sent by h2load from the client's core."""

import contextlib
import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.load import LoadError, Outcome
from benchmarks.machine import CLIENT_CORE

PATIENCE = 60  # seconds, for a server that stops answering
UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6}


@dataclass(frozen=True)
class Http2:
    """Requests by prior knowledge, on each connection so many at a time."""

    title: str
    path: str = "/"
    connections: int = 10
    streams: int = 32
    body: int = 0
    expect: bytes = b"Hello, world!"
    rate: float = 0  # requests per second, as checked() found it

    def checked(self, port: int) -> "Http2":
        """Itself and how fast it goes; LoadError unless the answers are right."""
        content = self.sent_with("nghttp", port)
        if content != self.expect:
            raise LoadError(f"{self.path} answers {len(content)} bytes over HTTP/2")
        found = Requests(self, port).run(0)
        if found.errors:
            raise LoadError(f"{found.errors} of {found.requests} requests failed")
        return replace(self, rate=found.requests / found.seconds)

    @contextlib.contextmanager
    def open(self, port: int) -> Iterator["Requests"]:
        yield Requests(self, port)

    def sent_with(self, tool: str, port: int, *options: str) -> bytes:
        command = ["taskset", "-c", str(CLIENT_CORE), tool, *options]
        with tempfile.NamedTemporaryFile() as body:
            Path(body.name).write_bytes(b"x" * self.body)
            command += ["-d", body.name] * bool(self.body)
            command.append(f"http://127.0.0.1:{port}{self.path}")
            try:
                return subprocess.run(command, capture_output=True, timeout=PATIENCE).stdout
            except subprocess.TimeoutExpired:
                raise LoadError(f"{tool} had no answer in {PATIENCE} s") from None


@dataclass(frozen=True)
class Requests:
    """Runs of h2load, each over connections of its own."""

    load: Http2
    port: int

    def run(self, seconds: float) -> Outcome:
        """As many requests as take about so long; 0 seconds: four on every stream."""
        streams = self.load.connections * self.load.streams
        number = max(int(self.load.rate * seconds), 4 * streams)
        options = {"-n": number, "-c": self.load.connections, "-m": self.load.streams}
        text = self.load.sent_with(
            "h2load", self.port, *(str(each) for pair in options.items() for each in pair)
        ).decode()
        took = re.search(r"finished in ([\d.]+)(us|ms|s)", text)
        right = re.search(r"status codes: (\d+) 2xx", text)
        if took is None or right is None:
            raise LoadError(f"h2load: {text.strip()[-200:] or 'it printed nothing'}")
        return Outcome(number, float(took[1]) * UNITS[took[2]], number - int(right[1]))
