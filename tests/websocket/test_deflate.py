"""What is sent deflated, and what stays of it between two messages."""

import random
import tracemalloc
import zlib

import pytest

from fastserve.websocket import Deflate, Protocol, ProtocolError, encode

from .cases import final

TEXT = '{"id": 7, "name": "some name"}' * 40


def inflate(*frames: bytes, keeps: bool = True) -> list[bytes]:
    """As a client does."""
    seen = []
    stream = zlib.decompressobj(-15)
    for frame in frames:
        assert frame[0] & 0x40, "RSV1"
        head = 4 if frame[1] == 126 else 2
        seen.append(stream.decompress(frame[head:] + b"\0\0\xff\xff"))
        if not keeps:
            stream = zlib.decompressobj(-15)
    return seen


def test_7_2_1_context_takeover_makes_the_second_message_short() -> None:
    protocol = Protocol(deflate=Deflate())
    first, second = protocol.encode_text(TEXT), protocol.encode_binary(TEXT.encode())
    assert inflate(first, second) == [TEXT.encode()] * 2
    assert len(second) < len(first) < len(TEXT) / 10


def test_7_1_1_1_without_it_each_message_stands_alone() -> None:
    protocol = Protocol(deflate=Deflate(server_keeps=False))
    first, second = protocol.encode_text(TEXT), protocol.encode_text(TEXT)
    assert first == second
    assert inflate(first, second, keeps=False) == [TEXT.encode()] * 2


def test_after_a_rest_the_next_message_stands_alone() -> None:
    protocol = Protocol(deflate=Deflate())
    first = protocol.encode_text(TEXT)
    assert protocol.deflate is not None
    protocol.deflate.rest()
    second = protocol.encode_text(TEXT)
    assert first == second
    assert inflate(first, second) == [TEXT.encode()] * 2


@pytest.mark.parametrize("bits", range(9, 13))
def test_7_1_2_1_the_window_is_what_was_agreed_on(bits: int) -> None:
    protocol = Protocol(deflate=Deflate(server_bits=bits))
    data = b"".join(b"%d" % (i * i) for i in range(4000))
    frame = protocol.encode_binary(data)
    assert zlib.decompressobj(-bits).decompress(frame[4:] + b"\0\0\xff\xff") == data


def test_what_is_short_is_sent_as_it_is_and_makes_no_stream() -> None:
    deflate = Deflate()
    protocol = Protocol(deflate=deflate)
    assert protocol.encode_text("x" * 255) == encode(1, b"x" * 255)
    assert protocol.encode_text("x" * 256)[0] == 0xC1
    assert protocol.encode_binary(b"") == encode(2, b"")


def test_a_bomb_costs_no_more_than_the_limit() -> None:
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = stream.compress(bytes(100_000_000)) + stream.flush(zlib.Z_SYNC_FLUSH)
    inflated: list[int] = []

    class Counted(Deflate):
        def inflate(self, data: bytes, room: int, last: bool) -> bytes:
            inflated.append(room)
            return super().inflate(data, room, last)

    protocol = Protocol(max_size=1000, deflate=Counted())
    protocol.feed(encode(2, bomb[:1000], rsv1=True, fin=False, key=b"mask"))
    with pytest.raises(ProtocolError) as error:
        protocol.next_event()
    assert error.value.code == 1009
    assert inflated == [1000]


@pytest.mark.parametrize("keeps", [True, False])
def test_a_bomb_behind_a_final_block_costs_no_more_than_the_limit(keeps: bool) -> None:
    small = zlib.compressobj(9, zlib.DEFLATED, -15)
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = stream.compress(bytes(100_000_000)) + stream.flush(zlib.Z_SYNC_FLUSH)
    data = small.compress(bytes(600)) + small.flush(zlib.Z_FINISH) + bomb
    deflate = Deflate(client_keeps=keeps)
    tracemalloc.start()
    try:
        with pytest.raises(ProtocolError) as error:
            deflate.inflate(data, 1000, True)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert error.value.code == 1009
    assert peak < 10 * len(data) < 1 << 20  # what lies behind the block is copied


def test_without_takeover_no_window_is_kept_between_messages() -> None:
    message = zlib.compress(random.Random(0).randbytes(60_000), wbits=-15) + b"\0"

    def held(keeps: bool) -> int:
        deflate = Deflate(client_keeps=keeps)
        tracemalloc.start()
        try:
            assert len(deflate.inflate(message, 1 << 20, True)) == 60_000
            return tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()

    assert held(False) < 2_000 < 32_768 < held(True)


@pytest.mark.parametrize("bits", range(9, 16))
def test_7_2_1_the_window_goes_on_past_a_final_block(bits: int) -> None:
    deflate = Deflate(client_bits=bits)
    noise = random.Random(0).randbytes(100_000)
    near = noise[300 - (1 << bits) :]  # all that a window reaches, but for zlib's margin
    again = final(near, near, bits)
    assert len(again) < 200 + len(near) / 100, "made of references"
    assert deflate.inflate(final(noise, b"", bits) + b"\0", 1 << 20, True) == noise
    for _ in range(4):
        assert deflate.inflate(again + again + b"\0", 1 << 20, True) == near + near
