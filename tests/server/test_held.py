"""Small answers of one turn leave together: what is held is seen by nobody but the client, later."""

import asyncio
import contextlib
import gc
import random
import select
import socket
import ssl
import time
from pathlib import Path

import pytest
from live import client_context
from serving import HERE
from test_socket_transport import Protocol, pair, reset, rest
from wire import WAIT

from fastserve import Config, openssl, transports
from fastserve.asgi import _tls
from fastserve.asgi._socket import HAS_EPOLL, Poller, SocketTransport
from fastserve.importer import load
from fastserve.service import make_service
from httpparser.http2 import ClientSession

pytestmark = pytest.mark.skipif(not HAS_EPOLL, reason="there is no epoll")

TARGET = [(b":scheme", b"http"), (b":authority", b"h"), (b":path", b"/")]
LARGE = bytes(20_000)  # more than is held


class Play:
    """Connections of one poller, all of them told by one call of poll()."""

    def __init__(self, loop, hold, over="TCP", **clocks):
        self.loop, self.poller = loop, Poller(loop, hold=hold, **clocks)
        self.over, self.buffers = over, None  # the loop's
        self.clients, self.protocols = [], []

    def add(self, on_data=None):
        protocol = Protocol(on_data)
        client = self.carry(protocol)
        self.protocols.append(protocol)
        return protocol, client

    def carry(self, protocol, alpn=None):
        """Its client; the protocol is not one of ours."""
        client, sock = pair("TCP")
        if self.over == "TLS":
            client, protocol = TLSClient(client, alpn), self.tls_transport(protocol, alpn)
        SocketTransport(self.poller, sock.detach(), protocol).begin()
        if self.over == "TLS":
            while not client.shake():
                self.poller.poll()
            for _ in range(2):  # until it is no longer told first by epoll, as the last that was
                self.poller.poll()
        self.clients.append(client)
        return client

    def tls_transport(self, protocol, alpn):
        transports.prepare()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(HERE / "tls" / "cert.pem", HERE / "tls" / "key.pem")
        if alpn is not None:
            context.set_alpn_protocols([alpn])
        if self.buffers is None:
            self.buffers = _tls.Buffers()
        pointer, handshake = openssl.pointer_of(context), self.loop.create_future()
        return _tls.TLSTransport(self.buffers, context, pointer, lambda: protocol, handshake)

    def poll(self):
        """In one turn, in the order in which they were added."""
        for client in self.clients:
            client.sendall(b"?")
        self.poller.poll()

    def turn(self):
        """Of the loop: those whose end is planned are told."""

        async def rest():
            for _ in range(3):
                await asyncio.sleep(0)

        self.loop.run_until_complete(rest())

    def end(self):
        for transport in tuple(self.poller.transports):
            transport.abort()
        self.turn()
        self.poller.close()
        for client in self.clients:
            client.close()
        assert not self.poller.transports


class TLSClient:
    """A socket with TLS that never waits, unless it is told to."""

    def __init__(self, sock, alpn):
        self.sock = sock
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = client_context()
        if alpn is not None:
            context.set_alpn_protocols([alpn])
        self.tls = context.wrap_bio(self.incoming, self.outgoing)
        self.settimeout = sock.settimeout
        self.setsockopt, self.close = sock.setsockopt, sock.close

    def shake(self):
        """Go on with the handshake; whether it is complete."""
        done = False
        self.fetch(socket.MSG_DONTWAIT)
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.do_handshake()
            done = True
        self.sock.sendall(self.outgoing.read())
        return done

    def fetch(self, flags):
        with contextlib.suppress(BlockingIOError):
            data = self.sock.recv(1 << 20, flags)
            if data:
                self.incoming.write(data)
            else:
                self.incoming.write_eof()

    def sendall(self, data):
        self.tls.write(data)
        self.sock.sendall(self.outgoing.read())

    def recv(self, size, flags=0):
        while True:
            self.fetch(socket.MSG_DONTWAIT)
            try:
                return self.tls.read(size)
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""
            except ssl.SSLWantReadError:
                if flags:
                    raise BlockingIOError from None
                self.fetch(0)


@pytest.fixture(params=["TCP", "TLS"])
def play(request, loop):
    made = Play(loop, hold=True, over=request.param)
    yield made
    made.end()


def has(client):
    """What has arrived."""
    arrived = b""
    with contextlib.suppress(BlockingIOError):
        while data := client.recv(1 << 20, socket.MSG_DONTWAIT):  # Linux gives 17 packets at once
            arrived += data
    return arrived


def write(data):
    return lambda protocol: protocol.transport.write(data)


def test_what_is_held_leaves_at_the_end_of_the_turn(play):
    arrived = []
    _, first = play.add(write(b"first"))
    _, second = play.add(lambda protocol: arrived.append(has(first)) or write(b"second")(protocol))
    play.poll()
    assert arrived == [b""]
    assert (has(first), has(second)) == (b"first", b"second")


def test_so_is_what_tasks_answer(play):
    """They run in turns of the loop in which nothing need be ready."""

    async def answer(protocol, client):
        await asyncio.sleep(0)
        protocol.transport.write(b"answer")
        arrived.append(has(client))

    async def both():
        await asyncio.gather(
            *(answer(*each) for each in zip(play.protocols, play.clients, strict=True))
        )

    arrived = []
    for _ in range(2):
        play.add()
    play.loop.run_until_complete(both())
    assert arrived == [b"", b""]
    play.turn()
    assert [has(client) for client in play.clients] == [b"answer"] * 2


OTHERS = {
    "write_eof": lambda transport: transport.write_eof(),
    "close": lambda transport: transport.close(),
    "abort": lambda transport: transport.abort(),
    "limits": lambda transport: transport.set_write_buffer_limits(100),
    "size": lambda transport: transport.get_write_buffer_size(),
    "is_closing": lambda transport: transport.is_closing(),
    "socket": lambda transport: transport.get_extra_info("socket"),
    "parts": lambda transport: transport.writelines([b"parts", b""]),
    "large": lambda transport: transport.write(LARGE),
}


@pytest.mark.parametrize("other", OTHERS)
def test_what_is_held_leaves_before_anything_else_is_done(play, other):
    def answer(protocol):
        protocol.transport.write(b"held")
        arrived.append(has(client))
        OTHERS[other](protocol.transport)
        arrived.append(has(client)[:4])

    arrived = []
    _, client = play.add(answer)
    play.poll()
    assert arrived == [b"", b"held"]


def test_nothing_but_the_answer_is_held(play):
    """Reading goes on, and is paused, as it would."""

    def answer(protocol):
        protocol.transport.write(b"held")
        protocol.transport.pause_reading()

    protocol, client = play.add(answer)
    play.poll()
    assert has(client) == b"held"
    client.sendall(b"more")
    play.poller.poll()
    assert bytes(protocol.received) == b"?"
    protocol.transport.resume_reading()
    play.poller.poll()
    assert bytes(protocol.received) == b"?more"


@pytest.mark.parametrize("first", ["write", "pause"])
def test_to_pause_within_a_turn_is_no_system_call(play, first):
    """Nor is the answer's leaving: what comes next may resume."""

    def answer(protocol):
        if first == "write":
            protocol.transport.write(b"held")
        protocol.transport.pause_reading()
        if first == "pause":
            protocol.transport.write(b"held")

    _, client = play.add(answer)
    before = watched(play.poller)
    play.poll()
    assert has(client) == b"held"
    assert watched(play.poller) == before != []


def test_nobody_waits_for_room_for_what_is_held(play):
    """Nor is it a system call to wait no longer."""
    client, sock = pair("TCP")
    play.clients.append(client)
    client.sendall(b"?")
    SocketTransport(play.poller, sock.detach(), Protocol(write(b"held"))).begin(True)
    assert has(client) == b""
    events = watched(play.poller)[0].split()[3]
    assert int(events, 16) & (select.EPOLLIN | select.EPOLLOUT) == select.EPOLLIN
    play.turn()
    assert has(client) == b"held"


def test_what_the_socket_does_not_take_at_the_end_of_the_turn(play):
    """It leaves when there is room."""
    client, sock = pair("TCP")
    play.clients.append(client)
    filled = fill(sock)
    protocol = Protocol()
    SocketTransport(play.poller, sock.detach(), protocol).begin()
    protocol.transport.write(b"held")
    play.turn()
    got = b""
    while len(got) < filled + 4:
        got += has(client)
        play.turn()
    assert got.endswith(b"held")


def fill(sock):
    """How many bytes it takes."""
    count = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            count += sock.send(LARGE)
    return count


def test_a_socket_that_cannot_be_watched_costs_no_other_its_answer(loop):
    def fail(*args):
        raise ZeroDivisionError

    poller = Poller(loop, epoll=False, hold=True)
    loop.add_writer = fail
    ends, protocols = [pair("TCP") for _ in range(2)], [Protocol(), Protocol()]
    fill(ends[0][1])
    for protocol, (_, sock) in zip(protocols, ends, strict=True):
        SocketTransport(poller, sock.detach(), protocol).begin()
        protocol.transport.write(b"held")
    poller.turn()
    assert has(ends[1][0]) == b"held"
    protocols[1].transport.abort()
    poller.turn()
    assert [type(protocol.error) for protocol in protocols] == [ZeroDivisionError, type(None)]
    for client, _ in ends:
        client.close()


def watched(poller):
    """proc(5): what an epoll has."""
    lines = Path(f"/proc/self/fdinfo/{poller.epoll}").read_text().splitlines()
    return [line for line in lines if line.startswith("tfd:")]


@pytest.mark.parametrize("seed", range(20))
def test_the_order_of_what_is_written(play, seed):
    rng = random.Random(seed)
    sent = {}

    def answer(protocol):
        for _ in range(rng.randrange(40)):
            size = rng.choice((0, 1, 1, 7, 300, 9000, 20_000, 400_000))
            data = rng.randbytes(size)
            transport = rng.choice(play.protocols).transport
            sent[transport] += data
            kind = rng.randrange(20)
            if kind < 14:
                transport.write(data)
            elif kind < 18:
                transport.writelines([data[:100], data[100:], b""])
            else:
                transport.write(data)
                OTHERS[rng.choice(("limits", "size"))](transport)

    for _ in range(4):
        protocol, _ = play.add(answer)
        sent[protocol.transport] = b""
    for _ in range(5):
        play.poll()
    got = dict.fromkeys(sent, b"")
    while any(len(got[transport]) < len(data) for transport, data in sent.items()):
        play.turn()
        for protocol, client in zip(play.protocols, play.clients, strict=True):
            got[protocol.transport] += has(client)
    assert got == sent
    assert all(transport.get_write_buffer_size() == 0 for transport in sent)


def test_the_protocol_is_not_paused_for_what_is_held(play):
    """Its mark is lower than the least that could be held: nothing is."""

    def answer(protocol):
        protocol.transport.write(b"a" * 90)
        arrived.append(has(client))

    arrived = []
    protocol, client = play.add(answer)
    protocol.transport.set_write_buffer_limits(100)
    play.poll()
    assert arrived == [b"a" * 90]
    assert protocol.calls == []


def test_a_large_piece_is_not_held(play):
    """However much the protocol would let wait."""

    def answer(protocol):
        protocol.transport.write(bytes(size))
        arrived.append(len(has(client)))

    arrived = []
    protocol, client = play.add(answer)
    protocol.transport.set_write_buffer_limits(1 << 20)
    for each in (16_000, 17_000):
        size = each
        play.poll()
        has(client)
    assert arrived == [0, 17_000]


def test_a_piece_is_held_until_the_next(play):
    """They would leave in more than one call."""

    def answer(protocol):
        for _ in range(40):
            protocol.transport.write(b"a")
        arrived.append(has(client))

    arrived = []
    _, client = play.add(answer)
    play.poll()
    assert len(arrived[0]) == 39
    assert len(arrived[0] + has(client)) == 40


@pytest.mark.parametrize("kind", [ZeroDivisionError, KeyboardInterrupt])
def test_a_protocol_that_fails_loses_no_answer(play, kind):
    def fail(protocol):
        protocol.transport.write(b"its own")
        raise kind

    _, first = play.add(write(b"first"))
    _, second = play.add(fail)
    _, third = play.add(write(b"third"))
    with contextlib.suppress(KeyboardInterrupt):
        play.poll()
    assert (has(first), has(second)) == (b"first", b"its own")
    play.poller.poll()
    assert has(third) == b"third"
    told = [type(context["exception"]) for context in play.loop.errors]
    assert told == ([kind] if kind is ZeroDivisionError else [])
    play.loop.errors.clear()


def test_a_client_that_has_gone_costs_no_other_its_answer(play):
    def forget(protocol):
        reset(clients[1])
        protocol.transport.write(b"first")

    clients = [play.add(forget)[1], play.add(write(b"lost"))[1], play.add(write(b"third"))[1]]
    play.poll()
    del play.clients[1]
    assert (has(clients[0]), has(clients[2])) == (b"first", b"third")
    play.turn()
    assert play.protocols[1].calls == ["lost"]
    assert play.loop.errors == []


def test_what_is_held_leaves_when_an_app_runs_a_nested_loop(play):
    if not isinstance(play.loop, asyncio.SelectorEventLoop):
        pytest.skip("uvloop cannot run within itself")

    def nest(protocol):
        protocol.transport.write(b"own")
        play.loop._run_once()
        arrived.extend((has(first), has(second)))
        protocol.transport.write(b"after")
        play.loop._run_once()
        arrived.append(has(second))

    arrived = []
    _, first = play.add(write(b"first"))
    _, second = play.add(nest)
    play.loop.call_soon(play.poll)
    play.turn()
    assert arrived == [b"first", b"own", b"after"]


def test_what_is_held_leaves_before_a_turn_within_the_turn(play):
    def nest(protocol):
        protocol.transport.write(b"first")
        play.poller.poll()

    arrived = []
    _, first = play.add(nest)
    play.add(lambda protocol: arrived.append(has(first)))
    play.poll()
    assert arrived == [b"first"]


class Machine:
    """One of which is known how long an answer takes, and what it costs, held and not; in us."""

    def __init__(self, loop, takes, held, not_held):
        self.takes, self.cost = takes, {True: held, False: not_held}
        self.now = self.cpu = 0
        self.play = Play(loop, hold=None, clock=lambda: self.now, cpu_clock=lambda: self.cpu)
        for _ in range(16):
            self.play.add(self.answer)

    def answer(self, protocol):
        client = self.play.clients[self.play.protocols.index(protocol)]
        self.now += self.takes * 1000
        protocol.transport.write(b"answer")
        held = not has(client)
        self.held += held
        self.cpu += self.cost[held] * 1000

    def share(self, answers):
        """How many of so many answers were held, in percent."""
        self.held = 0
        for _ in range(answers // 16):
            self.play.poll()
            for client in self.play.clients:
                has(client)
        return 100 * self.held / answers


@pytest.mark.parametrize(
    ("takes", "held", "not_held", "expected"),
    [(5, 9, 10, 100), (5, 11, 10, 0), (1000, 9, 10, 0)],
    ids=["cheaper", "dearer", "slow"],
)
def test_those_are_held_for_which_it_pays(loop, takes, held, not_held, expected):
    """Now and then the other way is tried."""
    machine = Machine(loop, takes, held, not_held)
    machine.share(10_000)
    assert abs(machine.share(20_000) - expected) < 10
    machine.play.end()


@pytest.mark.parametrize(
    ("held", "not_held"),
    [(44, 40), (176, 160), (11, 10)],
    ids=["other machine", "dearer answers", "cheaper answers"],
)
def test_what_pays_may_change(loop, held, not_held):
    machine = Machine(loop, 5, 36, 40)
    assert machine.share(30_000) > 80
    machine.cost = {True: held, False: not_held}
    machine.share(60_000 if not_held == 40 else 8_000)
    assert machine.share(10_000) < 20
    machine.play.end()


def test_changes_that_have_ended_cost_nothing(loop):
    """Each makes the other way be tried at once."""
    machine = Machine(loop, 5, 9, 10)
    for factor in (1, 4, 1, 4):
        machine.cost = {True: 9 * factor, False: 10 * factor}
        machine.share(3_000)
    machine.share(10_000)
    assert machine.share(20_000) > 80
    machine.play.end()


def test_where_the_clock_stands_still_all_are_held(loop):
    """A system may not know the thread's time."""
    machine = Machine(loop, 5, 0, 0)
    machine.share(2_000)
    assert machine.share(2_000) == 100
    machine.play.end()


@pytest.mark.parametrize("answers", [False, True])
def test_what_is_held_does_not_wait_for_long_steps(loop, answers):
    """The next step is the first to know how long one has taken; an answer of its own may be."""

    def step(protocol):
        times[0] += takes[play.protocols.index(protocol)]
        if protocol in answering:
            protocol.transport.write(b"answer")
        arrived.append(has(first))

    arrived, times, takes = [], [10**12], [0, 500_000, 2_000_000, 0]
    play = Play(loop, hold=None, clock=lambda: times[0], cpu_clock=lambda: 0)
    _, first = play.add(step)
    for _ in range(3):
        play.add(step)
    answering = list(play.protocols)
    play.poll()  # the first turn tells how long the next may hold
    for client in play.clients:
        has(client)
    arrived.clear()
    if not answers:
        del answering[1:]
    play.poll()
    assert arrived == ([b"", b"", b"answer", b""] if answers else [b"", b"", b"", b"answer"])
    play.end()


def test_an_answer_asks_once_for_the_time(loop):
    """So does the end of the turn."""

    def clock():
        asked.append(0)
        return 0

    asked = []
    play = Play(loop, hold=None, clock=clock, cpu_clock=lambda: 0)
    for _ in range(3):
        play.add(write(b"answer"))
    play.poll()
    assert len(asked) == 4
    play.end()


def test_one_alone_is_hardly_ever_held(loop):
    """Now and then, to see whether others come by now."""
    play = Play(loop, hold=None)
    arrived = []

    def answer(protocol):
        until = time.perf_counter() + 30e-6
        while time.perf_counter() < until:
            pass
        protocol.transport.write(b"answer")
        arrived.append(has(play.clients[0]))

    _, client = play.add(answer)
    for _ in range(100):
        play.poll()
        assert arrived[-1] + has(client) == b"answer"
    play.end()
    assert arrived.count(b"") <= 100 // 17 + 1


def test_the_end_comes_after_what_was_held(play):
    def answer(protocol):
        protocol.transport.write(b"held")
        protocol.transport.close()

    protocol, client = play.add(answer)
    client.settimeout(WAIT)
    play.poll()
    play.turn()
    assert rest(client) == b"held"
    assert protocol.calls == ["lost"]


def test_a_client_that_has_gone_is_noticed_by_who_asks(play):
    def answer(protocol):
        reset(play.clients.pop())
        protocol.transport.write(b"lost")
        closing.append(protocol.transport.is_closing())

    closing = []
    play.add(answer)
    play.poll()
    assert closing == [True]


def test_nothing_is_held_once_an_app_has_the_socket(play):
    """It may close that, or write to it."""
    if play.over == "TLS":
        pytest.skip("who writes to the socket breaks TLS")

    def answer(protocol):
        sock = protocol.transport.get_extra_info("socket")
        protocol.transport.write(b"first, ")
        sock.send(b"second, ")
        protocol.transport.write(b"third")
        sock.close()

    _, client = play.add(answer)
    play.poll()
    client.settimeout(WAIT)
    assert rest(client) == b"first, second, third"


def test_one_that_writes_to_many(play):
    """Little is held, however many they are."""

    def answer(protocol):
        if protocol is play.protocols[0]:
            for each in play.protocols:
                each.transport.write(b"to all")
            waiting.extend(not has(client) for client in play.clients)

    waiting = []
    for _ in range(300):
        play.add(answer)
    play.poll()
    assert waiting == [False] * 256 + [True] * 44


def test_a_nested_loop_holds_nothing_for_long(play):
    """What its tasks write would wait for the step of the app that runs it."""
    if not isinstance(play.loop, asyncio.SelectorEventLoop):
        pytest.skip("uvloop cannot run within itself")

    def nest(protocol):
        protocol.transport.write(b"held")
        play.loop._run_once()
        for data in (b"by", b"one"):
            play.loop.call_soon(protocol.transport.write, data)
            play.loop._run_once()
            play.loop._run_once()
            arrived.append(has(client))
        for _ in range(9):  # as many as the turn around this one has counted
            play.loop.call_soon(int)

    arrived = []
    _, client = play.add(nest)
    play.loop.call_soon(play.poll)
    play.turn()
    assert arrived == [b"heldby", b"one"]


@pytest.mark.parametrize("failing", range(12))
def test_there_is_no_memory_for_what_is_held(play, failing):
    """Whichever allocation fails: an error for who writes, and nothing else."""
    testcapi = pytest.importorskip("_testcapi")

    def answer(protocol):
        testcapi.set_nomemory(failing, failing + 1)
        try:
            protocol.transport.write(b"first")
        except MemoryError:
            errors.append(protocol)
        finally:
            testcapi.remove_mem_hooks()

    errors = []
    protocol, client = play.add(answer)
    _, other = play.add(write(b"other"))
    play.poll()
    play.turn()
    assert has(client) == b"first" * (not errors)
    assert has(other) == b"other"
    assert play.loop.errors == []
    if errors and protocol.calls == ["lost"]:
        assert play.over == "TLS"  # a record was lost
        return
    protocol.transport.write(b"second")
    play.turn()
    assert has(client) == b"second"
    assert protocol.calls == []


class Garbage:
    """It writes when it is collected, as the end of a coroutine may."""

    def __init__(self, transport):
        self.itself, self.transport = self, transport

    def __del__(self):
        self.transport.write(b"garbage")


@contextlib.contextmanager
def garbage_of(transport):
    """It is collected as soon as it may be, but not where Python itself collects no more in C."""
    thresholds = gc.get_threshold()
    gc.collect()
    gc.disable()
    Garbage(transport)
    gc.set_threshold(1)
    gc.enable()
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
    gc.collect()


@pytest.mark.parametrize("fate", ["full", "gone"])
def test_no_garbage_is_collected_while_what_is_held_is_sent(play, fate):
    """Nobody may write to a transport that is about to be written to: records have an order."""
    other, sock = pair("TCP")
    if fate == "full":
        play.clients.append(other)
        fill(sock)
    protocol, client = play.add()
    SocketTransport(play.poller, sock.detach(), waits := Protocol()).begin()
    if fate == "gone":
        reset(other)
    protocol.transport.write(b"first, ")
    waits.transport.write(b"what needs an object to wait, or to tell of")
    with garbage_of(protocol.transport):
        protocol.transport.write(b"second, ")
    play.turn()
    assert has(client) == b"first, second, garbage"


def test_no_garbage_is_collected_before_the_rest_waits(play):
    data = bytes(10_000_000)
    protocol, client = play.add()
    with garbage_of(protocol.transport):
        protocol.transport.write(data)
    got = b""
    while len(got) < len(data) + len(b"garbage"):
        got += has(client)
        play.turn()
    assert got == data + b"garbage"


def test_who_writes_while_a_turn_is_planned_comes_later(play):
    """A loop may collect garbage then."""

    def call_soon(*args, **kwargs):
        play.loop.call_soon = original
        protocol.transport.write(b"second")
        return original(*args, **kwargs)

    protocol, client = play.add()
    play.turn()
    original, play.loop.call_soon = play.loop.call_soon, call_soon
    protocol.transport.write(b"first, ")
    play.turn()
    assert has(client) == b"first, second"


@pytest.mark.parametrize("version", ["1.1", "2"])
@pytest.mark.parametrize("inner", ["one that waits", "the one of this step"])
def test_another_connection_writes_while_a_turn_is_planned(play, version, inner):
    """What they are written from is the same for all."""

    async def app(scope, receive, send):
        own = answer(send, scope["path"].encode())
        if scope["path"] == "/first":
            pending.append(own)
            await receive()
            await receive()
        outer = pending.pop() if inner == "the one of this step" else own
        pending.append(own if outer is not own else pending.pop())
        play.loop.call_soon = call_soon
        go_on(outer)

    async def answer(send, body):
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": body})

    def go_on(coroutine):
        with contextlib.suppress(StopIteration):
            coroutine.send(None)

    def call_soon(*args, **kwargs):
        play.loop.call_soon = original
        go_on(pending.pop())
        return original(*args, **kwargs)

    def get(client, path):
        if version == "1.1":
            client.sendall(b"GET %b HTTP/1.1\r\nhost: h\r\n\r\n" % path)
        else:
            sessions[client].request([(b":method", b"GET"), *TARGET[:2], (b":path", path)])
            client.sendall(sessions[client].take())
        play.loop.call_soon(play.poller.poll)
        play.turn()

    pending, original = [], play.loop.call_soon
    service = serve(play, app)
    alpn = "h2" if version == "2" else "http/1.1"
    clients = {path: play.carry(service.connection(), alpn) for path in (b"/first", b"/second")}
    sessions = {client: ClientSession() for client in clients.values()}
    for path, client in clients.items():
        get(client, path)
    assert not pending
    for path, client in clients.items():
        arrived = has(client)
        if version == "2":
            sessions[client].feed(arrived)  # raises what another's frames are
        assert [arrived.count(each) for each in clients] == [each == path for each in clients]
    service.abort()
    play.turn()


@pytest.mark.parametrize("high", [100, 65536])
def test_a_connection_s_limit_is_one_for_what_is_held(play, high):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"answer"})

    arrived = []
    service = serve(play, app, write_high_water=high)
    client = play.carry(service.connection(), alpn="http/1.1")
    play.add(lambda protocol: arrived.append(has(client)))
    client.sendall(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n")
    play.clients[1].sendall(b"?")
    play.loop.call_soon(play.poller.poll)
    play.turn()
    service.abort()
    play.turn()
    assert arrived[0].endswith(b"answer") == (high == 100)


def serve(play, app, **options):
    config = Config(app, access_log=False, **options)
    return make_service(load(config), config, play.loop, {}, None)


def test_what_is_held_leaves_before_another_protocol_begins(play):
    """It has a limit of its own for what waits."""

    async def app(scope, receive, send):
        raise AssertionError

    def answer(protocol):
        protocol.transport.write(b"held")
        connection = service.connection()
        protocol.transport.set_protocol(connection)
        connection.connection_made(protocol.transport)
        arrived.append(has(client))

    arrived = []
    service = serve(play, app)
    _, client = play.add(answer)
    play.poll()
    assert arrived == [b"held"]


@pytest.mark.parametrize("version", ["1.1", "2"])
def test_an_early_hint_is_not_held(play, version):
    """The client is to use it while the app works."""

    async def app(scope, receive, send):
        await send({"type": "http.response.early_hint", "links": [b"</style.css>"]})
        arrived.append(has(client))
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})
        arrived.append(has(client))

    arrived = []
    session = ClientSession()
    service = serve(play, app)
    client = play.carry(service.connection(), alpn="h2" if version == "2" else "http/1.1")
    if version == "2":
        session.request([(b":method", b"GET"), *TARGET])
        client.sendall(session.take())
    else:
        client.sendall(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n")
    play.loop.call_soon(play.poller.poll)
    play.turn()
    service.abort()
    play.turn()
    hint = arrived[0].decode() if version == "1.1" else repr(session.feed(arrived[0]))
    assert "style.css" in hint
    assert arrived[1] == b""
    assert has(client)
