"""HTTP/2 sessions: frames of the cases with accidents, and talks with a strict client."""

import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "server"))
sys.path.insert(0, str(Path(__file__).parents[2]))  # first: tests/httpparser is not the package

from given import cut
from http2 import frames as f
from http2.table import CASES
from http2_talk import Talk, join, session
from loop import Target, main

from httpparser.http2 import Data, End

START = f.PREFACE + f.settings()


def events(pieces):
    """All of them, to the end of the connection; of bodies those that are whole."""
    fed = session()
    found = []
    for piece in pieces:
        found += fed.feed(piece)
    whole = {event.stream_id for event in found if isinstance(event, End)}
    kept = [event for event in found if not isinstance(event, Data) or event.stream_id in whole]
    return join(kept), fed.over


def check_cuts(chance, data):
    """However the bytes are cut, the same comes out."""
    whole = events([data])
    for pieces in (cut(chance, data), (data[at : at + 1] for at in range(len(data)))):
        assert events(pieces) == whole, data


def run(chance, data):
    check_cuts(chance, data if chance.random() < 0.1 else START + data)
    Talk(random.Random(chance.random())).run(chance.choice((5, 20, 60)))


def frames_of(case):
    """What a case sends in one piece."""
    return b"".join(step for step in case.sends if isinstance(step, bytes))


CORPUS = sorted({frames_of(case)[:1000] for case in CASES} - {b""})
PIECES = [
    f.settings(), f.settings(flags=1), f.ping(), f.window(0, 1), f.window(1, 0), f.reset(1),
    f.headers(1, f.GET), f.headers(3, f.POST, end=False), f.data(1, b"abc", end=True),
    f.data(1, b"abc", pad=9), f.priority(1), f.priority_update(1, b"u=1"), f.goaway(),
    f.headers(5, f.block(f.GET)[:7], done=False), f.continuation(5, f.block(f.GET)[7:]),
    f.table_size(0), f.table_size(4096), f.indexed(62), f.added(b"x-a", b"b"), b"\0", b"\xff",
    b"\0\0\0", b"\0\x40\0", b"\1", b"\4", b"\5", b"\x25",
]  # fmt: skip
TARGET = Target("http2", run, CORPUS, PIECES)

if __name__ == "__main__":
    main(TARGET)
