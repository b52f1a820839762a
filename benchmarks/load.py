"""Loads: what is sent to a server, by wrk or by our own client, and what came back."""

import contextlib
import http.client
import json
import math
import resource
import select
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Protocol

from benchmarks.compiled import CLIENTS, compiled
from benchmarks.machine import ROLES
from benchmarks.slices import STEP

BROWSER_HEADERS = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Safari/537.36",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,"
    "image/avif,image/webp,image/png,*/*;q=0.8",
    "Accept-Language": "en-GB,en;q=0.7,de;q=0.3",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Referer": "http://localhost:8000/articles/2024/a-comparison-of-parsers",
    "DNT": "1",
    "Connection": "keep-alive",
    "Cookie": "session=9f8b1c7e5d2a4f60b3a7c4d1e8f25a96; theme=dark; consent=necessary; seen=12.24",
    "Upgrade-Insecure-Requests": "1",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Site": "same-origin",
    "Priority": "u=0, i",
}  # with Host, a browser's fourteen

Sampler = Callable[[int], bool]


class LoadError(Exception):
    """The load could not be run, or the answer is not the right one."""


@dataclass(frozen=True)
class Outcome:
    """What the client saw in one run; times in seconds, latencies in microseconds."""

    requests: int
    bytes: int  # that came back
    seconds: float
    p50_us: float
    p99_us: float
    errors: int
    client_seconds: float


class Session(Protocol):
    """A client with its connections, able to run several times.

    `sample` is called with its process id every slices.STEP while it runs, and tells whether it has
    seen enough: it runs for `seconds`, and on until then, for `longest` at the most.
    """

    def run(self, seconds: float, sample: Sampler = ..., longest: float = 0) -> Outcome: ...


def enough(_pid: int) -> bool:
    """The sampler that needs nothing."""
    return True


@dataclass(frozen=True)
class Wrk:
    """HTTP/1.1 requests from wrk with one thread, each connection as fast as it is answered."""

    title: str
    path: str = "/"
    connections: int = 64
    headers: dict[str, str] = field(default_factory=dict)
    method: str = "GET"
    body: int = 0
    pipelined: int = 1
    expect: bytes | None = b"Hello, world!"
    rate: float = 0  # requests a second by the clock; wrk cannot, so our own client sends them

    def check(self, port: int) -> None:
        """Raise LoadError unless one request gets the right answer."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            body = b"x" * self.body or None
            connection.request(self.method, self.path, body=body, headers=self.headers)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise LoadError(f"{self.path}: {error!r}") from error
        finally:
            connection.close()
        if answer.status != 200 or (self.expect is not None and content != self.expect):
            raise LoadError(f"{self.path} answers {answer.status} and {len(content)} bytes")
        if self.pipelined > 1:
            one = _answer_length(port, self.request())
            every = _answer_length(port, self.request() * self.pipelined)
            if every != one * self.pipelined:
                raise LoadError(f"{self.pipelined} pipelined: {every} bytes, one has {one}")

    @contextlib.contextmanager
    def open(self, port: int) -> Iterator[Session]:
        yield _WrkSession(self, port)

    def command(self, port: int, seconds: float) -> list[str]:
        options = [f"-H{name}: {value}" for name, value in self.headers.items()]
        return [
            *("taskset", "-c", str(ROLES.client), "wrk", "-t1", f"-c{self.connections}"),
            *("-d", f"{max(1, math.ceil(seconds))}s", "--timeout", "10s", *options),
            *("-s", str(CLIENTS / "wrk.lua"), f"http://127.0.0.1:{port}{self.path}", "--"),
            *(self.method, str(self.pipelined), str(self.body)),
        ]

    @property
    def in_flight(self) -> int:
        """Requests that are under way at once."""
        return self.connections * self.pipelined

    def request(self) -> bytes:
        """The bytes of one request, as wrk writes them."""
        head = {"Host": "127.0.0.1:8000", **self.headers}
        if self.body:
            head["Content-Length"] = str(self.body)
        lines = [f"{self.method} {self.path} HTTP/1.1", *(f"{k}: {v}" for k, v in head.items())]
        return "\r\n".join([*lines, "", ""]).encode() + b"x" * self.body

    def for_own_client(self, port: int) -> "Messages":
        """The same load for our own client, which can run for less than a second, or at a rate."""
        request = self.request()
        lengths = {_answer_length(port, request) for _ in range(2)}
        if len(lengths) != 1:
            raise LoadError(f"{self.path}: answers differ in length: {sorted(lengths)}")
        return Messages(
            title=self.title,
            message=request * self.pipelined,
            reply=lengths.pop() * self.pipelined,
            connections=self.connections,
            each=self.pipelined,
            rate=self.rate / self.pipelined,
        )


@dataclass
class _WrkSession:
    load: Wrk
    port: int

    def run(self, seconds: float, sample: Sampler = enough, longest: float = 0) -> Outcome:
        before = _children_seconds()
        pipe = subprocess.PIPE
        longest = max(seconds, longest)
        command = self.load.command(self.port, longest)
        began, told = time.monotonic(), False
        with subprocess.Popen(command, stdout=pipe, stderr=subprocess.STDOUT, text=True) as wrk:
            while True:
                try:
                    output, _ = wrk.communicate(timeout=STEP)
                    break
                except subprocess.TimeoutExpired:
                    ends = seconds if sample(wrk.pid) else longest
                if time.monotonic() >= began + ends and not told:
                    # wrk itself takes whole seconds only; told to stop, it prints its figures
                    wrk.send_signal(signal.SIGINT)
                    told = True
        used = _children_seconds() - before
        if wrk.returncode != 0:
            raise LoadError(f"wrk: {output.strip()[-200:]}")
        return parse_wrk(output, used)


def parse_wrk(output: str, client_seconds: float) -> Outcome:
    """The figures that clients/wrk.lua printed."""
    line = next((one for one in output.splitlines() if one.startswith("figures ")), None)
    if line is None:
        raise LoadError(f"wrk printed no figures: {output.strip()[-200:]!r}")
    found = {key: int(value) for key, value in (pair.split("=") for pair in line.split()[1:])}
    errors = sum(found[kind] for kind in ("connect", "read", "write", "status", "timeout"))
    return Outcome(
        requests=found["requests"],
        bytes=found["bytes"],
        seconds=found["duration_us"] / 1e6,
        p50_us=found["p50_us"],
        p99_us=found["p99_us"],
        errors=errors,
        client_seconds=client_seconds,
    )


@dataclass(frozen=True)
class Messages:
    """Equal messages from clients/client.c, each answered by `reply` bytes or a frame (0)."""

    title: str
    message: bytes
    reply: int = 0
    connections: int = 64
    senders: int = 0  # 0: all of the connections
    depth: int = 1
    rate: float = 0
    handshake: bytes = b""
    each: int = 1  # requests in one message

    @property
    def in_flight(self) -> int:
        """Requests that are under way at once."""
        return self.connections * self.depth * self.each

    def check(self, port: int) -> None:
        """Raise LoadError unless one message on one connection is answered."""
        with self.open(port, connections=1) as session:
            if session.run(0).errors:
                raise LoadError("a message was not answered")

    @contextlib.contextmanager
    def open(self, port: int, connections: int = 0) -> Iterator["Client"]:
        with tempfile.TemporaryDirectory() as folder:
            message, handshake = Path(folder, "message"), Path(folder, "handshake")
            message.write_bytes(self.message)
            handshake.write_bytes(self.handshake)
            number = connections or self.connections
            command = [
                *("taskset", "-c", str(ROLES.client), client_program(), str(port), str(number)),
                *(str(min(self.senders or number, number)), str(self.depth), str(self.reply)),
                *(str(message), *([str(handshake)] if self.handshake else [])),
            ]
            client = Client(command, self.rate, self.each)
            try:
                client.wait_until_ready()
                yield client
            finally:
                client.close()


class Client:
    """A running clients/client.c with open connections."""

    def __init__(self, command: list[str], rate: float, each: int) -> None:
        self.rate, self.each = rate, each
        pipe = subprocess.PIPE
        self._popen = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        assert self._popen.stdin
        assert self._popen.stdout
        self._orders, self._answers = self._popen.stdin, self._popen.stdout

    def wait_until_ready(self) -> None:
        if self._answers.readline() != "ready\n":
            assert self._popen.stderr
            raise LoadError(self._popen.stderr.read().strip() or "the client did not start")

    def run(self, seconds: float, sample: Sampler = enough, longest: float = 0) -> Outcome:
        """See `Session`; 0 seconds: one message on every connection."""
        longest = max(seconds, longest)
        began = time.monotonic()
        self._orders.write(f"{longest} {self.rate}\n")
        self._orders.flush()
        while not select.select([self._answers], [], [], STEP)[0]:
            ends = seconds if sample(self._popen.pid) else longest
            if time.monotonic() >= began + ends < began + longest:
                self._popen.send_signal(signal.SIGINT)
        line = self._answers.readline()
        if not line:
            raise LoadError("the client ended early")
        found = json.loads(line)
        found["requests"] = found.pop("replies") * self.each
        return Outcome(**found)

    def close(self) -> None:
        self._popen.communicate()  # closes its stdin, which ends it


Load = Wrk | Messages


def _answer_length(port: int, request: bytes) -> int:
    """How long the whole answer is, head and body: what arrives until there is a silence."""
    length = 0
    with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
        sock.sendall(request)
        try:
            while data := sock.recv(65536):
                length += len(data)
                sock.settimeout(0.1)
        except TimeoutError:
            pass
    return length


@cache
def client_program() -> str:
    return compiled(CLIENTS / "client.c")


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
