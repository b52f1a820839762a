"""Messages, valid and not, and the ways in which they may arrive."""

from collections.abc import Iterator

HEAD = b"POST / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\n"

REQUESTS: dict[str, bytes] = {
    "get": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "get without fields": b"GET / HTTP/1.1\r\n\r\n",
    "http 1.0": b"GET / HTTP/1.0\r\n\r\n",
    "http 1.0 keep-alive": b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "http 0.9": b"GET /\r\n\r\n",
    "http 2.0": b"GET / HTTP/2.0\r\n\r\n",
    "http 1.2": b"GET / HTTP/1.2\r\n\r\n",
    "http without minor": b"GET / HTTP/1\r\n\r\n",
    "rtsp": b"OPTIONS rtsp://a/b RTSP/1.0\r\n\r\n",
    "ice": b"SOURCE /live ICE/1.0\r\n\r\n",
    "query and fragment": b"GET /a/b?c=d&e=%20#f HTTP/1.1\r\nHost: a\r\n\r\n",
    "absolute form": b"GET http://u:p@a.b:80/c?d HTTP/1.1\r\nHost: a.b\r\n\r\n",
    "asterisk form": b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "target with high bytes": b"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n",
    "target with a control": b"GET /\x01 HTTP/1.1\r\n\r\n",
    "target missing": b"GET  HTTP/1.1\r\n\r\n",
    "target relative": b"GET a/b HTTP/1.1\r\n\r\n",
    "target with an odd schema": b"GET h2c+x://a/ HTTP/1.1\r\n\r\n",
    "two spaces before the version": b"GET /  HTTP/1.1\r\n\r\n",
    "empty lines first": b"\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    "every method that has a name": b"".join(
        method + b" / HTTP/1.1\r\n\r\n"
        for method in b"DELETE GET HEAD PUT OPTIONS PATCH PROPFIND M-SEARCH QUERY PURGE".split()
    ),
    "unknown method": b"BREW / HTTP/1.1\r\n\r\n",
    "lower-case method": b"get / HTTP/1.1\r\n\r\n",
    "method cut short": b"GE / HTTP/1.1\r\n\r\n",
    "space first": b" GET / HTTP/1.1\r\n\r\n",
    "empty value": b"GET / HTTP/1.1\r\nA:\r\nB: \r\nC: \t\r\nD: e\r\n\r\n",
    "white space around values": b"GET / HTTP/1.1\r\nA: \t b \t \r\nC:d\r\n\r\n",
    "white space inside a value": b"GET / HTTP/1.1\r\nA: b \t c\r\n\r\n",
    "high bytes in a value": b"GET / HTTP/1.1\r\nA: \x80\xff\r\n\r\n",
    "nul in a value": b"GET / HTTP/1.1\r\nA: b\0c\r\n\r\n",
    "control in a value": b"GET / HTTP/1.1\r\nA: b\x07c\r\n\r\n",
    "folded value": b"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
    "space before the colon": b"GET / HTTP/1.1\r\nA : b\r\n\r\n",
    "name with a space": b"GET / HTTP/1.1\r\nA B: c\r\n\r\n",
    "name empty": b"GET / HTTP/1.1\r\n: b\r\n\r\n",
    "name with high bytes": b"GET / HTTP/1.1\r\n\xc3\xa9: b\r\n\r\n",
    "name of every token character": b"GET / HTTP/1.1\r\n!#$%&'*+-.^_`|~09azAZ: b\r\n\r\n",
    "no colon": b"GET / HTTP/1.1\r\nA\r\n\r\n",
    "good field before a bad one": b"GET / HTTP/1.1\r\nA: b\r\nC D: e\r\n\r\n",
    "bare LF in the request line": b"GET / HTTP/1.1\nHost: a\r\n\r\n",
    "bare LF after a field": b"GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n",
    "bare CR after a field": b"GET / HTTP/1.1\r\nA: b\rC: d\r\n\r\n",
    "bare LF at the end": b"GET / HTTP/1.1\r\nA: b\r\n\n",
    "many fields": b"GET / HTTP/1.1\r\n"
    + b"".join(b"X-Field-%d: value %d\r\n" % (i, i) for i in range(12))
    + b"\r\n",
    "body": HEAD + b"Content-Length: 5\r\n\r\nhello",
    "body of zero bytes": HEAD + b"Content-Length: 0\r\n\r\n",
    "body cut short": HEAD + b"Content-Length: 5\r\n\r\nhel",
    "length with a sign": HEAD + b"Content-Length: +5\r\n\r\nhello",
    "length with text": HEAD + b"Content-Length: 5a\r\n\r\nhello",
    "length empty": HEAD + b"Content-Length:\r\n\r\n",
    "length too large": HEAD + b"Content-Length: 99999999999999999999\r\n\r\n",
    "length twice": HEAD + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "length as a list": HEAD + b"Content-Length: 5, 5\r\n\r\nhello",
    "length and chunked": HEAD
    + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked": CHUNKED + b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
    "chunked, hexadecimal": CHUNKED + b"0A\r\n0123456789\r\n0\r\n\r\n",
    "chunked, extensions": CHUNKED + b'3;a=b;c="d";e\r\nabc\r\n0;f\r\n\r\n',
    "chunked, extension quoted badly": CHUNKED + b'3;a="b\r\nabc\r\n0\r\n\r\n',
    "chunked, trailers": CHUNKED + b"3\r\nabc\r\n0\r\nA: b\r\nC:\r\n\r\n",
    "chunked, bad trailer": CHUNKED + b"3\r\nabc\r\n0\r\nA: b\r\nC d\r\n\r\n",
    "chunked, no size": CHUNKED + b"\r\nabc\r\n",
    "chunked, bad size": CHUNKED + b"g\r\nabc\r\n",
    "chunked, size too large": CHUNKED + b"fffffffffffffffff\r\n",
    "chunked, space after size": CHUNKED + b"3 \r\nabc\r\n0\r\n\r\n",
    "chunked, bare LF": CHUNKED + b"3\nabc\r\n0\r\n\r\n",
    "chunked, data too long": CHUNKED + b"3\r\nabcd\r\n0\r\n\r\n",
    "chunked, data not ended": CHUNKED + b"3\r\nabc0\r\n\r\n",
    "coding unknown": HEAD + b"Transfer-Encoding: gzip\r\n\r\n",
    "coding before chunked": HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "coding after chunked": HEAD + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "chunked twice": HEAD
    + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "pipelined": HEAD
    + b"Content-Length: 2\r\n\r\nabGET /b HTTP/1.1\r\n\r\nGET /c HTTP/1.0\r\n\r\n",
    "data after close": b"GET / HTTP/1.1\r\nConnection: close\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    "line end after close": b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n\r\n",
    "connection list": b"GET / HTTP/1.1\r\nConnection: keep-alive, TE , close\r\n\r\n",
    "expect": HEAD + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\nab",
    "websocket": b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x02hi",
    "upgrade without connection": b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n",
    "connect": b"CONNECT a.b:443 HTTP/1.1\r\nHost: a.b:443\r\n\r\n\x16\x03\x01",
    "connect in origin form": b"CONNECT /a HTTP/1.1\r\n\r\n",
    "http 2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a response": OK + b"\r\n",
    "TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}

RESPONSES: dict[str, bytes] = {
    "ok": OK + b"Content-Length: 2\r\n\r\nok",
    "no reason": b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
    "empty reason": b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n",
    "long reason": b"HTTP/1.1 404 Not \t Found at \xe9\r\nContent-Length: 0\r\n\r\n",
    "nul in the reason": b"HTTP/1.1 200 O\0K\r\n\r\n",
    "until the end of input": b"HTTP/1.1 200 OK\r\n\r\nall of it",
    "http 1.0": b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na",
    "http 2.0": b"HTTP/2.0 200 OK\r\n\r\n",
    "http 3.0": b"HTTP/3.0 200 OK\r\n\r\n",
    "no content": b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "not modified": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
    "continue": b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 1\r\n\r\na",
    "early hints": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK + b"\r\n",
    "switching": b"HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n\x81\0",
    "switching to nothing": b"HTTP/1.1 101 S\r\n\r\n\x81\0",
    "upgrade offered": OK + b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 1\r\n\r\na",
    "chunked": OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "chunked, trailers": OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nA: b\r\n\r\n",
    "coding unknown": OK + b"Transfer-Encoding: gzip\r\n\r\nabc",
    "length and chunked": OK + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "close and data": OK + b"Connection: close\r\nContent-Length: 1\r\n\r\nab",
    "folded value": OK + b"A: b\r\n\tc\r\n\r\n",
    "bare LF": b"HTTP/1.1 200 OK\nA: b\n\n",
    "status of two digits": b"HTTP/1.1 20 OK\r\n\r\n",
    "status of four digits": b"HTTP/1.1 2000 OK\r\n\r\n",
    "status with text": b"HTTP/1.1 2x0 OK\r\n\r\n",
    "status missing": b"HTTP/1.1\r\n\r\n",
    "version with text": b"HTTP/a.1 200 OK\r\n\r\n",
    "protocol unknown": b"HTTQ/1.1 200 OK\r\n\r\n",
    "a request": b"GET / HTTP/1.1\r\n\r\n",
}


def splits(message: bytes) -> Iterator[list[bytes]]:
    """Whole, byte by byte, and in two at each point."""
    yield [message]
    yield [message[at : at + 1] for at in range(len(message))]
    for at in range(1, len(message)):
        yield [message[:at], message[at:]]
