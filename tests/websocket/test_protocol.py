"""The sans-IO protocol against every case, and what it owes in answer."""

import struct

import pytest

from fastserve.websocket import Close, Ping, Pong, Protocol, ProtocolError, encode, negotiate
from fastserve.websocket._protocol import mask
from fastserve.websocket.handshake import extensions

from .cases import (
    BINARY,
    CASES,
    CLOSE,
    HI,
    KEY,
    MAX_FRAGMENTS,
    MAX_SIZE,
    PING,
    PONG,
    TEXT,
    Case,
    Event,
    close,
    frame,
    part,
)


def protocol(case: Case) -> Protocol:
    agreed = negotiate(extensions(case.extension))
    return Protocol(
        max_size=MAX_SIZE, max_fragments=MAX_FRAGMENTS, deflate=agreed[0] if agreed else None
    )


def events(protocol: Protocol, pieces: list[bytes]) -> list[Event]:
    seen: list[Event] = []
    for piece in pieces:
        protocol.feed(piece)
        try:
            while (event := protocol.next_event()) is not None:
                seen.append(event)
        except ProtocolError as error:
            seen.append(error.code)
    return seen


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_whole(case: Case) -> None:
    assert events(protocol(case), [case.data]) == list(case.events)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_byte_by_byte(case: Case) -> None:
    pieces = [case.data[i : i + 1] for i in range(len(case.data))]
    assert events(protocol(case), pieces) == list(case.events)


@pytest.mark.parametrize("case", [c for c in CASES if len(c.data) < 300], ids=lambda case: case.id)
def test_split_at_each_point(case: Case) -> None:
    for at in range(1, len(case.data)):
        assert events(protocol(case), [case.data[:at], case.data[at:]]) == list(case.events)


def test_there_are_at_least_120_cases_with_distinct_ids() -> None:
    assert len({case.id for case in CASES}) == len(CASES) >= 120


# What is owed in answer


def replies(protocol: Protocol, data: bytes) -> list[bytes]:
    """The reply after each event, as a caller sends it that asks at once."""
    seen: list[bytes] = []
    protocol.feed(data)
    try:
        while protocol.next_event() is not None:
            seen.append(protocol.take_reply())
    except ProtocolError:
        seen.append(protocol.take_reply())
    assert protocol.take_reply() == b""
    return seen


def owed(event: Event) -> bytes:
    """What RFC 6455 5.5.1, 5.5.2 and 7.1.7 ask for; of the Close of an error, the beginning."""
    if isinstance(event, Ping):
        return encode(PONG, event.payload)
    if isinstance(event, Close) and event.code == 1005:
        return encode(CLOSE, b"")
    if isinstance(event, Close):
        return encode(CLOSE, struct.pack("!H", event.code) + event.reason.encode())
    return b""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_replies(case: Case) -> None:
    wire = protocol(case)
    given = replies(wire, case.data)
    *events, last = case.events
    assert given[:-1] == [owed(event) for event in events]
    if isinstance(last, int):
        assert given[-1][:1] == b"\x88"
        assert given[-1][2:4] == struct.pack("!H", last)
    else:
        assert given[-1] == owed(last)
    assert wire.close_sent == isinstance(last, Close | int)
    assert wire.close_received == isinstance(last, Close)


def take(protocol: Protocol, count: int) -> list[str | bytes | Ping | Pong | Close | None]:
    return [protocol.next_event() for _ in range(count)]


def test_5_5_3_of_several_pings_the_latest_is_answered() -> None:
    wire = Protocol()
    wire.feed(b"".join(frame(PING, b"%d" % i) for i in range(100)))
    assert take(wire, 100)[-1] == Ping(b"99")
    assert wire.take_reply() == encode(PONG, b"99")
    assert wire.take_reply() == b""


def test_a_close_takes_the_place_of_a_pong() -> None:
    wire = Protocol()
    wire.feed(frame(PING, b"1") + close(1000))
    take(wire, 2)
    assert wire.take_reply() == encode(CLOSE, b"\x03\xe8")
    wire = Protocol()
    wire.feed(frame(PING, b"1") + b"\x83\x80mask")
    take(wire, 1)
    with pytest.raises(ProtocolError):
        wire.next_event()
    assert wire.take_reply()[:4] == b"\x88" + wire_length("unknown opcode 3") + b"\x03\xea"


def wire_length(reason: str) -> bytes:
    return bytes([2 + len(reason)])


def test_answers_to_what_came_before_a_close_may_still_be_sent() -> None:
    wire = Protocol()
    wire.feed(HI + close(1000))
    assert take(wire, 2) == ["Hi", Close(1000, "")]
    assert (wire.close_received, wire.close_sent) == (True, False)
    assert wire.encode_text("Hi") == encode(TEXT, b"Hi")
    assert wire.take_reply() == encode(CLOSE, b"\x03\xe8")
    assert wire.close_sent
    with pytest.raises(RuntimeError, match="cannot follow a Close"):
        wire.encode_text("Hi")
    assert wire.close(1000) == b""


def test_after_our_close_nothing_is_owed() -> None:
    wire = Protocol()
    assert wire.close(3000, "done") == encode(CLOSE, b"\x0b\xb8done")
    assert wire.close_sent
    assert replies(wire, frame(PING, b"1") + HI + close(3000)) == [b"", b"", b""]
    assert wire.close_received
    wire = Protocol()
    wire.close()
    assert replies(wire, b"\x83\x80mask") == [b""]


def test_our_close_takes_the_place_of_what_was_owed() -> None:
    for data in (frame(PING, b"1"), close(1000)):
        wire = Protocol()
        wire.feed(data)
        take(wire, 1)
        assert wire.close(1001) == encode(CLOSE, b"\x03\xe9")
        assert wire.take_reply() == b""


def test_a_ping_in_the_middle_of_a_message() -> None:
    wire = Protocol()
    wire.feed(part(TEXT, b"a") + frame(PING, b"1"))
    take(wire, 1)
    assert wire.take_reply() == encode(PONG, b"1")
    assert not wire.close_sent


def test_what_cannot_be_sent() -> None:
    wire = Protocol()
    with pytest.raises(ValueError, match="125 bytes"):
        wire.ping(b"x" * 126)
    with pytest.raises(ValueError, match="125 bytes"):
        wire.close(1000, "x" * 124)
    with pytest.raises(ValueError, match="needs a code"):
        wire.close(1005, "x")
    with pytest.raises(ValueError, match="must not be sent"):
        wire.close(1006)
    assert not wire.close_sent
    assert wire.ping(b"x" * 125) == encode(PING, b"x" * 125)


class FailsAtFirst:
    """In the place of a Deflate."""

    failed = False

    def inflate(self, data, room, last):
        if not self.failed:
            self.failed = True
            raise MemoryError
        return data


def test_after_an_error_that_is_not_the_peers():
    protocol = Protocol(deflate=FailsAtFirst())
    protocol.feed(frame(BINARY, b"a" * 1000, rsv1=True))
    with pytest.raises(MemoryError):
        protocol.next_event()
    protocol.feed(mask(b"b" * 1000, KEY))
    others = [mask(b"c" * 1000, KEY) for _ in range(1000)]
    assert protocol.next_event() == b"b" * 1000
    assert len(others) == 1000
