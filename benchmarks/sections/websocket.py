"""WebSocket echo, in flight, deflated, broadcast, and the memory of an idle connection."""

import base64
import json
import os
import zlib

from benchmarks.load import Messages
from benchmarks.results import Section
from benchmarks.rounds import compare
from benchmarks.sections.context import Context
from benchmarks.sections.memory import memory_table
from benchmarks.servers import fleet
from benchmarks.servers.websocket import WEBSOCKET

BASELINE = "uvicorn sansio"
DOCUMENT = json.dumps(
    [{"id": number, "name": f"item {number}", "tags": ["a", "b"]} for number in range(80)]
).encode()[:4096]


def run(context: Context) -> Section:
    section = Section("websocket", "WebSocket")
    contestants = context.chosen(WEBSOCKET, BASELINE)
    with fleet(contestants, context.python) as (servers, section.left_out):
        chosen = context.loads(loads(), 1)
        section.tables = compare(chosen, servers, context.plan, BASELINE, "message")
    if not context.plan.quick and not context.under:
        idle = Messages("idle", frame(b"x" * 32), handshake=handshake("/echo"), connections=1000)
        section.tables.append(
            memory_table("Idle WebSocket, 1,000 connections", idle, contestants, context)
        )
    section.words = [
        "Broadcast: one of 32 sends 32 bytes as soon as it has its own back; all receive; the "
        "figure is for each message delivered."
    ]
    return section


def loads() -> list[Messages]:
    echo, broadcast = handshake("/echo"), handshake("/broadcast")
    small, large = frame(b"x" * 32), frame(b"x" * 4096)
    return [
        Messages("echo 32 B, 32 connections", small, handshake=echo, connections=32),
        Messages("echo 32 B, 16 in flight", small, handshake=echo, connections=32, depth=16),
        Messages("echo 4 KB, 32 connections", large, handshake=echo, connections=32),
        Messages(
            "echo 4 KB JSON, deflated",
            frame(deflated(DOCUMENT), compressed=True),
            handshake=handshake("/echo", deflate=True),
            connections=32,
        ),
        Messages("broadcast 32 B to 32", small, handshake=broadcast, connections=32, senders=1),
    ]


def handshake(path: str, deflate: bool = False) -> bytes:
    """RFC 6455 4.1: the client's opening request."""
    lines = [
        f"GET {path} HTTP/1.1",
        "Host: localhost:8000",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        "Sec-WebSocket-Version: 13",
        *(["Sec-WebSocket-Extensions: permessage-deflate"] if deflate else []),
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def frame(payload: bytes, compressed: bool = False) -> bytes:
    """RFC 6455 5.2: one whole masked text frame; RSV1 marks a compressed one (RFC 7692 6)."""
    first = 0x81 | (0x40 if compressed else 0)
    if len(payload) < 126:
        head = bytes([first, 0x80 | len(payload)])
    else:
        head = bytes([first, 0x80 | 126]) + len(payload).to_bytes(2)
    mask = b"\x37\xfa\x21\x3d"
    masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    return head + mask + masked


def deflated(data: bytes) -> bytes:
    """RFC 7692 7.2.1: raw deflate without the last four bytes of the sync flush.

    It refers to nothing before itself, so the same bytes are valid as every message.
    """
    squeeze = zlib.compressobj(wbits=-15)
    return (squeeze.compress(data) + squeeze.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\0\0\xff\xff")
