"""The batch interface: whole heads, bodies, trailers, and the order in which they come."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from cases import check, join, outcome, request, response

import httpparser
from httpparser import (
    END,
    HttpParserError,
    IncompleteMessage,
    Leniency,
    Limits,
    RequestHead,
    RequestParser,
    ResponseHead,
    ResponseParser,
    http1,
)

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
HEAD = b"POST / HTTP/1.1\r\nHost: a\r\n"
HOST = (b"host", b"a")
LENGTH_5 = (b"content-length", b"5")
CHUNKED = (b"transfer-encoding", b"chunked")
POST_5 = request("POST", headers=[HOST, LENGTH_5], content_length=5)
POST_CHUNKED = request("POST", headers=[HOST, CHUNKED], chunked=True)
UPGRADE = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
UPGRADE_HEADERS = [HOST, (b"connection", b"Upgrade"), (b"upgrade", b"websocket")]
UPGRADE_HEAD = request(headers=UPGRADE_HEADERS, upgrade=b"websocket")

REQUESTS: dict[str, tuple[bytes, list[Any]]] = {
    "smallest": (GET, [request(), "end"]),
    "empty lines first": (b"\r\n\n" + GET, [request(), "end"]),
    "query": (
        b"GET /a/b?c=d&e HTTP/1.1\r\nHost: a\r\n\r\n",
        [request(target=b"/a/b?c=d&e"), "end"],
    ),
    "empty query": (b"GET /a? HTTP/1.1\r\nHost: a\r\n\r\n", [request(target=b"/a?"), "end"]),
    "percent-encoded path": (
        b"GET /%c3%a9%20%zz%ff?%41 HTTP/1.1\r\nHost: a\r\n\r\n",
        [
            request(
                target=b"/%c3%a9%20%zz%ff?%41",
                path="/é %zz\ufffd",
                raw_path=b"/%c3%a9%20%zz%ff",
                query=b"%41",
            ),
            "end",
        ],
    ),
    "absolute form": (
        b"GET http://b:8000/c?d HTTP/1.1\r\nHost: a\r\n\r\n",
        [
            request(
                target=b"http://b:8000/c?d",
                path="/c",
                raw_path=b"/c",
                query=b"d",
                authority=b"b:8000",
                headers=[(b"host", b"b:8000")],
            ),
            "end",
        ],
    ),
    "absolute form without a path": (
        b"GET http://[::1]?d HTTP/1.1\r\nHost: a\r\n\r\n",
        [
            request(
                target=b"http://[::1]?d",
                path="/",
                raw_path=b"/",
                query=b"d",
                authority=b"[::1]",
                headers=[(b"host", b"[::1]")],
            ),
            "end",
        ],
    ),
    "asterisk form": (
        b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        [request("OPTIONS", b"*"), "end"],
    ),
    "authority form": (
        b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
        [request("CONNECT", b"a:443", path="", raw_path=b"", authority=b"a:443"), "end"],
    ),
    "white space around values": (
        b"GET / HTTP/1.1\r\nHost:a\r\nA: \t b \t \r\nB:\r\nC: \t \r\nD:  e f\r\n\r\n",
        [
            request(headers=[HOST, (b"a", b"b"), (b"b", b""), (b"c", b""), (b"d", b"e f")]),
            "end",
        ],
    ),
    "names of many kinds": (
        b"GET / HTTP/1.1\r\nHOST: a\r\nX-Request-ID: \xe9\r\nAccept: x\r\naccept: y\r\n"
        + b"!#$%&'*+-.^_`|~09azAZ: "
        + b"z" * 300
        + b"\r\n"
        + b"N" * 80
        + b": v\r\n\r\n",
        [
            request(
                headers=[
                    HOST,
                    (b"x-request-id", b"\xe9"),
                    (b"accept", b"x"),
                    (b"accept", b"y"),
                    (b"!#$%&'*+-.^_`|~09azaz", b"z" * 300),
                    (b"n" * 80, b"v"),
                ]
            ),
            "end",
        ],
    ),
    "http 1.0": (
        b"GET / HTTP/1.0\r\n\r\n",
        [request(version="1.0", headers=[], keep_alive=False), "end"],
    ),
    "http 1.0 keep-alive": (
        b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n" + GET,
        [
            request(version="1.0", headers=[(b"connection", b"Keep-Alive")]),
            "end",
            request(),
            "end",
        ],
    ),
    "close": (
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: TE , CLOSE\r\n\r\n\r\n",
        [request(headers=[HOST, (b"connection", b"TE , CLOSE")], keep_alive=False), "end"],
    ),
    "expect": (
        HEAD + b"Expect: 100-Continue\r\nContent-Length: 5\r\n\r\nhello",
        [
            POST_5
            | {"headers": [HOST, (b"expect", b"100-Continue"), LENGTH_5], "expect_continue": True},
            b"hello",
            "end",
        ],
    ),
    "expect in http 1.0": (
        b"GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n",
        [
            request(version="1.0", headers=[(b"expect", b"100-continue")], keep_alive=False),
            "end",
        ],
    ),
    "body": (HEAD + b"Content-Length: 5\r\n\r\nhello", [POST_5, b"hello", "end"]),
    "body of zero bytes": (
        HEAD + b"Content-Length: 0\r\n\r\n",
        [request("POST", headers=[HOST, (b"content-length", b"0")], content_length=0), "end"],
    ),
    "body cut short": (HEAD + b"Content-Length: 5\r\n\r\nhel", [POST_5, b"hel"]),
    "chunked": (
        HEAD + b'Transfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n06;a;b="c"\r\n world\r\n0\r\n\r\n',
        [
            POST_CHUNKED | {"headers": [HOST, (b"transfer-encoding", b"Chunked")]},
            b"hello world",
            "end",
        ],
    ),
    "trailers": (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nExpires: b \r\nHost: c d\r\n"
        b"C:\r\n\r\n" + GET,
        [
            POST_CHUNKED,
            b"a",
            ("trailers", [(b"expires", b"b"), (b"host", b"c d"), (b"c", b"")]),
            "end",
            request(),
            "end",
        ],
    ),
    "pipelined": (
        HEAD
        + b"Content-Length: 5\r\n\r\nhello"
        + GET
        + b"\r\nDELETE /b HTTP/1.1\r\nHost: a\r\n\r\n",
        [POST_5, b"hello", "end", request(), "end", request("DELETE", b"/b"), "end"],
    ),
    "upgrade ignored": (UPGRADE + b"\r\n" + GET, [UPGRADE_HEAD, "end", request(), "end"]),
    "upgrade without connection": (
        b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n\r\n",
        [request(headers=[HOST, (b"upgrade", b"h2c")]), "end"],
    ),
    "upgrade in http 1.0": (
        b"GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
        [
            request(
                version="1.0",
                headers=[(b"connection", b"upgrade"), (b"upgrade", b"h2c")],
                keep_alive=False,
            ),
            "end",
        ],
    ),
    "several upgrades": (
        UPGRADE + b"Upgrade: h2c\r\n\r\n",
        [
            request(
                headers=[*UPGRADE_HEADERS, (b"upgrade", b"h2c")],
                upgrade=b"websocket, h2c",
            ),
            "end",
        ],
    ),
    "many fields": (
        b"GET / HTTP/1.1\r\nHost: a\r\n"
        + b"".join(b"X-%d: %d\r\n" % (i, i) for i in range(100))
        + b"\r\n",
        [
            request(headers=[HOST, *((b"x-%d" % i, b"%d" % i) for i in range(100))]),
            "end",
        ],
    ),
    "empty host": (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", [request(headers=[(b"host", b"")]), "end"]),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_requests(name: str) -> None:
    message, events = REQUESTS[name]
    check(RequestParser, message, (events, None))
    check(lambda: RequestParser(any_method=True), message, (events, None))


OK = b"HTTP/1.1 200 OK\r\n"
RESPONSE_5 = response(headers=[LENGTH_5], content_length=5)

RESPONSES: dict[str, tuple[bytes, list[Any]]] = {
    "length": (OK + b"Content-Length: 5\r\n\r\nhello", [RESPONSE_5, b"hello", "end"]),
    "no reason": (
        b"HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n",
        [response(404, b"", headers=[(b"content-length", b"0")], content_length=0), "end"],
    ),
    "long reason": (
        b"HTTP/1.1 404 Not \t at \xe9\r\nContent-Length: 5\r\n\r\nhello",
        [RESPONSE_5 | {"status": 404, "reason": b"Not \t at \xe9"}, b"hello", "end"],
    ),
    "until the end": (OK + b"\r\nall of it", [response(keep_alive=False), b"all of it", "end"]),
    "until the end, empty": (OK + b"\r\n", [response(keep_alive=False), "end"]),
    "another coding lasts until the end": (
        OK + b"Transfer-Encoding: gzip\r\n\r\nabc",
        [response(headers=[(b"transfer-encoding", b"gzip")], keep_alive=False), b"abc", "end"],
    ),
    "chunked, trailers": (
        OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nA: b\r\n\r\n",
        [response(headers=[CHUNKED], chunked=True), b"ok", ("trailers", [(b"a", b"b")]), "end"],
    ),
    "interim": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
        + OK
        + b"Content-Length: 5\r\n\r\nhello",
        [
            response(100, b"Continue"),
            "end",
            response(103, b"Early Hints", headers=[(b"link", b"x")]),
            "end",
            RESPONSE_5,
            b"hello",
            "end",
        ],
    ),
    "an unknown interim response has no body": (
        b"HTTP/1.1 199 X\r\nContent-Length: 5\r\n\r\n" + OK + b"Content-Length: 5\r\n\r\nhello",
        [RESPONSE_5 | {"status": 199, "reason": b"X"}, "end", RESPONSE_5, b"hello", "end"],
    ),
    "no content": (
        b"HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\nHTTP/1.1 304 Not\r\n\r\n",
        [
            RESPONSE_5 | {"status": 204, "reason": b"No"},
            "end",
            response(304, b"Not"),
            "end",
        ],
    ),
    "http 1.0": (
        b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        [RESPONSE_5 | {"version": "1.0", "keep_alive": False}, b"hello", "end"],
    ),
    "upgrade offered": (
        OK + b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\nhello",
        [
            RESPONSE_5
            | {
                "headers": [(b"connection", b"upgrade"), (b"upgrade", b"h2c"), LENGTH_5],
                "upgrade": b"h2c",
            },
            b"hello",
            "end",
        ],
    ),
}


@pytest.mark.parametrize(
    ("fields", "trailers"),
    [
        (b"TE: trailers\r\n", True),
        (b"TE: gzip;q=0.5,\tTrailers \r\n", True),
        (b"TE: gzip\r\n", False),
        (b"TE: deflates\r\n", False),
        (b"", False),
    ],
)
def test_whether_the_client_takes_trailers(fields: bytes, trailers: bool) -> None:
    (head, _) = RequestParser().feed(b"GET / HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n")
    assert isinstance(head, RequestHead)
    assert head.trailers is trailers
    (head, _) = RequestParser().feed(b"GET / HTTP/1.0\r\n" + fields + b"\r\n")
    assert isinstance(head, RequestHead)
    assert not head.trailers


def test_an_absolute_target_gives_the_host_that_http_1_0_may_leave_out() -> None:
    (head, _) = RequestParser().feed(b"GET http://a:1/b HTTP/1.0\r\nC: d\r\n\r\n")
    assert isinstance(head, RequestHead)
    assert head.headers == [(b"host", b"a:1"), (b"c", b"d")]
    assert (head.authority, head.raw_path) == (b"a:1", b"/b")


@pytest.mark.parametrize("name", RESPONSES)
def test_responses(name: str) -> None:
    message, events = RESPONSES[name]
    check(ResponseParser, message, (events, None), eof=True)


def test_responses_to_head_have_no_body() -> None:
    plain = response()
    message = (
        OK
        + b"Content-Length: 5\r\n\r\n"
        + OK
        + b"Transfer-Encoding: chunked\r\n\r\n"
        + OK
        + b"\r\n"
        + OK
        + b"Content-Length: 9999\r\n\r\n"
    )
    events = [
        RESPONSE_5,
        "end",
        plain | {"headers": [CHUNKED], "chunked": True},
        "end",
        plain,
        "end",
        plain | {"headers": [(b"content-length", b"9999")], "content_length": 9999},
        "end",
    ]
    limits = Limits(body=100)
    check(lambda: ResponseParser(method="HEAD", limits=limits), message, (events, None), eof=True)


def test_the_method_may_be_set_before_each_response() -> None:
    parser = ResponseParser(pause=True)
    assert parser.method is None
    parser.method = "HEAD"
    assert parser.method == "HEAD"
    message = OK + b"Content-Length: 5\r\n\r\n"
    assert join(parser.feed(message + message + b"hello")) == [RESPONSE_5, "end"]
    parser.method = "GET"
    assert join(parser.resume()) == [RESPONSE_5, b"hello", "end"]


@pytest.mark.parametrize(
    "fields", [b"", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"]
)
def test_a_2xx_to_connect_switches(fields: bytes) -> None:
    for status, switched in ((b"200", True), (b"299", True), (b"407", False)):
        parser = ResponseParser(method="CONNECT")
        events = parser.feed(b"HTTP/1.1 " + status + b" X\r\n" + fields + b"\r\n0\r\n\r\n")
        assert parser.switched is switched
        if switched:
            assert events[1:] == [END]
            assert parser.leftover == b"0\r\n\r\n"
            assert parser.feed(b"more") == []
            assert parser.leftover == b"0\r\n\r\nmore"
            assert parser.feed_eof() == []


@pytest.mark.parametrize("method", [None, "GET", "HEAD", "CONNECT"])
def test_101_switches(method: str | None) -> None:
    fields = b"Connection: upgrade\r\nUpgrade: websocket\r\n"
    for extra in (fields, fields + b"Content-Length: 5\r\n", b""):
        for at in range(60):
            message = b"HTTP/1.1 101 S\r\n" + extra + b"\r\n\x81\x00"
            parser = ResponseParser(method=method)
            events = parser.feed(message[:at]) + parser.feed(message[at:])
            assert isinstance(events[0], ResponseHead)
            assert events[0].upgrade == (b"websocket" if extra else None)
            assert events[1:] == [END]
            assert parser.switched
            assert parser.leftover == b"\x81\x00"


# -- any method ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "method",
    ["BREW", "get", "GETS", "G", "PUTS", "QUERY", "SOURCE", "DESCRIBE", "!#$%&'*+-.^_`|~1"],
)
def test_any_method(method: str) -> None:
    message = method.encode() + b" /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" + GET
    events = [
        request(method, b"/a", headers=[HOST, LENGTH_5], content_length=5),
        b"hello",
        "end",
        request(),
        "end",
    ]
    check(lambda: RequestParser(any_method=True), message, (events, None))


@pytest.mark.parametrize("method", [b"B(W", b"B\xe9", b"", b"\x16\x03\x01", b"{"])
def test_a_method_is_a_token(method: bytes) -> None:
    message = method + b" / HTTP/1.1\r\nHost: a\r\n\r\n"
    expected: Any = ([], ("HttpParserInvalidMethodError", "HPE_INVALID_METHOD", 400))
    check(lambda: RequestParser(any_method=True), message, expected)


def test_a_method_has_an_end() -> None:
    message = b"A" * 33 + b" / HTTP/1.1\r\nHost: a\r\n\r\n"
    expected: Any = ([], ("MethodNotImplemented", "HPE_INVALID_METHOD", 501))
    check(lambda: RequestParser(any_method=True), message, expected)


def test_without_any_method_a_method_must_be_known() -> None:
    expected: Any = ([], ("HttpParserInvalidMethodError", "HPE_INVALID_METHOD", 400))
    for method in (b"BREW", b"get", b"GETS", b"SOURCES"):
        check(RequestParser, method + b" / HTTP/1.1\r\nHost: a\r\n\r\n", expected)


# -- chunks and zero copy --------------------------------------------------------------------------


def test_chunks_and_their_extensions_on_request() -> None:
    message = (
        HEAD
        + b"Transfer-Encoding: chunked\r\n\r\n"
        + b'5;a=b;c="d;\\"e";f\r\nhello\r\n1\r\n!\r\n0;last\r\nA: b\r\n\r\n'
    )
    events = [
        POST_CHUNKED,
        ("chunk", 5, b';a=b;c="d;\\"e";f'),
        b"hello",
        ("chunk", 1, b""),
        b"!",
        ("chunk", 0, b";last"),
        ("trailers", [(b"a", b"b")]),
        "end",
    ]
    check(lambda: RequestParser(chunk_extensions=True), message, (events, None))


def test_large_parts_of_bytes_are_views_and_of_buffers_copies() -> None:
    body = bytes(range(256)) * 32
    message = HEAD + b"Content-Length: %d\r\n\r\n" % (2 * len(body)) + body
    events = RequestParser().feed(message)
    part = events[1]
    assert isinstance(part, memoryview)
    assert part.obj is message
    assert part.readonly
    assert part == body

    parser = RequestParser()
    buffer = bytearray(message)
    part = parser.feed(buffer)[1]
    assert type(part) is bytes
    buffer[:] = bytes(len(buffer))
    assert part == body
    (part, end) = parser.feed(body)  # a whole input that is body is handed on as it is
    assert part is body
    assert end is END


def test_small_parts_are_bytes() -> None:
    assert RequestParser().feed(HEAD + b"Content-Length: 5\r\n\r\nhello")[1:] == [b"hello", END]


@pytest.mark.parametrize(
    "data", [memoryview(b"GGEETT")[::2], memoryview(b"abcd").cast("B", (2, 2))]
)
def test_buffers_that_are_not_contiguous_are_refused(data: memoryview) -> None:
    parser = RequestParser()
    if data.c_contiguous:
        with pytest.raises(HttpParserError):
            parser.feed(data)
    else:
        with pytest.raises(BufferError):
            parser.feed(data)
        assert join(parser.feed(GET)) == [request(), "end"]


@pytest.mark.parametrize("data", ["GET", 5, None, [71, 69, 84]])
def test_what_is_no_buffer_is_refused_also_while_paused(data: Any) -> None:
    parser = RequestParser(pause=True)
    with pytest.raises(TypeError):
        parser.feed(data)
    parser.feed(GET)
    assert parser.paused
    with pytest.raises(TypeError):
        parser.feed(data)
    assert parser.leftover == b""


def test_empty_input_is_nothing() -> None:
    parser = RequestParser()
    for empty in (b"", bytearray(), memoryview(b"")):
        assert parser.feed(empty) == []
    assert join(parser.feed(GET)) == [request(), "end"]


# -- pause, hold, end, reset -----------------------------------------------------------------------


def test_pause_after_each_message() -> None:
    message = HEAD + b"Content-Length: 5\r\n\r\nhello"
    parser = RequestParser(pause=True)
    assert join(parser.feed(message + GET + message[:-3])) == [POST_5, b"hello", "end"]
    assert parser.paused
    assert parser.leftover == GET + message[:-3]
    assert parser.feed(message[-3:-1]) == []
    assert parser.feed(bytearray(message[-1:])) == []
    assert parser.leftover == GET + message
    assert join(parser.resume()) == [request(), "end"]
    assert parser.paused
    assert join(parser.resume()) == [POST_5, b"hello", "end"]
    assert parser.leftover == b""
    assert parser.resume() == []
    assert not parser.paused
    assert parser.resume() == []


def test_pause_inside_a_buffer_that_may_change() -> None:
    parser = RequestParser(pause=True)
    data = bytearray(GET * 2)
    assert join(parser.feed(data)) == [request(), "end"]
    data[:] = bytes(len(data))
    assert parser.leftover == GET
    assert join(parser.resume()) == [request(), "end"]


def test_pause_byte_by_byte() -> None:
    parser = RequestParser(pause=True)
    events: list[object] = []
    for byte in GET * 3:
        events += parser.feed(bytes([byte]))
        if parser.paused:
            events += parser.resume()
    assert join(events) == [request(), "end"] * 3


def test_large_bodies_behind_a_pause_are_views_of_what_was_kept() -> None:
    body = b"b" * 8192
    parser = RequestParser(pause=True)
    message = GET + HEAD + b"Content-Length: 8192\r\n\r\n" + body
    parser.feed(message)
    view = parser.resume()[1]
    assert isinstance(view, memoryview)
    assert view.obj is message


BODY_AND_REST = b"Content-Length: 5\r\n\r\nhello\x81\x00rest"
HELD_5 = UPGRADE_HEAD | {"headers": [*UPGRADE_HEADERS, LENGTH_5], "content_length": 5}


def test_hold_and_switch_with_the_body_intact() -> None:
    message = UPGRADE + BODY_AND_REST
    for at in range(1, len(message)):
        parser = RequestParser(hold=True)
        events = parser.feed(message[:at]) + parser.feed(message[at:])
        assert join(events) == [HELD_5]
        assert parser.held
        assert not parser.switched
        assert join(parser.switch()) == [b"hello", "end"]
        assert parser.switched
        assert not parser.held
        assert parser.leftover == b"\x81\x00rest"
        assert parser.feed(b"!") == []
        assert parser.leftover == b"\x81\x00rest!"
        assert parser.resume() == []
        assert parser.leftover == b"\x81\x00rest!"
        with pytest.raises(RuntimeError, match="decision"):
            parser.switch()


def test_switch_before_the_body_has_come() -> None:
    parser = RequestParser(hold=True)
    assert join(parser.feed(UPGRADE + b"Transfer-Encoding: chunked\r\n\r\n")) == [
        UPGRADE_HEAD | {"headers": [*UPGRADE_HEADERS, CHUNKED], "chunked": True}
    ]
    assert parser.switch() == []
    assert join(parser.feed(b"2\r\nab\r\n0\r\n\r\nrest")) == [b"ab", "end"]
    assert parser.switched
    assert parser.leftover == b"rest"


def test_a_refused_upgrade_goes_on_as_http_with_its_body() -> None:
    parser = RequestParser(hold=True)
    assert join(parser.feed(UPGRADE + b"Content-Length: 5\r\n\r\nhello" + GET)) == [HELD_5]
    assert join(parser.resume()) == [b"hello", "end", request(), "end"]


def test_hold_at_connect() -> None:
    for head in (b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", UPGRADE + b"\r\n"):
        parser = RequestParser(hold=True, any_method=True)
        (held,) = parser.feed(head + b"rest")
        assert isinstance(held, RequestHead)
        assert parser.leftover == b"rest"
        assert parser.switch() == [END]
        assert parser.leftover == b"rest"


def test_hold_and_pause_together() -> None:
    parser = RequestParser(hold=True, pause=True)
    parser.feed(UPGRADE + b"Content-Length: 5\r\n\r\nhello" + GET)
    assert not parser.paused
    assert join(parser.resume()) == [b"hello", "end"]
    assert parser.paused
    assert join(parser.resume()) == [request(), "end"]


@pytest.mark.parametrize(
    ("message", "complete"),
    [
        (b"", True),
        (b"\r\n", True),
        (b"G", False),
        (GET, True),
        (GET + b"GET", False),
        (GET[:-1], False),
        (HEAD + b"Content-Length: 5\r\n\r\nhell", False),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", False),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", True),
    ],
)
@pytest.mark.parametrize("any_method", [False, True])
def test_end_of_input(message: bytes, complete: bool, any_method: bool) -> None:
    parser = RequestParser(any_method=any_method)
    events = parser.feed(message)
    if complete:
        assert parser.feed_eof() == []
        assert parser.feed_eof() == []
        with pytest.raises(HttpParserError) as late:
            parser.feed(GET)
        assert late.value.code == "HPE_CLOSED_CONNECTION"
    else:
        for _ in range(2):
            with pytest.raises(IncompleteMessage) as caught:
                parser.feed_eof()
            assert caught.value.status == 400
            assert caught.value.offset == len(message)
    parser.reset()
    assert join(parser.feed(message)) == join(events)


def test_end_of_input_behind_a_pause_or_a_held_head() -> None:
    parser = RequestParser(pause=True)
    parser.feed(GET + GET[:5])
    assert parser.feed_eof() == []
    with pytest.raises(IncompleteMessage):
        parser.resume()
    parser = RequestParser(hold=True)
    parser.feed(UPGRADE + b"Content-Length: 5\r\n\r\nhell")
    assert parser.feed_eof() == []
    with pytest.raises(IncompleteMessage) as caught:
        parser.resume()
    assert caught.value.events == [b"hell"]
    parser = RequestParser(hold=True)
    parser.feed(UPGRADE + b"\r\nrest")
    assert parser.feed_eof() == []
    assert parser.switch() == [END]
    assert parser.leftover == b"rest"


def test_errors_are_final_until_reset() -> None:
    parser = RequestParser()
    with pytest.raises(HttpParserError) as first:
        parser.feed(GET + b"GET / HTTP/1.1\r\nA b\r\n\r\n")
    assert join(first.value.events) == [request(), "end"]
    assert first.value.offset == len(GET) + 17
    calls: list[Callable[[], object]] = [lambda: parser.feed(GET), parser.feed_eof, parser.resume]
    for call in calls:
        with pytest.raises(HttpParserError) as again:
            call()
        assert again.value is not first.value
        assert (again.value.code, again.value.offset) == (first.value.code, first.value.offset)
        assert str(again.value) == str(first.value)
        assert again.value.events == []
    parser.reset()
    assert join(parser.feed(GET)) == [request(), "end"]


def test_reset_forgets_everything_but_the_settings() -> None:
    for cut in range(1, len(UPGRADE + BODY_AND_REST)):
        parser = RequestParser(hold=True, limits=Limits(request_line=30))
        parser.feed((UPGRADE + BODY_AND_REST)[:cut])
        parser.reset()
        assert parser.leftover == b""
        assert join(parser.feed(UPGRADE + BODY_AND_REST)) == [HELD_5]
    parser.reset()
    with pytest.raises(HttpParserError):
        parser.feed(b"GET /" + b"a" * 30)


def test_setting_up_again_is_a_reset() -> None:
    parser = RequestParser(pause=True)
    parser.feed(GET + GET[:9])
    parser.__init__(any_method=True)  # type: ignore[misc]
    assert not parser.paused
    assert join(parser.feed(b"BREW" + GET[3:] + GET)) == [request("BREW"), "end", request(), "end"]


def test_a_parser_that_was_not_set_up_is_a_plain_one() -> None:
    parser = RequestParser.__new__(RequestParser)
    assert parser.leftover == b""
    assert join(parser.feed(GET)) == [request(), "end"]
    answers = ResponseParser.__new__(ResponseParser)
    assert join(answers.feed(OK + b"Content-Length: 5\r\n\r\nhello")) == [
        RESPONSE_5,
        b"hello",
        "end",
    ]


# -- names and shapes ------------------------------------------------------------------------------


def test_repr() -> None:
    (head, *_) = RequestParser().feed(GET)
    assert repr(head) == "<RequestHead GET b'/' HTTP/1.1>"
    (answer, *_) = ResponseParser().feed(OK + b"\r\n")
    assert repr(answer) == "<ResponseHead 200 HTTP/1.1>"
    message = HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;a\r\na\r\n0\r\nA: b\r\n\r\n"
    events = RequestParser(chunk_extensions=True).feed(message)
    assert list(map(repr, events[1:])) == [
        "Chunk(1, b';a')",
        "b'a'",
        "Chunk(0, b'')",
        "Trailers([(b'a', b'b')])",
        "END",
    ]


def test_arguments() -> None:
    with pytest.raises(TypeError):
        RequestParser(True)  # type: ignore[call-arg]
    for lenient in (-1, 0x400, 1 << 16):
        with pytest.raises(ValueError, match="Leniency"):
            RequestParser(lenient=lenient)
    RequestParser(lenient=sum(Leniency))
    with pytest.raises(TypeError):
        ResponseParser(method=b"HEAD")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        RequestParser(limits=5)  # type: ignore[arg-type]


def test_flags_can_be_read() -> None:
    parser = RequestParser(any_method=True)
    assert (parser.strict, parser.any_method, parser.hold, parser.keep_alive) == (
        True,
        True,
        False,
        False,
    )
    parser.feed(GET)
    assert parser.keep_alive


def test_exports() -> None:
    assert sorted(httpparser.__all__) == [
        "Chunk",
        "ChunkExtensionsTooLarge",
        "ContentTooLarge",
        "END",
        "End",
        "ExpectationFailed",
        "HTTPProtocol",
        "HeaderFieldsTooLarge",
        "HttpParserCallbackError",
        "HttpParserError",
        "HttpParserInvalidMethodError",
        "HttpParserInvalidStatusError",
        "HttpParserInvalidURLError",
        "HttpParserUpgrade",
        "HttpRequestParser",
        "HttpResponseParser",
        "IncompleteMessage",
        "LLHTTP_VERSION",
        "Leniency",
        "Limits",
        "MethodNotImplemented",
        "RequestHead",
        "RequestParser",
        "ResponseHead",
        "ResponseParser",
        "Trailers",
        "TransferCodingNotImplemented",
        "URL",
        "UriTooLong",
        "VersionNotSupported",
        "WholeRequest",
        "WholeRequestParser",
        "__version__",
        "get_include",
        "install_as_httptools",
        "parse_url",
        "write_response_head",
    ]
    for name in httpparser.__all__:
        assert getattr(httpparser, name) is not None
    assert httpparser.LLHTTP_VERSION == "9.4.3"
    assert set(http1.__all__) - {"TCHAR"} <= set(httpparser.__all__)
    for name in set(http1.__all__) - {"TCHAR"}:
        assert getattr(http1, name) is getattr(httpparser, name)
    tokens = [byte for byte in range(256) if re.fullmatch(http1.TCHAR, chr(byte))]
    assert len(tokens) == 77  # RFC 9110 5.6.2: 15 marks, digits and letters


def test_outcomes_are_the_same_on_every_kind_of_parser() -> None:
    assert outcome(RequestParser(strict=False), [GET]) == outcome(RequestParser(), [GET])
