"""Whole HTTP/2 connections: clients, a network, a clock and apps that do anything, as in
connections.py, and what always holds: a stream is one call and one answer, windows are kept, no more
apps run than streams are allowed, and at the end nothing is left.
"""

import gc
import random
import sys
import weakref
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "server"))
sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2]))  # first: tests/httpparser is not the package

from connections import LONG, Behaviour, Call, Link
from http1.loop import Loop
from http1.served import Served
from http2 import frames as f
from http2.client import HEAD, Connection, Stream
from http2.websockets import handshake, masked

STREAMS = 4  # at a time
RATE = 1 << 20  # of what is counted by the second of the real clock
MOST_UNSENT = 200_000  # bytes in a transport
BAD = (
    f.data(0, b"x"), f.headers(2, f.GET), f.window(0, 0), f.settings((2, 7)), b"\0\0\1\6\0\0\0\0\0x",
    f.headers(1, b"\x80"), f.continuation(1, b""), f.push_promise(1, 2, f.GET), f.goaway(),
    f.priority(0), f.frame(200, 0, 0, b"x"), f.priority_update(0, b"u=1"), b"\xff" * 9,
)  # fmt: skip
FRAMES = (masked(1, b"abc"), masked(9), masked(8, b"\x03\xe8"), b"\x81\x01x", masked(2, bytes(999)))


class Request:
    """What is sent on one stream: parts of a body, then its end."""

    def __init__(self, chance: random.Random, number: int) -> None:
        self.number = number
        self.path = f"/{number}"
        self.websocket = chance.random() < 0.1
        self.method = (
            "CONNECT" if self.websocket else chance.choice(("GET", "HEAD", "POST", "POST"))
        )
        self.sent = b""
        self.credited = 0  # bytes of DATA frames, padding included
        self.ended = False  # END_STREAM was sent
        self.cancelled = False  # RST_STREAM was
        self.malformed = False
        self.parts: list[bytes] = []
        if self.websocket:
            self.parts = list(chance.choices(FRAMES, k=chance.randrange(4)))
        elif self.method == "POST":
            size = chance.choice((1, 100, 20_000))
            self.parts = [chance.randbytes(size) for _ in range(chance.choice((0, 1, 3)))]

    def head(self, chance: random.Random) -> bytes:
        path = self.path.encode()
        if self.websocket:
            return f.headers(self.number, handshake(path=path), end=False)
        fields = f.request(self.method.encode(), path)
        if self.method == "POST" and chance.random() < 0.3:
            fields.append((b"content-length", b"%d" % sum(map(len, self.parts))))
        if chance.random() < 0.2:
            fields.append((b"priority", chance.choice((b"u=0", b"u=7", b"i"))))
        if chance.random() < 0.1:
            fields.append((b"expect", b"100-continue"))
        if chance.random() < 0.05:
            fields.append((b"connection", b"close"))
            self.malformed = True
        self.ended = self.method != "POST"
        return f.headers(self.number, fields, end=self.ended)


class Client:
    """What the strict client reads and writes."""

    tolerant = False

    def __init__(self, link: Link) -> None:
        self.link = link
        self.data = b""
        self.seen = 0
        self.ended = False

    def more(self) -> bool:
        return False

    def send(self, *pieces: bytes) -> None:
        if not self.link.lost:
            self.link.send(b"".join(pieces))


class Peer:
    """One client: its streams, its connection, and what came of them."""

    def __init__(self, play: "Play", number: int, garbage: bytes) -> None:
        chance = play.chance
        self.play = play
        self.garbage = garbage
        self.address = ("10.0.0.1", number)
        self.behaviour = Behaviour(random.Random(chance.random()))
        self.calls: list[Call] = []
        self.requests: dict[int, Request] = {}
        self.next = 1
        self.sent = 0  # bytes of DATA
        self.gone = self.spoilt = False
        self.link = Link(
            play.loop, play.served.service.connection(),
            room=chance.choice((None, None, 0, 3000, 100_000)), peername=self.address,
        )  # fmt: skip
        self.link.written = b""
        self.client = Client(self.link)
        self.wire = Connection(self.client, windows=chance.random() < 0.7)
        initial = chance.choice((None, 0, 1000, 100_000))
        pairs = [] if initial is None else [(f.INITIAL_WINDOW_SIZE, initial)]
        self.wire.initial = f.WINDOW if initial is None else initial
        self.link.send(f.PREFACE + f.settings(*pairs))

    # -- events

    def send(self, data: bytes) -> None:
        """In a segment, or in two."""
        if self.gone or not data:
            return
        at = self.play.chance.randrange(len(data)) if self.play.chance.random() < 0.3 else 0
        self.link.send(data[:at], data[at:])

    def open(self) -> None:
        if self.gone:
            return
        request = Request(self.play.chance, self.next)
        self.requests[self.next] = request
        self.next += 2
        self.wire.stream(request.number).method = request.method
        self.send(request.head(self.play.chance))

    def request(self) -> Request | None:
        """One that is not complete."""
        found = [one for one in self.requests.values() if not (one.ended or one.cancelled)]
        return self.play.chance.choice(found) if found else None

    def send_body(self) -> None:
        """As the server's windows allow it."""
        request = self.request()
        if request is None or self.spoilt or self.gone:
            return
        if not request.parts:
            request.ended = True
            self.send(f.data(request.number, end=True))
            return
        initial = self.wire.settings.get(f.INITIAL_WINDOW_SIZE, f.WINDOW)
        room = min(
            initial + self.wire.stream(request.number).credit - request.credited,
            f.WINDOW + self.wire.credit - self.sent,
            f.FRAME,
        )
        part = request.parts[0][: max(0, room)]
        if not part:
            return
        request.parts[0] = request.parts[0][len(part) :]
        if not request.parts[0]:
            del request.parts[0]
        request.sent += part
        request.credited += len(part)
        self.sent += len(part)
        self.send(f.data(request.number, part))

    def cancel(self) -> None:
        chance = self.play.chance
        if self.requests:
            request = chance.choice(list(self.requests.values()))
            request.cancelled = True
            self.send(f.reset(request.number, chance.choice((0, 5, 8))))

    def control(self) -> None:
        chance = self.play.chance
        number = chance.choice([0, *self.requests])
        match chance.randrange(5):
            case 0:
                self.send(f.ping(chance.randbytes(8)))
            case 1:
                # A smaller one would be known to the server only later.
                self.send(self.wire.resize(self.wire.initial + chance.choice((0, 1000, 100_000))))
            case 2 | 3:
                self.send(self.wire.grant(number, chance.choice((1, 1000, 100_000))))
            case _ if number:
                self.send(f.priority_update(number, chance.choice((b"u=0", b"u=7, i"))))

    def spoil(self) -> None:
        self.spoilt = True
        self.send(self.play.chance.choice((*BAD, self.garbage[:500])))

    def end(self) -> None:
        if not self.gone:
            self.gone = True
            self.link.send_end()

    def go(self) -> None:
        if not self.gone:
            self.gone = True
            self.play.chance.choice((self.link.leave, self.link.reset))()

    def read_all(self) -> None:
        """Open what is shut."""
        self.link.take()
        if not self.spoilt:
            self.send(self.wire.resize(self.wire.initial + (1 << 20)) + self.wire.grant(0, 1 << 24))

    # -- the app's side

    def begin(self, call: Call) -> None:
        self.calls.append(call)
        number = int(call.path[1:])
        assert number in self.requests, f"{call.path} was not sent"
        assert sum(other.path == call.path for other in self.calls) == 1, "one call for a stream"
        request = self.requests[number]
        assert request.websocket == (call.kind == "websocket")
        assert request.websocket or call.method == request.method
        assert not request.malformed, "a malformed request reaches the app"
        assert not self.link.lost, "the app is called for a connection that is lost"
        running = [other for other in self.calls if other.outstanding and not self.refused(other)]
        assert len(running) <= STREAMS, f"{len(running)} apps run"

    def refused(self, call: Call) -> bool:
        """The server has answered in place of the app, which has yet to notice."""
        stream = self.wire.stream(int(call.path[1:]))
        self.read()
        return bool(stream.status) and stream.get(b"x-call") is None

    # -- rules

    def check(self) -> None:
        self.read()
        for call in self.calls:
            if call.kind == "http":
                self.check_body(call)
                self.check_answer(call, self.wire.stream(int(call.path[1:])))
        assert len(self.link.unsent) <= MOST_UNSENT, f"{len(self.link.unsent)} bytes wait"
        assert not self.link.faults, self.link.faults

    def read(self) -> None:
        """The strict client takes in all whole frames that were written."""
        self.client.data += self.link.written[self.client.seen :]
        self.client.seen = len(self.link.written)
        data = self.client.data
        while len(data) >= HEAD and len(data) >= HEAD + int.from_bytes(data[:3], "big"):
            self.wire.read()
            data = self.client.data

    def check_body(self, call: Call) -> None:
        request = self.requests[int(call.path[1:])]
        assert request.sent.startswith(call.taken)
        whole = call.taken == request.sent and request.ended
        assert not call.read_all or whole, "the app has read an end that was not sent"

    def check_answer(self, call: Call, stream: Stream) -> None:
        if not stream.status or stream.get(b"x-call") is None:
            return  # not the app's
        assert stream.get(b"x-call") == b"%d" % call.number
        if call.method != "HEAD":
            assert call.given.startswith(stream.body), "a body that the app has not given"
            if stream.ended:
                assert call.last_given, "an answer ends before the app has ended it"
                assert stream.body == call.given, (len(stream.body), len(call.given))

    def check_progress(self) -> None:
        """Nothing is ready to run: what is complete, and not held up, was sent."""
        link, wire = self.link, self.wire
        if link.closing or link.congested or self.gone or self.spoilt or wire.goaways:
            return
        for call in self.calls:
            stream = wire.stream(int(call.path[1:]))
            request = self.requests[stream.number]
            if call.kind != "http" or not call.complete or request.cancelled:
                continue
            if stream.window > 0 and wire.window > 0:
                assert stream.over, (
                    f"the answer of {call.path} is not sent: {stream.window} {wire.window} {len(call.given)} {wire}"
                )

    def check_ends(self) -> None:
        """After every deadline only an app that works holds a connection."""
        if not self.link.lost:
            working = [call for call in self.calls if not call.ended]
            assert working, f"a connection without a call is left: {self.wire}"


class Play:
    """A loop, a server and some clients."""

    def __init__(self, chance: random.Random, garbage: bytes) -> None:
        self.chance = chance
        self.broken_rules: list[AssertionError] = []
        self.loop = Loop()
        draw = chance.choice
        self.served = Served(
            self.loop,
            self.app,
            date_header=False,
            write_high_water=draw((1, 2000, 65_536)),
            h2_max_concurrent_streams=STREAMS,
            h2_max_resets=RATE,
            h2_max_control_frames=RATE,
            h2_max_window_size=draw((65_535, 1 << 18)),
            h2_ping_interval=draw((0.0, 0.0, 3.0)),
            h2_ping_timeout=3.0,
            timeout_first_byte=5.0,
            timeout_head=5.0,
            timeout_body=5.0,
            timeout_keep_alive=5.0,
            timeout_send=5.0,
            ws_ping_interval=5.0,
            ws_ping_timeout=5.0,
        )
        self.peers = [Peer(self, number, garbage) for number in range(draw((1, 1, 2)))]

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        peer = self.peers[scope["client"][1]]
        name = scope["path"][1:]
        if peer.spoilt and not (name.isdigit() and int(name) in peer.requests):
            return  # garbage that happens to be a request
        call = Call(peer, scope, receive, send)  # type: ignore[arg-type]
        try:
            peer.begin(call)
        except AssertionError as error:  # which the server would take for a failure of the app
            self.broken_rules.append(error)
        try:
            await peer.behaviour.choose(call)(call)
        except BaseException:
            call.failed = True
            raise
        finally:
            call.ended = True

    # -- events

    def step(self) -> None:
        chance = self.chance
        peer = chance.choice(self.peers)
        match chance.randrange(32):
            case 0 | 1 | 2 | 3 | 4 | 5:
                peer.open()
            case 6 | 7 | 8 | 9 | 10:
                peer.send_body()
            case 11 | 12 | 13:
                self.loop.turn()
            case 14 | 15 | 16 | 17 | 18:
                self.settle()
            case 19 | 20:
                peer.link.take(chance.choice((100, 3000, 100_000)))
            case 21 | 22 | 23:
                peer.behaviour.open_a_gate()
            case 24 | 25:
                peer.control()
            case 26:
                peer.cancel()
            case 27 | 28:
                self.loop.advance(chance.choice((0.1, 1, 2, 7)))
            case 29:
                peer.read_all()
            case 30 if chance.random() < 0.3:
                chance.choice((peer.end, peer.go, peer.spoil))()
            case 31 if chance.random() < 0.2:
                self.served.service.drain()
        self.check()

    def settle(self) -> None:
        """Until the clients have nothing to say to what they read either."""
        written = -1
        while written != (written := sum(len(peer.link.written) for peer in self.peers)):
            self.loop.settle()
            self.check()
        for peer in self.peers:
            peer.check_progress()

    def check(self) -> None:
        for error in self.broken_rules:
            raise error
        assert not self.loop.failures, self.loop.failures
        for peer in self.peers:
            peer.check()

    # -- the end

    def finish(self) -> None:
        for peer in self.peers:
            peer.behaviour.open_gates()
            match self.chance.randrange(3):
                case 0:
                    peer.read_all()
                    peer.end()
                case 1:
                    peer.go()
        self.settle()
        self.loop.advance(LONG)
        self.check()
        for peer in self.peers:
            peer.check_ends()

    def stop(self) -> None:
        """Nothing is left."""
        service = self.served.service
        service.abort()
        self.loop.settle()
        self.check()
        for peer in self.peers:
            assert peer.link.lost
            assert all(call.ended for call in peer.calls), "an app's call is left"
        assert service.active == 0
        assert service.idle
        service.stop()
        self.loop.settle()
        assert not self.loop.failures, self.loop.failures


def play(chance: random.Random, garbage: bytes) -> list[bytes]:
    """One play, from the first byte to what is left of it: nothing. What the server wrote."""
    current = Play(chance, garbage)
    try:
        for _ in range(chance.choice((10, 40, 120))):
            current.step()
        current.finish()
        current.stop()
        written = [bytes(peer.link.written) for peer in current.peers]
        links = [weakref.ref(peer.link) for peer in current.peers]
    finally:
        current.loop.close()
    del current
    gc.collect()
    assert not any(link() for link in links), "something holds a connection that has ended"
    return written
