"""The frames that the load generator sends are what RFC 6455 and 7692 say."""

import zlib

from benchmarks.sections.websocket import DOCUMENT, deflated, frame


def test_a_frame_is_whole_masked_text():
    made = frame(b"Hello")
    assert made[:2] == b"\x81\x85"
    assert bytes(byte ^ made[2 + at % 4] for at, byte in enumerate(made[6:])) == b"Hello"


def test_longer_frames_have_sixteen_bits_of_length():
    assert frame(bytes(4096), compressed=True)[:4] == b"\xc1\xfe\x10\x00"


def test_the_same_deflated_bytes_are_valid_twice_over():
    inflate = zlib.decompressobj(wbits=-15)
    for _ in range(2):
        assert inflate.decompress(deflated(DOCUMENT) + b"\0\0\xff\xff") == DOCUMENT
