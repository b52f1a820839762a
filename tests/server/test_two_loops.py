"""Two servers in two threads of one process: what they share must not need the GIL.

A mixed load on both from several threads; every answer is checked. `make tsan` runs it under
ThreadSanitizer.
"""

import os
import socket
import threading

import pytest
from live import Live
from wire import Client

from httpparser.http2 import ClientSession, Data, End

CLIENTS = 4
ROUNDS = 25
LOOPS = ["asyncio", "uvloop"]


async def app(scope, receive, send):
    """Gives back what it gets, and a header."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "bytes": message["bytes"]})
        return
    assert scope["type"] == "http", "no lifespan"
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    sent = dict(scope["headers"]).get(b"x-sent", b"")
    headers = [(b"x-sent", sent), (b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": scope["raw_path"] + b" ", "more_body": True})
    await send({"type": "http.response.body", "body": body})


def head(method, path, sent, *lines):
    fields = (b"Host: localhost", b"X-Sent: " + sent, *lines)
    return b"%s %s HTTP/1.1\r\n%s\r\n\r\n" % (method, path, b"\r\n".join(fields))


def check(client, path, sent, body=b""):
    response = client.response()
    assert (response.status, response.body) == (200, path + b" " + body)
    assert response.get(b"x-sent") == sent


def get(client, path, sent):
    client.send(head(b"GET", path, sent))
    check(client, path, sent)


def post(client, path, sent):
    client.send(head(b"POST", path, sent, b"Content-Length: 5"), b"he", b"llo")
    check(client, path, sent, b"hello")


def post_chunked(client, path, sent):
    first = head(b"POST", path, sent, b"Transfer-Encoding: chunked")
    client.send(first + b"5\r\nhello\r\n", b"1\r\n!\r\n0\r\n\r\n")
    check(client, path, sent, b"hello!")


def pipelined(client, path, sent):
    client.send(head(b"GET", path, sent) * 16)
    for _ in range(16):
        check(client, path, sent)


def refused(client, path, sent):
    client.send(b"GET %s HTTP/1.1\r\nNo Host\r\n\r\n" % path)
    assert client.response().status == 400


def left(client, path, sent):
    client.send(head(b"POST", path, sent, b"Content-Length: 5"))
    client.reset()


def echoed(client, path, sent):
    fields = (
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    )
    client.send(head(b"GET", path, sent, *fields))
    assert client.head().status == 101
    for _ in range(4):
        client.send(b"\x82\x85\0\0\0\0hello")
        assert client.take(7) == b"\x82\x05hello"
    client.send(b"\x88\x82\0\0\0\0\x03\xe8")
    assert client.take(4) == b"\x88\x02\x03\xe8"


def streams(client, path, sent):
    """HTTP/2 by prior knowledge: eight requests at once."""
    session = ClientSession()
    fields = [
        (b":method", b"GET"),
        (b":scheme", b"http"),
        (b":authority", b"localhost"),
        (b":path", path),
        (b"x-sent", sent),
    ]
    asked = [session.request(fields) for _ in range(8)]
    bodies = dict.fromkeys(asked, b"")
    waiting = set(asked)
    while waiting:
        client.send(session.take())
        data = client.socket.recv(65536)
        assert data, "the server hung up"
        for event in session.feed(data):
            if isinstance(event, Data):
                bodies[event.stream_id] += event.data
            elif isinstance(event, End):
                waiting.remove(event.stream_id)
    assert set(bodies.values()) == {path + b" "}


KEPT = (get, post, post_chunked, pipelined)  # the connection serves another request after these
ENDING = (refused, left, echoed)


def play(servers, number):
    for turn in range(ROUNDS):
        server = servers[(turn + number) % len(servers)]
        # Names and values that all threads send, and such as are new each time.
        path, sent = b"/%d" % (turn % 7), b"%d-%d" % (number, turn)
        with Client(socket.create_connection(("127.0.0.1", server.server.ports[0]), 60)) as client:
            for talk in (*KEPT, ENDING[turn % len(ENDING)]):
                talk(client, path, sent)
        with server.connect() as client:
            get(client, path, b"same")


def play_http2(servers, number):
    for turn in range(ROUNDS):
        server = servers[(turn + number) % len(servers)]
        with Client(socket.create_connection(("127.0.0.1", server.server.ports[0]), 60)) as client:
            streams(client, b"/%d" % turn, b"%d" % number)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("access_log", [False, True], ids=["", "logged"])
def test_mixed_load(loop, access_log, tmp_path):
    pytest.importorskip(loop)
    options = {"access_log": access_log, "access_log_file": os.fspath(tmp_path / "log")}
    servers = [Live(app, loop=loop, **options) for _ in range(2)]
    errors = []

    def run(work, number):
        try:
            work(servers, number)
        except BaseException as error:
            errors.append(error)

    threads = [
        threading.Thread(target=run, args=((play, play_http2)[number % 2], number), daemon=True)
        for number in range(CLIENTS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    for server in servers:
        assert server.stop() is None
    if errors:
        raise errors[0]
