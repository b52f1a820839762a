"""The TLS transport by itself, between a client of the ssl module and a transport that is played."""

import asyncio
import contextlib
import ctypes
import gc
import random
import ssl

import pytest
from serving import HERE

from fastserve import openssl, transports
from fastserve.asgi import _tls

PIECE = 65536  # that is encrypted before it is sent
RECORD = 16384


@pytest.fixture(scope="module", autouse=True)
def bound():
    transports.prepare()


@pytest.fixture(scope="module")
def context():
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(HERE / "tls" / "cert.pem", HERE / "tls" / "key.pem")
    made.set_alpn_protocols(["h2", "http/1.1"])
    return made


@pytest.fixture(scope="module")
def buffers():
    """Those of all tests: none leaves anything in them."""
    return _tls.Buffers()


class Lower:
    """A loop's transport that takes what `takes` says, and keeps the rest until `read()`."""

    def __init__(self):
        self.protocol = None
        self.sent = bytearray()
        self.kept = bytearray()
        self.takes = 1 << 60
        self.calls = []
        self.closing = self.paused = self.reading_paused = False

    def set_write_buffer_limits(self, high):
        assert high == 0

    def get_extra_info(self, name, default=None):
        return {"peername": ("client", 1)}.get(name, default)

    def write(self, data):
        assert not self.closing
        self.kept += data
        self._send()
        if self.kept and not self.paused:
            self.paused = True
            self.protocol.pause_writing()

    def read(self, count=1 << 60):
        """The client takes so much more."""
        self.takes += count
        self._send()
        if self.paused and not self.kept:
            self.paused = False
            self.protocol.resume_writing()

    def _send(self):
        count = min(self.takes, len(self.kept))
        self.sent += self.kept[:count]
        self.takes -= count
        del self.kept[:count]

    def get_write_buffer_size(self):
        return len(self.kept)

    def is_closing(self):
        return self.closing

    def is_reading(self):
        return not self.reading_paused

    def pause_reading(self):
        self.reading_paused = True

    def resume_reading(self):
        self.reading_paused = False

    def write_eof(self):
        self.calls.append("write_eof")

    def close(self):
        self.closing = True
        self.calls.append("close")

    def abort(self):
        self.closing = True
        self.calls.append("abort")


class Protocol:
    """The connection above."""

    def __init__(self):
        self.received = []
        self.calls = []
        self.transport = self.error = None
        self.on_data = None

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.received.append(data)
        if self.on_data is not None:
            self.on_data(data)

    def eof_received(self):
        self.calls.append("eof")
        return True

    def pause_writing(self):
        self.calls.append("pause")

    def resume_writing(self):
        self.calls.append("resume")

    def connection_lost(self, error):
        self.error = error
        self.calls.append("lost")


class Session:
    """A client and a transport, with the bytes between them in our hands."""

    def __init__(self, context, buffers, **versions):
        self.loop = asyncio.new_event_loop()
        self.lower = Lower()
        self.protocol = Protocol()
        self.handshake = self.loop.create_future()
        pointer = openssl.pointer_of(context)
        self.transport = _tls.TLSTransport(
            buffers, context, pointer, lambda: self.protocol, self.handshake
        )
        self.lower.protocol = self.transport
        self.transport.connection_made(self.lower)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.check_hostname = False
        client.verify_mode = ssl.CERT_NONE
        client.set_alpn_protocols(["h2"])
        for name, value in versions.items():
            setattr(client, name, value)
        self.client = client.wrap_bio(self.incoming, self.outgoing)

    def close(self):
        self.loop.close()

    def to_server(self, size=None):
        """What the client has written, in pieces of this size."""
        data = self.outgoing.read()
        for at in range(0, len(data), size or len(data) or 1):
            self.transport.data_received(data[at : at + (size or len(data))])

    def to_client(self):
        self.incoming.write(bytes(self.lower.sent))
        self.lower.sent.clear()

    def shake(self, size=None):
        for _ in range(4):
            with contextlib.suppress(ssl.SSLWantReadError):
                self.client.do_handshake()
            self.to_server(size)
            self.to_client()
        assert self.handshake.done()
        return self

    def send(self, data, size=None):
        self.client.write(data)
        self.to_server(size)

    def read(self):
        """What the client has received; an end is None, the last."""
        self.to_client()
        pieces = []
        while True:
            try:
                piece = self.client.read(1 << 20)
            except ssl.SSLWantReadError:
                return b"".join(pieces)
            except ssl.SSLZeroReturnError:
                piece = b""
            if not piece:
                self.ended = True
                return b"".join(pieces)
            pieces.append(piece)

    ended = False


@pytest.fixture
def make(context, buffers):
    made = []

    def start(**versions):
        made.append(Session(context, buffers, **versions))
        return made[-1]

    yield start
    for session in made:
        session.close()


@pytest.fixture(params=["TLSv1_2", "TLSv1_3"])
def session(request, make):
    return make(maximum_version=ssl.TLSVersion[request.param]).shake()


def blob(size):
    return random.Random(size).randbytes(size)


# The handshake


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
@pytest.mark.parametrize("size", [None, 1, 2, 100])
def test_a_handshake_in_any_pieces(make, version, size):
    session = make(maximum_version=ssl.TLSVersion[version]).shake(size)
    assert session.handshake.result() is None
    tls = session.protocol.transport.get_extra_info("ssl_object")
    assert tls.version() == session.client.version() == version.replace("_", ".")
    assert tls.cipher() == session.client.cipher()
    assert tls.selected_alpn_protocol() == "h2"
    assert tls.getpeercert() is None
    assert tls.get_unverified_chain() == []
    assert tls.compression() is None


def test_what_comes_with_the_end_of_the_handshake(make):
    """The client's last flight and its first request are one read."""
    session = make(maximum_version=ssl.TLSVersion.TLSv1_3)
    with pytest.raises(ssl.SSLWantReadError):
        session.client.do_handshake()
    session.to_server()
    session.to_client()
    session.client.do_handshake()
    session.client.write(b"request")
    session.to_server()
    assert session.protocol.received == [b"request"]


def test_without_alpn(context, make):
    session = make()
    session.client.context.set_alpn_protocols(["other"])
    session.client = session.client.context.wrap_bio(session.incoming, session.outgoing)
    session.shake()
    assert session.transport.get_extra_info("ssl_object").selected_alpn_protocol() is None


@pytest.mark.parametrize(
    "sent",
    [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x05hello", b"\x15\x03\x01\x00\x02\x02\x28"],
    ids=["plain", "not-a-hello", "alert"],
)
def test_a_handshake_that_fails(make, sent):
    session = make()
    session.transport.data_received(sent)
    with pytest.raises(ssl.SSLError, match=r"TLS failed: .*[a-z]"):
        session.handshake.result()
    assert session.lower.calls == ["close"]
    session.transport.connection_lost(None)
    assert session.protocol.calls == []


def test_a_client_that_speaks_an_older_version(context, make):
    session = make(maximum_version=ssl.TLSVersion.TLSv1_2)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        session = make(maximum_version=ssl.TLSVersion.TLSv1_2)
    finally:
        context.minimum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLWantReadError):
        session.client.do_handshake()
    session.to_server()
    with pytest.raises(ssl.SSLError, match="TLS failed"):
        session.handshake.result()
    session.to_client()
    with pytest.raises(ssl.SSLError, match=r"(?i)alert"):  # the client is told
        session.client.do_handshake()


def test_a_client_that_leaves_during_the_handshake(make):
    session = make()
    assert session.transport.eof_received() is False  # the loop's transport may close
    session.transport.connection_lost(None)
    with pytest.raises(ConnectionResetError, match="left during the TLS handshake"):
        session.handshake.result()
    other = make()
    error = ConnectionResetError("reset")
    other.transport.connection_lost(error)
    assert other.handshake.exception() is error


def test_a_handshake_that_is_given_up_and_goes_on(make):
    """The task that waits is cancelled; before it runs, more arrives."""
    session = make()
    with pytest.raises(ssl.SSLWantReadError):
        session.client.do_handshake()
    session.to_server()
    session.handshake.cancel()
    session.to_client()
    session.client.do_handshake()
    session.to_server()
    assert session.protocol.transport is None


def test_a_handshake_that_is_given_up(make):
    session = make()
    session.handshake.cancel()
    session.transport.abort()
    session.transport.data_received(b"\x16\x03")
    session.transport.connection_lost(None)
    assert session.lower.calls == ["abort"]
    assert session.protocol.calls == []


# Reading


@pytest.mark.parametrize("size", [1, 2, 500, None])
@pytest.mark.parametrize("length", [1, 100, RECORD, RECORD + 1])
def test_bytes_arrive_in_any_pieces(session, size, length):
    data = blob(length)
    for _ in range(2):
        session.send(data, size)
    assert b"".join(session.protocol.received) == data * 2
    assert all(session.protocol.received)  # no call for nothing


def test_large_uploads_at_random_sizes(session):
    choose = random.Random(1)
    data = blob(3_000_000)
    session.client.write(data)
    wire = session.outgoing.read()
    at = 0
    while at < len(wire):
        size = choose.choice([1, 5, 1000, 4096, 4097, RECORD, 65536, 262_144])
        session.transport.data_received(wire[at : at + size])
        at += size
    assert b"".join(session.protocol.received) == data


def test_records_that_arrive_at_once_are_one_call(session):
    for index in range(3000):
        session.client.write(b"%04d" % index)
    session.to_server()
    assert len(session.protocol.received) == 1
    assert session.protocol.received[0] == b"".join(b"%04d" % index for index in range(3000))


def test_half_a_record_is_kept(session):
    session.client.write(b"whole")
    session.client.write(b"half")
    wire = session.outgoing.read()
    session.transport.data_received(wire[:-1])
    assert session.protocol.received == [b"whole"]
    session.transport.data_received(wire[-1:])
    assert session.protocol.received == [b"whole", b"half"]


def read_words(address, count):
    return openssl.words(openssl.read_memory(address, count * openssl.WORD))


def key_updates(session):
    """A function that asks for new keys, as RFC 8446 4.6.3 has it; the ssl module cannot."""
    library = openssl.library()
    head = object.__basicsize__
    try:
        (owner,) = read_words(id(session.client.context) + head, 1)
        (pointer,) = read_words(id(session.client._sslobj) + head + openssl.WORD, 1)
        known = owner in read_words(pointer, 400)  # an SSL has the address of its SSL_CTX
    except OSError:
        known = False
    if not known:
        pytest.skip("an ssl.SSLObject of this Python is laid out in another way")
    library.SSL_key_update.argtypes = [ctypes.c_void_p, ctypes.c_int]
    library.SSL_do_handshake.argtypes = [ctypes.c_void_p]

    def ask():
        assert library.SSL_key_update(pointer, 1) == 1
        assert library.SSL_do_handshake(pointer) == 1

    return ask


def test_new_keys(make):
    session = make().shake()
    ask = key_updates(session)
    for count in range(100):
        ask()
        session.send(b"%d" % count)
        session.transport.write(b"%d" % count)
        assert session.read() == session.protocol.received[-1] == b"%d" % count


def test_a_flood_of_new_keys(make):
    """The client reads none of the answers."""
    session = make().shake()
    ask = key_updates(session)
    session.lower.takes = 0
    session.transport.write(b"x" * 100_000)
    for _ in range(100):
        ask()
        session.to_server()
    assert session.lower.calls == []
    for _ in range(1000):
        ask()
        session.to_server()
    assert session.lower.calls == ["abort"]
    assert len(session.lower.kept) < 120_000


def test_a_flood_of_new_keys_in_one_read(make):
    session = make().shake()
    ask = key_updates(session)
    session.lower.takes = 0
    session.transport.write(b"x" * 100_000)
    for _ in range(30):
        for _ in range(9000):
            ask()
        session.transport.data_received(session.outgoing.read())
    assert session.lower.calls == ["abort"]
    assert len(session.lower.kept) < 500_000


def test_a_flood_of_new_keys_after_our_end(make):
    session = make().shake()
    ask = key_updates(session)
    session.transport.write_eof()
    for _ in range(9000):
        ask()
    session.transport.data_received(session.outgoing.read())
    assert session.lower.calls == ["write_eof"]


ALTERED = b"\x17\x03\x03\x00\x20" + bytes(32)  # a record that no key can have made


def fatal_alert(session):
    """The client's, about a record that was changed on its way."""
    session.incoming.write(ALTERED)
    with pytest.raises(ssl.SSLError):
        session.client.read(1)
    session.to_server()


def request_and_rubbish(session):
    """The app closes when it has the request."""
    session.protocol.on_data = lambda data: session.transport.close()
    session.client.write(b"request")
    session.transport.data_received(session.outgoing.read() + ALTERED)


def half_of_new_keys(session):
    session.transport.data_received(b"\x16\x03\x03\x00\x01\x00")
    session.transport.close()


def rubbish(session):
    session.transport.data_received(ALTERED)


def rubbish_after_our_end(session):
    session.transport.write_eof()
    session.transport.data_received(ALTERED)


@pytest.mark.parametrize(
    "attack",
    [fatal_alert, request_and_rubbish, half_of_new_keys, rubbish, rubbish_after_our_end],
    ids=lambda attack: attack.__name__,
)
def test_others_in_the_thread_find_no_error(session, make, attack):
    """OpenSSL has one queue of errors for a thread, and the ssl module takes what is there."""
    other = make().shake()
    attack(session)
    peek = openssl.library().ERR_peek_error
    peek.restype = ctypes.c_ulong
    assert peek() == 0
    with pytest.raises(ssl.SSLWantReadError):
        other.client.read(1)
    session.lower.protocol = None
    session.transport.connection_lost(None)
    assert session.lower.calls[-1] == "close"


def test_a_fatal_alert_is_no_end_of_the_body(session):
    fatal_alert(session)
    assert "eof" not in session.protocol.calls
    session.transport.connection_lost(None)
    assert isinstance(session.protocol.error, ssl.SSLError)


def test_a_handshake_that_fails_leaves_nothing_to_read(make):
    """What it did not read is not another connection's."""
    session, other = make().shake(), make()
    other.transport.data_received(b"\x16\x03\x01\x00\x05hello" + bytes(100_000))
    session.transport.data_received(b"\x16\x03\x03")  # half of a record's head
    session.transport.write(b"answer")
    assert session.read() == b"answer"
    session.send(b"", None)
    assert session.lower.calls == []


def test_another_connection_is_served_within_a_call(make):
    """As an app does that runs a nested loop."""
    first, second = make().shake(), make().shake()
    second.client.write(b"b" * 50_000)
    first.protocol.on_data = lambda data: (second.to_server(), first.transport.write(data))
    second.protocol.on_data = lambda data: second.transport.write(data)
    first.send(b"a" * 50_000)
    assert first.read() == b"a" * 50_000
    assert second.read() == b"b" * 50_000


def test_a_record_that_was_changed(session):
    session.client.write(b"something")
    wire = bytearray(session.outgoing.read())
    wire[-1] ^= 1
    session.transport.data_received(bytes(wire))
    assert session.lower.calls == ["close"]
    assert session.transport.is_closing()
    session.transport.write(b"too late")
    session.transport.connection_lost(None)
    assert session.protocol.calls == ["lost"]
    assert isinstance(session.protocol.error, ssl.SSLError)
    session.to_client()
    with pytest.raises(ssl.SSLError, match=r"(?i)alert"):
        session.client.read()


def test_plain_bytes_within_a_session(session):
    session.transport.data_received(b"GET / HTTP/1.1\r\n\r\n")
    assert session.lower.calls == ["close"]
    session.transport.connection_lost(None)
    assert isinstance(session.protocol.error, ssl.SSLError)


def test_reading_pauses_in_the_transport_of_the_loop(session):
    transport = session.transport
    assert transport.is_reading()
    transport.pause_reading()
    assert session.lower.reading_paused
    assert not transport.is_reading()
    transport.resume_reading()
    assert transport.is_reading()


# Writing


@pytest.mark.parametrize("size", [0, 1, RECORD, RECORD + 1, PIECE, PIECE + 1, 1_000_000])
def test_bytes_leave_at_any_size(session, size):
    data = blob(size)
    session.transport.write(data)
    session.transport.write(bytearray(data))
    session.transport.writelines([b"<", memoryview(data), b"", b">"])
    assert session.read() == data * 2 + b"<" + data + b">"


def test_small_parts_leave_in_one_write(session):
    writes = []
    session.lower.write = lambda data: writes.append(bytes(data))
    session.transport.writelines([b"a" * 100, b"b" * RECORD, b"c" * 40_000])
    assert len(writes) == 1


@pytest.mark.parametrize("step", [1000, 65_536, PIECE, 1_000_000])
def test_a_client_that_reads_slowly(session, step):
    """What the socket does not take is not encrypted either, but for one piece."""
    data = [blob(700_001), blob(5), blob(200_002), blob(0), blob(3)]
    session.lower.takes = 0
    for part in data:
        session.transport.write(part)
    session.transport.writelines([b"end", blob(70_000)])
    assert len(session.lower.kept) <= PIECE + 1000
    assert session.transport.get_write_buffer_size() > 900_000
    got = b""
    left = session.transport.get_write_buffer_size()
    while left:
        session.lower.read(step)
        session.lower.takes = 0
        got += session.read()
        assert len(session.lower.kept) <= PIECE + 1000
        assert session.transport.get_write_buffer_size() < left
        left = session.transport.get_write_buffer_size()
    assert got == b"".join(data) + b"end" + blob(70_000)


def test_the_marks_of_the_buffer(session):
    transport, calls = session.transport, session.protocol.calls
    transport.set_write_buffer_limits(high=10_000, low=2_000)
    assert transport.get_write_buffer_limits() == (2_000, 10_000)
    session.lower.takes = 0
    transport.write(b"x" * 9_000)
    assert calls == []
    transport.write(b"y" * 2_000)
    assert calls == ["pause"]
    transport.write(b"z" * 100_000)
    assert calls == ["pause"]
    session.lower.read(9_000)
    assert calls == ["pause"]
    session.lower.read()
    assert calls == ["pause", "resume"]
    assert session.read() == b"x" * 9_000 + b"y" * 2_000 + b"z" * 100_000


def test_the_marks_change_while_bytes_wait(session):
    session.lower.takes = 0
    session.transport.write(b"x" * 1_000)
    assert session.protocol.calls == []
    session.transport.set_write_buffer_limits(high=0)
    assert session.protocol.calls == ["pause"]
    session.lower.read()
    assert session.protocol.calls == ["pause", "resume"]
    for high, low in [(None, None), (None, 100), (100, None)]:
        session.transport.set_write_buffer_limits(high, low)
    assert session.transport.get_write_buffer_limits() == (25, 100)
    with pytest.raises(ValueError, match="must be >="):
        session.transport.set_write_buffer_limits(high=1, low=2)


def test_what_waits_is_not_copied(session):
    """As many clients may wait for the same object."""
    data = blob(10_000_000)
    session.lower.takes = 0
    session.transport.write(data)
    session.transport.write(data)
    referents = {id(each) for each in list_of_waiting(session.transport)}
    assert referents == {id(data)}


def list_of_waiting(transport):
    (waiting,) = [each for each in gc.get_referents(transport) if type(each).__name__ == "deque"]
    return waiting


# The end


def test_close_says_so_after_what_waits(session):
    session.lower.takes = 0
    session.transport.write(b"x" * 400_000)
    session.transport.close()
    assert session.transport.is_closing()
    assert session.lower.calls == []
    assert session.lower.reading_paused  # what comes now is for nobody
    session.transport.write(b"after close")
    session.transport.data_received(b"whatever")
    session.lower.read()
    assert session.lower.calls == ["close"]
    assert session.read() == b"x" * 400_000
    assert session.ended
    session.transport.close()
    assert session.lower.calls == ["close"]
    session.transport.connection_lost(None)
    assert session.protocol.calls == ["pause", "resume", "lost"]
    assert session.protocol.error is None


def test_close_does_not_wait_for_the_client(session):
    session.transport.write(b"answer")
    session.transport.close()
    assert session.lower.calls == ["close"]
    assert session.read() == b"answer"
    assert session.ended


def test_abort_drops_what_waits(session):
    session.lower.takes = 0
    session.transport.write(b"x" * 400_000)
    session.transport.abort()
    assert session.lower.calls == ["abort"]
    session.lower.read()
    session.transport.connection_lost(None)
    assert session.protocol.calls == ["pause", "lost"]


def test_a_client_that_says_close_notify(session):
    session.client.write(b"last")
    with pytest.raises(ssl.SSLWantReadError):
        session.client.unwrap()
    session.to_server()
    assert session.protocol.received == [b"last"]
    assert session.protocol.calls == ["eof"]
    assert session.lower.calls == ["close"]
    session.to_client()
    session.client.unwrap()  # it has our close_notify


@pytest.mark.parametrize("pauses_again", [False, True])
def test_a_protocol_that_does_not_read_hears_of_no_end(session, pauses_again):
    """It may have yet to read what came before; when it reads again, that was all."""
    session.protocol.on_data = lambda data: session.transport.pause_reading()
    session.client.write(b"last")
    with pytest.raises(ssl.SSLWantReadError):
        session.client.unwrap()
    session.to_server()
    assert session.protocol.received == [b"last"]
    session.transport.resume_reading()
    if pauses_again:
        session.transport.pause_reading()
        session.loop.run_until_complete(asyncio.sleep(0))
        assert session.protocol.calls == []
        session.transport.resume_reading()
    assert session.protocol.calls == []  # it is in the middle of something
    session.loop.run_until_complete(asyncio.sleep(0))
    assert session.protocol.calls == ["eof"]
    assert session.lower.calls == ["close"]


def test_a_protocol_that_is_lost_hears_of_no_end_afterwards(session):
    session.transport.pause_reading()
    with pytest.raises(ssl.SSLWantReadError):
        session.client.unwrap()
    session.to_server()
    session.transport.resume_reading()
    session.transport.connection_lost(None)
    session.loop.run_until_complete(asyncio.sleep(0))
    assert session.protocol.calls == ["lost"]


def test_a_client_that_ends_without_close_notify(session):
    """Nothing says that this was all: the connection is over, without an end of the input."""
    session.lower.takes = 0
    session.transport.write(b"x" * 300_000)
    assert session.transport.eof_received() is True
    session.transport.connection_lost(None)
    assert session.protocol.calls == ["pause", "lost"]


def test_an_end_without_close_notify_still_gets_what_waits(session):
    session.lower.takes = 0
    session.transport.write(b"x" * 300_000)
    session.transport.eof_received()
    session.lower.read()
    assert session.lower.calls == ["close"]
    assert session.read() == b"x" * 300_000


def test_our_side_may_end_first(session):
    """RFC 8446 6.1: what the client still sends is read."""
    assert session.transport.can_write_eof()
    session.transport.write(b"answer")
    session.transport.write_eof()
    session.transport.write_eof()
    session.transport.write(b"after the end")
    assert session.lower.calls == ["write_eof"]
    session.send(b"more")
    assert session.protocol.received == [b"more"]
    assert session.read() == b"answer"
    assert session.ended
    session.transport.close()
    assert session.lower.calls == ["write_eof", "close"]


def test_our_end_comes_after_what_waits(session):
    session.lower.takes = 0
    session.transport.write(b"x" * 300_000)
    session.transport.write_eof()
    assert session.lower.calls == []
    session.lower.read()
    assert session.lower.calls == ["write_eof"]
    assert session.read() == b"x" * 300_000
    assert session.ended


def test_a_loss_is_told_as_it_came(session):
    error = ConnectionResetError("reset")
    session.transport.connection_lost(error)
    assert session.protocol.error is error
    assert session.transport.is_closing()
    session.transport.write(b"too late")
    session.transport.writelines([b"too", b"late"])
    session.transport.close()
    session.transport.data_received(b"late too")
    assert session.transport.get_extra_info("ssl_object", "none") == "none"
    assert session.transport.get_write_buffer_size() == 0


def test_the_rest_of_the_interface(session, context):
    transport = session.transport
    assert transport.get_protocol() is session.protocol
    other = Protocol()
    transport.set_protocol(other)
    session.send(b"to the other")
    assert other.received == [b"to the other"]
    assert transport.get_extra_info("peername") == ("client", 1)
    assert transport.get_extra_info("sslcontext") is context
    assert transport.get_extra_info("nothing", 5) == 5


def test_addresses_are_those_of_all_names():
    with pytest.raises(ValueError, match="NAMES"):
        _tls.bind([1, 2])
