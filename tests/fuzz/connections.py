"""Whole connections: clients, a network, a clock and apps that do anything, and what always holds.

A play draws all of it from one source of chance. After each event the rules are checked that the
connection's table promises (docs/architecture.md); at the end, that nothing is left of it.
"""

import asyncio
import contextlib
import gc
import itertools
import random
import sys
import weakref
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2]))  # first: tests/httpparser is not the package

from http1.apps import body, start
from http1.loop import Loop
from http1.served import PARSERS, Served
from http1.transport import Transport
from wire import Client, Response

LARGEST_SEGMENT = 2000
LARGEST_MESSAGE = 3000
HEADS = 1000  # bytes of a few heads
LONG = 300.0  # seconds in which every deadline passes


class Request:
    """What is sent, and what the app is to see of it. `wire` maps body bytes to bytes sent."""

    def __init__(self, method: str, path: str, head: bytes, parts: list[bytes], framing: str):
        self.method, self.path = method, path
        self.head = head
        self.body = b"".join(parts)
        data = bytearray(head)
        self.spans: list[tuple[int, int]] = []  # of the body, in the request
        for part in parts:
            if framing == "chunked":
                data += b"%x\r\n" % len(part)
            self.spans.append((len(data), len(data) + len(part)))
            data += part
            if framing == "chunked":
                data += b"\r\n"
        if framing == "chunked":
            data += b"0\r\n\r\n"
        self.data = bytes(data)
        self.has_body = len(self.data) > len(head)  # an empty one may still have its last chunk

    def body_in(self, count: int) -> int:
        """How many bytes of the body are among the first `count` of the request."""
        return sum(max(0, min(stop, count) - begin) for begin, stop in self.spans)


def make_request(chance: random.Random, number: int) -> Request:
    path = f"/{number}"
    method = chance.choice(("GET", "GET", "GET", "HEAD", "POST", "POST", "PUT"))
    version = chance.choice((b"1.1",) * 9 + (b"1.0",))
    lines = [f"{method} {path} HTTP/".encode() + version, b"Host: h"]
    if chance.random() < 0.1:
        lines.append(b"Connection: " + chance.choice((b"close", b"keep-alive", b"upgrade")))
    if chance.random() < 0.1:
        lines.append(b"TE: trailers")
    parts: list[bytes] = []
    framing = "none"
    if method in ("POST", "PUT"):
        size = chance.choice((1, 10, 300, 1000))
        count = chance.choice((0, 1, 1, 2, 5, 20))
        parts = [chance.randbytes(chance.randrange(1, size + 1)) for _ in range(count)]
        if version == b"1.1" and chance.random() < 0.5:
            framing = "chunked"
            lines.append(b"Transfer-Encoding: chunked")
        else:
            framing = "length"
            lines.append(b"Content-Length: %d" % sum(map(len, parts)))
        if chance.random() < 0.2:
            lines.append(b"Expect: 100-continue")
    head = b"\r\n".join([*lines, b"", b""])
    if number and chance.random() < 0.05:
        head = b"\r\n" + head
    return Request(method, path, head, parts, framing)


HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
FRAMES = (b"\x81\x83\0\0\0\0abc", b"\x89\x80\0\0\0\0", b"\x88\x80\0\0\0\0", b"\xff")
BAD = (
    b"GET / HTTP/1.1\r\n\r\n", b"\0", b"GET /\r\n", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: x"
    b"\r\n\r\n", b"CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n",
)  # fmt: skip


class Incomplete(Exception):
    """More is to come."""


class Reader(Client):
    """Responses in what the server has written so far."""

    def __init__(self) -> None:
        self.data = b""
        self.ended = False
        self.tolerant = False

    def more(self) -> bool:
        if self.ended:
            return False
        raise Incomplete


class Link(Transport):
    """A transport that remembers everything that it was given to write."""

    written: bytes

    def deliver(self) -> None:
        """The next segment now, whatever else runs."""
        self._deliver()

    def write(self, data: Any) -> None:
        if not self.closing and not self.deserted:
            self.written += data
        super().write(data)


class Call:
    """One call of the app, as the app sees it."""

    def __init__(self, peer: "Peer", scope: Any, receive: Any, send: Any) -> None:
        self.peer = peer
        self.kind = scope["type"]
        self.method = scope.get("method", "GET")
        self.path = scope["path"]
        self.number = len(peer.calls)
        self.head_is_out = False
        self.given = b""  # the response's body
        self.taken = b""  # the request's
        self.read_all = False
        self.last_given = False  # the last body, whatever became of it
        self.complete = False  # and it was taken
        self.ended = False
        self.failed = False  # raised, or returned too early
        self.waits = ""
        self._receive, self._send = receive, send

    @property
    def outstanding(self) -> bool:
        return not self.complete and not self.ended

    async def receive(self) -> Any:
        self.waits = "receive"
        message = await self._receive()
        self.waits = ""
        if message["type"] == "http.request":
            self.taken += message["body"]
            self.read_all = not message["more_body"]
        return message

    async def read(self) -> bool:
        """The whole body; false: the client has gone."""
        while not self.read_all:
            if (await self.receive())["type"] == "http.disconnect":
                return False
        return True

    async def start(self, *headers: tuple[bytes, bytes]) -> None:
        await self._send(start(200, (b"x-call", b"%d" % self.number), *headers))

    async def body(self, data: bytes = b"", more: bool = False) -> None:
        """What is given counts from the call on, and not from its end."""
        self.given += data
        self.last_given = self.complete = not more
        self.waits = "send"
        try:
            await self._send(body(data, more))
        except OSError:
            self.complete = False
            raise
        finally:
            self.waits = ""


class Behaviour:
    """What an app may do."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.gates: list[asyncio.Event] = []
        self.open = False

    async def gate(self) -> None:
        if not self.open:
            event = asyncio.Event()
            self.gates.append(event)
            await event.wait()

    def open_a_gate(self) -> None:
        if self.gates:
            self.gates.pop(self.chance.randrange(len(self.gates))).set()

    def open_gates(self) -> None:
        self.open = True
        while self.gates:
            self.open_a_gate()

    def some(self) -> bytes:
        return b"x" * self.chance.choice((0, 1, 10, 100, 1000, LARGEST_MESSAGE))

    async def pause(self) -> None:
        """Not at all, for a turn, for a while, or until the play lets it go on."""
        match self.chance.randrange(5):
            case 0 | 1:
                pass
            case 2:
                await asyncio.sleep(0)
            case 3:
                await asyncio.sleep(self.chance.choice((0.1, 3)))
            case _:
                await self.gate()

    async def immediate(self, call: Call) -> None:
        data = self.some()
        await call.start((b"content-length", b"%d" % len(data)))
        await call.body(data)

    async def suspending(self, call: Call) -> None:
        await self.pause()
        await self.immediate(call)

    async def reading(self, call: Call) -> None:
        await self.pause()
        if await call.read():
            await self.immediate(call)
        else:
            call.failed = True

    async def streaming(self, call: Call) -> None:
        await call.start()
        for _ in range(self.chance.randrange(1, 6)):
            await call.body(self.some(), True)
            await self.pause()
        await call.body(self.some())

    async def echoing(self, call: Call) -> None:
        await call.start()
        while not call.read_all:
            message = await call.receive()
            if message["type"] == "http.disconnect":
                call.failed = True
                return
            await call.body(message["body"], message["more_body"])
            await self.pause()
        if not call.complete:
            await call.body()

    async def flooding(self, call: Call) -> None:
        await call.start()
        for _ in range(self.chance.randrange(5, 30)):
            await call.body(b"x" * LARGEST_MESSAGE, True)
        await call.body()

    async def impatient(self, call: Call) -> None:
        """Gives up on receive() and goes on."""
        for _ in range(3):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.chance.choice((0, 0.5, 2))):
                    await call.read()
                    break
        await self.immediate(call)

    async def busy_behind(self, call: Call) -> None:
        """Goes on after its answer."""
        await self.immediate(call)
        await self.gate()
        if self.chance.random() < 0.5:
            await call.receive()

    async def failing(self, call: Call) -> None:
        call.failed = True
        for step in (self.pause, call.read, call.start, lambda: call.body(b"abc", True)):
            if self.chance.random() < 0.3:
                break
            await step()
        match self.chance.randrange(4):
            case 0:
                raise ValueError("the app fails")
            case 1:
                raise asyncio.CancelledError
            case 2:
                raise OSError("the app fails")

    async def never_ending(self, call: Call) -> None:
        if self.chance.random() < 0.5:
            await call.start()
            await call.body(b"abc", True)
        call.waits = "for ever"
        await asyncio.Event().wait()

    async def nesting(self, call: Call) -> None:
        """Runs the loop from within its step, as nest_asyncio lets it."""
        await call.start()
        for _ in range(self.chance.randrange(4)):
            for peer in call.peer.play.peers:
                peer.link.deliver()
        await call.body(self.some())

    async def websocket(self, call: Call) -> None:
        await call._receive()
        await self.pause()
        if self.chance.random() < 0.2:
            return await call._send({"type": "websocket.close"})
        await call._send({"type": "websocket.accept"})
        while (message := await call._receive())["type"] != "websocket.disconnect":
            data = message.get("bytes") or message.get("text", "").encode()
            await call._send({"type": "websocket.send", "bytes": data})
            await self.pause()
        return None

    def choose(self, call: Call) -> Any:
        if call.kind == "websocket":
            return self.websocket
        return self.chance.choice(
            (self.immediate, self.immediate, self.suspending, self.reading, self.reading,
             self.streaming, self.echoing, self.flooding, self.impatient, self.busy_behind,
             self.failing, self.never_ending, self.nesting)
        )  # fmt: skip


class Peer:
    """One client: what it has to send, its connection, and what came of it."""

    def __init__(self, play: "Play", number: int, garbage: bytes) -> None:
        chance = play.chance
        self.play = play
        self.address = ("10.0.0.1", number)
        # Its own chance: the order in which connections are swept is no part of the play.
        self.behaviour = Behaviour(random.Random(chance.random()))
        self.requests = [make_request(chance, at) for at in range(chance.randrange(1, 9))]
        self.stream = b"".join(request.data for request in self.requests)
        match chance.randrange(6):
            case 0:
                self.stream += HANDSHAKE + b"".join(chance.choices(FRAMES, k=3))
            case 1:
                self.stream += chance.choice(BAD) + self.stream
            case 2:
                self.stream += garbage
        sizes = [len(request.data) for request in self.requests]
        self.begins = list(itertools.accumulate(sizes, initial=0))  # of requests in the stream
        self.known = self.begins[-1]
        self.at = 0  # in the stream
        self.calls: list[Call] = []
        self.answered = 0
        self.reader = Reader()
        self.seen = 0  # of what was written
        self.last = False  # an answer that ends the connection was seen
        self.upgraded = False
        self.gone = False  # the client has ended its side, or the connection
        room = chance.choice((None, None, 0, 100, 3000))
        self.link = Link(
            play.loop, play.served.service.connection(), room=room, peername=self.address
        )
        self.link.written = b""

    # -- events

    def send(self) -> None:
        size = self.play.chance.choice((1, 5, 50, 300, LARGEST_SEGMENT))
        for _ in range(self.play.chance.choice((1, 1, 1, 3))):
            segment = self.stream[self.at : self.at + self.play.chance.randrange(1, size + 1)]
            self.at += len(segment)
            if segment and not self.gone:
                self.link.send(segment)

    def end(self) -> None:
        if not self.gone:
            self.gone = True
            self.link.send_end()

    def go(self) -> None:
        if not self.gone:
            self.gone = True
            self.play.chance.choice((self.link.leave, self.link.reset))()

    # -- the app's side

    def begin(self, call: Call) -> None:
        """RFC 9112 9.3.2: one after the other, each once."""
        self.calls.append(call)
        lost = self.link.lost and call.kind == "http"
        assert not lost, "the app is called for a connection that is lost"
        assert not self.last, "the app is called behind the last answer"
        assert not any(other.outstanding for other in self.calls[:-1]), "two requests at a time"
        # A handshake's app runs in a task of its own, after the answers of the same turn were sent.
        held = self.link.congested and call.kind == "http"
        assert not held, "a request is started that nobody reads the answer of"
        if call.kind == "http" and call.number < len(self.requests):
            request = self.requests[call.number]
            assert (call.method, call.path) == (request.method, request.path)

    # -- rules

    def check(self) -> None:
        self.check_answers()
        self.check_bodies()
        self.check_read_ahead()
        self.check_written()
        assert not self.link.faults, self.link.faults

    def check_answers(self) -> None:
        """What is written is one whole answer after the other, each that of its request."""
        written, reader = self.link.written, self.reader
        if self.upgraded or (len(written) == self.seen and not self.link.lost):
            return
        reader.data += written[self.seen :]
        self.seen = len(written)
        reader.ended = self.link.closing and not self.link.deserted
        while reader.data:
            assert not self.last, f"bytes after the end: {reader.data[:80]!r}"
            call = self.calls[self.answered] if self.answered < len(self.calls) else None
            before = reader.data
            try:
                found = reader.response(call.method if call is not None else self.next_method())
            except (Incomplete, AssertionError):
                if reader.ended and self.broken(call):
                    self.last = True
                    reader.data = b""
                    return
                reader.data = before
                if reader.ended:
                    raise
                return
            self.check_answer(found, call)

    def next_method(self) -> str:
        """Of a request that the app has not seen; one that is not known may be a HEAD as well."""
        number = len(self.calls)
        if number < len(self.requests):
            return self.requests[number].method
        return "HEAD" if b"HEAD " in self.stream[self.known :] else "GET"

    def broken(self, call: Call | None) -> bool:
        """The server may leave this answer unfinished, and close."""
        return call is None or not call.complete or self.play.ended_early

    def check_answer(self, found: Response, call: Call | None) -> None:
        number = found.get(b"x-call")
        self.last = found.closes or found.framing == "close"
        if found.framing == "close" and (call is None or not call.last_given):
            assert self.broken(call), "an answer ends before the app has ended it"
            return
        if found.status == 101 or (call is not None and call.kind == "websocket"):
            self.upgraded = True
            return
        if number is None:
            assert found.closes, found
            if found.framing == "none":
                self.reader.data = b""  # of a method that could not be known
            if call is not None:
                own = call.failed or call.ended or self.requests_body(call)
                assert own, f"an answer of the server's overtakes the app's: {found}"
            return
        assert call is not None, found
        assert int(number) == call.number, (found, call.number)
        if found.framing != "none":
            assert call.last_given, "an answer ends before the app has ended it"
            assert found.body == call.given, (len(found.body), len(call.given))
        self.answered += 1

    def requests_body(self, call: Call) -> bool:
        return call.number >= len(self.requests) or self.requests[call.number].has_body

    def check_bodies(self) -> None:
        """The app gets the body that was sent."""
        for call in self.calls[-2:]:
            if call.kind == "http" and call.number < len(self.requests):
                sent = self.requests[call.number].body
                assert sent.startswith(call.taken)
                assert not call.read_all or call.taken == sent

    def check_read_ahead(self) -> None:
        """Not more is read than the limits say, the rest of one segment, and one that an app lets
        in while the first is taken."""
        if not self.calls or len(self.calls) > len(self.requests):
            return
        if self.link.closing or self.link.ending:
            return  # what comes now is thrown away
        call = self.calls[-1]
        config = self.play.served.config
        delivered = self.link.delivered - self.begins[call.number]
        ahead = delivered - len(self.requests[call.number].data)
        if call.outstanding:
            waiting = self.requests[call.number].body_in(delivered) - len(call.taken)
            assert waiting <= config.write_high_water + 2 * LARGEST_SEGMENT, f"{waiting} of a body"
            assert ahead <= config.pipeline_bytes + 2 * LARGEST_SEGMENT, f"{ahead} bytes read ahead"
        elif self.link.congested:  # a request may be held whose body has begun to arrive
            most = config.pipeline_bytes + config.write_high_water + 3 * LARGEST_SEGMENT
            assert ahead <= most, f"{ahead} bytes read ahead of a client that does not read"

    def check_written(self) -> None:
        """What waits for a client that does not read is one step of the app and the mark."""
        config = self.play.served.config
        most = 2 * (config.write_high_water + LARGEST_MESSAGE + HEADS)
        assert len(self.link.unsent) <= most, f"{len(self.link.unsent)} bytes wait"

    def check_progress(self) -> None:
        """Nothing is ready to run: what is complete is written, and what could begin has begun."""
        link = self.link
        if link.closing or link.ending or self.upgraded or self.last:
            return
        complete = sum(call.complete for call in self.calls if call.kind == "http")
        until_close = b" HTTP/1.0" in self.stream[: self.known]
        assert self.answered >= complete - until_close, "an answer is not written"
        if any(call.outstanding for call in self.calls) or link.congested:
            return
        assert link.reading or self.gone, "a connection is not read that nothing else will end"
        number = len(self.calls)
        if self.play.draining or self.play.served.config.limit_concurrency:
            return
        if number < len(self.requests):
            head = self.begins[number] + len(self.requests[number].head)
            assert link.delivered < head, "a request is not begun"

    def check_ends(self) -> None:
        """After every deadline has passed, only an app that works holds a connection."""
        if self.link.lost:
            return
        call = self.calls[-1] if self.calls else None
        assert call is not None, "a connection without a call is left"
        assert not call.ended, f"a connection is left whose app has ended: {self.calls}"
        assert not call.complete, "a connection is left whose answer is complete"
        assert call.waits == "for ever", f"the app waits in {call.waits!r}"


class Play:
    """A loop, a server and some clients."""

    loop: Loop

    def __init__(self, chance: random.Random, garbage: bytes) -> None:
        self.chance = chance
        self.ended_early = False  # a deadline may have cut an answer
        self.draining = False
        self.broken_rules: list[AssertionError] = []
        self.loop = Loop()
        draw = chance.choice
        self.served = Served(
            self.loop,
            self.app,
            http=draw(PARSERS),
            date_header=False,
            pipeline_bytes=draw((1, 100, 1000)),
            write_high_water=draw((1, 500, 2000)),
            drain_body=draw((0, 100, 3000)),
            limit_concurrency=draw((0, 0, 0, 2)),
            timeout_first_byte=5.0,
            timeout_head=5.0,
            timeout_body=5.0,
            timeout_keep_alive=5.0,
            timeout_send=5.0,
            ws_ping_interval=5.0,
            ws_ping_timeout=5.0,
        )
        self.peers = [Peer(self, number, garbage) for number in range(draw((1, 1, 2, 3)))]

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        peer = self.peers[scope["client"][1]]
        call = Call(peer, scope, receive, send)
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

    def tick(self) -> None:
        seconds = self.chance.choice((0.1, 1, 1, 2, 7))
        self.ended_early = True
        self.loop.advance(seconds)

    def step(self) -> None:
        peer = self.chance.choice(self.peers)
        match self.chance.randrange(32):
            case 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9:
                peer.send()
            case 10 | 11 | 12 | 13:
                self.loop.turn()
            case 14 | 15 | 16 | 17 | 18:
                self.settle()
            case 19 | 20 | 21:
                peer.link.take(self.chance.choice((1, 100, 1000, LARGEST_MESSAGE)))
            case 22:
                peer.link.take()
            case 23 | 24 | 25 | 26:
                peer.behaviour.open_a_gate()
            case 27 | 28:
                self.tick()
            case 29 if self.chance.random() < 0.3:
                peer.end()
            case 30 if self.chance.random() < 0.3:
                peer.go()
            case 31 if self.chance.random() < 0.2:
                self.draining = True
                self.served.service.drain()
        self.check()

    def settle(self) -> None:
        self.loop.settle()
        self.check()
        active = self.served.service.active  # one that waits for its turn is counted before
        assert active <= len(self.calls_in_progress()), "a request in progress is not begun"
        for peer in self.peers:
            peer.check_progress()

    def calls_in_progress(self) -> list[Call]:
        return [call for peer in self.peers for call in peer.calls if not call.ended]

    def check(self) -> None:
        for error in self.broken_rules:
            raise error
        assert not self.loop.failures, self.loop.failures
        begun = sum(call.kind == "http" for call in self.calls_in_progress())
        assert begun <= self.served.service.active
        for peer in self.peers:
            peer.check()

    # -- the end

    def finish(self) -> None:
        """The clients are silent, or read all and end their side, or go; the apps go on."""
        for peer in self.peers:
            peer.behaviour.open_gates()
            match self.chance.randrange(3):
                case 0:
                    peer.link.take()
                    peer.end()
                case 1:
                    peer.go()
        self.settle()
        self.ended_early = True
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
        for _ in range(chance.choice((10, 30, 100))):
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
