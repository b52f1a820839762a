"""The codec by itself: what it writes, its masks, its view of UTF-8."""

import itertools

import pytest

from fastserve.websocket import encode
from fastserve.websocket._protocol import is_utf8, mask

# RFC 6455 5.7
EXAMPLES = [
    (encode(1, b"Hello"), "810548656c6c6f"),
    (encode(1, b"Hello", key=bytes.fromhex("37fa213d")), "818537fa213d7f9f4d5158"),
    (encode(1, b"Hel", fin=False), "010348656c"),
    (encode(0, b"lo"), "80026c6f"),
    (encode(9, b"Hello"), "890548656c6c6f"),
    (encode(10, b"Hello", key=bytes.fromhex("37fa213d")), "8a8537fa213d7f9f4d5158"),
    (encode(2, bytes(256))[:-256], "827e0100"),
    (encode(2, bytes(65536))[:-65536], "827f0000000000010000"),
    (encode(2, bytes(65535))[:-65535], "827effff"),
    (encode(2, bytes(126))[:-126], "827e007e"),
    (encode(2, bytes(125))[:-125], "827d"),
    (encode(1, b"x", rsv1=True), "c10178"),
]


@pytest.mark.parametrize(("frame", "wire"), EXAMPLES)
def test_5_7_frames(frame: bytes, wire: str) -> None:
    assert frame.hex() == wire


@pytest.mark.parametrize("size", [*range(70), *range(510, 530), 639, 640, 4095, 4096, 4097])
def test_5_3_mask(size: int) -> None:
    data = bytes(i * 7 & 0xFF for i in range(size))
    key = b"\x01\x82\xf3\x7f"
    expected = bytes(byte ^ key[i % 4] for i, byte in enumerate(data))
    assert mask(data, key) == expected
    assert mask(expected, key) == data


@pytest.mark.parametrize("key", [b"", b"abc", b"abcde"])
def test_5_3_a_key_has_4_bytes(key: bytes) -> None:
    with pytest.raises(ValueError, match="4 bytes"):
        mask(b"data", key)
    with pytest.raises(ValueError, match="4 bytes"):
        encode(1, b"data", key=key)


def begins_utf8(data: bytes) -> bool:
    """As Python's own decoder sees it: nothing wrong but perhaps the end missing."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"
    return True


def test_8_1_all_beginnings_of_two_bytes_and_the_edges_of_more() -> None:
    edges = [0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF]
    for first, second in itertools.product(range(256), repeat=2):
        data = bytes([first, second])
        assert is_utf8(data) == begins_utf8(data), data
        assert is_utf8(data[:1], data[1:]) == begins_utf8(data), data
    for lead in (0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5):
        for tail in itertools.product(edges, repeat=3):
            data = bytes([lead, *tail])
            assert is_utf8(data) == begins_utf8(data), data


@pytest.mark.parametrize("before", range(20))
def test_8_1_ascii_of_any_length_before_and_after(before: int) -> None:
    text = b"x" * before + "é€𝄞".encode() + b"y" * before
    assert is_utf8(text)
    assert is_utf8(*(text[i : i + 1] for i in range(len(text))))
    assert not is_utf8(text + b"\xff")
    assert not is_utf8(b"x" * before + b"\x80" + b"y" * 20)
