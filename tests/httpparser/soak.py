"""Parses the same messages over and over and says how much memory that took.

`python tests/httpparser/soak.py 1000000` (`make soak`) runs a million of each kind.
"""

import gc
import resource
import sys
import tracemalloc
from collections.abc import Callable
from contextlib import suppress

from httpparser import (
    HttpParserError,
    Limits,
    RequestParser,
    ResponseParser,
    parse_url,
    write_response_head,
)

POST = b"POST /a%20b?c HTTP/1.1\r\nHost: a\r\nX-Own: d\r\nUser-Agent: soak\r\n"
UPGRADE = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: a\r\nUpgrade: b\r\n\r\n"
CHUNKED = (
    POST + b"Transfer-Encoding: chunked\r\n\r\n3;e=f\r\nabc\r\n0\r\nX-Trailer: t\r\nDate: u\r\n\r\n"
)
BODY = POST + b"Content-Length: 9000\r\n\r\n" + b"b" * 9000
REFUSED = [
    b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
    b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
    POST + b"Content-Length: 5x\r\n\r\n",
    POST + b"Expect: x\r\n\r\n",
    POST + b"A b: c\r\n\r\n",
    b"BREW / HTTP/1.1\r\n\r\n",
]
requests = RequestParser(chunk_extensions=True)
held = RequestParser(hold=True, pause=True)
methods = RequestParser(any_method=True)
limited = RequestParser(limits=Limits(count=2))
responses = ResponseParser()


def split_message() -> None:
    requests.feed(CHUNKED[:70])
    requests.feed(bytearray(CHUNKED[70:130]))
    requests.feed(memoryview(CHUNKED)[130:])


def hold_and_switch() -> None:
    held.feed(UPGRADE + b"rest")
    held.feed(b"more")
    held.switch()
    held.reset()


def hold_and_resume() -> None:
    held.feed(UPGRADE + UPGRADE)
    held.resume()
    held.feed(UPGRADE)
    held.reset()


def refuse() -> None:
    for message in REFUSED:
        try:
            methods.feed(message)
        except HttpParserError:
            methods.reset()
        try:
            limited.feed(POST)
        except HttpParserError:
            limited.reset()


def respond() -> None:
    responses.feed(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 Fine\r\nA: b\r\n\r\nbo")
    responses.feed(b"dy")
    responses.feed_eof()
    responses.reset()


def write() -> None:
    write_response_head(299, [(b"a", b"b" * 2000), (b"c", b"d")], b"Reason")
    with suppress(ValueError):
        write_response_head(200, [(b"a", b"\n")])


MESSAGES: dict[str, Callable[[], object]] = {
    "whole": lambda: requests.feed(CHUNKED),
    "split": split_message,
    "large body": lambda: requests.feed(BODY),
    "any method": lambda: methods.feed(b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n"),
    "hold and switch": hold_and_switch,
    "hold and resume": hold_and_resume,
    "refused": refuse,
    "responses": respond,
    "new parsers": lambda: RequestParser().feed(CHUNKED[:70]),
    "written heads": write,
    "urls": lambda: parse_url(b"http://u@a:1/b?c#d"),
}


def growth(name: str, rounds: int) -> int:
    """How many bytes more are held after so many rounds: Python's, or of C the resident ones."""
    call = MESSAGES[name]
    for _ in range(1000):
        call()
    gc.collect()
    tracemalloc.start()
    try:
        for _ in range(200):
            call()
        gc.collect()
        python = tracemalloc.get_traced_memory()[0]
        for _ in range(rounds // 20):
            call()
        gc.collect()
        python = tracemalloc.get_traced_memory()[0] - python
    finally:
        tracemalloc.stop()
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(rounds):
        call()
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - resident
    return max(python, resident * 1024 if resident > 1024 else 0)


if __name__ == "__main__":
    count = int(sys.argv[1])
    for kind in MESSAGES:
        print(f"{kind}: {growth(kind, count)} bytes more after {count:,} rounds", flush=True)
