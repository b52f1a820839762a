"""Restarts and a stop under load over HTTP/2: clients that honour GOAWAY lose nothing.

A request is sent again only where the server says that it did not touch it: its stream is above
the last one that GOAWAY names (RFC 9113 6.8), or was reset with REFUSED_STREAM (8.7). Whatever else
ends without its whole answer is lost. A WebSocket ends with the close code 1012 (service restart).
"""

import asyncio
import collections
import contextlib
import hashlib
import itertools
import signal
import ssl

import driver
from frames import LARGEST
from served import WAIT, Served

from httpparser.http2 import ClientSession, Closed, Data, End, GoAway, Response

MIB = 1 << 20
MOST = 4 * MIB  # that the memory of all processes may grow
REFUSED_STREAM = 7
WORKERS = 2
CLIENTS = 3
PAUSE = 0.02  # between two requests of a visitor: the load is to be steady, not heavy
# How many seconds the answers are on their way, GOAWAYs, too: what clients send meanwhile arrives
# before the second GOAWAY has left, or after it.
DISTANCES = (0.5, 2.5)
FEW = 100  # requests answered before something happens
TEXT, CLOSE = 1, 8
CLOSE_1000 = (1000).to_bytes(2)
CLOSE_1012 = (1012).to_bytes(2) + b"service restart"


class Untouched(Exception):
    """The server did not process the request: it may be sent again."""


class Stopped(Exception):
    """The server was told to stop, and takes no more connections."""


class Connection(asyncio.Protocol):
    """One HTTP/2 connection; what arrives is read `delay` seconds later, as from far away."""

    def __init__(self, load, delay):
        self.load, self.delay = load, delay
        self.session = ClientSession()
        self.streams = {}  # those that are open
        self.goaways = []  # their last stream ids
        self.opened = self.answered = 0  # the highest stream of each kind
        self.heard = self.left = self.lost = False
        self.changed = asyncio.Event()  # heard or lost
        self.ended = asyncio.Event()

    def connection_made(self, transport):
        self.transport = transport
        self.write()

    def data_received(self, data):
        self.later(self.read, data)

    def eof_received(self):
        self.later(self.transport.close)
        return not self.load.served.tls  # true: not at once, which TLS has no choice about

    def connection_lost(self, error):
        self.later(self.end)

    def later(self, action, *args):
        if self.delay:
            asyncio.get_running_loop().call_later(self.delay, action, *args)
        else:
            action(*args)

    def read(self, data):
        self.heard = True
        self.changed.set()
        for event in self.session.feed(data):
            self.see(event)
        self.write()

    def see(self, event):
        if isinstance(event, GoAway):
            self.goaways.append(event.last_stream_id)
            if event.code:
                self.load.faults.append(f"GOAWAY with the code {event.code}")
        elif stream := self.streams.get(event.stream_id):
            stream.see(event)

    def end(self):
        """The connection is over: were its GOAWAYs in order?"""
        self.lost = True
        self.changed.set()
        for stream in list(self.streams.values()):
            stream.close(None)
        if self.heard or not self.load.stopping:
            self.check_goaways()
        self.ended.set()

    def check_goaways(self):
        """The second lowers the last id, to what has arrived and has an answer. RFC 9113 6.8"""
        goaways = self.goaways
        if len(goaways) == 1 and self.left:
            goaways = [*goaways, self.opened]  # we did not wait for the second
        else:
            self.load.seconds += 1
        if len(goaways) == 2:
            first, last = goaways
            if self.answered <= last <= self.opened < first == LARGEST:
                return
        self.load.faults.append(
            f"GOAWAYs of {goaways} after stream {self.opened} was begun and {self.answered} was "
            "answered"
        )

    def open(self, fields, *, end):
        stream = Stream(self)
        stream.id = self.opened = self.session.request(fields, end=end)
        self.streams[stream.id] = stream
        self.write()
        return stream

    def write(self):
        data = self.session.take()
        if data and not self.transport.is_closing():
            self.transport.write(data)
        if self.session.over:  # after a GOAWAY, and no stream is open
            self.left = True
            self.transport.close()


class Stream:
    """One request and what has arrived of its answer."""

    def __init__(self, connection):
        self.connection = connection
        self.status, self.body, self.whole, self.code = 0, b"", False, -1
        self.closed = False
        self.changed = asyncio.Event()

    def see(self, event):
        if isinstance(event, Response):
            self.status = event.status
        elif isinstance(event, Data):
            self.body += event.data
            self.connection.session.consume(self.id, len(event.data))
        elif isinstance(event, End):
            self.whole = True
            self.connection.answered = max(self.connection.answered, self.id)
        elif isinstance(event, Closed):
            self.close(event.code)
        self.changed.set()

    def close(self, code):
        self.closed, self.code = True, code
        self.connection.streams.pop(self.id)
        self.changed.set()

    def send(self, data, *, end=False):
        """A piece of the body; nothing when the stream is closed."""
        if not self.closed:
            self.connection.session.send_data(self.id, data, end=end)
            self.connection.write()

    async def until(self, condition):
        """Wait for it; raises where the stream is closed before."""
        async with asyncio.timeout(WAIT):
            while not condition():
                if self.closed:
                    self.give_up()
                self.changed.clear()
                await self.changed.wait()

    def give_up(self):
        if self.code == REFUSED_STREAM:
            raise Untouched
        if self.connection.load.stopping and not self.connection.heard:
            raise Stopped  # the connection was never accepted
        raise ConnectionError(
            f"stream {self.id} ended with {self.code}, status {self.status} and "
            f"{len(self.body)} bytes; {self.connection.goaways}"
        )

    async def answer(self):
        """The body of the whole answer."""
        await self.until(lambda: self.whole)
        if self.status != 200:
            raise ConnectionError(f"answered with {self.status}: {self.body!r}")
        return self.body


class Client:
    """What keeps one connection, and opens another when the server says that it leaves."""

    def __init__(self, load, delay=0.0):
        self.load, self.delay = load, delay
        self.connection = None
        self.opening_lock = asyncio.Lock()

    async def request(self, path, *, method=b"GET", end=True, more=()):
        fields = [(b":method", method), (b":scheme", b"http"), (b":authority", b"a"),
                  (b":path", path.encode()), *more]  # fmt: skip
        connection = await self.current()
        while more and not connection.heard:  # RFC 8441 3: the SETTINGS must allow it
            await connection.changed.wait()
            connection = await self.current()
        return connection.open(fields, end=end)

    async def current(self):
        """The connection, which takes new streams."""
        async with self.opening_lock:
            found = self.connection
            if found is None or found.goaways or found.lost:
                self.connection = found = await self.load.connect(self.delay)
        return found


class Load:
    """The clients' work, of which everything is checked."""

    def __init__(self, served):
        self.served = served
        self.stopping = False  # the server was sent SIGTERM
        self.done = collections.Counter()  # by the name of the work
        self.faults = []
        self.connections = []
        self.numbers = itertools.count()
        self.seconds = 0  # second GOAWAYs that were seen

    async def connect(self, delay):
        context = None
        if self.served.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            context.set_alpn_protocols(["h2"])
        try:
            _, connection = await asyncio.get_running_loop().create_connection(
                lambda: Connection(self, delay), "127.0.0.1", self.served.port, ssl=context
            )
        except OSError:
            if self.stopping:
                raise Stopped from None
            raise
        self.connections.append(connection)
        return connection

    def works(self):
        """All that happens at the same time."""
        for _ in range(CLIENTS):
            client = Client(self)
            for work in (self.get, self.get, self.stream, self.long_stream, self.upload, self.chat):
                yield self.repeat(work, client)
        for late in DISTANCES:
            client = Client(self, late)
            for at in range(10):
                yield self.repeat(self.get, client, at * late / 10)
                yield self.repeat(self.call, client, at * late / 10)

    async def repeat(self, work, client, delay=0.0):
        await asyncio.sleep(delay)
        with contextlib.suppress(Stopped):
            while True:
                await asyncio.sleep(PAUSE)
                await self.once(work, client)

    async def once(self, work, client):
        """Do it until it is done: again where the server has not touched it."""
        token = f"{work.__name__}-{next(self.numbers)}"
        while True:
            try:
                await work(client, token)
            except Untouched:
                self.done["sent again"] += 1
            except (OSError, TimeoutError) as error:
                self.faults.append(f"{token}: {error!r}")
                return
            else:
                self.done[work.__name__] += 1
                return

    def expect(self, found, expected):
        if found != expected:
            self.faults.append(f"{found[-80:]!r} instead of {expected[-80:]!r}")

    async def get(self, client, token):
        stream = await client.request(f"/say/{token}")
        self.expect(await stream.answer(), token.encode())

    async def stream(self, client, token, lines=10):
        """Ten lines in a second."""
        stream = await client.request(f"/count/{lines}/{token}")
        expected = b"".join(b"%s %d\n" % (token.encode(), at) for at in range(lines))
        self.expect(await stream.answer(), expected)

    async def long_stream(self, client, token):
        """Three seconds: it goes on after the second GOAWAY."""
        await self.stream(client, token, lines=30)

    async def upload(self, client, token):
        """80 KB, more than a window, in a third of a second."""
        stream = await client.request("/digest", method=b"POST", end=False)
        pieces = [f"{token} {at}\n".encode() * 500 for at in range(10)]
        for piece in pieces:
            stream.send(piece)
            await asyncio.sleep(0.03)
        stream.send(b"", end=True)
        expected = hashlib.sha256(b"".join(pieces)).hexdigest()
        self.expect(await stream.answer(), expected.encode())

    async def chat(self, client, token):
        """A WebSocket whose messages come back, until the server restarts. RFC 8441"""
        stream = await self.handshake(client)
        body = b""
        for number in itertools.count():
            message = f"{token} {number}".encode()
            body += frame(message)
            send_masked(stream, message)
            size = len(body)
            await stream.until(lambda size=size: len(stream.body) >= size or stream.whole)
            if not stream.body.startswith(body):
                break
            self.done["messages"] += 1
            await asyncio.sleep(PAUSE)
        send_masked(stream, CLOSE_1012, CLOSE, end=True)
        await stream.until(lambda: stream.whole)
        self.expect(stream.body, body[: -len(frame(message))] + frame(CLOSE_1012, CLOSE))

    async def call(self, client, token):
        """A WebSocket that the client closes at once; the server may have been faster."""
        stream = await self.handshake(client)
        send_masked(stream, CLOSE_1000, CLOSE, end=True)
        await stream.until(lambda: stream.whole)
        if stream.body != frame(CLOSE_1012, CLOSE):
            self.expect(stream.body, frame(CLOSE_1000, CLOSE))

    async def handshake(self, client):
        more = [(b":protocol", b"websocket"), (b"sec-websocket-version", b"13")]
        stream = await client.request("/echo", method=b"CONNECT", end=False, more=more)
        await stream.until(lambda: stream.status)
        if stream.status != 200:
            await stream.answer()
        return stream


def frame(payload, opcode=TEXT):
    """Of a WebSocket's server, RFC 6455 5.2."""
    return bytes([0x80 | opcode, len(payload)]) + payload


def send_masked(stream, payload, opcode=TEXT, *, end=False):
    """A client's frame; a mask of zeros changes nothing. RFC 6455 5.3"""
    stream.send(bytes([0x80 | opcode, 0x80 | len(payload)]) + bytes(4) + payload, end=end)


async def play(served, action):
    """Let the clients work, do this in a thread meanwhile, stop; the load and what it returns."""
    load = Load(served)
    async with asyncio.TaskGroup() as group:
        for work in load.works():
            group.create_task(work)
        result = await asyncio.to_thread(action, load)
        load.stopping = True
        if await asyncio.to_thread(served.stop) == float("inf"):
            load.faults.append(f"not stopped after {WAIT} s")
            served.process.kill()
    async with asyncio.timeout(WAIT):
        for connection in load.connections:
            await connection.ended.wait()
    if served.process.returncode:
        load.faults.append(f"exit status {served.process.returncode}")
    if "Traceback" in served.output():
        load.faults.append(served.output().partition("Traceback")[2][:2000])
    for kind in ("get", "stream", "long_stream", "upload", "chat", "messages", "call"):
        if not load.done[kind]:
            load.faults.append(f"no {kind} was played")
    if not load.seconds:
        load.faults.append("no second GOAWAY was seen")
    if load.faults:
        load.faults.append(f"the log ends with {served.output()[-2000:]}")
    return load, result


def pids_of_workers(served):
    return set(served.pids()) - {served.process.pid}


def restart_often(served, load, times):
    """SIGHUP so often; how much more memory all processes have used than before."""
    served.until(lambda: load.done["get"] >= FEW)
    before = served.peak()
    for _ in range(times):
        old = pids_of_workers(served)
        served.process.send_signal(signal.SIGHUP)
        if not served.until(lambda old=old: len(pids_of_workers(served) - old) >= WORKERS):
            load.faults.append("the workers were not replaced")
    if not served.until(lambda: len(pids_of_workers(served)) == WORKERS):
        load.faults.append(f"{len(pids_of_workers(served))} workers instead of {WORKERS}")
    return served.peak() - before


def wait_for_successors(served, load, count):
    """Until limit_max_requests has replaced so many workers."""
    seen = first = pids_of_workers(served)

    def enough():
        nonlocal seen
        seen = seen | pids_of_workers(served)
        return len(seen - first) >= count

    if not served.until(enough):
        load.faults.append(f"only {len(seen - first)} successors")


def run(server, long):
    restarts, successors = (15, 10) if long else (2, 2)
    with Served(server, "app", workers=WORKERS) as served:
        load, growth = asyncio.run(play(served, lambda load: restart_often(served, load, restarts)))
    options = ("--limit-max-requests", 200)
    with Served(server, "app", *options, workers=WORKERS, tls=True) as served:
        limited, _ = asyncio.run(
            play(served, lambda load: wait_for_successors(served, load, successors))
        )
    faults = load.faults + limited.faults
    done = load.done + limited.done
    again = done.pop("sent again", 0)
    figure = (
        f"{len(faults)} faults in {done.total()} requests and messages, {again} sent again, in "
        f"{restarts} restarts and {successors} ends by limit_max_requests, "
        f"{load.seconds + limited.seconds} second GOAWAYs; memory grows by {growth / MIB:.1f} MiB"
    )
    figure += "".join(f"\n  {fault}" for fault in faults[:20])
    return driver.Verdict("restarts over HTTP/2", figure, not faults and growth <= MOST)


if __name__ == "__main__":
    driver.main(run)
