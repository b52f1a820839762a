"""A client that writes down what it gets, to compare two servers."""

import base64
import http.client
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

WAIT = 20  # seconds for an answer
DIFFERS = {"date", "server"}  # headers that need not be the same
BOUNDARY = "a-boundary-of-the-tests"


@dataclass
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str:
        """The values of one header, joined with commas."""
        return ", ".join(value for key, value in self.headers if key == name)

    @property
    def cookie(self) -> str:
        """The first cookie, as a client sends it back."""
        return self.header("set-cookie").partition(";")[0]


class Visitor:
    """`record` has one entry for each answer, message and note."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.record: list[tuple[str, Any]] = []
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT)

    def note(self, what: str, value: Any) -> None:
        self.record.append((what, value))

    def get(self, target: str, **options: Any) -> Answer:
        return self.request("GET", target, **options)

    def post(self, target: str, body: Any = b"", **options: Any) -> Answer:
        return self.request("POST", target, body, **options)

    def request(
        self,
        method: str,
        target: str,
        body: bytes | Iterable[bytes] = b"",
        *,
        headers: Mapping[str, str] | None = None,
        hide: Callable[[str], str] = lambda text: text,
        status: int = 200,
    ) -> Answer:
        """One exchange, on the connection of the one before if that is still open.

        Iterables are sent in chunks. `hide` replaces what differs from run to run before it is
        written down. Raises AssertionError for another status.
        """
        sent = {"accept-encoding": "identity", **(headers or {})}
        chunked = not isinstance(body, bytes)
        try:
            answer = self._exchange(method, target, body or None, sent, encode_chunked=chunked)
        except ConnectionError:  # a server may close after any answer
            self._connection.close()
            answer = self._exchange(method, target, body or None, sent, encode_chunked=chunked)
        kept = [
            (name, hide(value))
            for name, value in answer.headers
            if name not in DIFFERS and not frames(name, value, answer.body)
        ]
        self.note(
            f"{method} {target}",
            {"status": answer.status, "headers": sorted(kept), "body": shown(answer.body, hide)},
        )
        assert answer.status == status, f"{method} {target}: {answer.status} {answer.body[:500]!r}"
        return answer

    def _exchange(self, *arguments: Any, **options: Any) -> Answer:
        self._connection.request(*arguments, **options)
        response = self._connection.getresponse()
        headers = [(name.lower(), value) for name, value in response.getheaders()]
        return Answer(response.status, headers, response.read())

    def upload(self, target: str, files: Mapping[str, bytes], **options: Any) -> Answer:
        """Files as a browser's form sends them."""
        headers = {
            "content-type": f"multipart/form-data; boundary={BOUNDARY}",
            **options.pop("headers", {}),
        }
        return self.post(target, multipart(files), headers=headers, **options)

    def events(self, target: str, count: int) -> list[str]:
        """The first so many lines of data of a stream of server-sent events, which is then left."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT)
        try:
            connection.request("GET", target, headers={"accept": "text/event-stream"})
            response = connection.getresponse()
            kind = response.getheader("content-type")
            lines: list[str] = []
            while len(lines) < count:
                line = response.readline()
                assert line, f"{target} ends after {lines}"
                if line.startswith(b"data:"):
                    lines.append(line.decode().strip())
        finally:
            connection.close()
        self.note(f"events of {target}", [kind, lines])
        return lines

    @contextmanager
    def websocket(self, target: str, **options: Any) -> Iterator["Conversation"]:
        """A WebSocket, closed at the end of the block."""
        url = f"ws://127.0.0.1:{self.port}{target}"
        with connect(url, open_timeout=WAIT, close_timeout=WAIT, proxy=None, **options) as socket:
            self.note(f"WebSocket {target}", socket.subprotocol)
            yield Conversation(self, target, socket)
        self.note(f"close of {target}", [socket.close_code, socket.close_reason])

    def refused_websocket(self, target: str, **options: Any) -> int:
        """The status with which the handshake is refused; the server may explain it."""
        try:
            with connect(f"ws://127.0.0.1:{self.port}{target}", proxy=None, **options):
                raise AssertionError(f"{target} is accepted")
        except InvalidStatus as error:
            response = error.response
            self.note(f"refusal of {target}", response.status_code)
            return response.status_code

    def leave(self) -> None:
        self._connection.close()


class Conversation:
    """The messages of one WebSocket."""

    def __init__(self, visitor: Visitor, target: str, socket: ClientConnection) -> None:
        self.visitor = visitor
        self.target = target
        self.socket = socket

    def send(self, message: str | bytes | dict[str, Any]) -> None:
        """A dict is sent as JSON."""
        self.socket.send(json.dumps(message) if isinstance(message, dict) else message)

    def receive(self, *, keep: bool = True) -> Any:
        """The next message; without `keep` it is not written down."""
        message = self.socket.recv(WAIT)
        if keep:
            data = message.encode() if isinstance(message, str) else message
            self.visitor.note(f"message of {self.target}", [type(message).__name__, shown(data)])
        return message

    def until_closed(self) -> int:
        """The code with which the server closes."""
        try:
            message = self.socket.recv(WAIT)
        except ConnectionClosed as error:
            assert error.rcvd is not None, "closed without a close frame"
            return error.rcvd.code
        raise AssertionError(f"{message!r} instead of the close")


def frames(name: str, value: str, body: bytes) -> bool:
    """Whether the header only says where the body ends, or what is so without it (RFC 9112 9.3)."""
    return (name, value) in {
        ("connection", "keep-alive"),
        ("content-length", str(len(body))),
        ("transfer-encoding", "chunked"),
    }


def shown(data: bytes, hide: Callable[[str], str] = lambda text: text) -> str:
    try:
        return hide(data.decode())
    except UnicodeDecodeError:
        return base64.b64encode(data).decode()


def multipart(files: Mapping[str, bytes]) -> bytes:
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}.bin"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n".encode()
        + data
        + b"\r\n"
        for name, data in files.items()
    ]
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()
