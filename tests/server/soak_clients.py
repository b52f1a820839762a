"""The clients of the soak: each does one kind of thing over and over, and checks what it gets.

A client's round returns how many answers it has checked. It raises Wrong for an answer that is not
the one that must come, and OSError or EOFError for one that does not come.
"""

import asyncio
import contextlib
import hashlib
import os
import random
import socket
import struct
import zlib
from collections import Counter
from dataclasses import dataclass, field

from soak_app import content

SEEDS = 65_536
LONGEST_ROUND = 90.0
BUFFERED = 65_536  # bytes that a client reads ahead before it stops reading its socket


class Wrong(Exception):
    """An answer that is not the one that must come."""


class Refused(Exception):
    """No connection could be made."""


@dataclass
class Answer:
    status: int
    headers: dict[bytes, bytes]
    body: bytes = b""

    @property
    def closes(self):
        return self.headers.get(b"connection", b"").lower() == b"close"


@dataclass
class Outcome:
    """What all clients have seen until now."""

    checked: int = 0
    closed: int = 0  # connections that the server ended with `Connection: close` or 1012
    turned_away: int = 0  # handshakes answered with 503 by a worker that stops
    faults: Counter = field(default_factory=Counter)
    first_faults: list[str] = field(default_factory=list)

    def note(self, kind, load, error):
        self.faults[kind] += 1
        if len(self.first_faults) < 10:
            self.first_faults.append(f"{kind} in {load}: {error!r}")


class Connection:
    """An open connection, read and written as bytes."""

    def __init__(self, site, reader, writer):
        self.site, self.reader, self.writer = site, reader, writer

    async def send(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def head(self):
        head = await self.reader.readuntil(b"\r\n\r\n")
        first, *lines = head[:-4].split(b"\r\n")
        if not first.startswith(b"HTTP/1.1 "):
            raise Wrong(f"not a status line: {first!r}")
        fields = (line.partition(b":") for line in lines)
        return Answer(int(first[9:12]), {name.lower(): value.strip() for name, _, value in fields})

    async def answer(self, method="GET"):
        """The next whole answer."""
        answer = await self.head()
        if method == "HEAD" or answer.status in (101, 204, 304):
            return answer
        if answer.headers.get(b"transfer-encoding") == b"chunked":
            answer.body = await self.chunks()
        elif b"content-length" in answer.headers:
            answer.body = await self.reader.readexactly(int(answer.headers[b"content-length"]))
        else:
            answer.body = await self.reader.read(-1)
        return answer

    async def chunks(self):
        parts = []
        while size := int((await self.reader.readuntil(b"\r\n"))[:-2], 16):
            parts.append(await self.reader.readexactly(size))
            await self.exactly(b"\r\n")
        await self.exactly(b"\r\n")
        return b"".join(parts)

    async def exactly(self, expected):
        if (found := await self.reader.readexactly(len(expected))) != expected:
            raise Wrong(f"{found!r} instead of {expected!r}")

    async def check(self, path, body, method="GET"):
        """The next answer must be this one; whether the connection goes on."""
        answer = await self.answer(method)
        if answer.status != 200:
            raise Wrong(f"{method} {path}: {answer.status} {answer.body[:100]!r}")
        if answer.headers.get(b"x-path") != path.encode():
            raise Wrong(f"{path}: the answer to {answer.headers.get(b'x-path')!r}")
        if answer.body != body:
            raise Wrong(f"{path}: {len(answer.body)} other bytes instead of {len(body)}")
        self.site.outcome.checked += 1
        if not answer.closes:
            return True
        self.site.outcome.closed += 1
        await self.end()
        return False

    async def end(self):
        """Nothing may follow an answer that closes. Requests that it left unanswered may have
        been met by a reset."""
        with contextlib.suppress(ConnectionResetError):
            if rest := await self.reader.read(100):
                raise Wrong(f"{rest!r} after the last answer")

    def reset(self):
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class Site:
    """A server's port, a source of chance and what came of it all."""

    def __init__(self, port, seed):
        self.port = port
        self.chance = random.Random(seed)
        self.outcome = Outcome()
        self.over = asyncio.Event()

    @contextlib.asynccontextmanager
    async def connect(self):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=BUFFERED)
        except OSError as error:
            raise Refused(str(error)) from error
        try:
            yield Connection(self, reader, writer)
        finally:
            if writer.transport.get_write_buffer_size():
                writer.transport.abort()  # the server may never read it
            else:
                writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def seed(self):
        return self.chance.randrange(SEEDS)

    async def rest(self, longest):
        """A moment in which the client does nothing, cut short at the end of the soak."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.over.wait(), self.chance.random() * longest)

    async def repeat(self, load, pause):
        while not self.over.is_set():
            try:
                async with asyncio.timeout(LONGEST_ROUND):
                    await load(self)
            except Refused as error:
                self.outcome.note("refused", load.__name__, error)
            except Wrong as error:
                self.outcome.note("wrong", load.__name__, error)
            except TimeoutError as error:
                self.outcome.note("silent", load.__name__, error)
            except (OSError, EOFError) as error:
                self.outcome.note("lost", load.__name__, error)
            await self.rest(pause)


def request(path, method="GET", fields=b"", body=b""):
    return f"{method} {path} HTTP/1.1\r\nHost: soak\r\n".encode() + fields + b"\r\n" + body


async def keep_alive(site):
    async with site.connect() as connection:
        for _ in range(100):
            seed, size = site.seed(), site.chance.choice((0, 5, 13, 1000, 20_000))
            kind, method = (
                site.chance.choice(("bytes", "later")),
                site.chance.choice(("GET", "HEAD")),
            )
            path = f"/{kind}/{seed}/{size}"
            await connection.send(request(path, method))
            body = content(seed, size) if method == "GET" else b""
            if not await connection.check(path, body, method) or site.over.is_set():
                return
            await site.rest(0.03)


async def pipelined(site):
    async with site.connect() as connection:
        for _ in range(20):
            seeds = [site.seed() for _ in range(16)]
            await connection.send(b"".join(request(f"/bytes/{seed}/100") for seed in seeds))
            for seed in seeds:
                if not await connection.check(f"/bytes/{seed}/100", content(seed, 100)):
                    return
            if site.over.is_set():
                return
            await site.rest(0.2)


async def pipelined_and_unread(site):
    """More than the server reads ahead and more answers than it may keep, read much later."""
    async with site.connect() as connection:
        seeds = [site.seed() for _ in range(200)]
        padding = b"X-Padding: " + b"p" * 500 + b"\r\n"
        for seed in seeds:
            connection.writer.write(request(f"/bytes/{seed}/20000", fields=padding))
        await site.rest(4)
        if site.chance.random() < 0.4:
            connection.reset()
            return
        for seed in seeds:
            if not await connection.check(f"/bytes/{seed}/20000", content(seed, 20_000)):
                return


async def cut_requests(site):
    async with site.connect() as connection:
        for _ in range(10):
            seed = site.seed()
            data = request(f"/bytes/{seed}/50", fields=b"Accept: */*\r\nX-Cut: here\r\n")
            while data:
                at = site.chance.randrange(1, 40)
                await connection.send(data[:at])
                data = data[at:]
                await site.rest(0.01)
            if not await connection.check(f"/bytes/{seed}/50", content(seed, 50)):
                return


async def uploads(site):
    async with site.connect() as connection:
        for _ in range(5):
            data = content(site.seed(), site.chance.choice((0, 1, 3000, 70_000, 400_000)))
            path = site.chance.choice(("/echo", "/digest"))
            expected = data if path == "/echo" else hashlib.sha256(data).hexdigest().encode()
            is_chunked = site.chance.random() < 0.5
            waits = bool(data) and site.chance.random() < 0.3
            fields = b"Expect: 100-continue\r\n" if waits else b""
            if is_chunked:
                fields += b"Transfer-Encoding: chunked\r\n"
            else:
                fields += b"Content-Length: %d\r\n" % len(data)
            await connection.send(request(path, "POST", fields))
            if waits and (status := (await connection.head()).status) != 100:
                raise Wrong(f"{status} instead of 100")
            sending = asyncio.ensure_future(send_body(connection, data, is_chunked))
            try:
                goes_on = await connection.check(path, expected, "POST")
            finally:
                sending.cancel()
                await asyncio.wait([sending])
            if not goes_on or site.over.is_set():
                return


async def send_body(connection, data, is_chunked):
    chance, at = connection.site.chance, 0
    while at < len(data):
        part = data[at : at + chance.choice((1, 100, 10_000, 60_000))]
        at += len(part)
        await connection.send(b"%x\r\n%b\r\n" % (len(part), part) if is_chunked else part)
    if is_chunked:
        await connection.send(b"0\r\n\r\n")


async def unread_uploads(site):
    """The app answers at once: the answer must arrive, whatever becomes of the body."""
    async with site.connect() as connection:
        fields = b"Transfer-Encoding: chunked\r\n"
        await connection.send(request("/unread", "POST", fields))
        sending = asyncio.ensure_future(send_body(connection, content(site.seed(), 300_000), True))
        try:
            await connection.check("/unread", b"unread", "POST")
        finally:
            sending.cancel()
            await asyncio.wait([sending])


async def streams(site):
    async with site.connect() as connection:
        for _ in range(5):
            seed, size, count = site.seed() // 2, site.chance.choice((1, 900, 30_000)), 20
            path = f"/parts/{seed}/{size}/{count}"
            await connection.send(request(path))
            if site.chance.random() < 0.2:
                await connection.head()
                return  # in the middle of it
            body = b"".join(content(seed + number, size) for number in range(count))
            if not await connection.check(path, body) or site.over.is_set():
                return


async def resets(site):
    async with site.connect() as connection:
        match site.chance.randrange(5):
            case 0:
                await connection.send(b"GET / HTT")
            case 1:
                await connection.send(request(f"/bytes/{site.seed()}/1000000"))
                await connection.reader.read(1000)
            case 2:
                await connection.send(request("/echo", "POST", b"Content-Length: 100000\r\n"))
                await connection.send(content(0, 50_000))
            case 3:
                await connection.send(request(f"/later/{site.seed()}/1000") * 3)
            case _:
                await connection.send(HANDSHAKE + frame(BINARY, b"a" * 1000)[:500])
        connection.reset()


BAD_INPUT = [
    (b"GET / HTTP/1.1\r\n\r\n", 400),
    (b"\0\1\2\3", 400),
    (b"GET /\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400),
    (request("/echo", "POST", b"Content-Length: x\r\n"), 400),
    (request("/echo", "POST", b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"), 400),
    (request("/echo", "POST", b"Transfer-Encoding: gzip, chunked\r\n"), 501),
    (request("/digest", "POST", b"Transfer-Encoding: chunked\r\n", b"zz\r\n"), 400),
    (request("/" + "a" * 10_000), 414),
    (request("/", fields=b"X: " + b"a" * 20_000 + b"\r\n"), 431),
    (request("/", fields=b"X: a\r\n" * 200), 431),
    (b"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505),
]  # fmt: skip


async def bad_input(site):
    data, status = site.chance.choice(BAD_INPUT)
    seed = site.seed()
    async with site.connect() as connection:
        if site.chance.random() < 0.5:  # after a request that is good
            await connection.send(request(f"/bytes/{seed}/50") + data)
            if not await connection.check(f"/bytes/{seed}/50", content(seed, 50)):
                return
        else:
            await connection.send(data)
        answer = await connection.answer()
        if answer.status != status or not answer.closes:
            raise Wrong(f"{data[:60]!r}: {answer.status} instead of {status}")
        site.outcome.checked += 1
        await connection.end()


async def failures(site):
    async with site.connect() as connection:
        await connection.send(request("/fail"))
        if (answer := await connection.answer()).status != 500:
            raise Wrong(f"{answer.status} for an app that fails")
        site.outcome.checked += 1


HANDSHAKE = request(
    "/messages",
    fields=b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover; "
    b"server_no_context_takeover\r\n",
)
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455 1.3
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
FIN, COMPRESSED = 0x80, 0x40
SERVICE_RESTART = 1012


def frame(opcode, payload, flags=FIN):
    size = len(payload)
    if size < 126:
        head = bytes([flags | opcode, 0x80 | size])
    elif size < 65_536:
        head = struct.pack(">BBH", flags | opcode, 0x80 | 126, size)
    else:
        head = struct.pack(">BBQ", flags | opcode, 0x80 | 127, size)
    mask = os.urandom(4)
    key = int.from_bytes((mask * (size // 4 + 1))[:size])
    return head + mask + (int.from_bytes(payload) ^ key).to_bytes(size)


class Closing(Exception):
    """The server has begun to close."""


class Messages:
    """A WebSocket connection."""

    def __init__(self, connection, is_compressing):
        self.connection, self.is_compressing = connection, is_compressing

    def encoded(self, chance, opcode, payload):
        flags = 0
        if self.is_compressing and chance.random() < 0.5:
            compress = zlib.compressobj(wbits=-15)
            payload = (compress.compress(payload) + compress.flush(zlib.Z_SYNC_FLUSH))[:-4]
            flags = COMPRESSED
        if len(payload) < 2 or chance.random() < 0.7:
            return frame(opcode, payload, FIN | flags)
        at = chance.randrange(1, len(payload))
        first, rest = frame(opcode, payload[:at], flags), frame(CONTINUATION, payload[at:])
        return first + (frame(PING, b"between") if chance.random() < 0.3 else b"") + rest

    async def message(self):
        """The next message. Raises Closing once the server closes for its restart."""
        parts, opcode, flags = [], None, 0
        while not flags & FIN:
            first, payload = await self.frame()
            kind = first & 0x0F
            if kind == PING:
                await self.connection.send(frame(PONG, payload))
            elif kind == PONG:
                if payload != b"between":
                    raise Wrong(f"a pong with {payload!r}")
            elif kind == CLOSE:
                raise Closing(int.from_bytes(payload[:2]))
            else:
                if opcode is None:
                    opcode, is_compressed = kind, first & COMPRESSED
                parts.append(payload)
                flags = first
        data = b"".join(parts)
        if is_compressed:
            data = zlib.decompressobj(wbits=-15).decompress(data + b"\0\0\xff\xff")
        return opcode, data

    async def frame(self):
        reader = self.connection.reader
        first, size = await reader.readexactly(2)
        if size == 126:
            size = int.from_bytes(await reader.readexactly(2))
        elif size == 127:
            size = int.from_bytes(await reader.readexactly(8))
        return first, await reader.readexactly(size)

    async def finish(self, code):
        """RFC 6455 7.1.1: both send a close frame, then the server closes the connection."""
        await self.connection.send(frame(CLOSE, struct.pack(">H", code)))
        while True:
            first, _ = await self.frame()
            if first & 0x0F == CLOSE:
                await self.connection.end()
                return


async def websockets(site):
    async with site.connect() as connection:
        await connection.send(HANDSHAKE)
        answer = await connection.answer()
        if answer.status == 503 and answer.closes:
            site.outcome.turned_away += 1
            return
        if answer.status != 101 or answer.headers.get(b"sec-websocket-accept") != ACCEPT:
            raise Wrong(f"{answer.status} for a handshake")
        messages = Messages(connection, b"sec-websocket-extensions" in answer.headers)
        try:
            for _ in range(40):
                await exchange(site, messages)
                if site.over.is_set():
                    break
                await site.rest(0.1)
        except Closing as closing:
            if closing.args[0] != SERVICE_RESTART:
                raise Wrong(f"closed with {closing.args[0]}") from closing
            site.outcome.closed += 1
            await connection.send(frame(CLOSE, struct.pack(">H", SERVICE_RESTART)))
            await connection.end()
            return
        if site.chance.random() < 0.2:
            connection.reset()
            return
        with contextlib.suppress(Closing):
            await messages.finish(1000)


async def exchange(site, messages):
    """A few messages at once, each of which must come back as it was."""
    sent = []
    for _ in range(site.chance.choice((1, 4, 16))):
        data = content(site.seed(), site.chance.choice((0, 10, 200, 5000, 70_000)))
        opcode = site.chance.choice((TEXT, BINARY))
        if opcode == TEXT:
            data = data[: len(data) // 2].hex().encode()
        sent.append((opcode, data))
    for opcode, data in sent:
        messages.connection.writer.write(messages.encoded(site.chance, opcode, data))
    for expected in sent:
        if await messages.message() != expected:
            raise Wrong("another message than was sent")
        site.outcome.checked += 1


# How many clients of each kind, and the longest pause between its rounds.
LOADS = [
    (keep_alive, 6, 0.1),
    (pipelined, 3, 0.2),
    (pipelined_and_unread, 2, 1.0),
    (cut_requests, 2, 0.2),
    (uploads, 3, 0.3),
    (unread_uploads, 1, 0.4),
    (streams, 3, 0.3),
    (resets, 2, 0.1),
    (bad_input, 2, 0.1),
    (failures, 1, 1.0),
    (websockets, 4, 0.2),
]
