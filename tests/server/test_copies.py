"""Bodies that are sent again and again leave from pages of their own, the same to clients."""

import asyncio
import contextlib
import contextvars
import ctypes
import errno
import fcntl
import gc
import os
import random
import resource
import signal
import socket
import stat
import struct
import sys
import threading
import time
import traceback
import warnings
import weakref
from pathlib import Path

import pytest
import uvloop
from live import Live
from test_socket_transport import Protocol, pair, reset, turn, until
from wire import WAIT

from fastserve import Config
from fastserve.asgi._socket import Poller, SocketTransport

pytestmark = pytest.mark.skipif(not hasattr(os, "splice"), reason="there is no splice(2)")

LEAST, MOST = 1 << 14, 1 << 20
OFTEN = 4
LONG_IDLE, SHORT_IDLE = 10, 2
MOST_COPIES, CANDIDATES = 64, 4
HEAD = b"head"
HAS_GIL = getattr(sys, "_is_gil_enabled", lambda: True)()
MCL_FUTURE = 2
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 22, 38
CALLS = {
    "x86_64": {"splice": 275, "vmsplice": 278, "fcntl": 72},
    "aarch64": {"splice": 76, "vmsplice": 75, "fcntl": 25},
}
TCP_SEGMENTS = 156  # where struct tcp_info has tcpi_data_segs_out


class Still:
    """A loop whose timers of copies do not run by themselves: a slow machine changes nothing."""

    def call_later(self, delay, callback, *args, **options):
        if getattr(callback, "__name__", "") != "sweep":
            return super().call_later(delay, callback, *args, **options)
        handle = super().call_later(1000 * delay, callback, *args, **options)
        self.timers.append((delay, handle))
        return handle


class StillUvloop(Still, uvloop.Loop):
    def __init__(self):
        super().__init__()
        self.timers = []


class StillAsyncio(Still, asyncio.SelectorEventLoop):
    def __init__(self):
        super().__init__()
        self.timers = []


@pytest.fixture(params=[StillUvloop, StillAsyncio], ids=["uvloop", "asyncio"])
def play(request):
    made = Play(request.param())
    yield made
    made.end()


class Play:
    """Connections of one poller that write."""

    def __init__(self, loop, most=1 << 22, **options):
        self.loop = loop
        self.poller = Poller(loop, copies=most, **options)
        self.copies = self.poller.copies
        self.clients = []

    def add(self, over="TCP", kept=None):
        """`kept`: bytes that the socket takes, or about so many."""
        protocol = Protocol()
        client, sock = pair(over)
        if kept is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, kept)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)  # nor does it grow
        SocketTransport(self.poller, sock.detach(), protocol).begin()
        self.clients.append(client)
        return protocol.transport, client

    def send(self, transport, client, body, times=1):
        """As an answer leaves; it must arrive as it is."""
        for _ in range(times):
            transport.writelines([HEAD, body])
            assert self.read(client, len(HEAD) + len(body)) == HEAD + body

    def read(self, client, count):
        received = bytearray()

        def enough():
            with contextlib.suppress(BlockingIOError):
                received.extend(client.recv(1 << 16, socket.MSG_DONTWAIT))
            return len(received) >= count

        until(self.loop, enough)
        return bytes(received)

    def end(self):
        for transport in tuple(self.poller.transports):
            transport.abort()
        self.poller.close()
        turn(self.loop)
        self.loop.close()
        for client in self.clients:
            client.close()
        assert len(self.copies) == self.copies.size == 0


def pipes():
    """Those that this process has open, by the number of an end."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if stat.S_ISFIFO(os.stat(f"/proc/self/fd/{name}").st_mode):
                found.add(int(name))
    return found


def inodes():
    return {os.fstat(number).st_ino for number in pipes()}


def refuse(call, error, command=None):
    """Whoever makes this system call in this thread gets that error: seccomp(2).

    `command`: only where this is the second argument.
    """
    libc = ctypes.CDLL(None)
    lines = (
        (0x20, 0, 0, 0),  # load the number of the call
        (0x15, 0, 3 if command else 1, call),  # not that one: skip what refuses it
        *([(0x20, 0, 0, 24), (0x15, 0, 1, command)] if command else ()),
        (0x06, 0, 0, 0x50000 | error),  # SECCOMP_RET_ERRNO
        (0x06, 0, 0, 0x7FFF0000),  # SECCOMP_RET_ALLOW
    )
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in lines))
    program = struct.pack("HP", len(lines), ctypes.addressof(code))
    unsigned = ctypes.c_ulong
    assert libc.prctl(PR_SET_NO_NEW_PRIVS, unsigned(1), unsigned(0), unsigned(0), unsigned(0)) == 0
    assert libc.prctl(PR_SET_SECCOMP, unsigned(2), program, unsigned(0), unsigned(0)) == 0


def new(size=LEAST):
    return random.randbytes(size)


@pytest.mark.parametrize("over", ["TCP", "Unix"])
def test_what_is_sent_often_is_copied_and_sent_as_it_is(play, over):
    transport, client = play.add(over)
    body = new(100_000)
    play.send(transport, client, body, OFTEN - 1)
    assert (len(play.copies), play.copies.sent) == (0, 0)
    play.send(transport, client, body)
    assert (len(play.copies), play.copies.size, play.copies.sent) == (1, len(body), 1)
    play.send(transport, client, body, 20)
    assert (len(play.copies), play.copies.sent) == (1, 21)


def test_pages_are_kept_until_the_client_has_read_them(play):
    """Of a copy that is let go, whose place another gets."""
    slow, reader = play.add()
    transport, client = play.add()
    kept, first, second = new(), new(50_000), new(50_000)
    play.send(transport, client, first, OFTEN)
    play.send(transport, client, kept, OFTEN)
    expected = HEAD + first
    slow.writelines([HEAD, first])
    assert slow.get_write_buffer_size() == 0
    for _ in range(LONG_IDLE):
        play.copies.sweep()
        play.send(transport, client, kept)
    assert len(play.copies) == 1
    play.send(transport, client, second, OFTEN)
    assert len(play.copies) == 2
    assert play.read(reader, len(expected)) == expected


def test_a_place_in_locked_memory_is_not_used_again(play):
    """Which the system does not take back: another copy would be written to pages on their way."""
    libc = ctypes.CDLL(None)
    made = Play(play.loop, MOST)
    slow, reader = made.add()
    transport, client = made.add()
    kept, first, second = new(), new(50_000), new(50_000)
    try:
        libc.mlockall(MCL_FUTURE)
        made.send(transport, client, first, OFTEN)
        made.send(transport, client, kept, OFTEN)
        if len(made.copies) < 2 or "\nVmLck:\t       0 kB" in Path("/proc/self/status").read_text():
            pytest.skip("this memory cannot be locked here")  # nor is any under AddressSanitizer
        slow.writelines([HEAD, first])
        for _ in range(LONG_IDLE):
            made.copies.sweep()
            made.send(transport, client, kept)
        made.send(transport, client, second, OFTEN)
        assert made.read(reader, len(HEAD) + len(first)) == HEAD + first
        assert len(made.copies) == 1
        for _ in range(LONG_IDLE):
            made.copies.sweep()
        made.send(transport, client, second, OFTEN)  # in memory that is mapped anew
        assert len(made.copies) == 1
    finally:
        libc.munlockall()
        transport.abort()
        slow.abort()
        made.poller.close()
        turn(play.loop)
        for each in made.clients:
            each.close()


def in_child(run):
    """Whether it is true in a process that has been forked."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of threads, none of which the child needs
        pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = 0 if run() else 1
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitpid(pid, 0)[1] == 0


def test_a_child_does_not_share_the_pipe(play):
    """What it sends would mix with what its parent does."""
    transport, client = play.add()
    body, before = new(), inodes()
    play.send(transport, client, body, OFTEN)
    (parents,) = inodes() - before

    def run():
        transport.writelines([HEAD, body])
        assert client.recv(1 << 16, socket.MSG_WAITALL) == HEAD + body
        childs = inodes()
        transport.writelines([HEAD, body])
        assert play.copies.sent == 3
        return parents not in childs and inodes() == childs  # nor is it opened each time

    client.setblocking(True)
    client.settimeout(WAIT)
    assert in_child(run)
    client.recv(1 << 16, socket.MSG_WAITALL)
    play.send(transport, client, body)
    assert inodes() - before == {parents}


@pytest.mark.skipif(os.uname().machine not in CALLS, reason="its calls have other numbers")
@pytest.mark.parametrize("error", [errno.ENOSYS, errno.EPERM, errno.EACCES])
@pytest.mark.parametrize("call", ["splice", "vmsplice"])
def test_where_a_call_is_refused_it_is_not_tried_for_ever(play, call, error):
    transport, client = play.add()
    body = new()

    def run():
        before = pipes()
        refuse(CALLS[os.uname().machine][call], error)
        play.send(transport, client, body, OFTEN - 1)
        transport.writelines([HEAD, body])
        assert transport.get_write_buffer_size() == 0  # it has left at once, as without a copy
        assert play.read(client, len(HEAD) + LEAST) == HEAD + body
        assert (len(play.copies), play.copies.sent, pipes()) == (1, 0, before)
        for _ in range(LONG_IDLE):
            play.send(transport, client, body)
            assert pipes() == before
            play.copies.sweep()
        play.send(transport, client, body, 2 * OFTEN)
        return len(play.copies) == 0

    assert in_child(run)


@pytest.mark.skipif(os.uname().machine not in CALLS, reason="its calls have other numbers")
def test_where_a_pipe_cannot_be_enlarged_what_fits_is_copied(play):
    """As where those of a user already take what pipe-user-pages-soft allows."""
    transport, client = play.add()
    small, large = new(50_000), new(100_000)

    def run():
        before = inodes()
        refuse(CALLS[os.uname().machine]["fcntl"], errno.EPERM, fcntl.F_SETPIPE_SZ)
        play.send(transport, client, large, OFTEN)
        opened = inodes() - before
        assert (len(play.copies), len(opened)) == (1, 1)
        for _ in range(LONG_IDLE):
            play.send(transport, client, small, OFTEN)
            play.send(transport, client, large)
            assert inodes() - before == opened
            play.copies.sweep()
        assert (len(play.copies), play.copies.size) == (1, len(small))
        return play.copies.sent == LONG_IDLE * OFTEN - OFTEN + 1

    assert in_child(run)


def test_what_one_client_has_not_taken_does_not_go_to_the_next(play):
    slow, reader = play.add(kept=4_000)
    transport, client = play.add()
    first, second = new(500_000), new(500_000)
    for body in (first, second):
        play.send(transport, client, body, OFTEN)
    for _ in range(5):
        slow.writelines([HEAD, first])
        assert slow.get_write_buffer_size() > 0
        play.send(transport, client, second)
        assert play.read(reader, len(HEAD) + len(first)) == HEAD + first


def test_what_is_made_anew_each_time_is_not_copied(play):
    """The allocator would give each of them the place of the last, if we did not hold that."""
    transport, client = play.add()
    for number in range(200):
        transport.writelines([HEAD, b"%d" % number * LEAST])
        expected = HEAD + b"%d" % number * LEAST
        assert play.read(client, len(expected)) == expected
    assert len(play.copies) == 0


def test_what_is_made_anew_leaves_room_for_what_is_not(play):
    """Who is dropped by the app is dropped as a candidate, too."""
    transport, client = play.add()
    body = new()
    for _ in range(OFTEN):
        for _ in range(2 * CANDIDATES):
            play.send(transport, client, new())
        play.send(transport, client, body)
    assert len(play.copies) == 1


def test_who_sends_many_in_turn_has_them_copied(play):
    transport, client = play.add()
    bodies = [new() for _ in range(20)]
    for _ in range(200):
        for body in bodies:
            play.send(transport, client, body)
        if len(play.copies) == len(bodies):
            return
    raise AssertionError(len(play.copies))


@pytest.mark.parametrize("size", [LEAST, MOST])
def test_sizes(play, size):
    transport, client = play.add()
    outside = size - 1 if size == LEAST else size + 1
    play.send(transport, client, new(outside), 1)
    body = new(outside)
    play.send(transport, client, body, 3 * OFTEN)
    assert len(play.copies) == 0
    play.send(transport, client, new(size), 1)
    body = new(size)
    play.send(transport, client, body, OFTEN)
    assert len(play.copies) == 1


def test_the_memory_has_a_limit_and_who_is_idle_makes_room(play):
    transport, client = play.add()
    bodies = [new(MOST) for _ in range(5)]
    before = list(map(sys.getrefcount, bodies))

    def copied():
        counts = map(sys.getrefcount, bodies)
        return [number for number, count in enumerate(counts) if count > before[number]]

    for number in range(5):
        play.send(transport, client, bodies[number], OFTEN)
    assert (copied(), play.copies.size) == ([0, 1, 2, 3], 4 * MOST)
    for _ in range(SHORT_IDLE):
        play.send(transport, client, bodies[4], OFTEN)
        assert copied() == [0, 1, 2, 3]
        play.copies.sweep()
        for number in (1, 2, 3):
            play.send(transport, client, bodies[number])
    play.send(transport, client, bodies[4], OFTEN)
    assert copied() == [1, 2, 3, 4]
    play.send(transport, client, bodies[0], OFTEN)  # there is no room again
    assert (copied(), play.copies.size) == ([1, 2, 3, 4], 4 * MOST)


def test_their_number_has_a_limit(play):
    transport, client = play.add()
    bodies = [new() for _ in range(MOST_COPIES + 2)]
    for body in bodies:
        play.send(transport, client, body, OFTEN)
    assert len(play.copies) == MOST_COPIES


def test_what_nobody_sends_any_more_is_let_go(play):
    transport, client = play.add()
    body, before = new(), pipes()
    play.send(transport, client, body, OFTEN)
    assert list(map(os.get_inheritable, pipes() - before)) == [False, False]
    held = sys.getrefcount(body)
    for _ in range(LONG_IDLE - 1):
        play.copies.sweep()
    assert len(play.copies) == 1
    play.send(transport, client, body)
    for _ in range(LONG_IDLE):
        play.copies.sweep()
    assert (len(play.copies), pipes(), sys.getrefcount(body)) == (0, before, held - 1)


def address_space():
    """Bytes that this process has mapped."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def test_with_the_last_copy_the_memory_is_given_back(play):
    most = 1 << 28
    made = Play(play.loop, most)
    transport, client = made.add()
    body, before = new(), address_space()
    for _ in range(3):
        made.send(transport, client, body, OFTEN)
        assert address_space() >= before + most
        for _ in range(LONG_IDLE):
            made.copies.sweep()
        assert address_space() < before + most // 2
    made.send(transport, client, body, OFTEN)
    transport.abort()
    client.close()
    made.poller.close()
    turn(play.loop)
    assert address_space() < before + most // 2


def flags_of(size):
    """Those of the mappings of this size: proc(5), smaps."""
    found = []
    for line in Path("/proc/self/smaps").read_text().splitlines():
        name, _, rest = line.partition(" ")
        if "-" in name:
            begin, end = (int(part, 16) for part in name.split("-"))
        elif name == "VmFlags:" and end - begin == size:
            found.append(rest.split())
    return found


@pytest.mark.skipif(
    not Path("/sys/kernel/mm/transparent_hugepage").exists(), reason="there are no large pages"
)
def test_large_pages_are_taken_once(play):
    """A client that has not read to the end keeps a whole one."""
    most = 3 << 26
    made = Play(play.loop, most)
    transport, client = made.add()
    body, other = new(), new()
    for each in (body, other):
        made.send(transport, client, each, OFTEN)
    assert ["hg" in flags for flags in flags_of(most)] == [True]
    for _ in range(LONG_IDLE):
        made.copies.sweep()
        made.send(transport, client, body)
    assert len(made.copies) == 1
    assert ["nh" in flags for flags in flags_of(most)] == [True]
    for _ in range(LONG_IDLE):
        made.copies.sweep()
    assert flags_of(most) == []
    made.send(transport, client, body, OFTEN)
    assert ["nh" in flags for flags in flags_of(most)] == [True]
    transport.abort()
    client.close()
    made.poller.close()
    turn(play.loop)


def test_which_one_is_let_go_does_not_matter_to_the_others(play):
    """Each has its own copy, and its own time, when others have gone."""
    rng = random.Random(1)
    transport, client = play.add()
    bodies = [new(LEAST + number) for number in range(12)]
    play.copies.sweep()
    sent = {}
    for second in range(60):
        for number in rng.sample(range(12), 3):
            play.send(transport, client, bodies[number], OFTEN)
            sent[number] = second
        play.copies.sweep()
        kept = [number for number in sent if sent[number] > second + 1 - LONG_IDLE]
        assert len(play.copies) == len(kept)
        assert play.copies.size == sum(LEAST + number for number in kept)


@pytest.mark.skipif(not HAS_GIL, reason="references are counted otherwise")
def test_what_the_app_has_dropped_is_let_go(play):
    transport, client = play.add()
    kept, body = new(), new()
    play.send(transport, client, kept, OFTEN)
    play.send(transport, client, body, OFTEN)
    del body
    play.copies.sweep()
    assert len(play.copies) == 1


def test_candidates_are_let_go(play):
    transport, client = play.add()
    bodies = [new() for _ in range(2 * CANDIDATES)]
    before = list(map(sys.getrefcount, bodies))
    for number in range(len(bodies)):
        play.send(transport, client, bodies[number])
    assert sum(map(sys.getrefcount, bodies)) == sum(before) + CANDIDATES
    play.copies.sweep()
    assert list(map(sys.getrefcount, bodies)) == before


def test_a_second_is_planned_while_there_is_anything(play):
    transport, client = play.add()
    timers, body, before = play.loop.timers, new(), pipes()
    play.send(transport, client, body, OFTEN - 1)
    assert [delay for delay, _ in timers] == [1.0]
    play.copies.sweep()  # it had only a candidate
    assert len(timers) == 1
    play.send(transport, client, body, OFTEN)
    assert len(timers) == 2
    play.copies.sweep()
    assert len(timers) == 3
    candidate = new()
    held = sys.getrefcount(candidate)
    play.send(transport, client, candidate)
    assert sys.getrefcount(candidate) == held + 1
    transport.abort()
    play.poller.close()
    turn(play.loop)
    assert timers[-1][1].cancelled()
    assert pipes() == before
    assert (len(play.copies), sys.getrefcount(candidate)) == (0, held)


def test_the_timer_keeps_no_context_of_an_app(play):
    """Which may hold all that a request needed."""

    class Value:
        pass

    variable = contextvars.ContextVar("variable")
    transport, client = play.add()
    body = new()

    def in_app():
        value = Value()
        variable.set(value)
        for _ in range(OFTEN):
            transport.writelines([HEAD, body])
        return weakref.ref(value)

    gone = contextvars.copy_context().run(in_app)
    play.read(client, OFTEN * (len(HEAD) + LEAST))
    assert len(play.copies) == 1
    gc.collect()
    assert gone() is None


def test_a_poller_that_nobody_closes_is_collected(play):
    most, before, mapped = 1 << 28, pipes(), address_space()
    made = Play(type(play.loop)(), most)
    transport, client = made.add()
    body, other = new(), new()
    counts = sys.getrefcount(body), sys.getrefcount(other)
    made.send(transport, client, body, OFTEN)
    made.send(transport, client, other)
    assert len(made.copies) == 1
    client.close()
    made.loop.close()
    made.loop.timers.clear()
    del made, transport
    gc.collect()
    assert pipes() == before
    assert address_space() < mapped + most // 2
    assert counts == (sys.getrefcount(body), sys.getrefcount(other))


def test_a_client_that_reads_slowly_gets_all_in_order(play):
    transport, client = play.add()
    body = new(300_000)
    play.send(transport, client, body, OFTEN)
    expected = b""
    for number in range(40):
        transport.writelines([b"%d " % number, body])
        transport.write(b"and")
        expected += b"%d " % number + body + b"and"
    assert transport.get_write_buffer_size() > 0
    assert play.read(client, len(expected)) == expected
    assert len(play.copies) == 1


def test_without_a_pipe_all_is_sent_as_ever(play):
    transport, client = play.add()
    body = new(50_000)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with open("/dev/null") as lowest:  # that is free
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest.fileno() + 1, hard))
        try:
            for _ in range(OFTEN + 1):
                transport.writelines([HEAD, body])
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    expected = (HEAD + body) * (OFTEN + 1)
    assert play.read(client, len(expected)) == expected
    assert (len(play.copies), play.copies.sent) == (1, 0)
    play.send(transport, client, body)
    assert play.copies.sent == 1


def test_a_client_that_has_gone_ends_its_connection_alone(play):
    transport, client = play.add()
    other, reader = play.add()
    body = new(200_000)
    play.send(other, reader, body, OFTEN)
    transport.writelines([HEAD, body])
    reset(client)
    for _ in range(3):
        transport.writelines([HEAD, body])
    turn(play.loop)
    assert transport.is_closing()
    play.send(other, reader, body)


def test_what_an_exception_leaves_in_the_pipe_is_not_sent(play, monkeypatch):
    transport, client = play.add()
    other, reader = play.add()
    first, second = new(), new()
    for body in (first, second):
        play.send(other, reader, body, OFTEN)

    def call_soon(function):  # called between load() and send()
        raise MemoryError

    reset(client)
    with monkeypatch.context() as patched, pytest.raises(MemoryError):
        patched.setattr(play.loop, "call_soon", call_soon)
        transport.writelines([HEAD, first])
    play.send(other, reader, second, 2)
    assert play.copies.sent == 4


def test_the_head_leaves_with_the_body(play):
    """In one packet, as without a copy."""
    client, sock = pair("TCP")
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    protocol = Protocol()
    with sock.dup() as other:

        def packets():
            info = other.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
            return struct.unpack_from("I", info, TCP_SEGMENTS)[0]

        SocketTransport(play.poller, sock.detach(), protocol).begin()
        play.clients.append(client)
        body = new()
        play.send(protocol.transport, client, body, OFTEN)
        for _ in range(3):
            before = packets()
            play.send(protocol.transport, client, body)
            assert packets() == before + 1
            protocol.transport.write(b"a")  # nothing keeps that from leaving
            assert play.read(client, 1) == b"a"
            assert packets() == before + 2


@pytest.mark.parametrize("over", ["TCP", "Unix"])
@pytest.mark.parametrize("length", [0, 4, 3_000, 60_000])
def test_where_the_socket_is_full_nothing_is_sent_twice_or_left_out(play, over, length):
    """Before the head, within it, after it, and within the body."""
    head, body = new(length), new(50_000)
    play.send(*play.add(over), body, OFTEN)
    for filled in range(0, 60_000, 1_500):
        transport, client = play.add(over, kept=15_000)
        for _ in range(filled // 1_500):
            transport.write(bytes(1_500))
        transport.writelines([head, body])
        transport.writelines([head, body])
        transport.write(b"end")
        expected = bytes(filled) + (head + body) * 2 + b"end"
        assert play.read(client, len(expected)) == expected
        transport.abort()
        client.close()
    assert len(play.copies) == 1


@pytest.mark.parametrize("over", ["TCP", "Unix"])
@pytest.mark.parametrize("end", ["close", "write_eof"])
def test_what_was_written_comes_before_the_end(play, over, end):
    body = new(MOST)
    play.send(*play.add(over), body, OFTEN)
    transport, client = play.add(over)
    expected = (HEAD + body) * 8
    for _ in range(8):
        transport.writelines([HEAD, body])
    getattr(transport, end)()
    transport.writelines([HEAD, body])  # too late
    assert play.read(client, len(expected)) == expected
    turn(play.loop)
    assert client.recv(1) == b""


def test_more_than_two_parts_are_sent_as_they_are(play):
    transport, client = play.add()
    body = new()
    for parts in ([body], [HEAD, body, b"end"], [HEAD, body, body], [HEAD, HEAD, HEAD, body]):
        for _ in range(2 * OFTEN):
            transport.writelines(parts)
            assert play.read(client, sum(map(len, parts))) == b"".join(parts)
    assert len(play.copies) == 0
    play.send(transport, client, body, OFTEN)
    assert len(play.copies) == 1
    for parts in ([body], [HEAD, body, b"end"], [HEAD, body, body], [HEAD, HEAD, HEAD, body]):
        transport.writelines(parts)
        assert play.read(client, sum(map(len, parts))) == b"".join(parts)


@pytest.mark.parametrize("over", ["TCP", "Unix"])
def test_what_was_held_comes_before(play, over):
    made = Play(play.loop, hold=True)
    transport, client = made.add(over)
    body = new()
    made.send(transport, client, body, OFTEN)
    for _ in range(3):
        transport.write(b"held")
        with pytest.raises(BlockingIOError):
            client.recv(1, socket.MSG_DONTWAIT)
        transport.writelines([HEAD, body])
        transport.write(b"held")
        assert made.read(client, 4 + len(HEAD) + LEAST + 4) == b"held" + HEAD + body + b"held"
    transport.abort()
    client.close()
    made.poller.close()
    turn(play.loop)


def test_to_a_socket_that_blocks_no_copy_is_sent(play):
    """An app has made it so, and splice(2) would wait for the client."""
    transport, client = play.add()
    body = new()
    play.send(transport, client, body, OFTEN)
    sock = transport.get_extra_info("socket")
    play.send(transport, client, body)
    assert play.copies.sent == 2
    sock.setblocking(True)
    play.send(transport, client, body)
    assert play.copies.sent == 2
    sock.setblocking(False)
    play.send(transport, client, body)
    assert play.copies.sent == 3


@pytest.mark.parametrize("end", [0, 1])
@pytest.mark.parametrize("replaced", ["closed", "folder", "empty", "full"])
def test_what_the_kernel_does_not_send_is_sent_as_ever(play, tmp_path, end, replaced):
    """At once, as without a copy. Here an end of the pipe is something else."""
    empty = tmp_path / "empty"
    empty.touch()
    transport, client = play.add()
    body, before = new(), pipes()
    play.send(transport, client, body, OFTEN)
    number = sorted(pipes() - before)[end]
    with contextlib.ExitStack() as opened:
        match replaced:
            case "full":
                source, target = os.pipe2(os.O_NONBLOCK)
                if end == 1:
                    source, target = target, source
                    with contextlib.suppress(BlockingIOError):
                        while True:
                            os.write(source, bytes(4096))
                opened.callback(os.close, target)
            case "folder":
                source = os.open(tmp_path, os.O_RDONLY)
            case "empty":
                source = os.open(empty, os.O_RDWR)
            case "closed":
                source = os.open(empty, os.O_WRONLY if end == 0 else os.O_RDONLY)
        opened.callback(os.close, source)
        os.dup2(source, number, inheritable=False)
        transport.writelines([HEAD, body])
        assert transport.get_write_buffer_size() == 0
        assert play.read(client, len(HEAD) + LEAST) == HEAD + body
    assert play.copies.sent == 1
    play.send(transport, client, body, 3)
    assert play.copies.sent == 4


@pytest.mark.skipif(not HAS_GIL, reason="there is no GIL to let go of")
def test_no_other_thread_runs_meanwhile(play):
    """One that computes would give the GIL back only after 5 ms."""
    body = new(MOST)
    play.send(*play.add(), body, OFTEN)
    turns, ended = [], threading.Event()

    def run():
        while not ended.is_set():
            turns.append(1)
            time.sleep(0)  # the others' turn

    interval = sys.getswitchinterval()
    thread = threading.Thread(target=run)
    thread.start()
    sys.setswitchinterval(2 * WAIT)  # nobody has to give it
    try:
        for _ in range(200):
            transport, client = play.add()
            before = len(turns)
            transport.writelines([HEAD, body])
            assert len(turns) == before
            transport.abort()
            client.close()
    finally:
        ended.set()
        sys.setswitchinterval(interval)
        thread.join()
    assert turns


def test_where_sigpipe_ends_the_process_there_are_none(play):
    """send(2) is told not to send it, which cannot be said to splice(2)."""
    transport, client = play.add()
    body = new()
    before = signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        play.send(transport, client, body, 2 * OFTEN)
    finally:
        signal.signal(signal.SIGPIPE, before)
    assert len(play.copies) == 0
    play.send(transport, client, body, OFTEN)
    assert len(play.copies) == 1


def test_a_poller_that_is_closed_makes_none(play):
    """A client whose TLS handshake has taken long may come so late."""
    play.poller.close()
    transport, client = play.add()
    body = new()
    for _ in range(2 * OFTEN):
        play.send(transport, client, body)
        assert (len(play.copies), play.loop.timers) == (0, [])


def test_off():
    config = Config("app", body_copies=0)
    assert config.body_copies == 0
    assert Config("app", body_copies="2M").body_copies == 2 << 20
    made = Play(asyncio.new_event_loop(), 0)
    transport, client = made.add()
    body = new()
    held = sys.getrefcount(body)
    for _ in range(2 * OFTEN):
        made.send(transport, client, body)
        assert (len(made.copies), sys.getrefcount(body)) == (0, held)
    made.end()


# -- behind the whole server ---------------------------------------------------------------------

CACHE = {size: new(size) for size in (LEAST - 1, LEAST, 40_000, 100_000, MOST, 3 * MOST)}


async def app(scope, receive, send):
    """/SIZE is the same each time, /new/SIZE is made, /parts/SIZE is sent with the end apart."""
    if scope["type"] == "lifespan":
        raise RuntimeError
    _, *kind, size = scope["path"].split("/")
    body = CACHE[int(size)]
    if kind == ["new"]:
        body = bytes(bytearray(body))
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if kind == ["parts"]:
        await send({"type": "http.response.body", "body": body, "more_body": True})
        body = b""
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def server(request):
    live = Live(app, loop=request.param)
    yield live
    live.stop()


@pytest.mark.parametrize("seed", range(5))
def test_many_clients_get_what_they_asked_for(server, seed):
    rng = random.Random(seed)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(8)]
        for _ in range(30):
            asked = []
            for client in clients:
                for _ in range(rng.choice([1, 1, 3])):
                    size = rng.choice([LEAST, 40_000, 100_000, *CACHE])
                    kind = rng.choice(["", "", "", "new/", "parts/"])
                    method = rng.choice(["GET", "GET", "GET", "HEAD"])
                    client.send(f"{method} /{kind}{size} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
                    asked.append((client, method, size))
            order = rng.sample(clients, len(clients))
            for client, method, size in sorted(asked, key=lambda each: order.index(each[0])):
                assert client.response(method).body == (CACHE[size] if method == "GET" else b"")


def test_at_the_end_no_pipe_is_left():
    before = pipes()
    live = Live(app, loop="asyncio")
    running = pipes()
    try:
        with live.connect() as client:
            while len(pipes()) < len(running) + 2:  # unless a second ends between two of four
                client.send(b"GET /100000 HTTP/1.1\r\nHost: h\r\n\r\n")
                assert client.response().body == CACHE[100_000]
    finally:
        live.stop()
    assert pipes() == before
