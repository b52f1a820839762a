"""What has arrived before the end of the input is read before an app is told of the end."""

import asyncio
import contextlib
import socket
import ssl
import threading

import pytest
from live import Live, client_context
from serving import HERE, one_loop
from test_input import FLOOD, Handover, nested_loop
from websocket.cases import BINARY, close, frame
from websocket.client import head
from wire import WAIT

from httpparser.http2 import ClientSession
from httpparser.http2.events import Response

FILES = {"ssl_certfile": str(HERE / "tls/cert.pem"), "ssl_keyfile": str(HERE / "tls/key.pem")}
TURNS = 20  # of the nested loop, in which everything that is there is read
PIECES = [b"%d" % number * 1000 for number in range(1, 6)]  # of a body, or messages


class App:
    """Collects what one request or WebSocket receives; within it, `meanwhile` is called once.

    `where`: in the app's first step, in a later one, in that which a message has begun, or never
    within a step.
    """

    def __init__(self, where):
        self.where = where
        self.meanwhile = None
        self.received = []
        self.end = None
        self.is_over = threading.Event()
        self.flooded = None

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            raise RuntimeError("no lifespan")
        if scope["path"] == "/flood":
            await self.flood(receive, send)
            return
        if self.where == "first step":
            self.meanwhile()
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
        if self.where == "later step":
            await asyncio.sleep(0.001)
            self.meanwhile()
        elif self.where == "message":
            self.note(await receive())
            self.meanwhile()
        elif self.where == "slow":
            self.flooded = asyncio.Event()
            await asyncio.sleep(0.001)
            self.meanwhile()
            await self.flooded.wait()
        elif self.where == "receives":
            if scope["type"] == "websocket":
                self.note(await receive())
            complete_nested(self.collect(receive))
        await self.collect(receive)
        self.is_over.set()

    async def collect(self, receive):
        while self.end is None:
            self.note(await receive())

    def note(self, message):
        if message["type"].endswith("disconnect"):
            self.end = message
        else:
            self.received.append(message.get("body") or message.get("bytes") or b"")

    async def flood(self, receive, send):
        while (await receive())["more_body"]:
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})
        if self.flooded is not None:
            self.flooded.set()


def run_nested():
    """The loop, until everything that is there was read."""
    with nested_loop() as loop:
        for _ in range(TURNS):
            loop.call_soon(int)
            loop._run_once()


def complete_nested(coroutine):
    """The same until the coroutine has returned."""
    with nested_loop() as loop:
        other = loop.create_task(coroutine)
        while not other.done():
            loop._run_once()
    other.result()


class Talker:
    """A client that can send its last bytes and their end at once."""

    def __init__(self, port, protocol, secure):
        self.socket = socket.create_connection(("127.0.0.1", port), WAIT)
        self.tls = None
        self.half_closes = True
        self.h2 = ClientSession() if protocol == "h2" else None
        if secure:
            context = client_context()
            context.set_alpn_protocols([protocol])
            self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            self.tls = context.wrap_bio(self.incoming, self.outgoing)
            self.shake()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.socket.close()

    def shake(self):
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                self.flush()
                self.incoming.write(self.socket.recv(65536))
            else:
                self.flush()
                return

    def flush(self):
        self.socket.sendall(self.outgoing.read())

    def send(self, data):
        if self.tls is None:
            self.socket.sendall(data)
        else:
            self.tls.write(data)
            self.flush()

    def send_with_end(self, data):
        if self.tls is None:
            self.socket.sendall(data)
        else:
            if data:
                self.tls.write(data)
            with contextlib.suppress(ssl.SSLWantReadError):
                self.tls.unwrap()
            self.flush()
        if self.half_closes:
            self.socket.shutdown(socket.SHUT_WR)

    def read(self):
        while True:
            if self.tls is not None:
                with contextlib.suppress(ssl.SSLWantReadError):
                    return self.tls.read(65536)
            data = self.socket.recv(65536)
            assert data, "the server has closed"
            if self.tls is None:
                return data
            self.incoming.write(data)


class Upload:
    """What a request sends over HTTP/1; its body is never whole."""

    kind = "http/1.1"

    def __init__(self, talker):
        self.talker = talker

    def begin(self, pieces):
        size = sum(map(len, PIECES)) + 1
        head = f"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: {size}\r\n\r\n"
        self.talker.send(head.encode() + b"".join(pieces))

    def send(self, pieces):
        self.talker.send(b"".join(pieces))

    def end(self, pieces, last=b""):
        self.talker.send_with_end(b"".join(pieces))


class Messages:
    """The same of a WebSocket over HTTP/1."""

    kind = "http/1.1"

    def __init__(self, talker):
        self.talker = talker

    def begin(self, pieces):
        self.talker.send(head())
        data = b""
        while b"\r\n\r\n" not in data:
            data += self.talker.read()
        assert data.startswith(b"HTTP/1.1 101")
        if pieces:
            self.send(pieces)

    def send(self, pieces):
        self.talker.send(framed(pieces))

    def end(self, pieces, last=b""):
        self.talker.send_with_end(framed(pieces) + last)


class Stream:
    """What a request sends over HTTP/2."""

    kind = "h2"
    fields = ((b":method", b"POST"),)

    def __init__(self, talker):
        self.talker = talker

    def begin(self, pieces):
        fields = [*self.fields, (b":scheme", b"http"), (b":authority", b"h"), (b":path", b"/")]
        fields.sort(key=lambda field: field[0] == b"sec-websocket-version")
        self.number = self.talker.h2.request(fields, end=False)
        self.talker.send(self.talker.h2.take())
        self.wait()
        if pieces:
            self.send(pieces)

    def wait(self):
        """The app need not answer a request."""

    def frames(self, data):
        self.talker.h2.send_data(self.number, data)
        return self.talker.h2.take()

    encode = staticmethod(b"".join)

    def send(self, pieces):
        self.talker.send(self.frames(self.encode(pieces)))

    def end(self, pieces, last=b""):
        self.talker.send_with_end(self.frames(self.encode(pieces) + last))


def framed(pieces):
    return b"".join(frame(BINARY, piece) for piece in pieces)


class StreamMessages(Stream):
    """What a WebSocket sends over HTTP/2."""

    fields = (
        (b":method", b"CONNECT"),
        (b":protocol", b"websocket"),
        (b"sec-websocket-version", b"13"),
    )
    encode = staticmethod(framed)

    def wait(self):
        while not any(
            isinstance(event, Response) for event in self.talker.h2.feed(self.talker.read())
        ):
            pass


KINDS = [Upload, Messages, Stream, StreamMessages]


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def loop(request):
    return request.param


@one_loop
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("where", ["first step", "later step", "message", "slow"])
@pytest.mark.parametrize("carrier", ["plain", "direct", "loop"])
@pytest.mark.parametrize("cut", [0, 1, 3])
def test_an_app_receives_all_before_the_end(loop, kind, where, carrier, cut):
    """`cut`: pieces that arrive before the app does what it does."""
    is_websocket = kind in (Messages, StreamMessages)
    if where == "first step" and (is_websocket or cut):
        pytest.skip("its client has sent nothing yet")
    if where != "slow" and loop == "uvloop":
        pytest.skip("uvloop cannot run within itself")
    if where in ("first step", "message") and carrier == "loop":
        pytest.skip("asyncio calls a transport of its own in a context that it cannot enter twice")
    if where == "message" and not cut:
        pytest.skip("nothing has begun a message")
    app = App(where)
    secure = {} if carrier == "plain" else {**FILES, "ssl_transport": carrier}
    server = Live(app, loop=loop, write_high_water=2000, ws_max_queue=2, **secure)
    context = client_context() if secure else None
    port = server.server.ports[0]
    with Talker(port, kind.kind, secure) as talker, server.connect(context) as other:
        client, handover = kind(talker), Handover()
        # After the end of TCP uvloop's TLS forgets what it keeps for a protocol that has paused.
        talker.half_closes = (loop, carrier) != ("uvloop", "loop")

        def meanwhile():
            with handover:
                client.end(PIECES[cut:], close(1000) if is_websocket and cut else b"")
                if where != "slow":
                    run_nested()

        app.meanwhile = meanwhile
        client.begin(PIECES[:cut])
        handover.let_app()
        other.send(FLOOD)
        assert other.response("POST").status == 200
        assert app.is_over.wait(WAIT)
    received = app.received if is_websocket else [b"".join(app.received)]
    assert app.end.get("code") == ((1000 if cut else 1006) if is_websocket else None)
    assert received == (PIECES if is_websocket else [b"".join(PIECES)])
    assert server.stop() is None
