"""HTTP/2 requests, sent by h2load from the client's core."""

import re
import subprocess
import tempfile
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.load import LoadError, Outcome
from benchmarks.machine import CLIENT_CORE

UNITS = {b"s": 1.0, b"ms": 1e-3, b"us": 1e-6}


@dataclass(frozen=True)
class Http2:
    """Requests by prior knowledge, on each connection so many at a time."""

    title: str
    path: str = "/"
    connections: int = 10
    streams: int = 32
    body: int = 0
    expect: bytes = b"Hello, world!"
    port: int = 0  # of the server
    rate: float = 0  # its requests per second, as checked() found it

    def checked(self, port: int) -> "Http2":
        """Itself and how fast it goes; LoadError unless the answers are right."""
        asked = replace(self, port=port)
        content = asked.sent_with("nghttp")
        if content != self.expect:
            raise LoadError(f"{self.path} answers {len(content)} bytes over HTTP/2")
        found = asked.run(0)
        if found.errors:
            raise LoadError(f"{found.errors} of {found.requests} requests failed")
        return replace(asked, rate=found.requests / found.seconds)

    def open(self, port: int) -> AbstractContextManager["Http2"]:
        return nullcontext(replace(self, port=port))

    def run(self, seconds: float) -> Outcome:
        """As many requests as take about so long; 0 seconds: four on every stream."""
        number = max(int(self.rate * seconds), 4 * self.connections * self.streams)
        text = self.sent_with("h2load", "-n", number, "-c", self.connections, "-m", self.streams)
        took = re.search(rb"finished in ([\d.]+)(us|ms|s)", text)
        right = re.search(rb"status codes: (\d+) 2xx", text)
        if took is None or right is None:
            raise LoadError(f"h2load: {text.decode().strip()[-200:] or 'it printed nothing'}")
        return Outcome(number, float(took[1]) * UNITS[took[2]], number - int(right[1]))

    def sent_with(self, tool: str, *options: str | int) -> bytes:
        """What nghttp or h2load prints; each opens its own connections."""
        command = ["taskset", "-c", str(CLIENT_CORE), tool, *map(str, options)]
        with tempfile.NamedTemporaryFile() as body:
            Path(body.name).write_bytes(b"x" * self.body)
            command += ["-d", body.name] * bool(self.body)
            command.append(f"http://127.0.0.1:{self.port}{self.path}")
            try:
                return subprocess.run(command, capture_output=True, timeout=60).stdout
            except subprocess.TimeoutExpired:
                raise LoadError(f"{tool} had no answer in 60 s") from None
