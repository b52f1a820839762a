"""Give the modules the work whose speed matters: `python release/train.py`, under a minute.

Modules built with FASTSERVE_PROFILE=record count what of their code it runs. A server of its own
answers on each event loop, over HTTP/1, WebSocket and HTTP/2; then the parsers work alone.
"""

import asyncio
import re
import shutil
import socket
import ssl
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import Any

import httpparser
from httpparser import httptools
from httpparser.http2 import ClientSession, Closed, Data

CONNECTIONS = 16
PATIENCE = 60  # seconds for any answer

TINY = b"GET / HTTP/1.1\r\nHost: localhost:8000\r\n\r\n"
BROWSER = (
    b"GET /articles/2024?page=2 HTTP/1.1\r\nHost: localhost:8000\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n"
    b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    b"Accept-Language: en-GB,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
    b"Referer: http://localhost:8000/articles\r\nConnection: keep-alive\r\n"
    b"Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n"
    b"Upgrade-Insecure-Requests: 1\r\nSec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\n"
    b"Sec-Fetch-Site: same-origin\r\nPriority: u=0, i\r\n\r\n"
)
POST = (
    b"POST /echo HTTP/1.1\r\nHost: localhost:8000\r\nContent-Type: application/octet-stream\r\n"
    b"Content-Length: 1024\r\n\r\n" + b"x" * 1024
)
CHUNKED = (
    b"POST /echo HTTP/1.1\r\nHost: localhost:8000\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"200\r\n" + b"x" * 512 + b"\r\n0\r\n\r\n"
)  # fmt: skip
HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: localhost:8000\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nabc"
# How often each connection sends them. A plain GET, of which there are most, weighs most.
HTTP1 = [
    (TINY, 200),
    (BROWSER, 100),
    (POST, 50),
    (TINY * 16, 30),
    (TINY.replace(b"/ ", b"/sleep ", 1), 50),
    (TINY.replace(b"/ ", b"/stream ", 1), 30),
    (TINY.replace(b"/ ", b"/large ", 1), 20),
    (TINY.replace(b"/ ", b"/made ", 1), 10),
    (TINY.replace(b"/ ", b"/file ", 1), 10),
    (CHUNKED, 10),
    (TINY.replace(b"GET", b"HEAD"), 5),
]
WEBSOCKET = [(32, 1, 100), (32, 16, 10), (4096, 1, 30)]  # bytes, messages in flight, times
TYPE = (b"content-type", b"text/plain")
LARGE = b"x" * 100_000


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await chat(receive, send)
        return
    path, body, length = scope["path"], b"Hello, world!", True
    if path == "/echo":
        body = b"".join([part async for part in parts(receive)])
    elif path in ("/large", "/file"):
        body = LARGE
    elif path == "/made":
        body = bytes(bytearray(LARGE))
    elif path == "/sleep":
        await asyncio.sleep(0)
    elif path == "/stream":
        length = False
    headers = [TYPE, (b"content-length", b"%d" % len(body))] if length else [TYPE]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if path == "/file":
        with NamedTemporaryFile() as file:
            file.write(body)
            file.flush()
            await send({"type": "http.response.pathsend", "path": file.name})
        return
    if not length:
        for _ in range(10):
            await send({"type": "http.response.body", "body": b"x" * 1024, "more_body": True})
    await send({"type": "http.response.body", "body": body})


async def parts(receive: Any) -> Any:
    while True:
        message = await receive()
        yield message["body"]
        if not message["more_body"]:
            return


async def chat(receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        data = message.get("bytes")
        if data is not None:
            await send({"type": "websocket.send", "bytes": data})
        else:
            await send({"type": "websocket.send", "text": message["text"]})


@contextmanager
def server(loop: str, *options: str) -> Iterator[int]:
    """The port of one that answers. It must end by itself: only then are its counts written."""
    command = [sys.executable, "-m", "fastserve", f"{Path(__file__).stem}:app", "--port", "0"]
    process = subprocess.Popen(
        # While they count, each takes longer than otherwise: as long as those that are held.
        [*command, "--loop", loop, "--no-access-log", "--no-coalesce-writes", *options],
        cwd=Path(__file__).parent,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    seen = ""
    try:
        while (address := re.search(r"running on \S+:(\d+)", seen)) is None:
            line = process.stderr.readline()
            if not line:
                sys.exit(f"the server did not start\n{seen}")
            seen += line
        yield int(address[1])
    finally:
        process.terminate()
        _, rest = process.communicate(timeout=PATIENCE)
    if process.returncode != 0:
        sys.exit(f"the server ended with status {process.returncode}\n{seen}{rest}")


def connect(port: int, context: ssl.SSLContext | None = None) -> socket.socket:
    plain = socket.create_connection(("127.0.0.1", port), PATIENCE)
    return plain if context is None else context.wrap_socket(plain)


@contextmanager
def certificate() -> Iterator[list[str]]:
    """The options of a certificate that nobody else has; none without OpenSSL's program."""
    if shutil.which("openssl") is None:
        print("TLS is not trained: that needs the program openssl", flush=True)
        yield []
        return
    with TemporaryDirectory() as folder:
        pair = ["-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem"]
        kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        subprocess.run(
            ["openssl", "req", "-x509", *kind, "-subj", "/CN=localhost", *pair],
            check=True, capture_output=True,
        )  # fmt: skip
        yield ["--ssl-certfile", f"{folder}/cert.pem", "--ssl-keyfile", f"{folder}/key.pem"]


def take(client: socket.socket, length: int) -> None:
    """Read so many bytes, and not one more."""
    while length:
        piece = client.recv(length)
        if not piece:
            sys.exit("the server has closed a connection")
        length -= len(piece)


def length_of_answer(client: socket.socket, request: bytes) -> int:
    """How many bytes answer it: the first answer tells, later ones are as long."""
    client.sendall(request)
    parser = httpparser.ResponseParser(method=request[: request.index(b" ")].decode())
    length, missing = 0, request.count(b" HTTP/1.1\r\n")
    while missing:
        data = client.recv(1 << 16)
        length += len(data)
        missing -= parser.feed(data).count(httpparser.END)
    return length


def http1(port: int, context: ssl.SSLContext | None = None) -> None:
    clients = [connect(port, context) for _ in range(CONNECTIONS)]
    for request, times in HTTP1:
        length = length_of_answer(clients[0], request)
        for _ in range(times):
            for client in clients:
                client.sendall(request)
            for client in clients:
                take(client, length)
    for client in clients:
        client.close()


def websocket(port: int) -> None:
    client = connect(port)
    client.sendall(HANDSHAKE)
    while not client.recv(4096).endswith(b"\r\n\r\n"):
        pass
    for length, count, times in WEBSOCKET:
        for opcode in (1, 2):
            message = frame(opcode, b"x" * length) * count
            answer = count * (length + (2 if length < 126 else 4))
            for _ in range(times):
                client.sendall(message)
                take(client, answer)
    client.sendall(frame(8, struct.pack(">H", 1000)))
    take(client, 4)
    client.close()


def frame(opcode: int, data: bytes) -> bytes:
    """A client's, whose mask leaves the data as they are. RFC 6455 5.2"""
    if len(data) < 126:
        head = struct.pack(">BB", 0x80 | opcode, 0x80 | len(data))
    else:
        head = struct.pack(">BBH", 0x80 | opcode, 0x80 | 126, len(data))
    return head + bytes(4) + data


def unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def http2(port: int) -> None:
    fields = [(b":scheme", b"http"), (b":authority", b"localhost:8000"), (b"accept", b"*/*")]
    get = [(b":method", b"GET"), (b":path", b"/"), *fields]
    post = [(b":method", b"POST"), (b":path", b"/echo"), *fields, (b"content-length", b"1024")]
    for streams, times in (1, 100), (32, 30):
        client, session = connect(port), ClientSession()
        for _ in range(times):
            for number in range(streams):
                if number % 4 == 3:
                    session.send_data(session.request(post, end=False), b"x" * 1024, end=True)
                else:
                    session.request(get)
            missing = streams
            while missing:
                client.sendall(session.take())
                for event in session.feed(client.recv(1 << 16)):
                    if isinstance(event, Data):
                        session.consume(event.stream_id, len(event.data))
                    missing -= isinstance(event, Closed)
        client.close()


class Callbacks:
    """What a framework does with httptools, at the least."""

    def __init__(self, make: Callable[[Any], Any]) -> None:
        self.parser = make(self)
        self.fields: list[tuple[bytes, bytes]] = []
        self.asked: tuple[object, object] = None, None

    def on_url(self, url: bytes) -> None:
        found = httptools.parse_url(url)
        self.asked = found.path, found.query

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.fields.clear()
        parser = self.parser
        if isinstance(parser, httptools.HttpRequestParser):
            self.asked = parser.get_method(), parser.should_upgrade()
        self.asked = parser.get_http_version(), parser.should_keep_alive()

    def on_body(self, body: bytes) -> None: ...

    def on_message_complete(self) -> None: ...


def parsers() -> None:
    requests = (TINY, BROWSER, POST, CHUNKED)
    feeds: list[Callable[[bytes], object]] = [
        httpparser.RequestParser().feed,
        Callbacks(httptools.HttpRequestParser).parser.feed_data,
    ]
    answers: list[Callable[[bytes], object]] = [
        httpparser.ResponseParser().feed,
        Callbacks(httptools.HttpResponseParser).parser.feed_data,
    ]
    for _ in range(500):
        for feed in feeds:
            for request in requests:
                feed(request)
        for feed in answers:
            feed(RESPONSE)
        httpparser.write_response_head(200, [TYPE])


def main() -> None:
    for loop in ("uvloop", "asyncio") if find_spec("uvloop") else ("asyncio",):
        with server(loop) as port:
            for work in (http1, websocket, http2):
                work(port)
        with certificate() as options:
            if options:
                with server(loop, *options) as port:
                    http1(port, unverified())
    parsers()


if __name__ == "__main__":
    main()
