"""Each limit, to the byte, in any split; and while the field still arrives."""

from collections.abc import Iterable
from typing import Any

import pytest
from cases import ending, join, outcome
from messages import splits

from httpparser import (
    ChunkExtensionsTooLarge,
    ContentTooLarge,
    HeaderFieldsTooLarge,
    HttpParserError,
    Limits,
    RequestParser,
    ResponseParser,
    UriTooLong,
)

GET = b"GET / HTTP/1.1\r\n"
HOST = b"Host: a\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"

# A message and the size in it that a limit counts.
EXACT: dict[str, tuple[str, int, bytes, type[HttpParserError], str, int]] = {
    "the request line, without its CRLF": (
        "request_line",
        21,
        b"GET /234567 HTTP/1.1\r\n".replace(b" H", b"8 H") + HOST + b"\r\n",
        UriTooLong,
        "LIMIT_REQUEST_LINE",
        414,
    ),
    "a request line with a long method": (
        "request_line",
        26,
        b"PROPFIND /1234567 HTTP/1.1\r\n" + HOST + b"\r\n",
        UriTooLong,
        "LIMIT_REQUEST_LINE",
        414,
    ),
    "a field line, without its CRLF": (
        "field",
        12,
        GET + HOST + b"A: 456789012\r\nB: c\r\n\r\n",
        HeaderFieldsTooLarge,
        "LIMIT_FIELD",
        431,
    ),
    "white space around the value counts": (
        "field",
        12,
        GET + HOST + b"A:  \t 7890 \t\r\nB: c\r\n\r\n",
        HeaderFieldsTooLarge,
        "LIMIT_FIELD",
        431,
    ),
    "a long name": (
        "field",
        12,
        GET + HOST + b"Accept-12: c\r\nB: c\r\n\r\n",
        HeaderFieldsTooLarge,
        "LIMIT_FIELD",
        431,
    ),
    "all field lines, with their CRLF": (
        "fields",
        23,
        GET + HOST + b"A: b\r\nC: 234\r\n\r\n",
        HeaderFieldsTooLarge,
        "LIMIT_FIELDS",
        431,
    ),
    "the number of fields": (
        "count",
        3,
        GET + HOST + b"A: b\r\nC: d\r\n\r\n",
        HeaderFieldsTooLarge,
        "LIMIT_COUNT",
        431,
    ),
    "a field of the trailers": (
        "field",
        26,
        CHUNKED + b"0\r\nTrailer-1: 4567890123456\r\n\r\n".replace(b"56\r\n", b"567\r\n"),
        HeaderFieldsTooLarge,
        "LIMIT_FIELD",
        431,
    ),
    "all trailers": (
        "trailers",
        13,
        CHUNKED + b"0\r\nA: b\r\nC: 2\r\n\r\n".replace(b"2", b"23"),
        HeaderFieldsTooLarge,
        "LIMIT_TRAILERS",
        431,
    ),
    "the number of trailers": (
        "count",
        3,
        CHUNKED + b"0\r\nA: b\r\nC: 2\r\nD:\r\n\r\n",
        HeaderFieldsTooLarge,
        "LIMIT_COUNT",
        431,
    ),
    "chunk extensions, over all chunks": (
        "chunk_extensions",
        9,
        CHUNKED + b"1;a=b\r\na\r\n1;cd\r\na\r\n0;e\r\n\r\n",
        ChunkExtensionsTooLarge,
        "LIMIT_CHUNK_EXTENSIONS",
        413,
    ),
    "a body": (
        "body",
        5,
        POST + b"Content-Length: 5\r\n\r\nhello",
        ContentTooLarge,
        "LIMIT_BODY",
        413,
    ),
    "all chunks": (
        "body",
        5,
        CHUNKED + b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        ContentTooLarge,
        "LIMIT_BODY",
        413,
    ),
}


@pytest.mark.parametrize("name", EXACT)
def test_limits_to_the_byte(name: str) -> None:
    limit, size, message, kind, code, status = EXACT[name]
    enough, short = Limits(**{limit: size}), Limits(**{limit: size - 1})
    expected = outcome(RequestParser(), [message])
    assert expected[1] is None
    for pieces in splits(message):
        for extensions in (False, True):
            parser = RequestParser(limits=enough, chunk_extensions=extensions)
            assert outcome(parser, pieces)[1] is None, pieces
            parser = RequestParser(limits=short, chunk_extensions=extensions)
            assert outcome(parser, pieces)[1] == (kind.__name__, code, status), pieces


# What never ends: the size is refused before the end of the field.
ENDLESS: dict[str, tuple[bytes, bytes, tuple[str, str, int]]] = {
    "target": (b"GET /", b"a", ("UriTooLong", "LIMIT_REQUEST_LINE", 414)),
    "target in absolute form": (b"GET http://", b"a", ("UriTooLong", "LIMIT_REQUEST_LINE", 414)),
    "white space behind the method": (b"GET ", b" ", ("UriTooLong", "LIMIT_REQUEST_LINE", 414)),
    "white space behind the target": (b"GET / ", b" ", ("UriTooLong", "LIMIT_REQUEST_LINE", 414)),
    "name": (GET, b"a", ("HeaderFieldsTooLarge", "LIMIT_FIELD", 431)),
    "value": (GET + b"A: ", b"b", ("HeaderFieldsTooLarge", "LIMIT_FIELD", 431)),
    "white space": (GET + b"A:", b" ", ("HeaderFieldsTooLarge", "LIMIT_FIELD", 431)),
    "white space behind": (GET + b"A: b", b" ", ("HeaderFieldsTooLarge", "LIMIT_FIELD", 431)),
    "number": (GET, b"A:b\r\n", ("HeaderFieldsTooLarge", "LIMIT_COUNT", 431)),
    "fields": (
        GET,
        b"Accept: " + b"b" * 2000 + b"\r\n",
        ("HeaderFieldsTooLarge", "LIMIT_FIELDS", 431),
    ),
    "chunk size": (CHUNKED, b"0", ("HttpParserError", "HPE_INVALID_CHUNK_SIZE", 400)),
    "extension": (
        CHUNKED + b"1;",
        b"a",
        ("ChunkExtensionsTooLarge", "LIMIT_CHUNK_EXTENSIONS", 413),
    ),
    "extension's value": (
        CHUNKED + b"1;a=",
        b"a",
        ("ChunkExtensionsTooLarge", "LIMIT_CHUNK_EXTENSIONS", 413),
    ),
    "extensions": (
        CHUNKED,
        b"1;a=b\r\na\r\n",
        ("ChunkExtensionsTooLarge", "LIMIT_CHUNK_EXTENSIONS", 413),
    ),
    "a trailer": (CHUNKED + b"0\r\nA: ", b"b", ("HeaderFieldsTooLarge", "LIMIT_TRAILERS", 431)),
    "trailers": (
        CHUNKED + b"0\r\n",
        b"A: " + b"b" * 500 + b"\r\n",
        ("HeaderFieldsTooLarge", "LIMIT_TRAILERS", 431),
    ),
}


@pytest.mark.parametrize("name", ENDLESS)
@pytest.mark.parametrize("strict", [True, False])
def test_what_never_ends_is_refused_at_the_default_limits(name: str, strict: bool) -> None:
    start, more, expected = ENDLESS[name]
    parser = RequestParser(strict=strict, any_method=True)
    parser.feed(start)
    fed = 0

    def feed_on() -> None:
        nonlocal fed
        while fed < 1 << 20:
            parser.feed(more)
            fed += len(more)

    with pytest.raises(HttpParserError) as caught:
        feed_on()
    assert ending(caught.value) == expected
    assert fed <= 65536 + 5
    assert caught.value.offset is not None
    assert caught.value.offset <= len(start) + fed + len(more)


def test_an_endless_method_is_refused() -> None:
    for any_method in (False, True):
        pieces = [b"A"] * 64
        error = (
            ("MethodNotImplemented", "HPE_INVALID_METHOD", 501)
            if any_method
            else ("HttpParserInvalidMethodError", "HPE_INVALID_METHOD", 400)
        )
        assert outcome(RequestParser(any_method=any_method), pieces) == ([], error)


RAISED = Limits(request_line=0, field=0, fields=0, count=0, trailers=0, chunk_extensions=0)


def test_a_limit_of_0_is_none() -> None:
    size = 1 << 18
    message = (
        b"POST /" + b"a" * size + b" HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
        + b"".join(b"X-%d: y\r\n" % number for number in range(1000))
        + b"Long: " + b"b" * size + b"\r\n\r\n"
        + b"1;" + b"c" * size + b"\r\na\r\n0\r\n"
        + b"T: " + b"d" * size + b"\r\n\r\n"
    )  # fmt: skip
    expected = outcome(RequestParser(limits=RAISED, chunk_extensions=True), [message])
    assert expected[1] is None
    assert len(expected[0][0]["headers"]) == 1003
    for step in (1 << 16, 1000, 7):
        pieces = [message[at : at + step] for at in range(0, len(message), step)]
        parser = RequestParser(limits=RAISED, chunk_extensions=True)
        assert outcome(parser, pieces) == expected
        assert outcome(parser, [GET + HOST + b"\r\n"])[1] is None  # what had grown is let go


def test_what_came_before_the_error_is_in_its_events() -> None:
    message = POST + b"Content-Length: 2\r\n\r\nab" + CHUNKED + b"3\r\nabc\r\n9\r\nabcdef"
    with pytest.raises(ContentTooLarge) as caught:
        RequestParser(limits=Limits(body=10)).feed(message)
    events = join(caught.value.events)
    assert events[1:3] == [b"ab", "end"]
    assert events[4:] == [b"abc"]


def test_a_body_of_a_response_that_lasts_until_the_end() -> None:
    head = b"HTTP/1.1 200 OK\r\n\r\n"
    parser = ResponseParser(limits=Limits(body=5))
    parser.feed(head + b"hel")
    assert parser.feed(b"lo") == [b"lo"]
    with pytest.raises(ContentTooLarge):
        parser.feed(b"!")


def test_a_body_of_a_response_is_refused_at_its_head() -> None:
    parser = ResponseParser(limits=Limits(body=5))
    with pytest.raises(ContentTooLarge) as caught:
        parser.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n")
    assert len(caught.value.events) == 1


@pytest.mark.parametrize("reason", [b"Reasonable", b"Rea son  e"])
def test_the_status_line(reason: bytes) -> None:
    message = b"HTTP/1.1 200 " + reason + b"\r\nContent-Length: 0\r\n\r\n"
    size = len(b"HTTP/1.1 200 ") + len(reason)
    for pieces in splits(message):
        assert outcome(ResponseParser(limits=Limits(request_line=size)), pieces)[1] is None
        assert outcome(ResponseParser(limits=Limits(request_line=size - 1)), pieces)[1] == (
            "UriTooLong",
            "LIMIT_REQUEST_LINE",
            414,
        )


def test_defaults_and_repr() -> None:
    limits = Limits()
    assert (limits.request_line, limits.field, limits.fields) == (8192, 16384, 65536)
    assert (limits.count, limits.trailers, limits.chunk_extensions) == (128, 16384, 16384)
    assert limits.body == 2**64 - 1
    assert repr(limits) == (
        "Limits(request_line=8192, field=16384, fields=65536, count=128, trailers=16384, "
        "chunk_extensions=16384, body=0)"
    )
    assert repr(RAISED).startswith("Limits(request_line=0, field=0, fields=0, count=0,")


@pytest.mark.parametrize("value", [-1, 1 << 64, "8192", None])
def test_limits_are_sizes(value: Any) -> None:
    for name in ("request_line", "field", "fields", "count", "trailers", "body"):
        with pytest.raises((OverflowError, TypeError)):
            Limits(**{name: value})
    with pytest.raises(TypeError):
        Limits(value)  # type: ignore[call-arg]


# -- cost ------------------------------------------------------------------------------------------


def pieces_of(message: bytes, step: int) -> Iterable[bytes]:
    return (message[at : at + step] for at in range(0, len(message), step))


def test_the_cost_is_linear_in_any_split() -> None:
    """512 KiB byte by byte. A quadratic parser would copy 137 GB here, and not end in time."""
    message = GET + HOST + b"".join(
        b"X-Field-%03d: %s\r\n" % (number, b"v" * 8000) for number in range(64)
    ) + b"Long: " + b"w" * (1 << 17) + b"\r\n\r\n"  # fmt: skip
    expected = outcome(RequestParser(limits=RAISED), [message])
    assert outcome(RequestParser(limits=RAISED), pieces_of(message, 1)) == expected
    assert outcome(RequestParser(limits=RAISED), pieces_of(message, 3)) == expected
    with pytest.raises(HeaderFieldsTooLarge):
        RequestParser().feed(message)


@pytest.mark.parametrize(
    ("fields", "code", "most"),
    [
        (b"Long: " + b"w" * (1 << 19), "LIMIT_FIELD", 16384),
        (b"".join(b"F%d: %b\r\n" % (at, b"v" * 8000) for at in range(64)), "LIMIT_FIELDS", 65536),
        (b"".join(b"F%d: v\r\n" % at for at in range(1 << 16)), "LIMIT_COUNT", 128 * 9),
    ],
)
@pytest.mark.parametrize("step", [1, 1000])
def test_512_kib_of_fields_are_refused_as_soon_as_the_default_limit_is_passed(
    fields: bytes, code: str, most: int, step: int
) -> None:
    parser = RequestParser()
    fed = 0
    with pytest.raises(HeaderFieldsTooLarge) as caught:
        for piece in pieces_of(GET + HOST + fields, step):
            fed += len(piece)
            parser.feed(piece)
    assert caught.value.code == code
    offset = caught.value.offset
    assert offset is not None
    assert fed - step <= offset <= fed  # in the piece that was one too many
    assert fed <= most + len(GET + HOST) + 2 + step


def test_input_kept_while_paused_is_joined_once() -> None:
    """64 KiB kept byte by byte, and 1,600 messages out of one input, each after a pause."""
    parser = RequestParser(pause=True)
    message = GET + HOST + b"\r\n"
    parser.feed(message)
    for _ in range(1600):
        parser.feed(message)
    for at in range(1600):
        assert len(parser.resume()) == 2, at
    assert parser.leftover == b""
