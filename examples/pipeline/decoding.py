"""From the bytes of a request to batches of whole lines. No I/O, and bounded memory."""

import zlib
from collections.abc import Iterator
from typing import Any

from .transform import MAX_LINE

STEP = 256 * 1024  # bytes that are decoded at once: a small gzip file may have a huge content
BATCH = 512 * 1024  # bytes of lines that make a batch worth sending to another process
GZIP_MAGIC = b"\x1f\x8b"
GZIP = 16 + zlib.MAX_WBITS


class BadInput(ValueError):
    """The input cannot be decoded."""


class Decoder:
    """Decodes gzip, in one member or several; passes on what is not gzip.

    One byte of gzip can stand for a thousand, so `feed` yields pieces of up to STEP bytes.
    """

    def __init__(self) -> None:
        self._start: bytes | None = b""  # until there are enough bytes to tell what it is
        self._member: Any = None  # the zlib object; None between members
        self._gzip = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._start is not None:
            data = self._start + data
            if len(data) < len(GZIP_MAGIC) and GZIP_MAGIC.startswith(data):
                self._start = data
                return
            self._start = None
            self._gzip = data.startswith(GZIP_MAGIC)
        if self._gzip:
            yield from self._inflate(data)
        elif data:
            yield data

    def _inflate(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._member is None:
                data = data.lstrip(b"\0")  # padding, as on tapes
                if not data:
                    return
                self._member = zlib.decompressobj(GZIP)
            try:
                piece = self._member.decompress(data, STEP)
            except zlib.error as error:
                raise BadInput(f"the gzip data is damaged ({error})") from None
            yield piece  # may be empty, which still lets the caller take a break
            if self._member.eof:
                data = self._member.unused_data
                self._member = None
            else:
                data = self._member.unconsumed_tail

    def finish(self) -> Iterator[bytes]:
        """At the end of the input."""
        if self._start:
            yield self._start
        while self._member is not None and not self._member.eof:
            # What zlib still holds, because the last piece was full.
            piece = self._member.decompress(b"", STEP)
            if not piece:
                raise BadInput("the gzip data ends too early")
            yield piece


class Lines:
    """Cuts bytes into batches of whole lines.

    Of a line that is too long it keeps as much as shows that, and skips the rest.
    """

    def __init__(self) -> None:
        self._kept = bytearray()  # whole lines, then the beginning of one
        self._skipping = False

    def feed(self, data: bytes) -> bytes | None:
        """A batch, if there is enough for one."""
        if self._skipping:
            end = data.find(b"\n")
            if end < 0:
                return None
            data = data[end:]
            self._skipping = False
        self._kept += data
        start = self._kept.rfind(b"\n") + 1
        if len(self._kept) - start > MAX_LINE:
            del self._kept[start + MAX_LINE + 1 :]
            self._skipping = True
        return self._take(start) if start >= BATCH else None

    def flush(self) -> bytes | None:
        """The whole lines that are there."""
        return self._take(self._kept.rfind(b"\n") + 1)

    def finish(self) -> bytes | None:
        """All that is left: the last line may lack its line feed."""
        return self._take(len(self._kept))

    def _take(self, count: int) -> bytes | None:
        batch = bytes(self._kept[:count])
        del self._kept[:count]
        return batch or None
