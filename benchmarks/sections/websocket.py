"""WebSocket: echo, 16 in flight, deflated, broadcast."""

import base64
import json
import os
import zlib

from benchmarks.load import Messages
from benchmarks.results import Section
from benchmarks.rounds import Plan, Work, compare
from benchmarks.servers import FLOOR_C, WEBSOCKET, asgi, fastserve, fleet, rivals

SANSIO = asgi(
    "uvicorn sansio", "--loop uvloop --ws websockets-sansio", WEBSOCKET, "uvloop websockets"
)
WSPROTO = asgi("uvicorn wsproto", "--loop uvloop --ws wsproto", WEBSOCKET, "uvloop wsproto")
OURS = fastserve(app=WEBSOCKET)
RIVALS = rivals(WEBSOCKET)
DOCUMENT = json.dumps(
    [{"id": number, "name": f"item {number}", "tags": ["a", "b"]} for number in range(80)]
).encode()[:4096]


def run(plan: Plan) -> Section:
    section = Section("websocket", "WebSocket")
    chosen = [each for each in [SANSIO, WSPROTO, *RIVALS, OURS, FLOOR_C] if plan.wants(each.name)]
    with fleet(chosen) as (servers, section.left_out):
        section.tables = compare(
            plan.loads(loads()), servers, plan, SANSIO.name, "message", takes_part=takes_part
        )
    return section


def takes_part(load: Work, name: str) -> bool:
    return name != FLOOR_C.name or ("KB JSON" not in load.title and "broadcast" not in load.title)


def loads() -> list[Messages]:
    json_frame = frame(deflated(DOCUMENT), compressed=True)
    return [
        echo_load(32),
        echo_load(32, depth=16),
        echo_load(4096),
        Messages("echo 4 KB JSON, deflated", json_frame, 0, 32, handshake=handshake(deflate=True)),
        broadcast_load(32),
    ]


def echo_load(size: int, depth: int = 1) -> Messages:
    title = f"echo {size} B, 32 connections" + (f", {depth} in flight" if depth > 1 else "")
    return Messages(title, frame(b"x" * size), 0, 32, depth=depth, handshake=handshake())


def broadcast_load(connections: int) -> Messages:
    """One sends 32 bytes as soon as it has its own back; all receive; the figures are of each."""
    greeting, title = handshake("/broadcast"), f"broadcast 32 B to {connections}"
    return Messages(title, frame(b"x" * 32), 0, connections, senders=1, handshake=greeting)


def handshake(path: str = "/echo", deflate: bool = False) -> bytes:
    """RFC 6455 4.1: the request that a client begins with."""
    extension = "Sec-WebSocket-Extensions: permessage-deflate\r\n" if deflate else ""
    return (
        f"GET {path} HTTP/1.1\r\nHost: localhost:8000\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n{extension}\r\n"
    ).encode()


def frame(payload: bytes, compressed: bool = False) -> bytes:
    """RFC 6455 5.2: one whole masked text frame; RSV1 marks a compressed one (RFC 7692 6)."""
    head = bytes([0x81 | (0x40 if compressed else 0)])
    if len(payload) < 126:
        head += bytes([0x80 | len(payload)])
    else:
        head += bytes([0x80 | 126]) + len(payload).to_bytes(2)
    mask = b"\x37\xfa\x21\x3d"
    return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


def deflated(data: bytes) -> bytes:
    """RFC 7692 7.2.1: raw deflate without the last four bytes of the sync flush.

    It refers to nothing before itself, so the same bytes are valid as every message.
    """
    squeeze = zlib.compressobj(wbits=-15)
    return (squeeze.compress(data) + squeeze.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\0\0\xff\xff")
