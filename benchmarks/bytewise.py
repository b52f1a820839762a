"""512 KiB of header fields one byte at a time, beside the same in pieces of 64 KiB.

`python -m benchmarks.bytewise [ROUNDS]`. With the limits lifted, for the batch interface; the
clock is the process's own time on the processor, each figure the median of the rounds.

A piece costs a call whatever the parser does, so half a million pieces cost half a million calls.
What says whether the parser is linear is what is left without them: the same number of calls that
bring only line ends before a message, which are skipped, is subtracted. "Copied" are the bytes of
names and values: whole in a piece, each is copied once, into the object that comes out; cut in
two, twice, for it is carried over first (in a buffer that doubles; moving it is not counted).
"""

import statistics
import sys
from collections.abc import Callable

from benchmarks.alone import interleaved
from httpparser import Limits, RequestParser

SIZES = (64, 128, 256, 512)  # KiB
PIECE = 65536
FREE = Limits(request_line=0, field=0, fields=0, count=0)
START = b"GET / HTTP/1.1\r\nHost: a\r\n"


def fields_of(size: int, length: int) -> list[tuple[bytes, bytes]]:
    """Fields of this length each, which fill so many bytes."""
    return [(b"x-%05d" % number, b"v" * (length - 11)) for number in range(size // length)]


def jobs_for(size: int, length: int) -> tuple[dict[str, Callable[[], object]], int]:
    fields = fields_of(size, length)
    data = START + b"".join(b"%b: %b\r\n" % field for field in fields) + b"\r\n"
    parser = RequestParser(limits=FREE)
    feed = parser.feed
    singles = [data[at : at + 1] for at in range(len(data))]
    pieces = [data[at : at + PIECE] for at in range(0, len(data), PIECE)]
    nothing = [b"\n"] * len(data)

    def run(parts: list[bytes]) -> list[object]:
        found: list[object] = []
        for part in parts:
            found += feed(part)
        return found

    for parts in (singles, pieces):
        head, _end = run(parts)
        assert head.headers == [(b"host", b"a"), *fields]  # type: ignore[attr-defined]
    copied = sum(len(name) + len(value) for name, value in fields)
    return {
        "singles": lambda: run(singles),
        "pieces": lambda: run(pieces),
        "calls": lambda: run(nothing),
    }, copied


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    print(f"{'nanoseconds a byte':27} by byte   64 KiB    calls |  raw ratio  per copy  less calls")
    for length, name in ((64, "fields of 64 bytes"), (0, "one field")):
        for size in SIZES:
            jobs, copied = jobs_for(size * 1024, length or size * 1024)
            times = interleaved(jobs, 0.05, rounds)
            singles, pieces, calls = (statistics.median(times[job]) for job in jobs)
            ratios = (singles / pieces, singles / 2 / pieces, (singles - calls) / 2 / pieces)
            each = (time / (size * 1024) for time in (singles, pieces, calls))
            print(
                f"{name:18} {size:4} KiB",
                *(f"{time:8.2f}" for time in each),
                "|",
                *(f"{ratio:10.1f}" for ratio in ratios),
                f"  {copied:,} bytes copied twice, or once",
            )


if __name__ == "__main__":
    main()
