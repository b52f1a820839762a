"""What llhttp accepts and RFC 9110 or 9112 does not; and what each leniency lets pass."""

from typing import Any

import pytest
from cases import check, request, response

from httpparser import HttpParserError, Leniency, RequestHead, RequestParser, ResponseParser

GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"

BAD = "HttpParserError"
URL = "HttpParserInvalidURLError"
METHOD = "HttpParserInvalidMethodError"
CODING = ("TransferCodingNotImplemented", "STRICT_TRANSFER_ENCODING", 501)
VERSION = "VersionNotSupported"


def bad(code: str, kind: str = BAD, status: int = 400) -> tuple[str, str, int]:
    return kind, code, status


def host(value: bytes) -> bytes:
    return b"GET / HTTP/1.1\r\nHost: " + value + b"\r\n\r\n"


def target(value: bytes, method: bytes = b"GET") -> bytes:
    return method + b" " + value + b" HTTP/1.1\r\nHost: a\r\n\r\n"


# The rules of httpparser's own, with the clause; strict=False lets each of these pass.
STRICT: dict[str, tuple[bytes, tuple[str, str, int]]] = {
    "RFC 9112 3: two spaces behind the method": (
        b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        bad("STRICT_SPACE"),
    ),
    "RFC 9112 3: two spaces before the version": (
        b"GET /  HTTP/1.1\r\nHost: a\r\n\r\n",
        bad("STRICT_SPACE"),
    ),
    "RFC 9112 3: no version": (b"GET /\r\nHost: a\r\n\r\n", bad("STRICT_VERSION")),
    "RFC 9112 2.3: another protocol": (
        b"OPTIONS / RTSP/1.0\r\nHost: a\r\n\r\n",
        bad("STRICT_PROTOCOL"),
    ),
    "RFC 9110 15.6.6: HTTP/2.0": (
        b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
        bad("STRICT_VERSION", VERSION, 505),
    ),
    "RFC 9110 15.6.6: HTTP/0.9": (
        b"GET / HTTP/0.9\r\nHost: a\r\n\r\n",
        bad("STRICT_VERSION", VERSION, 505),
    ),
    "RFC 9112 2.3: lower-case http": (b"GET / http/1.1\r\n\r\n", bad("STRICT_PROTOCOL")),
    "RFC 9112 3.2: white space in the target": (
        b"GET /a b HTTP/1.1\r\n\r\n",
        bad("STRICT_PROTOCOL"),
    ),
    "RFC 9112 3.2: no Host": (b"GET / HTTP/1.1\r\nA: b\r\n\r\n", bad("STRICT_HOST")),
    "RFC 9112 3.2: two Hosts": (GET + b"Host: a\r\n\r\n", bad("STRICT_HOST")),
    "RFC 9112 3.2: two Hosts in HTTP/1.0": (
        b"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
        bad("STRICT_HOST"),
    ),
    "RFC 9112 3.2: a Host with a space": (host(b"a b"), bad("STRICT_HOST")),
    "RFC 9112 3.2: a Host list": (host(b"a, b"), bad("STRICT_HOST")),
    "RFC 9112 3.2: a Host with a path": (host(b"a/b"), bad("STRICT_HOST")),
    "RFC 9112 3.2: a Host with userinfo": (host(b"a@b"), bad("STRICT_HOST")),
    "RFC 9112 3.2: a Host beyond ASCII": (host(b"\xe9"), bad("STRICT_HOST")),
    "RFC 9110 4.2.1: a Host with a port alone": (host(b":80"), bad("STRICT_HOST")),
    "RFC 3986 3.2.3: a port of letters": (host(b"a:http"), bad("STRICT_HOST")),
    "RFC 3986 3.2.3: a port too large": (host(b"a:65536"), bad("STRICT_HOST")),
    "RFC 3986 3.2.3: two ports": (host(b"a:80:80"), bad("STRICT_HOST")),
    "RFC 3986 3.2.2: an open bracket": (host(b"[::1"), bad("STRICT_HOST")),
    "RFC 3986 3.2.2: an IPv6 address without brackets": (host(b"::1"), bad("STRICT_HOST")),
    "RFC 3986 3.2.2: nothing in the brackets": (host(b"[]"), bad("STRICT_HOST")),
    "RFC 3986 3.2.2: a name in brackets": (host(b"[name]"), bad("STRICT_HOST")),
    "RFC 3986 3.2.2: something behind the bracket": (host(b"[::1]a"), bad("STRICT_HOST")),
    "RFC 3986 2.1: half an escape": (host(b"a%2"), bad("STRICT_HOST")),
    "RFC 9112 3.2: a fragment": (target(b"/a#b"), bad("STRICT_TARGET", URL)),
    "RFC 9112 3.2.3: authority form without a port": (
        target(b"a", b"CONNECT"),
        bad("STRICT_TARGET", URL),
    ),
    "RFC 9110 9.3.6: CONNECT to an empty port": (
        target(b"a:", b"CONNECT"),
        bad("STRICT_TARGET", URL),
    ),
    "RFC 9110 9.3.6: CONNECT to port 0": (target(b"a:0", b"CONNECT"), bad("STRICT_TARGET", URL)),
    "RFC 9110 9.3.6: CONNECT to no host": (target(b":80", b"CONNECT"), bad("STRICT_TARGET", URL)),
    "RFC 9110 4.2.4: userinfo": (target(b"http://u@a/"), bad("STRICT_TARGET", URL)),
    "RFC 9110 4.2.1: an empty host": (target(b"http://:80/"), bad("STRICT_TARGET", URL)),
    "RFC 9112 3.2.4: asterisk form for GET": (target(b"*"), bad("STRICT_TARGET", URL)),
    "RFC 9112 3.2.4: more than an asterisk": (
        target(b"*/a", b"OPTIONS"),
        bad("STRICT_TARGET", URL),
    ),
    "RFC 9112 6.1: another coding before chunked": (
        POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        CODING,
    ),
    "RFC 9112 6.1: another coding in a field of its own": (
        POST + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        bad("HPE_INVALID_TRANSFER_ENCODING"),
    ),
    "RFC 9112 6.1: Transfer-Encoding in HTTP/1.0": (
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        bad("STRICT_TRANSFER_ENCODING"),
    ),
    "RFC 9112 7: chunked twice": (
        POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        bad("HPE_INVALID_TRANSFER_ENCODING"),
    ),
    "RFC 9110 10.1.1: another expectation": (
        POST + b"Expect: 200-ok\r\n\r\n",
        bad("STRICT_EXPECT", "ExpectationFailed", 417),
    ),
    "RFC 9110 10.1.1: another expectation beside": (
        POST + b"Expect: 100-continue, x\r\n\r\n",
        bad("STRICT_EXPECT", "ExpectationFailed", 417),
    ),
}

LLHTTP_TOO = ("lower-case http", "in the target")  # it only comes later

# What llhttp refuses by itself, whether strict or not.
REFUSED: dict[str, tuple[bytes, tuple[str, str, int]]] = {
    "RFC 9112 3: white space before the method": (
        b" GET / HTTP/1.1\r\n\r\n",
        bad("HPE_INVALID_METHOD", METHOD),
    ),
    "RFC 9112 2.2: a bare LF behind the line": (
        b"GET / HTTP/1.1\nHost: a\r\n\r\n",
        bad("HPE_INVALID_VERSION"),
    ),
    "RFC 9112 2.2: a bare LF behind a field": (GET + b"A: b\nC: d\r\n\r\n", bad("HPE_CR_EXPECTED")),
    "RFC 9112 2.2: a bare CR": (GET + b"A: b\rC: d\r\n\r\n", bad("HPE_LF_EXPECTED")),
    "RFC 9112 2.2: white space behind the line": (
        b"GET / HTTP/1.1\r\n Host: a\r\n\r\n",
        bad("HPE_UNEXPECTED_SPACE"),
    ),
    "RFC 9112 2.3: HTTP/1.2": (
        b"GET / HTTP/1.2\r\n\r\n",
        bad("HPE_INVALID_VERSION", VERSION, 505),
    ),
    "RFC 9112 2.3: no minor version": (b"GET / HTTP/1\r\n\r\n", bad("HPE_INVALID_VERSION")),
    "RFC 9113 3.4: the preface of HTTP/2": (
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        bad("HPE_PAUSED_H2_UPGRADE", VERSION, 505),
    ),
    "RFC 9112 3.2: a control in the target": (target(b"/\x01"), bad("HPE_INVALID_URL", URL)),
    "RFC 9112 3.2: beyond ASCII": (target(b"/\xc3\xa9"), bad("HPE_INVALID_URL", URL)),
    "RFC 9112 3.2: a relative target": (target(b"a/b"), bad("HPE_INVALID_URL", URL)),
    "RFC 9112 5: no colon": (GET + b"A\r\n\r\n", bad("HPE_INVALID_HEADER_TOKEN")),
    "RFC 9112 5: no name": (GET + b": a\r\n\r\n", bad("HPE_INVALID_HEADER_TOKEN")),
    "RFC 9112 5.1: a space before the colon": (
        GET + b"A : b\r\n\r\n",
        bad("HPE_INVALID_HEADER_TOKEN"),
    ),
    "RFC 9112 5.2: a folded value": (GET + b"A: b\r\n c\r\n\r\n", bad("HPE_INVALID_HEADER_TOKEN")),
    "RFC 9110 5.1: a name that is no token": (
        GET + b"A B: c\r\n\r\n",
        bad("HPE_INVALID_HEADER_TOKEN"),
    ),
    "RFC 9110 5.5: NUL in a value": (GET + b"A: b\0c\r\n\r\n", bad("HPE_INVALID_HEADER_TOKEN")),
    "RFC 9110 5.5: a control in a value": (
        GET + b"A: b\x1bc\r\n\r\n",
        bad("HPE_INVALID_HEADER_TOKEN"),
    ),
    "RFC 9110 8.6: a length with a sign": (
        POST + b"Content-Length: +1\r\n\r\na",
        bad("HPE_INVALID_CONTENT_LENGTH"),
    ),
    "RFC 9110 8.6: a length of nothing": (
        POST + b"Content-Length:\r\n\r\n",
        bad("HPE_INVALID_CONTENT_LENGTH"),
    ),
    "RFC 9110 8.6: a length past 64 bits": (
        POST + b"Content-Length: 18446744073709551616\r\n\r\n",
        bad("HPE_INVALID_CONTENT_LENGTH"),
    ),
    "RFC 9110 8.6: a length past 63 bits": (
        POST + b"Content-Length: 9223372036854775808\r\n\r\n",
        bad("HPE_INVALID_CONTENT_LENGTH"),
    ),
    "RFC 9112 6.3: a list of lengths": (
        POST + b"Content-Length: 1, 1\r\n\r\na",
        bad("HPE_INVALID_CONTENT_LENGTH"),
    ),
    "RFC 9112 6.3: two lengths": (
        POST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\na",
        bad("HPE_UNEXPECTED_CONTENT_LENGTH"),
    ),
    "RFC 9112 6.3: a length beside chunked": (
        POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        bad("HPE_INVALID_TRANSFER_ENCODING"),
    ),
    "RFC 9112 6.3: chunked beside a length": (
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n",
        bad("HPE_INVALID_CONTENT_LENGTH"),
    ),
    "RFC 9112 6.3: a coding behind chunked": (
        POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n",
        bad("HPE_INVALID_TRANSFER_ENCODING"),
    ),
}

CHUNKS: dict[str, tuple[bytes, str]] = {
    "no size": (b"\r\n", "HPE_INVALID_CHUNK_SIZE"),
    "no number": (b"g\r\n", "HPE_INVALID_CHUNK_SIZE"),
    "a sign": (b"+1\r\na\r\n", "HPE_INVALID_CHUNK_SIZE"),
    "0x": (b"0x1\r\na\r\n", "HPE_INVALID_CHUNK_SIZE"),
    "white space behind": (b"1 \r\na\r\n", "HPE_INVALID_CHUNK_SIZE"),
    "past 64 bits": (b"fffffffffffffffff\r\n", "HPE_INVALID_CHUNK_SIZE"),
    "17 digits": (b"00000000000000001\r\na\r\n", "HPE_INVALID_CHUNK_SIZE"),
    "17 digits later": (b"1\r\na\r\n00000000000000001\r\na\r\n", "HPE_INVALID_CHUNK_SIZE"),
    "a bare LF": (b"1\na\r\n", "HPE_CR_EXPECTED"),
    "a bare LF in an extension": (b"1;a\na\r\n", "HPE_CR_EXPECTED"),
    "a bare CR in an extension": (b"1;a\ra\r\n", "HPE_STRICT"),
    "a CR in a quoted extension": (b'1;a="\r\n"\r\na\r\n', "HPE_STRICT"),
    "data too long": (b"1\r\nab\r\n", "HPE_STRICT"),
    "data not ended": (b"1\r\na1\r\n", "HPE_STRICT"),
    "a trailer without a colon": (b"0\r\nA\r\n\r\n", "HPE_INVALID_HEADER_TOKEN"),
    "a length in the trailers": (b"0\r\nContent-Length: 1\r\n\r\n", "HPE_INVALID_CONTENT_LENGTH"),
}


@pytest.mark.parametrize("rule", STRICT)
def test_strict(rule: str) -> None:
    message, error = STRICT[rule]
    check(RequestParser, message, ([], error))
    if error[1].startswith("STRICT") and not rule.endswith(LLHTTP_TOO):
        RequestParser(strict=False).feed(message)


@pytest.mark.parametrize("rule", REFUSED)
def test_refused_by_llhttp(rule: str) -> None:
    message, error = REFUSED[rule]
    check(RequestParser, message, ([], error))
    check(lambda: RequestParser(strict=False), message, ([], error))


@pytest.mark.parametrize("rule", CHUNKS)
def test_chunks(rule: str) -> None:
    chunks, code = CHUNKS[rule]
    head = request(
        "POST", headers=[(b"host", b"a"), (b"transfer-encoding", b"chunked")], chunked=True
    )
    body = [b"a"] if rule in {"17 digits later", "data too long", "data not ended"} else []
    check(RequestParser, CHUNKED + chunks, ([head, *body], bad(code)))


@pytest.mark.parametrize("digits", [b"1", b"0000000000000001"])
def test_chunk_sizes_of_up_to_16_digits(digits: bytes) -> None:
    events = RequestParser().feed(CHUNKED + digits + b"\r\na\r\n0000000000000000\r\n\r\n")
    assert events[1] == b"a"


@pytest.mark.parametrize(
    "value",
    [
        b"a.b-c_d~1",
        b"a:",
        b"a:0",
        b"a:65535",
        b"127.0.0.1:80",
        b"[::1]",
        b"[::ffff:127.0.0.1]:8000",
        b"[v1.fe:x]",
        b"a%20b",
        b"",
    ],
)
def test_hosts_that_are_valid(value: bytes) -> None:
    (head, _) = RequestParser().feed(host(value))
    assert isinstance(head, RequestHead)
    assert head.headers == [(b"host", value)]


RESPONSES: dict[str, tuple[bytes, tuple[str, str, int]]] = {
    "RFC 9110 15.6.6: HTTP/2.0": (
        b"HTTP/2.0 200 OK\r\n\r\n",
        bad("STRICT_VERSION", VERSION, 505),
    ),
    "RFC 9112 6.1: Transfer-Encoding in HTTP/1.0": (
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        bad("STRICT_TRANSFER_ENCODING"),
    ),
    "RFC 9112 4: two digits": (
        b"HTTP/1.1 20 OK\r\n\r\n",
        bad("HPE_INVALID_STATUS", "HttpParserInvalidStatusError"),
    ),
    "RFC 9112 4: four digits": (
        b"HTTP/1.1 2000 OK\r\n\r\n",
        bad("HPE_INVALID_STATUS", "HttpParserInvalidStatusError"),
    ),
    "RFC 9112 4: no status": (
        b"HTTP/1.1 \r\n\r\n",
        bad("HPE_INVALID_STATUS", "HttpParserInvalidStatusError"),
    ),
    "RFC 9112 2.3: another protocol": (b"HTTQ/1.1 200 OK\r\n\r\n", bad("HPE_INVALID_CONSTANT")),
    "RFC 9112 2.2: a bare LF": (OK + b"A: b\nC: d\r\n\r\n", bad("HPE_CR_EXPECTED")),
    "RFC 9112 6.3: a length beside chunked": (
        OK + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        bad("HPE_INVALID_TRANSFER_ENCODING"),
    ),
    "RFC 9112 6.3: two lengths": (
        OK + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\n",
        bad("HPE_UNEXPECTED_CONTENT_LENGTH"),
    ),
    "RFC 9110 8.6: a length past 63 bits": (
        OK + b"Content-Length: 9223372036854775808\r\n\r\n",
        bad("HPE_INVALID_CONTENT_LENGTH"),
    ),
}


@pytest.mark.parametrize("rule", RESPONSES)
def test_responses(rule: str) -> None:
    message, error = RESPONSES[rule]
    check(ResponseParser, message, ([], error))
    if error[1].startswith("STRICT"):
        ResponseParser(strict=False).feed(message)


# -- what passes without strictness, and how it is understood -----------------------------------


HOST = (b"host", b"a")
ANYTHING: dict[str, tuple[bytes, list[Any]]] = {
    "a coding before chunked": (
        POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        [
            request("POST", headers=[HOST, (b"transfer-encoding", b"gzip, chunked")], chunked=True),
            b"a",
            "end",
        ],
    ),
    "no version": (
        b"GET /a?b\r\nHost: a\r\n\r\n",
        [request(target=b"/a?b", version="1.0", keep_alive=False), "end"],
    ),
    "HTTP/2.0": (
        b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
        [request(version="1.0", keep_alive=False), "end"],
    ),
    "a fragment": (target(b"/%c3%a9#b"), [request(target=b"/%c3%a9#b", path="/é#b"), "end"]),
    "no version, no fields": (
        b"GET /a\r\n\r\n",
        [request(target=b"/a", version="1.0", keep_alive=False, headers=[]), "end"],
    ),
    "an asterisk and more": (
        target(b"*/a", b"OPTIONS"),
        [request("OPTIONS", b"*/a"), "end"],
    ),
    "CONNECT without a port": (
        target(b"a", b"CONNECT"),
        [request("CONNECT", b"a", path="", raw_path=b"", authority=b"a"), "end"],
    ),
    "two Hosts and another expectation": (
        GET + b"Host: b\r\nExpect: x\r\n\r\n",
        [request(headers=[HOST, (b"host", b"b"), (b"expect", b"x")]), "end"],
    ),
}


@pytest.mark.parametrize("name", ANYTHING)
def test_not_strict(name: str) -> None:
    message, events = ANYTHING[name]
    check(lambda: RequestParser(strict=False), message, (events, None))


LENIENCIES: dict[Leniency, tuple[bytes, list[Any]]] = {
    Leniency.HEADERS: (
        GET + b"Accept: x\r\nA: b\x01\r\n\tc\r\n d\r\nB: e\r\n\r\n",
        [
            request(
                headers=[HOST, (b"accept", b"x"), (b"a", b"b\x01\tc d"), (b"b", b"e")],
            ),
            "end",
        ],
    ),
    Leniency.CHUNKED_LENGTH: (
        POST + b"Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        [
            request(
                "POST",
                headers=[HOST, (b"content-length", b"9"), (b"transfer-encoding", b"chunked")],
                chunked=True,
            ),
            b"a",
            "end",
        ],
    ),
    Leniency.KEEP_ALIVE: (
        GET + b"Connection: close\r\n\r\n" + GET + b"\r\n",
        [
            request(headers=[HOST, (b"connection", b"close")], keep_alive=False),
            "end",
            request(),
            "end",
        ],
    ),
    Leniency.TRANSFER_ENCODING: (
        POST + b"Transfer-Encoding: chunked, gzip\r\n\r\nabc",
        [request("POST", headers=[HOST, (b"transfer-encoding", b"chunked, gzip")]), b"abc", "end"],
    ),
    Leniency.VERSION: (
        b"GET / HTTP/1.7\r\nHost: a\r\n\r\n",
        [request(), "end"],
    ),
    Leniency.DATA_AFTER_CLOSE: (
        GET + b"Connection: close\r\n\r\n" + b"x" * 99,
        [request(headers=[HOST, (b"connection", b"close")], keep_alive=False), "end"],
    ),
    Leniency.OPTIONAL_LF_AFTER_CR: (
        b"GET / HTTP/1.1\rHost: a\r\n\r\n",
        [request(), "end"],
    ),
    Leniency.OPTIONAL_CRLF_AFTER_CHUNK: (
        CHUNKED + b"3\r\nabc1\r\nd0\r\n\r\n",
        [
            request("POST", headers=[HOST, (b"transfer-encoding", b"chunked")], chunked=True),
            b"abcd",
            "end",
        ],
    ),
    Leniency.OPTIONAL_CR_BEFORE_LF: (
        b"GET / HTTP/1.1\r\nHost: a\nA: b\n\n",
        [request(headers=[HOST, (b"a", b"b")]), "end"],
    ),
    Leniency.SPACES_AFTER_CHUNK_SIZE: (
        CHUNKED + b"1  \r\na\r\n0\r\n\r\n",
        [
            request("POST", headers=[HOST, (b"transfer-encoding", b"chunked")], chunked=True),
            b"a",
            "end",
        ],
    ),
}


@pytest.mark.parametrize("leniency", Leniency)
def test_leniencies(leniency: Leniency) -> None:
    message, events = LENIENCIES[leniency]
    eof = leniency is Leniency.TRANSFER_ENCODING
    check(
        lambda: RequestParser(strict=False, lenient=leniency),
        message,
        (events, None),
        eof=eof,
    )
    with pytest.raises(HttpParserError):
        RequestParser(strict=False).feed(message)


def test_all_leniencies_of_chunks_together_read_no_further_than_the_input() -> None:
    lenient = (
        Leniency.OPTIONAL_CRLF_AFTER_CHUNK
        | Leniency.OPTIONAL_CR_BEFORE_LF
        | Leniency.OPTIONAL_LF_AFTER_CR
    )
    message = CHUNKED + b"3\nabc5\nfffff0\n\r\n"
    events = [
        request("POST", headers=[HOST, (b"transfer-encoding", b"chunked")], chunked=True),
        b"abcfffff",
        "end",
    ]
    check(lambda: RequestParser(strict=False, lenient=lenient), message, (events, None))


def test_a_response_that_is_not_strict() -> None:
    message = b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"
    events = [
        response(
            version="1.0",
            headers=[(b"transfer-encoding", b"chunked")],
            chunked=True,
            keep_alive=False,
        ),
        b"a",
        "end",
    ]
    check(lambda: ResponseParser(strict=False), message, (events, None))


# -- the same rules for another parser's requests --------------------------------------------------


def test_a_request_head_from_parts() -> None:
    head = RequestHead(
        "POST",
        b"/a%20b?c",
        "1.1",
        [(b"Host", b"a"), (b"Content-Length", b"5"), (b"Connection", b"close")],
    )
    assert (head.path, head.raw_path, head.query) == ("/a b", b"/a%20b", b"c")
    assert head.headers == [(b"host", b"a"), (b"content-length", b"5"), (b"connection", b"close")]
    assert (head.content_length, head.keep_alive, head.upgrade) == (5, False, None)
    fields = [(b"Host", b"a"), (b"Connection", b"upgrade"), (b"Upgrade", b"b"), (b"upgrade", b"c")]
    assert RequestHead("GET", b"/", "1.1", fields).upgrade == b"b, c"


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        (("GET", b"/", "2.0", []), "STRICT_VERSION"),
        (("GET", b"/", "1.1", []), "STRICT_HOST"),
        (("GET", b"/ ", "1.0", []), "STRICT_TARGET"),
        (("GET", b"", "1.0", []), "STRICT_TARGET"),
        (("GET", b"*", "1.0", []), "STRICT_TARGET"),
        (("GET", b"a:/", "1.0", []), "STRICT_TARGET"),
        (("GET", b"a:", "1.0", []), "STRICT_TARGET"),
        (("GET", b"a://", "1.0", []), "STRICT_TARGET"),
        (
            ("GET", b"/", "1.0", [(b"content-length", b"5"), (b"content-length", b"5")]),
            "STRICT_CONTENT_LENGTH",
        ),
        (
            (
                "GET",
                b"/",
                "1.1",
                [(b"host", b""), (b"content-length", b"5"), (b"transfer-encoding", b"chunked")],
            ),
            "STRICT_TRANSFER_ENCODING",
        ),
        (
            ("GET", b"/", "1.1", [(b"host", b""), (b"transfer-encoding", b"identity")]),
            "STRICT_TRANSFER_ENCODING",
        ),
        (
            ("GET", b"/", "1.1", [(b"host", b""), (b"transfer-encoding", b"")]),
            "HPE_INVALID_TRANSFER_ENCODING",
        ),
        (
            ("GET", b"/", "1.1", [(b"transfer-encoding", b"chunked")] * 2),
            "STRICT_TRANSFER_ENCODING",
        ),
    ],
)
def test_a_request_head_that_is_refused(parts: Any, code: str) -> None:
    with pytest.raises(HttpParserError) as caught:
        RequestHead(*parts)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "parts",
    [
        (None, b"/", "1.1", []),
        ("GET", None, "1.1", []),
        ("GET", b"/", None, []),
        ("GET", b"/", "1.1", None),
        ("GET", b"/", "1.1", [(None, b"")]),
        ("GET", b"/", "1.1", [(b"a", None)]),
        ("GET", b"/", "1.1", [("a", b"")]),
    ],
)
def test_a_request_head_of_the_wrong_types(parts: Any) -> None:
    with pytest.raises(TypeError):
        RequestHead(*parts)


@pytest.mark.parametrize("line", [b"000 OK", b"099 OK", b"200 O\x00K", b"200 \x7f", b"200 \x1b[1m"])
def test_a_status_line_that_is_refused(line: bytes) -> None:
    message = b"HTTP/1.1 " + line + b"\r\nContent-Length: 2\r\n\r\nab"
    error = bad("STRICT_STATUS", "HttpParserInvalidStatusError")
    check(ResponseParser, message, ([], error))
    status, _, reason = line.partition(b" ")
    fields = {"headers": [(b"content-length", b"2")], "content_length": 2}
    events = [response(int(status), reason, **fields), b"ab", "end"]  # a body: it is no 1xx
    check(lambda: ResponseParser(strict=False), message, (events, None))


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_an_interim_response_is_never_the_last(version: str) -> None:
    head = f"HTTP/{version} 103 Early\r\nConnection: close\r\n\r\n".encode()
    fields = [(b"connection", b"close")]
    interim = response(103, b"Early", headers=fields, version=version)
    final = response(headers=[(b"content-length", b"0")], content_length=0)
    message = head + OK + b"Content-Length: 0\r\n\r\n"
    check(ResponseParser, message, ([interim, "end", final, "end"], None))
