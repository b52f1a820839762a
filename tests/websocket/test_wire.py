"""Every case over a socket, to an app that echoes."""

import struct
import zlib
from typing import Any

import pytest

from fastserve.websocket import Close, Ping, Pong

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
        elif not isinstance(event, Pong):
            code = event if isinstance(event, int) else event.code
            frames.append((CLOSE, struct.pack("!H", code)))
    if not ends(case):
        frames.append((CLOSE, struct.pack("!H", 1000)))
    return frames


def ends(case: Case) -> bool:
    return isinstance(case.events[-1], Close | int)


def plain(frames: list[Frame]) -> list[Frame]:
    """Inflated, and without the reason of a Close that the server made."""
    stream = zlib.decompressobj(-15)
    seen = []
    for opcode, payload in frames:
        if opcode & 0x40:
            payload = stream.decompress(payload + b"\x00\x00\xff\xff")
        seen.append((opcode & 0xF, payload[:2] if opcode == CLOSE else payload))
    return seen


@pytest.mark.parametrize("pieces", ["whole", "pieces"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_case(echo_server: Any, case: Case, pieces: str) -> None:
    with Client(echo_server, head(case.extension)) as client:
        data = case.data if ends(case) else case.data + close(1000)
        client.send(*([data] if pieces == "whole" else in_pieces(data)))
        assert plain(client.frames()) == answers(case)
