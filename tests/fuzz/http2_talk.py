"""A talk with an HTTP/2 session: frames that a client might send, right and wrong, in any order.

The client is the strict one of tests/http2: it takes nothing from the session that the protocol
forbids. What holds at the end is that nothing is left of the streams.
"""

import random
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "server"))
sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2]))  # first: tests/httpparser is not the package

import hpack
from http2 import frames as f
from http2.client import Connection

from httpparser.http2 import (
    Closed,
    Data,
    End,
    Event,
    GoAway,
    Pong,
    Refused,
    Request,
    ServerSession,
    SessionError,
    Trailers,
)

MOST_STREAMS = 5
RATE = 1 << 20  # of what is counted by the second: the clock is no part of a talk
SMALL = 50_000  # bytes that may wait for a client that opens no window


def session() -> ServerSession:
    return ServerSession(
        max_concurrent_streams=MOST_STREAMS, max_resets=RATE, max_control_frames=RATE
    )


def join(events: list[Event]) -> list[Any]:
    """Pieces of a body as one."""
    joined: list[Any] = []
    for event in events:
        last = joined[-1] if joined else None
        if isinstance(event, Data) and isinstance(last, Data) and last.stream_id == event.stream_id:
            joined[-1] = Data(event.stream_id, last.data + event.data)
        elif isinstance(event, Request):
            head = event.head
            joined.append((event.stream_id, head.method, head.target, head.headers))
        elif isinstance(event, Refused):
            joined.append((event.stream_id, type(event.error), str(event.error)))
        else:
            joined.append(event)
    return joined


class Unfed:
    """What `Connection` reads from: the bytes that the session gave."""

    ended = tolerant = False

    def __init__(self) -> None:
        self.data = b""

    def more(self) -> bool:
        return False

    def send(self, *pieces: bytes) -> None:
        """What a client answers by itself is sent by the talk."""


class Talk:
    """One connection; `chance` draws what each side does."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.session = session()
        self.client = Unfed()
        self.wire = Connection(self.client, acks=False, windows=False)
        self.open: dict[int, bool] = {}  # the streams that were told; whether their end was
        self.seen: set[int] = set()
        self.answering: set[int] = set()
        self.next = 1
        self.encoder = hpack.Encoder()
        self.feed(f.PREFACE + self.settings())

    # -- the client

    def settings(self) -> bytes:
        """The client's settings, which the strict client is told of as well."""
        pairs = []
        if self.chance.random() < 0.5:
            pairs.append((f.HEADER_TABLE_SIZE, self.chance.choice((0, 100, 4096))))
        if self.chance.random() < 0.5:
            pairs.append((f.MAX_FRAME_SIZE, self.chance.choice((16_384, 20_000))))
        if self.chance.random() < 0.5:
            pairs.append((f.INITIAL_WINDOW_SIZE, self.chance.choice((0, 1, 1000, 65_535, 100_000))))
        for name, value in pairs:
            if name == f.HEADER_TABLE_SIZE:
                self.wire.apply(name, value)
            elif name == f.MAX_FRAME_SIZE:
                self.wire.largest = max(self.wire.largest, value)
            elif value > self.wire.initial:  # the largest of all is what a stream may have
                self.wire.resize(value)
        return f.settings(*pairs)

    def number(self) -> int:
        """A stream, most often one that is there."""
        near = (self.next - 2, self.next - 2, self.next - 4, self.next)
        return max(0, self.chance.choice((*near, 0, 1, 2, 3)))

    def fields(self) -> list[tuple[bytes, bytes]]:
        chance = self.chance
        made = f.request(chance.choice((b"GET", b"POST", b"HEAD", b"CONNECT")), b"/%d" % self.next)
        extra = [(b"x-a", b"b" * chance.choice((0, 1, 100))), (b"cookie", b"a=b"), (b"te", b"trailers"),
                 (b"content-length", chance.choice((b"0", b"3", b"x"))), (b"priority", b"u=1, i"),
                 (b"X", b""), (b":path", b"/"), (b"host", b"h"), (b"connection", b"close"),
                 (b":protocol", b"websocket"), (b"expect", b"100-continue")]  # fmt: skip
        made += chance.sample(extra, chance.choice((0, 0, 1, 2)))
        if chance.random() < 0.1:
            del made[chance.randrange(len(made))]
        return made

    def block(self, fields: list[tuple[bytes, bytes]]) -> bytes:
        if self.chance.random() < 0.5:
            return bytes(self.encoder.encode(fields, huffman=self.chance.random() < 0.5))
        return f.block(fields)

    def request(self) -> bytes:
        number, self.next = self.next, self.next + 2
        block = self.block(self.fields())
        end = self.chance.random() < 0.5
        cut = self.chance.randrange(len(block) + 1)
        if self.chance.random() < 0.8:
            return f.headers(number, block, end=end)
        return f.headers(number, block[:cut], end=end, done=False) + f.continuation(
            number, block[cut:]
        )

    def frame(self) -> bytes:
        chance, number = self.chance, self.number()
        size = chance.choice((0, 1, 100, 5000))
        match chance.randrange(17):
            case 0 | 1 | 2 | 3 | 4:
                return self.request()
            case 5 | 6 | 7:
                pad = chance.choice((None, None, 0, 255))
                return f.data(number, bytes(size), end=chance.random() < 0.3, pad=pad)
            case 8:
                return f.headers(number, self.block([(b"x-trailer", b"a")]))
            case 9:
                return f.reset(number, chance.choice((0, 8, 1 << 31)))
            case 10:
                return self.settings()
            case 11:
                return f.ping(chance.randbytes(8), ack=chance.random() < 0.3)
            case 12 | 13:
                return self.wire.grant(
                    number, chance.choice((0, 1, 1000, 100_000, f.LARGEST_WINDOW))
                )
            case 14:
                return f.priority_update(number, chance.choice((b"u=1", b"u=7, i", b"\xff")))
            case 15:
                return f.frame(chance.randrange(20), chance.randrange(256), number, bytes(size))
            case _:
                return f.goaway(0) if chance.random() < 0.1 else f.priority(number)

    # -- the session

    def feed(self, data: bytes) -> None:
        self.see(self.session.feed(data))

    def see(self, events: list[Event]) -> None:
        """RFC 9113 8.1: head, body, trailers, end; nothing of a stream that is over."""
        for event in events:
            if isinstance(event, GoAway | Pong):
                continue
            number = event.stream_id
            if isinstance(event, Request) or (
                isinstance(event, Refused) and number not in self.open
            ):
                assert number not in self.seen, f"{event} comes twice"
                self.seen.add(number)
                self.open[number] = False
                assert len(self.open) <= MOST_STREAMS, "more streams than SETTINGS allow"
            elif isinstance(event, Closed):
                self.open.pop(number, None)
            else:
                assert number in self.open, f"{event} on a stream that is not open"
                assert not self.open[number], f"{event} after the end"
                self.open[number] = isinstance(event, End)
                assert isinstance(event, Data | Trailers | End | Refused), event

    def act(self) -> None:
        """Something that a server does."""
        chance, session = self.chance, self.session
        if not self.open:
            return
        number = chance.choice(list(self.open))
        try:
            match chance.randrange(7):
                case 0 | 1:
                    end = chance.random() < 0.3
                    status = chance.choice((200, 204, 404, 304))
                    session.respond(number, status, [(b"x-a", b"b" * chance.choice((1, 5000)))],
                                    end=end or status in (204, 304))  # fmt: skip
                    self.answering.add(number)
                case 2 | 3 if number in self.answering and session.unsent(number) < SMALL:
                    size = chance.choice((0, 1, 1000, 30_000))
                    session.send_data(number, bytes(size), end=chance.random() < 0.3)
                case 4 if number in self.answering:
                    session.send_trailers(number, [(b"x-sum", b"1")])
                case 5:
                    session.reset(number, chance.choice((2, 8)))
                case 6:
                    session.consume(number, chance.choice((1, 1000, 1 << 20)))
        except SessionError:
            pass  # a mistake of the server's, and said to be one

    def take(self) -> None:
        self.client.data += self.session.take()
        while self.client.data:
            self.wire.read()

    def run(self, steps: int) -> None:
        for _ in range(steps):
            match self.chance.randrange(5):
                case 0 | 1 | 2:
                    data = b"".join(self.frame() for _ in range(self.chance.choice((1, 1, 3))))
                    if self.chance.random() < 0.2:
                        at = self.chance.randrange(len(data) + 1)
                        self.feed(data[:at])
                        data = data[at:]
                    self.feed(data)
                case 3:
                    self.act()
                case _:
                    self.take()
        self.take()
        if self.session.over:
            late = self.session.feed(f.headers(self.next, f.GET))
            assert not any(isinstance(event, Request) for event in late), late
            self.see(late)
        self.see(self.session.lose())
        assert not self.open, f"streams are left: {self.open}"
