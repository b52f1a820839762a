"""permessage-deflate (RFC 7692): what to agree on, and the two streams of one connection."""

import re
import zlib
from collections.abc import Iterable

from fastserve.websocket.events import ProtocolError

__all__ = ["Deflate", "negotiate"]

WINDOW_BITS = 12  # 4 KiB: what a message gains from more does not pay for 32 KiB a connection
MEMORY_LEVEL = 5
LEVEL = 3  # 4 KB of JSON in 19 us instead of 34 at zlib's 6, and 4% longer
MAX_FINAL_BLOCKS = 1024  # in one message, as of fragments: each costs a new stream
SYNC_TAIL = b"\x00\x00\xff\xff"  # 7.2.1: ends a flush, and is not sent

BITS = re.compile(r"[89]|1[0-5]")  # 7.1.2: 8 to 15, no leading zero
FLAGS = ("server_no_context_takeover", "client_no_context_takeover")
WINDOWS = ("server_max_window_bits", "client_max_window_bits")

Parameters = list[tuple[str, str | None]]


class Deflate:
    """Inflate what one peer sends and deflate what it is sent; zlib objects are made on first use.

    `client` and `server` are (window bits, context takeover) of what each of the two sends.
    """

    __slots__ = (
        "_deflater",
        "_final_blocks",
        "_inflater",
        "_window",
        "client_bits",
        "client_keeps",
        "server_bits",
        "server_keeps",
    )

    def __init__(
        self,
        client_bits: int = 15,
        client_keeps: bool = True,
        server_bits: int = WINDOW_BITS,
        server_keeps: bool = True,
    ) -> None:
        self.client_bits = client_bits
        self.client_keeps = client_keeps
        self.server_bits = server_bits
        self.server_keeps = server_keeps
        self._final_blocks = 0
        self._window = bytearray()
        self._inflater: zlib._Decompress | None = None
        self._deflater: zlib._Compress | None = None

    def inflate(self, data: bytes, room: int, last: bool) -> bytes:
        """The next piece of a message, `last` at its end; ProtocolError 1009 past `room` bytes."""
        if last:
            data += SYNC_TAIL
        try:
            out = self._inflate(data, room, last)
        except zlib.error as error:
            raise ProtocolError(1007, f"not deflate data: {error}") from None
        if len(out) > room:
            raise ProtocolError(1009, "message longer than ws_max_size once inflated")
        if last:
            self._final_blocks = 0
            if not self.client_keeps:
                self._inflater = None
                self._window.clear()
        return out

    def _inflate(self, data: bytes, room: int, last: bool) -> bytes:
        out = b""
        while True:
            if self._inflater is None:
                # 7.2.3.4 asks for one more byte behind a last block with BFINAL; some forget it
                if last and self._final_blocks and data == SYNC_TAIL:
                    return out
                self._inflater = self._new_inflater()
            piece = self._inflater.decompress(data, room + 1 - len(out))
            self._remember(piece)
            out += piece
            if not self._inflater.eof or len(out) > room:
                return out
            # 7.2.1: what follows a block with BFINAL is deflate data too, with the same window
            self._count_final_block()
            data = self._inflater.unused_data
            self._inflater = None
            if not data:
                return out

    def deflate(self, data: bytes) -> bytes:
        """A whole message, not empty, without the tail of its flush (7.2.1)."""
        deflater = self._deflater or zlib.compressobj(
            LEVEL, zlib.DEFLATED, -self.server_bits, MEMORY_LEVEL
        )
        self._deflater = deflater if self.server_keeps else None
        return (deflater.compress(data) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]

    def rest(self) -> None:
        """Free the deflater; what follows is sent without reference to what went before."""
        self._deflater = None

    def _count_final_block(self) -> None:
        self._final_blocks += 1
        if self._final_blocks > MAX_FINAL_BLOCKS:
            raise ProtocolError(1009, f"message with more than {MAX_FINAL_BLOCKS} final blocks")

    def _remember(self, out: bytes) -> None:
        # zlib does not give its window away when it is needed, at a final block
        size = 1 << self.client_bits
        self._window += out[-size:]
        if len(self._window) > size + size // 2:
            del self._window[:-size]

    def _new_inflater(self) -> "zlib._Decompress":
        # zlib calls a window of 8 bits 9, and old clients announce one and use the other
        return zlib.decompressobj(-max(9, self.client_bits), zdict=self._window)


def negotiate(offers: Iterable[tuple[str, Parameters]]) -> tuple[Deflate, str] | None:
    """The first acceptable offer's streams and the answer to it; None if there is none (5.1)."""
    for name, parameters in offers:
        if name == "permessage-deflate" and (agreed := _agree(parameters)):
            return agreed
    return None


def _agree(parameters: Parameters) -> tuple[Deflate, str] | None:
    offer = dict(parameters)
    if len(offer) < len(parameters) or not all(map(_known, offer, offer.values())):
        return None
    server_bits = int(offer.get("server_max_window_bits") or 15)
    if server_bits == 8:
        return None  # zlib cannot keep this promise: its smallest window for raw deflate is 9 bits
    answer = ["permessage-deflate", *(flag for flag in FLAGS if flag in offer)]
    if "server_max_window_bits" in offer:
        server_bits = min(server_bits, WINDOW_BITS)
        answer.append(f"server_max_window_bits={server_bits}")
    client_bits = 15
    if "client_max_window_bits" in offer:
        client_bits = min(int(offer["client_max_window_bits"] or 15), WINDOW_BITS)
        answer.append(f"client_max_window_bits={client_bits}")
    streams = Deflate(
        client_bits,
        "client_no_context_takeover" not in offer,
        min(server_bits, WINDOW_BITS),
        "server_no_context_takeover" not in offer,
    )
    return streams, "; ".join(answer)


def _known(name: str, value: str | None) -> bool:
    if name in FLAGS:
        return value is None
    if name in WINDOWS:
        return bool(BITS.fullmatch(value)) if value is not None else name.startswith("client")
    return False
