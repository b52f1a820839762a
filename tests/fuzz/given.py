"""What the targets begin with: messages, parts of them, and ways to cut them."""

import random
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "httpparser"))

from cases import join, plain
from messages import REQUESTS, RESPONSES

__all__ = [
    "GET",
    "OK",
    "PIECES",
    "REQUEST_CORPUS",
    "RESPONSE_CORPUS",
    "URL_CORPUS",
    "cut",
    "join",
    "plain",
]

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
OK = b"HTTP/1.1 204 No Content\r\n\r\n"
REQUEST_CORPUS = [
    *REQUESTS.values(),
    *(
        message.replace(b"HTTP/1.1\r\n", b"HTTP/1.1\r\nHost: a\r\n", 1)
        for message in REQUESTS.values()
        if b"Host" not in message
    ),
]
RESPONSE_CORPUS = list(RESPONSES.values())
URL_CORPUS = [
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


def cut(chance: random.Random, data: bytes) -> Iterator[bytes]:
    """The data in pieces of any length up to one that is chosen."""
    size = chance.choice((1, 2, 5, 30, 200))
    at = 0
    while at < len(data):
        step = chance.randrange(1, size + 1)
        yield data[at : at + step]
        at += step
