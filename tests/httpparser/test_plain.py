"""A request that the parser reads a line at a time is what llhttp makes of it.

Whole, a plain request never reaches llhttp; when its first byte comes alone, llhttp reads it all.
"""

import random
from collections.abc import Iterable
from typing import Any

import pytest
from cases import plain

from httpparser import HttpParserError, Limits, RequestHead, RequestParser

HEAD = (
    b"POST /a/b%20c?d=e HTTP/1.1\r\nHost: a.example:80\r\nX-Custom: some \t value, of 33 octets\r\n"
    b"Accept:\ttext/html \r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\nabc"
)
METHODS = [b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"CONNECT", b"PURGE",
           b"GETS", b"get", b"POSTX", b"PATC", b"OPTION", b"G", b"QUERY"]  # fmt: skip
TARGETS = [b"/", b"/?", b"/a", b"/?a", b"/a?b?c", b"/%", b"/%41%zz", b"/?%", b"//a", b"/" + b"a" * 15,
           b"/" + b"a" * 16 + b"?" + b"b" * 15, b"*", b"http://a/", b"a:1", b"", b"?a"]  # fmt: skip
VERSIONS = [b"HTTP/1.1", b"HTTP/1.0", b"HTTP/1.2", b"HTTP/0.9", b"HTTP/2.0", b"HTTP/1.1 ", b"http/1.1",
            b"HTTP/1.10", b"RTSP/1.0", b"HTTP/1."]  # fmt: skip
LINES = [
    b"Host: a", b"host:a", b"HOST: a:80", b"Host:", b"Host: a b", b"Host: a/", b"Host: [::1]:1",
    b"Content-Length: 3", b"Content-Length: 0", b"Content-Length:", b"Content-Length: 3, 3",
    b"Content-Length: +3", b"Content-Length: 03", b"Content-Length: 9223372036854775808",
    b"Content-Length: 99999999999999999999", b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: gzip", b"Connection: close", b"Connection: Keep-Alive",
    b"Connection: keep-alive, close", b"Connection: upgrade", b"Connection:", b"Connection: x",
    b"Proxy-Connection: close", b"Upgrade: websocket", b"Expect: 100-continue", b"Expect: x",
    b"Expect:", b"TE: trailers", b"TE: gzip", b"Trailer: a", b"Accept: */*", b"Accept:  a \t",
    b"Accept: \t", b"Cookie: a=b", b"X: y", b": y", b"X", b"X : y", b" X: y", b"X:y:z", b"X\t: y",
    b"A" * 64 + b": b", b"A" * 65 + b": b", b"Accept: " + b"a" * 400, b"X: \xff\x80", b"X: \x7f",
    b"X: a\rb", b"X: a\nb", b"X: a\0b", b"X: a\r\n b", b"X\x80: a", b"X(: a",
]  # fmt: skip

Outcome = tuple[list[Any], tuple[str, str, int, int | None] | None, bool]


def shown(event: object) -> Any:
    return (plain(event), event.trailers) if isinstance(event, RequestHead) else plain(event)


def outcome(pieces: Iterable[bytes], **options: Any) -> Outcome:
    """What comes of it, to the offset of an error; parts of a body are joined."""
    parser = RequestParser(**options)
    events: list[Any] = []
    end = None
    try:
        for piece in pieces:
            events += parser.feed(piece)
    except HttpParserError as error:
        events += error.events
        end = type(error).__name__, error.code, error.status, error.offset
    joined: list[Any] = []
    for event in map(shown, events):
        if isinstance(event, bytes) and joined and isinstance(joined[-1], bytes):
            joined[-1] += event
        else:
            joined.append(event)
    return joined, end, parser.keep_alive


def check(message: bytes, **options: Any) -> Outcome:
    """Twice, since lines are kept when they come again; the same from llhttp each time."""
    whole = [outcome([message], **options) for _ in range(3)]
    assert whole == [outcome([message[:1], message[1:]], **options)] * 3, message
    return whole[0]


@pytest.mark.parametrize("at", range(len(HEAD)))
def test_every_octet_at_every_place(at):
    for octet in range(256):
        check(HEAD[:at] + bytes([octet]) + HEAD[at + 1 :])
    for octet in b"\r\n\t :?%#\0aA0,;\x7f\xff":
        check(HEAD[:at] + bytes([octet]) + HEAD[at:])
    check(HEAD[:at] + HEAD[at + 1 :])


@pytest.mark.parametrize("method", METHODS)
def test_start_lines(method):
    for target in TARGETS:
        for version in VERSIONS:
            for line in (b"%b %b %b", b"%b  %b %b", b"%b %b  %b", b" %b %b %b"):
                start = line % (method, target, version)
                check(start + b"\r\nHost: a\r\n\r\n")
                check(start + b"\nHost: a\r\n\r\n", any_method=True)


@pytest.mark.parametrize("first", LINES)
def test_pairs_of_lines(first):
    for second in LINES:
        for version in (b"1.1", b"1.0"):
            start = b"GET /a HTTP/%b\r\n" % version
            check(b"\r\n".join([start + first, second, b"Host: a", b"", b"abc"]))
            check(
                b"\r\n".join([start + first, second, b"", b"GET / HTTP/1.1", b"Host: a", b"", b""])
            )


@pytest.mark.parametrize("name", ["request_line", "field", "fields", "count", "body"])
def test_limits_to_the_octet(name):
    met = set()
    for limit in range(1, 200):
        _, end, _ = check(HEAD, limits=Limits(**{name: limit}))
        met.add(end and end[1])
    assert met == {None, f"LIMIT_{name.upper()}"}


def test_more_fields_than_one_reading_takes():
    for count in (62, 63, 64, 65, 127, 128):
        check(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"Accept: a\r\nB: c\r\n" * (count // 2) + b"\r\n")


def test_a_head_of_every_length():
    for length in range(80):
        check(b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n" % (b"a" * length))
        check(b"GET / HTTP/1.1\r\nHost: a\r\n%b: %b\r\n\r\n" % (b"a" * length, b"b" * 20))
        check(b"GET / HTTP/1.1\r\nHost: a\r\nAccept: %b\r\n\r\n" % (b"b" * length))
    check(b"GET / HTTP/1.1\r\n\r\n")
    check(b"GET / HTTP/1.0\r\n\r\n")


def test_many_requests_in_one_piece():
    """Plain ones and others by turns, split anywhere: what one leaves behind the next one meets."""
    chance = random.Random(1)
    lines = [line for line in LINES if outcome([request(line)])[1] is None]
    for _ in range(500):
        data = b"".join(request(*chance.sample(lines, 2)) for _ in range(chance.randrange(1, 6)))
        at = sorted(chance.randrange(len(data) + 1) for _ in range(3))
        pieces = [data[: at[0]], data[at[0] : at[1]], data[at[1] : at[2]], data[at[2] :]]
        slow = [data[at : at + 1] for at in range(len(data))]
        whole, end, _ = outcome([data])
        # The offset of an error may be that of its first byte or of the end of the head.
        for other, other_end, _ in (outcome(pieces), outcome(slow)):
            assert other == whole
            assert (end and end[:3]) == (other_end and other_end[:3])


def request(*lines: bytes) -> bytes:
    """With a body, if a line says so."""
    body = b"0\r\n\r\n" if b"Transfer-Encoding: chunked" in lines else b""
    for line in lines:
        if line.startswith(b"Content-Length: 3"):
            body = b"abc"
    host = b"" if any(line.lower().startswith(b"host") for line in lines) else b"Host: a\r\n"
    return b"GET / HTTP/1.1\r\n" + host + b"\r\n".join(lines) + b"\r\n\r\n" + body


def test_a_body_that_goes_on_later():
    """Cut anywhere after the head, with another request, or with none, behind it."""
    head, _, body = HEAD.rpartition(b"\r\n\r\n")
    for rest in (b"", HEAD, b"GET", b"\0"):
        data = body + rest
        slow = outcome([HEAD[:1], HEAD[1:] + rest])
        for at in range(len(data) + 1):
            assert outcome([head + b"\r\n\r\n" + data[:at], data[at:]])[0] == slow[0]


def test_proxy_connection_means_nothing():
    """llhttp would close after it; RFC 9112 C.2.2 wants it ignored, and the head says so."""
    first = b"GET / HTTP/1.1\r\nHost: a\r\nProxy-Connection: close\r\n\r\n"
    events, end, keep_alive = check(first + HEAD)
    assert end is None
    assert keep_alive
    assert events.count("end") == 2


def test_what_a_line_cannot_hold_is_no_line():
    """A RequestHead of any octets is kept too, and no later line is taken for it."""
    for value in (b"a\r\nX: b", b" a", b"a\t", b"a\0", b"a\x7f", b"\r\n"):
        for _ in range(3):
            RequestHead("GET", b"/", "1.1", [(b"host", b"a"), (b"accept", value)])
        check(b"GET / HTTP/1.1\r\nhost: a\r\naccept: %b\r\nConnection: close\r\n\r\n" % value)


def test_lines_that_begin_alike():
    """The last line with the same 16 octets is looked at first; here it is always another."""
    values = [b"a" * 12 + end for end in (b"", b"b", b"bc", b"bcd" * 9, b"x" * 40, b"y" * 40)]
    for first in values:
        for second in values:
            for rest in (b"\r\n", b" \r\n", b"\n", b"\r\n c\r\n"):
                lines = b"Accept: %b\r\nAccept: %b" % (first, second)
                check(b"GET / HTTP/1.1\r\nHost: a\r\n" + lines + rest + b"\r\n")
