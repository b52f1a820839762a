"""Every case over a socket, to an app that echoes."""

import struct
import zlib
from typing import Any

import pytest

from fastserve.websocket import Close, Ping

from .cases import CASES, CLOSE, Case, close
from .client import Client, Frame, head, in_pieces


def answers(case: Case) -> list[Frame]:
    """What a server that echoes sends back: echoes and Pongs in order, and a Close."""
    frames: list[Frame] = []
    for event in case.events:
        if isinstance(event, str):
            frames.append((0x1, event.encode()))
        elif isinstance(event, bytes):
            frames.append((0x2, event))
        elif isinstance(event, Ping):
            frames.append((0xA, event.payload))
        elif isinstance(event, Close) and event.code == 1005:
            frames.append((CLOSE, b""))
        elif isinstance(event, Close):  # 5.5.1: the code is echoed, and the reason with it
            frames.append((CLOSE, struct.pack("!H", event.code) + event.reason.encode()))
        elif isinstance(event, int):
            frames.append((CLOSE, struct.pack("!H", event)))
    if not ends(case):
        frames.append((CLOSE, struct.pack("!H", 1000)))
    return frames


def ends(case: Case) -> bool:
    return isinstance(case.events[-1], Close | int)


def plain(frames: list[Frame], case: Case) -> list[Frame]:
    """Inflated, and without the reason of a Close that is the server's own."""
    reasons = not isinstance(case.events[-1], int)
    stream = zlib.decompressobj(-15)
    seen = []
    for opcode, payload in frames:
        if opcode & 0x40:
            payload = stream.decompress(payload + b"\x00\x00\xff\xff")
        seen.append((opcode & 0xF, payload if opcode != CLOSE or reasons else payload[:2]))
    return seen


@pytest.mark.parametrize("pieces", ["whole", "pieces"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_case(echo_server: Any, case: Case, pieces: str) -> None:
    with Client(echo_server, head(case.extension)) as client:
        data = case.data if ends(case) else case.data + close(1000)
        client.send(*([data] if pieces == "whole" else in_pieces(data)))
        assert plain(client.frames(), case) == answers(case)
