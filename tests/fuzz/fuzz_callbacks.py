"""The callback interface: the events of httptools, and the same ones however they are cut."""

import random
from typing import Any

import httptools
from given import PIECES, REQUEST_CORPUS, RESPONSE_CORPUS, cut
from loop import Target, main

from httpparser import HttpRequestParser, HttpResponseParser


class Recorder:
    """A protocol with every callback; what comes in pieces is joined."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("on_"):
            raise AttributeError(name)

        def record(*arguments: bytes) -> None:
            if name in {"on_url", "on_body", "on_status"} and self.events:
                last = self.events[-1]
                if last[0] == name:
                    self.events[-1] = (name, last[1] + arguments[0])
                    return
            self.events.append((name, *arguments))

        return record


def events(kind: Any, pieces: list[bytes]) -> tuple[str, list[tuple[Any, ...]]]:
    """The exception's name and the callbacks before it."""
    recorder = Recorder()
    parser = kind(recorder)
    try:
        for piece in pieces:
            parser.feed_data(piece)
    except Exception as error:
        assert type(error).__name__.startswith("HttpParser"), error
        return type(error).__name__, recorder.events
    return "", recorder.events


def complete(ended: str, seen: list[tuple[Any, ...]]) -> tuple[str, list[tuple[Any, ...]]]:
    """Without what an error cut off: how much of it comes depends on where the input was cut."""
    while ended and seen and seen[-1][0] in {"on_url", "on_status", "on_body"}:
        seen = seen[:-1]
    return ended, seen


def run(chance: random.Random, data: bytes) -> None:
    kind = chance.choice((HttpRequestParser, HttpResponseParser))
    whole = events(kind, [data])
    other = events(getattr(httptools, kind.__name__), [data])
    if whole[0] != "HttpParserUpgrade":  # whose bytes behind it are another protocol's
        in_pieces = events(kind, list(cut(chance, data)))
        assert complete(*whole) == complete(*in_pieces), (data, whole, in_pieces)
    if other[0] == "HttpParserUpgrade":  # httptools loses the body of that message
        assert whole[1][: len(other[1]) - 1] == other[1][:-1], (data, whole, other)
        return
    assert whole[0] == other[0], (data, whole, other)
    # httptools gives a field as it meets the next, so that it loses the one before an error.
    lost = len(whole[1]) - len(other[1])
    assert lost in (0, 1), (data, whole, other)
    assert not lost or whole[1][-1][0] == "on_header", (data, whole, other)
    assert whole[1][: len(whole[1]) - lost] == other[1], (data, whole, other)


TARGET = Target("callbacks", run, [*REQUEST_CORPUS, *RESPONSE_CORPUS], PIECES)

if __name__ == "__main__":
    main(TARGET)
