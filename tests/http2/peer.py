"""A client over the fake transport, and the fixtures of the tests of one HTTP/2 connection.

`Peer` speaks through httpparser's own client session; `peer.frame()` sends what that would not.
"""

import pytest
from http1.loop import Loop
from http1.served import Served

from httpparser.http2 import ClientSession
from httpparser.http2.events import Closed, Data, End, GoAway, Informational, Pong, Response

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW, CONTINUATION = (
    range(10)
)
END_STREAM, ACK, END_HEADERS, PADDED = 1, 1, 4, 8
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, REFUSED_STREAM, CANCEL, CALM = 0, 1, 2, 7, 8, 11
WEBSOCKET = ((b":protocol", b"websocket"), (b"sec-websocket-version", b"13"))


@pytest.fixture(name="loop")
def fixture_loop():
    loop = Loop()
    yield loop
    loop.close()


@pytest.fixture(name="serve")
def fixture_serve(loop):
    """`serve(app, **options)`: an app behind its service; nothing may have gone wrong at the end."""
    started = []

    def start(app, **options):
        started.append(Served(loop, app, **options))
        return started[-1]

    yield start
    for served in started:
        served.stop()


def frame(kind, flags=0, stream=0, payload=b""):
    return (
        len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload
    )


class Answer:
    """What came back on one stream."""

    def __init__(self):
        self.interim = []
        self.status = None
        self.headers = []
        self.body = bytearray()
        self.ended = False
        self.code = None  # of its end


class Peer:
    """A connection to `served`; it opens windows for what it receives unless `reads` is False."""

    def __init__(self, served, *, reads=True, window=65535, connection_window=1 << 20, **options):
        self.loop = served.loop
        self.transport = served.connect(**options)
        self.session = ClientSession(
            initial_window_size=window, connection_window_size=connection_window
        )
        self.reads = reads
        self.at = 0  # bytes of the server that were read
        self.answers = {}
        self.goaway = None
        self.pongs = 0
        self.settle()

    def settle(self):
        """Until neither side has anything to say."""
        while True:
            data = self.session.take()
            if data:
                self.transport.send(data)
            self.loop.settle()
            if not self.read() and not data:
                return

    def read(self):
        """Whether the server has said something."""
        data = bytes(self.transport.received[self.at :])
        self.at += len(data)
        for event in self.session.feed(data):
            self.note(event)
        return bool(data)

    def note(self, event):
        if isinstance(event, GoAway):
            self.goaway = event.code
        elif isinstance(event, Pong):
            self.pongs += 1
        else:
            answer = self.answers[event.stream_id]
            if isinstance(event, Informational):
                answer.interim.append(event.status)
            elif isinstance(event, Response):
                answer.status, answer.headers = event.status, event.headers
            elif isinstance(event, Data):
                answer.body += event.data
                if self.reads:
                    self.session.consume(event.stream_id, len(event.data))
            elif isinstance(event, End):
                answer.ended = True
            elif isinstance(event, Closed):
                answer.code = event.code

    def request(self, path=b"/", *fields, method=b"GET", data=None, end=True):
        """The number of a new stream. `data`: the beginning of its body, all of it with `end`."""
        head = [
            (b":method", method),
            (b":scheme", b"http"),
            (b":authority", b"h"),
            (b":path", path),
            *sorted(fields, key=lambda field: field[0][:1] != b":"),
        ]
        number = self.session.request(head, end=end and data is None)
        self.answers[number] = Answer()
        if data is not None:
            self.session.send_data(number, data, end=end)
        return number

    def send(self):
        """What waits, as one read of the server."""
        self.transport.send(self.session.take())

    def reset(self, number, code=CANCEL):
        """The request of a stream, then its reset, in one read of the server."""
        data = self.session.take()
        self.session.reset(number, code)
        self.transport.send(data + self.session.take())

    def get(self, path=b"/", *fields, **options):
        """The answer to a request."""
        number = self.request(path, *fields, **options)
        self.settle()
        return self.answers[number]

    def websocket(self, *fields):
        """The number of a stream that asks to be a WebSocket."""
        return self.request(b"/", *WEBSOCKET, *fields, method=b"CONNECT", end=False)

    def data(self, number, data, end=False):
        self.session.send_data(number, data, end=end)

    def frame(self, *arguments, **options):
        """Send one frame as it is, after what waits."""
        self.transport.send(self.session.take() + frame(*arguments, **options))

    @property
    def over(self):
        """The server has said that nothing more comes."""
        return self.transport.ended
