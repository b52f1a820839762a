"""Fuzz the parser: `fuzz_parser.py --seconds 60 [--seed N]`, or with atheris, `--atheris [FILES]`.

Each round has a number, which is its seed, and takes a few messages of the corpus apart. Whatever
comes out of that must give the same events and the same verdict however it is cut, whatever buffer
it comes in, and nothing but HttpParserError; what is accepted here and by h11 must be the same
head, the same body and the same bytes left over. Where the verdicts differ, the reason must stand
in `disagreements.md`.
"""

import argparse
import itertools
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import h11
import httptools

sys.path.insert(0, str(Path(__file__).parents[1] / "httpparser"))

from cases import join, plain
from messages import REQUESTS, RESPONSES

from httpparser import (
    END,
    HttpParserError,
    HttpParserInvalidURLError,
    HttpRequestParser,
    HttpResponseParser,
    Leniency,
    Limits,
    RequestHead,
    RequestParser,
    ResponseHead,
    ResponseParser,
    Trailers,
    parse_url,
)

Parser = RequestParser | ResponseParser
Make = Callable[[], Parser]

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
OK = b"HTTP/1.1 204 No Content\r\n\r\n"
URLS = [
    b"/", b"/a/b?c=d#e", b"*", b"a:80", b"[::1]:80", b"http://u:p@h:1/p?q#f", b"http://[::1%25a]/",
    b"https://a", b"http://a?b", b"//a/b", b"/%41%zz?%", b"a.b-c:65535",
]  # fmt: skip
PIECES = [
    b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b";", b",", b"=", b"\0", b"\x7f", b"\x80", b"\xff",
    b"0", b"1", b"9", b"f", b"-1", b"+1", b"0x1", b"00000000000000000", b"18446744073709551615",
    b"9223372036854775807", b"\r\n\r\n", b"\r\n ", b"0\r\n\r\n", b"HTTP/1.1", b"HTTP/1.0",
    b"HTTP/2.0", b"HTTP/1.10", b"GET ", b"POST ", b"CONNECT ", b"HEAD", b"Host: b\r\n", b"Host:",
    b"Content-Length: 3\r\n", b"Content-Length: 03\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n", b"Transfer-Encoding:\tchunked\r\n", b"chunked",
    b"Connection: close\r\n", b"Connection: keep-alive, Upgrade\r\n", b"Upgrade: h2c\r\n",
    b"Expect: 100-continue\r\n", b"Expect: x\r\n", b"TE: trailers\r\n", b"3\r\nabc\r\n", b";a=b",
    b'"', b"\\", b"%20", b"%", b"?", b"#", b"@", b"[", b"]", b"http://", b"*", b"/", GET, OK,
]  # fmt: skip
SMALL = Limits(
    request_line=60, field=40, fields=120, count=6, trailers=60, chunk_extensions=8, body=20
)


# -- input -----------------------------------------------------------------------------------------


def mutate(chance: random.Random, corpus: list[bytes]) -> bytes:
    data = b"".join(chance.choice(corpus) for _ in range(chance.choice((1, 1, 1, 2, 3))))
    for _ in range(chance.choice((0, 1, 1, 2, 3, 5, 9))):
        at, to = sorted(chance.randrange(len(data) + 1) for _ in range(2))
        kind = chance.randrange(7)
        if kind == 0:
            data = data[:at] + chance.choice(PIECES) + data[at:]
        elif kind == 1:
            data = data[:at] + data[min(to, at + chance.randrange(1, 9)) :]
        elif kind == 2:
            data = data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
        elif kind == 3:
            data = data[:to] + data[at:to] + data[to:]
        elif kind == 4:
            lines = data.split(b"\r\n")
            lines.insert(chance.randrange(len(lines) + 1), chance.choice(lines))
            data = b"\r\n".join(lines)
        elif kind == 5:
            lines = data.split(b"\r\n")
            lines.insert(1, chance.choice(PIECES).rstrip(b"\r\n"))
            data = b"\r\n".join(lines)
        else:
            data = data[:at] + chance.choice(PIECES) + data[to:] if chance.random() < 0.3 else data
    return data[:4000]


def cut(chance: random.Random, data: bytes) -> Iterator[bytes]:
    size = chance.choice((1, 2, 5, 30, 200))
    at = 0
    while at < len(data):
        step = chance.randrange(1, size + 1)
        yield data[at : at + step]
        at += step


# -- one parser against itself -----------------------------------------------------------------------


class Result(NamedTuple):
    events: list[Any]
    failed: bool
    rest: bytes


def parse(parser: Parser, pieces: Iterator[Any], eof: bool) -> Result:
    """Everything that comes out; pauses are resumed and held heads refused or switched."""
    events: list[object] = []
    try:
        for piece in pieces:
            events += parser.feed(piece)
            while parser.held or (parser.paused and not parser.switched):
                events += parser.resume()
        if eof:
            events += parser.feed_eof()
    except HttpParserError as error:
        assert error.offset is not None, error
        assert 400 <= error.status <= 505, error
        assert error.code, error
        events += error.events
        check_recovery(parser)
        return Result(join(events), True, b"")
    return Result(join(events), False, parser.leftover)


def check_recovery(parser: Parser) -> None:
    parser.reset()
    valid = GET if isinstance(parser, RequestParser) else OK
    limited = parser.feed(valid)
    assert limited[-1] is END or parser.hold, limited
    parser.reset()


def agree(whole: Result, other: Result) -> bool:
    """An error may be found a little earlier or later; the parts of a body that came before too."""
    if whole.failed != other.failed:
        return False
    if not whole.failed:
        return whole == other
    short, long = sorted((whole.events, other.events), key=len)
    if short and isinstance(short[-1], bytes) and len(long) >= len(short):
        last = long[len(short) - 1]
        if isinstance(last, bytes) and (last.startswith(short[-1]) or short[-1].startswith(last)):
            short = short[:-1]
    return long[: len(short)] == short and len(long) - len(short) <= 2


def check_cuts(chance: random.Random, make: Make, data: bytes, eof: bool) -> None:
    whole = parse(make(), iter([data]), eof)
    for pieces in (
        iter([bytearray(data)]),
        iter([memoryview(b"." + data)[1:]]),
        cut(chance, data),
        (data[at : at + 1] for at in range(len(data))),
    ):
        other = parse(make(), pieces, eof)
        assert agree(whole, other), (data, whole, other)


def options(chance: random.Random, **others: Any) -> dict[str, Any]:
    lenient = 0
    while chance.random() < 0.3:
        lenient |= chance.choice(list(Leniency))
    return {
        "strict": chance.random() < 0.6,
        "limits": chance.choice((None, None, SMALL)),
        "lenient": lenient,
        "pause": chance.random() < 0.3,
        "chunk_extensions": chance.random() < 0.3,
    } | others


def fuzz_requests(chance: random.Random, data: bytes) -> None:
    any_method, hold = chance.random() < 0.5, chance.random() < 0.3
    chosen = options(chance, any_method=any_method, hold=hold)
    check_cuts(chance, lambda: RequestParser(**chosen), data, chance.random() < 0.5)


def fuzz_responses(chance: random.Random, data: bytes) -> None:
    chosen = options(chance, method=chance.choice((None, "GET", "HEAD", "CONNECT")))
    check_cuts(chance, lambda: ResponseParser(**chosen), data, chance.random() < 0.5)


# -- against h11 -------------------------------------------------------------------------------------


class Message(NamedTuple):
    head: tuple[Any, ...]
    body: bytes
    trailers: list[tuple[bytes, bytes]]
    rest: bytes


def first_here(parser: Parser, data: bytes) -> Message | str:
    """The first message, or why there is none: a code, or "incomplete"."""
    try:
        events = parser.feed(data)
    except HttpParserError as error:
        events = error.events
        if END not in events:
            return error.code
    while events and isinstance(events[0], ResponseHead) and events[0].status < 200:
        events = parser.resume()
    if END not in events:
        return "incomplete"
    head = events[0]
    trailers = [event for event in events if isinstance(event, Trailers)]
    body = b"".join(plain(event) for event in events if isinstance(event, bytes | memoryview))
    line: tuple[Any, ...]
    if isinstance(head, RequestHead):
        line = (head.method.encode(), head.target, head.version.encode())
    else:
        assert isinstance(head, ResponseHead)
        line = (head.status, head.reason, head.version.encode())
    return Message((*line, head.headers), body, trailers[0].headers if trailers else [], parser.leftover)


def first_of_h11(connection: h11.Connection, data: bytes) -> Message | str:
    head, body, trailers = None, b"", []
    try:
        connection.receive_data(data)
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                head = (event.method, event.target, event.http_version)
            elif isinstance(event, h11.Response):
                head = (event.status_code, event.reason, event.http_version)
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                trailers = fields(event)
                break
            elif not isinstance(event, h11.InformationalResponse):
                return "incomplete"
            if isinstance(event, h11.Request | h11.Response):
                assert head is not None
                head = (*head, fields(event))
    except h11.RemoteProtocolError as error:
        return str(error)
    assert head is not None
    return Message(head, body, trailers, connection.trailing_data[0])


def fields(event: Any) -> list[tuple[bytes, bytes]]:
    return [(name, value.strip(b" \t")) for name, value in event.headers]


# Every reason for different verdicts, as compare() names it, is explained there.
DISAGREEMENTS = Path(__file__).parent / "disagreements.md"
explained: set[str] = set(
    re.findall(r"^- `([^`]+)`", DISAGREEMENTS.read_text(), re.MULTILINE)
    if DISAGREEMENTS.exists()
    else []
)
seen: Counter[str] = Counter()


def compare(data: bytes, side: str, ours: Message | str, theirs: Message | str) -> None:
    if isinstance(ours, Message) and isinstance(theirs, Message):
        seen[f"{side}: accepted by both"] += 1
        if ours != theirs:
            difference = name_difference(ours, theirs)
            seen[f"{side}: {difference}"] += 1
            assert difference in explained, (difference, data, ours, theirs)
    elif isinstance(ours, Message):
        reason = f"h11 {side}: {re.sub(r'[0-9]+|(?<=: ).*', '', str(theirs)).strip()}"
        seen[reason] += 1
        assert reason in explained, (reason, data, ours, theirs)
    elif isinstance(theirs, Message):
        reason = f"httpparser {side}: {ours}"
        seen[reason] += 1
        assert reason in explained, (reason, data, ours, theirs)
    else:
        seen[f"{side}: refused or unfinished in both"] += 1


def name_difference(ours: Message, theirs: Message) -> str:
    parts = [
        name
        for name, mine, its in zip(Message._fields, ours, theirs, strict=True)
        if mine != its
    ]
    return f"different {' and '.join(parts)}"


def fuzz_requests_beside_h11(chance: random.Random, data: bytes) -> None:
    ours = first_here(RequestParser(pause=True, any_method=True), data)
    theirs = first_of_h11(h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20), data)
    compare(data, "request", ours, theirs)


def fuzz_responses_beside_h11(chance: random.Random, data: bytes) -> None:
    method = chance.choice((b"GET", b"HEAD"))
    ours = first_here(ResponseParser(method=method.decode(), pause=True), data)
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    connection.send(h11.Request(method=method, target="/", headers=[("host", "a")]))
    connection.send(h11.EndOfMessage())
    compare(data, "response", ours, first_of_h11(connection, data))


# -- the callback interface and URLs, against httptools ------------------------------------------------


class Recorder:
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


def fuzz_callbacks(chance: random.Random, data: bytes) -> None:
    kind = chance.choice((HttpRequestParser, HttpResponseParser))
    theirs = getattr(httptools, kind.__name__)
    results = []
    for made, pieces in ((kind, [data]), (kind, list(cut(chance, data))), (theirs, [data])):
        recorder = Recorder()
        parser = made(recorder)
        try:
            for piece in pieces:
                parser.feed_data(piece)
        except (httptools.HttpParserUpgrade, Exception) as error:
            assert type(error).__name__.startswith("HttpParser"), error
            ended = type(error).__name__
        else:
            ended = ""
        results.append((ended, recorder.events))
    whole, pieces_, other = results
    if whole[0] != "HttpParserUpgrade":
        assert whole == pieces_, (data, whole, pieces_)
    assert whole[0] == other[0], (data, whole, other)
    # httptools gives a field as it meets the next, so that it loses the one before an error.
    lost = len(whole[1]) - len(other[1])
    assert lost in (0, 1), (data, whole, other)
    if lost:
        assert whole[1][-1][0] == "on_header" and whole[1][:-1] == other[1], (data, whole, other)
    else:
        assert whole[1] == other[1], (data, whole, other)


def fuzz_urls(chance: random.Random, data: bytes) -> None:
    try:
        ours = parse_url(data)
    except HttpParserInvalidURLError:
        assert not data.startswith(b"/") or re.search(rb"[^!-~]", data), data
        return
    names = ("schema", "host", "port", "path", "query", "fragment", "userinfo")
    for name in names:
        value = getattr(ours, name)
        assert value is None or name == "port" or (value and value in data), (data, name, value)
    try:
        theirs = httptools.parse_url(data)
    except httptools.HttpParserInvalidURLError:
        return
    for name in names:
        assert getattr(ours, name) == getattr(theirs, name), (data, name)


TARGETS: dict[Callable[[random.Random, bytes], None], list[bytes]] = {
    fuzz_requests: list(REQUESTS.values()),
    fuzz_responses: list(RESPONSES.values()),
    fuzz_requests_beside_h11: [
        message.replace(b"HTTP/1.1\r\n", b"HTTP/1.1\r\nHost: a\r\n", b"Host" not in message)
        for message in REQUESTS.values()
    ],
    fuzz_responses_beside_h11: list(RESPONSES.values()),
    fuzz_callbacks: [*REQUESTS.values(), *RESPONSES.values()],
    fuzz_urls: URLS,
}


def run(seed: int) -> None:
    """One round of everything; an error names the round."""
    for target, corpus in TARGETS.items():
        chance = random.Random(f"{target.__name__} {seed}")
        try:
            target(chance, mutate(chance, corpus))
        except Exception as error:
            error.add_note(f"{target.__name__}, round {seed}")
            raise


def run_atheris(arguments: list[str]) -> None:
    """Guided by coverage where the modules are built with clang -fsanitize=fuzzer-no-link."""
    import atheris

    def one(data: bytes) -> None:
        if len(data) > 8:
            chance = random.Random(data[:8])
            list(TARGETS)[data[0] % len(TARGETS)](chance, data[8:])

    atheris.Setup([sys.argv[0], *arguments], one)
    atheris.Fuzz()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=time.time_ns() % (1 << 40))
    parser.add_argument("--atheris", nargs="*")
    chosen = parser.parse_args()
    if chosen.atheris is not None:
        run_atheris(chosen.atheris)
    until = time.monotonic() + chosen.seconds
    for number in itertools.count():
        if time.monotonic() > until:
            break
        run(chosen.seed + number)
    print(f"{number} rounds from seed {chosen.seed}")
    for what, count in sorted(seen.items()):
        print(f"{count:8} {what}")


if __name__ == "__main__":
    main()
