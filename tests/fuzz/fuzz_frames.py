"""The frame codec and the deflate negotiation.

Valid streams, made by wsproto's client, must give what it was given, and what wsproto's server
sees. Mutated streams must give the same events however they are split, nothing but ProtocolError,
no message that wsproto does not see, and no more memory than their size and the limits explain.
What is encoded here, wsproto's client must decode. Each round of these has a number; an input's
message is a mutated stream as well.
"""

import itertools
import random
import struct
import tracemalloc
import zlib
from collections.abc import Iterable

from loop import Target, main
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Message, TextMessage
from wsproto.events import Ping as WsprotoPing
from wsproto.events import Pong as WsprotoPong
from wsproto.extensions import PerMessageDeflate
from wsproto.utilities import RemoteProtocolError

from fastserve.websocket import (
    Close,
    Deflate,
    Ping,
    Pong,
    Protocol,
    ProtocolError,
    encode,
    negotiate,
)
from fastserve.websocket.handshake import extensions

MAX_SIZE = 20_000
ALPHABET = ["a", "0", " ", "\0", "é", "ß", "€", "한", "𝄞", "\U0010ffff", "\ud7ff", "\ue000"]

Event = str | bytes | Ping | Pong | Close | int


class Round:
    """One seed: what is agreed on, what is sent, and what must come of it."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.deflate = self.random.random() < 0.5
        self.client_bits = self.random.randint(9, 15)
        self.client_keeps = self.random.random() < 0.5
        self.server_bits = self.random.randint(9, 15)
        self.server_keeps = self.random.random() < 0.5

    def extensions(self) -> list[PerMessageDeflate]:
        """wsproto's side of what was agreed on."""
        if not self.deflate:
            return []
        agreed = PerMessageDeflate(
            client_no_context_takeover=not self.client_keeps,
            client_max_window_bits=self.client_bits,
            server_no_context_takeover=not self.server_keeps,
            server_max_window_bits=self.server_bits,
        )
        agreed._enabled = True
        return [agreed]

    def streams(self) -> Deflate | None:
        if not self.deflate:
            return None
        return Deflate(self.client_bits, self.client_keeps, self.server_bits, self.server_keeps)

    def protocol(self) -> Protocol:
        return Protocol(max_size=MAX_SIZE, max_fragments=50, deflate=self.streams())

    # -- what is sent

    def text(self) -> str:
        return "".join(self.random.choices(ALPHABET, k=self.size() // 2))

    def data(self) -> bytes:
        if self.random.random() < 0.5:
            return self.random.randbytes(self.size())
        return self.random.choice([b"\0", b"json", b"\xff\xfe"]) * (self.size() // 4)

    def size(self) -> int:
        return self.random.choice([0, 1, self.random.randint(0, 140), self.random.randint(0, 9000)])

    def client(self) -> tuple[bytes, list[Event]]:
        """A valid stream, ended by a Close, and its events."""
        peer = Connection(ConnectionType.CLIENT, self.extensions())
        sent = b""
        events: list[Event] = []
        for _ in range(self.random.randint(0, 6)):
            whole: str | bytes = self.text() if self.random.random() < 0.5 else self.data()
            cuts = sorted(
                self.random.choices(range(len(whole) + 1), k=self.random.choice([0, 0, 1, 4]))
            )
            kind = TextMessage if isinstance(whole, str) else BytesMessage
            for number, (start, stop) in enumerate(itertools.pairwise([0, *cuts, len(whole)])):
                done = number == len(cuts)
                sent += peer.send(kind(data=whole[start:stop], message_finished=done))
                if not done and self.random.random() < 0.2:
                    sent += self.control(peer, events)
            events.append(whole)
            if self.random.random() < 0.2:
                sent += self.control(peer, events)
        code = self.random.choice([1000, 1001, 3000, 4999])
        reason = "".join(self.random.choices(ALPHABET, k=self.random.randint(0, 30)))
        sent += peer.send(CloseConnection(code=code, reason=reason))
        return sent, [*events, Close(code, reason)]

    def control(self, peer: Connection, events: list[Event]) -> bytes:
        payload = self.random.randbytes(self.random.randint(0, 125))
        ping = self.random.random() < 0.5
        events.append(Ping(payload) if ping else Pong(payload))
        return bytes(peer.send(WsprotoPing(payload) if ping else WsprotoPong(payload)))

    def mutated(self, data: bytes) -> bytes:
        """`data` with a few accidents."""
        found = bytearray(data)
        for _ in range(self.random.randint(1, 4)):
            at = self.random.randrange(len(found) + 1)
            match self.random.randrange(6):
                case 0 if at < len(found):
                    found[at] ^= 1 << self.random.randrange(8)
                case 1:
                    found[at:at] = self.random.randbytes(self.random.randint(1, 20))
                case 2:
                    del found[at : at + self.random.randint(1, 20)]
                case 3:
                    length = self.random.choice([MAX_SIZE, MAX_SIZE + 1, 1 << 40, 1 << 63])
                    found[at:at] = struct.pack(
                        "!BBQ", self.random.choice([1, 2, 0x82, 0xC2]), 0xFF, length
                    )
                case 4:
                    opcode = self.random.randrange(16)
                    found[at:at] = encode(opcode, self.random.randbytes(5), key=b"mask")
                case _ if at < len(found):
                    found[at] = self.random.choice([0, 0x7F, 0x80, 0xC0, 0xED, 0xF4, 0xFF])
        return bytes(found)

    def split(self, data: bytes) -> list[bytes]:
        cuts = sorted(self.random.choices(range(len(data) + 1), k=self.random.randint(0, 12)))
        return [data[start:stop] for start, stop in itertools.pairwise([0, *cuts, len(data)])]


def ours(protocol: Protocol, pieces: Iterable[bytes]) -> list[Event]:
    """The events; the code of an error is the last."""
    seen: list[Event] = []
    for piece in pieces:
        protocol.feed(piece)
        try:
            while (event := protocol.next_event()) is not None:
                seen.append(event)
        except ProtocolError as error:
            seen.append(error.code)
            protocol.close(error.code, error.reason)  # or ValueError: it cannot be sent
    return seen


def theirs(peer: Connection, data: bytes) -> list[str | bytes]:
    """The messages that wsproto has of it."""
    seen: list[str | bytes] = []
    parts: list[str | bytes] = []
    try:
        peer.receive_data(data)
        for event in peer.events():
            if isinstance(event, Message):
                parts.append(event.data)
                if event.message_finished:
                    seen.append(type(event.data)().join(parts))  # type: ignore[arg-type]
                    parts = []
            elif isinstance(event, CloseConnection):
                break
    except RemoteProtocolError:
        pass
    return seen


def messages(events: list[Event]) -> list[str | bytes]:
    return [event for event in events if isinstance(event, str | bytes)]


def fuzz_valid(seed: int) -> None:
    turn = Round(seed)
    data, events = turn.client()
    assert ours(turn.protocol(), [data]) == events
    assert ours(turn.protocol(), turn.split(data)) == events
    if not turn.deflate:  # wsproto 1.3 inflates an empty last fragment to a NUL
        assert theirs(Connection(ConnectionType.SERVER, []), data) == messages(events)


def fuzz_mutated(seed: int) -> None:
    turn = Round(seed)
    check_stream(turn, turn.mutated(turn.client()[0]))


def check_stream(turn: Round, data: bytes) -> None:
    whole = ours(turn.protocol(), [data])
    assert ours(turn.protocol(), turn.split(data)) == whole
    assert sum(isinstance(event, int) for event in whole) <= 1
    assert all(len(message) <= MAX_SIZE for message in messages(whole))
    if not turn.deflate:
        other = theirs(Connection(ConnectionType.SERVER, []), data)
        mine = messages(whole)
        assert other[: len(mine)] == mine
        assert len(other) == len(mine) or isinstance(whole[-1], int)


def fuzz_memory(seed: int) -> None:
    turn = Round(seed)
    data = turn.mutated(turn.client()[0])
    protocol = turn.protocol()
    tracemalloc.start()
    try:
        for piece in turn.split(data):
            ours(protocol, [piece])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # a deflate window and two copies of each message, whatever the lengths promised
    assert peak < 200_000 + 8 * len(data) + 4 * MAX_SIZE, peak


def fuzz_encoding(seed: int) -> None:
    turn = Round(seed)
    protocol = turn.protocol()
    sent = b""
    expected: list[str | bytes] = []
    for _ in range(turn.random.randint(1, 6)):
        message: str | bytes = turn.text() if turn.random.random() < 0.5 else turn.data()
        expected.append(message)
        if isinstance(message, str):
            sent += protocol.encode_text(message)
        else:
            sent += protocol.encode_binary(message)
        if protocol.deflate is not None and turn.random.random() < 0.2:
            protocol.deflate.rest()
    peer = Connection(ConnectionType.CLIENT, turn.extensions())
    assert theirs(peer, sent + protocol.close(1000)) == expected


def fuzz_final_blocks(seed: int) -> None:
    """RFC 7692 7.2.1: blocks with BFINAL anywhere, each referring to all that went before."""
    turn = Round(seed)
    sent = window = b""
    expected: list[str | bytes] = []
    for _ in range(turn.random.randint(1, 6)):
        message = deflated = b""
        if not turn.client_keeps:
            window = b""
        for _ in range(turn.random.randint(1, 4)):
            piece = turn.data()[: MAX_SIZE // 4]
            stream = zlib.compressobj(6, zlib.DEFLATED, -turn.client_bits, zdict=window[-32768:])
            final = turn.random.random() < 0.5
            deflated += stream.compress(piece)
            deflated += stream.flush(zlib.Z_FINISH if final else zlib.Z_SYNC_FLUSH)
            message += piece
            window += piece
        deflated = deflated + b"\0" if final else deflated[:-4]
        expected.append(message)
        parts = turn.split(deflated)
        for number, part in enumerate(parts):
            last = number == len(parts) - 1
            opcode = 0 if number else 2
            sent += encode(opcode, part, fin=last, rsv1=not number, key=b"mask")
    deflate = Deflate(turn.client_bits, turn.client_keeps)
    protocol = Protocol(max_size=MAX_SIZE, max_fragments=50, deflate=deflate)
    assert ours(protocol, turn.split(sent)) == expected


NAMES = ["server_max_window_bits", "client_max_window_bits", "server_no_context_takeover"]
NAMES += ["client_no_context_takeover", "x", "", "permessage-deflate", "ß"]
VALUES = ["", "8", "9", "10", "15", "16", "08", "x", '"10"', '"', '"1 5"', "-1", "\0"]


def most(bits: str | None) -> int:
    return int(bits) if bits is not None and bits.isdecimal() else 15


def fuzz_negotiation(seed: int) -> None:
    chance = random.Random(seed)

    def parameter() -> str:
        name = chance.choice(NAMES)
        return f"{name}={chance.choice(VALUES)}" if chance.random() < 0.6 else name

    def offer() -> str:
        name = "permessage-deflate" if chance.random() < 0.9 else chance.choice(NAMES)
        return chance.choice(["; ", ";", " ;\t"]).join(
            [name, *(parameter() for _ in range(chance.randint(0, 3)))]
        )

    value = chance.choice([",", ", ", ",,"]).join(offer() for _ in range(chance.randint(0, 3)))
    if chance.random() < 0.3 and value:
        at = chance.randrange(len(value))
        value = value[:at] + chance.choice(" ;,=\"'\0xé9") + value[at + 1 :]
    try:
        offers = extensions(value)
    except ValueError:
        return
    agreed = negotiate(offers)
    if agreed is None:
        return
    streams, answer = agreed
    ((name, parameters),) = extensions(answer)
    assert name == "permessage-deflate"
    assert any(
        name == "permessage-deflate"
        # RFC 7692 7.1: nothing is answered that was not offered, and a window is at most as large
        and {key for key, _ in parameters} <= dict(offered).keys()
        and all(
            int(given) <= most(dict(offered)[key]) for key, given in parameters if given is not None
        )
        for name, offered in offers
    )
    peer = Deflate(streams.server_bits, streams.server_keeps, min(12, max(9, streams.client_bits)))
    for text in (b"some text, ", b"and some text again") * 20:
        assert peer.inflate(streams.deflate(text * 9), 1 << 20, True) == text * 9


ROUNDS = [
    fuzz_valid,
    fuzz_mutated,
    fuzz_encoding,
    fuzz_negotiation,
    fuzz_memory,
    fuzz_final_blocks,
]


def run(chance: random.Random, data: bytes) -> None:
    seed = chance.getrandbits(40)
    check_stream(Round(seed), data)
    for turn in ROUNDS:
        try:
            turn(seed)
        except Exception as error:
            error.add_note(f"{turn.__name__}({seed})")
            raise


CORPUS = [
    encode(opcode, payload, key=b"mask")
    for opcode in (0, 1, 2, 8, 9, 10)
    for payload in (b"", b"\x03\xe8", "aß€𝄞".encode(), b"a" * 126)
]
PIECES = [b"\0", b"\x7e\0\x7e", b"\x7f" + bytes(7) + b"\xff", b"\xc1", b"\x81", b"\x88\x80"]
TARGET = Target("frames", run, CORPUS, PIECES)

if __name__ == "__main__":
    main(TARGET)
