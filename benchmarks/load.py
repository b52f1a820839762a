"""What servers are given to do, sent by client.c from the client's core."""

import contextlib
import http.client
import json
import socket
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from benchmarks.machine import CLIENT_CORE, runnable
from benchmarks.requests import request

CLIENT = Path(__file__).parent / "client.c"
OVER_TLS = ("-DTLS", "-lssl", "-lcrypto")


class LoadError(Exception):
    """The load did not run, or the server answered wrongly."""


@dataclass(frozen=True)
class Outcome:
    """What the client saw in one run."""

    requests: int
    seconds: float
    errors: int


@dataclass(frozen=True)
class Session:
    """A client with open connections, able to run several times."""

    orders: IO[str]
    answers: IO[str]
    each: int

    def run(self, seconds: float) -> Outcome:
        """Send for so long; 0 seconds: one message on every connection."""
        self.orders.write(f"{seconds}\n")
        self.orders.flush()
        line = self.answers.readline()
        if not line:
            raise LoadError("the client ended early")
        found = json.loads(line)
        return Outcome(found["replies"] * self.each, found["seconds"], found["errors"])


@dataclass(frozen=True)
class Messages:
    """Equal messages, each answered by `reply` bytes or by one WebSocket frame (0)."""

    title: str
    message: bytes
    reply: int = 0
    connections: int = 64
    senders: int = 0  # 0: all of the connections
    depth: int = 1  # messages in flight; 0: one, and a connection for each
    handshake: bytes = b""
    each: int = 1  # requests in one message
    tls: bool = False

    def checked(self, port: int) -> "Messages":
        """Itself; LoadError unless one message on one connection is answered."""
        with self.open(port, 1) as session:
            if session.run(0).errors:
                raise LoadError("a message was not answered")
        return self

    @contextlib.contextmanager
    def open(self, port: int, connections: int = 0) -> Iterator[Session]:
        number = connections or self.connections
        with tempfile.TemporaryDirectory() as folder:
            message, handshake = Path(folder, "message"), Path(folder, "handshake")
            message.write_bytes(self.message)
            handshake.write_bytes(self.handshake)
            command = [
                *("taskset", "-c", str(CLIENT_CORE), *self.client(), str(port), str(number)),
                *(str(min(self.senders or number, number)), str(self.depth), str(self.reply)),
                *(str(message), *([str(handshake)] if self.handshake else [])),
            ]
            pipe = subprocess.PIPE
            # Its stdin is closed in the end, which ends it.
            with subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=pipe, text=True
            ) as client:
                assert client.stdin and client.stdout and client.stderr  # noqa: PT018
                if client.stdout.readline() != "ready\n":
                    raise LoadError(client.stderr.read().strip() or "the client did not start")
                yield Session(client.stdin, client.stdout, self.each)

    def client(self) -> list[str]:
        return runnable(CLIENT, *OVER_TLS) if self.tls else runnable(CLIENT)


@dataclass(frozen=True)
class Http:
    """HTTP/1.1 requests, each connection as fast as it is answered."""

    title: str
    path: str = "/"
    connections: int = 64
    headers: dict[str, str] = field(default_factory=dict)
    method: str = "GET"
    body: int = 0
    pipelined: int = 1
    expect: bytes = b"Hello, world!"
    tls: bool = False

    def checked(self, port: int) -> Messages:
        """What to send and how long its answers are; LoadError unless they are right."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        if self.tls:
            trusting = ssl._create_unverified_context()
            connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=trusting)
        message = self.request() * self.pipelined
        try:
            body = b"x" * self.body or None
            connection.request(self.method, self.path, body=body, headers=self.headers)
            answer = connection.getresponse()
            content = answer.read()
            if answer.status != 200 or content != self.expect:
                raise LoadError(f"{self.path} answers {answer.status} and {len(content)} bytes")
            one, reply = (self.answer_length(port, sent) for sent in (self.request(), message))
        except (OSError, http.client.HTTPException) as error:
            raise LoadError(f"{self.path}: {error!r}") from error
        finally:
            connection.close()
        if not one or reply != one * self.pipelined:
            raise LoadError(f"{self.pipelined} answers have {reply} bytes, one has {one}")
        depth = 0 if self.headers.get("Connection") == "close" else 1
        return Messages(
            self.title, message, reply, self.connections,
            depth=depth, each=self.pipelined, tls=self.tls,
        )  # fmt: skip

    def answer_length(self, port: int, request: bytes) -> int:
        """How long the whole answer is, head and body: what arrives until there is a silence."""
        length = 0
        with self.connect(port) as sock:
            sock.sendall(request)
            with contextlib.suppress(TimeoutError):
                while data := sock.recv(65536):
                    length += len(data)
                    sock.settimeout(0.1)
        return length

    def connect(self, port: int) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", port), timeout=5)
        return ssl._create_unverified_context().wrap_socket(sock) if self.tls else sock

    def request(self) -> bytes:
        """The bytes of one request."""
        head = {"Host": "127.0.0.1:8000", **self.headers}
        if self.body:
            head["Content-Length"] = str(self.body)
        return request(self.method, head, b"x" * self.body, self.path)


Load = Http | Messages
