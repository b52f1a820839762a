"""The extensions of the ASGI specification, advertised where they work."""

import atexit
import os
import tempfile
from pathlib import Path

from .cases import Exchange, Play

GET = b"GET / HTTP/1.1\r\nHost: h\r\n"
OLD = b"GET / HTTP/1.0\r\nHost: h\r\n\r\n"
TRAILERS = GET + b"TE: trailers\r\nConnection: TE\r\n\r\n"
HEAD = b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"

FOLDER = tempfile.TemporaryDirectory(prefix="fastserve-cases-")
atexit.register(FOLDER.cleanup)
TEXT = b"0123456789" * 100
SMALL = Path(FOLDER.name, "small")
SMALL.write_bytes(TEXT)
EMPTY = Path(FOLDER.name, "empty")
EMPTY.write_bytes(b"")
LARGE = Path(FOLDER.name, "large")
LARGE.write_bytes(b"0123456789abcdef" * (1 << 20))
FIFO = Path(FOLDER.name, "fifo")
os.mkfifo(FIFO)


def ext(id, asks, *script, request=GET + b"\r\n", **more):  # noqa: A002
    return Exchange(id=id, asks=asks, request=request, script=list(script), **more)


def path(name):
    return ("send", {"type": "http.response.pathsend", "path": str(name)})


def try_path(name):
    return ("try", {"type": "http.response.pathsend", "path": str(name)})


def piece(**more):
    return ("call", "zero_copy", str(SMALL), more)


def length(count):
    return (b"content-length", b"%d" % count)


ADVERTISED = {
    "pathsend": ("http.response.pathsend", GET + b"\r\n", {}),
    "zerocopysend": ("http.response.zerocopysend", GET + b"\r\n", {}),
    "early-hint": ("http.response.early_hint", GET + b"\r\n", {}),
    "early-hint-in-1.0": ("http.response.early_hint", OLD, "-"),
    "trailers": ("http.response.trailers", TRAILERS, {}),
    "trailers-not-wanted": ("http.response.trailers", GET + b"\r\n", "-"),
    "trailers-in-list": ("http.response.trailers", GET + b"TE: gzip;q=0.5, trailers\r\n\r\n", {}),
    "trailers-empty-elements": ("http.response.trailers", GET + b"TE: , trailers,\r\n\r\n", {}),
    "trailers-in-1.0": ("http.response.trailers",
                        b"GET / HTTP/1.0\r\nTE: trailers\r\n\r\n", "-"),
    "push": ("http.response.push", GET + b"\r\n", "-"),
    "debug": ("http.response.debug", GET + b"\r\n", "-"),
    "tls": ("tls", GET + b"\r\n", "-"),
    "websocket": ("websocket.http.response", GET + b"\r\n", "-"),
}  # fmt: skip

SCOPE = [
    ext(f"asgi-ext-advertised-{name}", f"{key} is advertised where it works, and only there",
        ("scope", f"extensions/{key}"), ("reply",), request=request, journal=[found],
        closes=b"/1.0" in request)
    for name, (key, request, found) in ADVERTISED.items()
]  # fmt: skip

PATHS = [
    ext("asgi-pathsend", "a file, with a Content-Length", ("start",), path(SMALL),
        framing="length", body=TEXT),
    ext("asgi-pathsend-length", "the app's Content-Length", ("start", 200, [length(1000)]),
        path(SMALL), framing="length", body=TEXT),
    ext("asgi-pathsend-headers", "status and headers as they are given",
        ("start", 206, [(b"x-a", b"b")]), path(SMALL), status=206, has={b"x-a": b"b"}, body=TEXT),
    ext("asgi-pathsend-large", "a large file", ("start",), path(LARGE), framing="length",
        body=LARGE.read_bytes()),
    ext("asgi-pathsend-empty", "an empty file", ("start",), path(EMPTY), framing="length",
        body=b""),
    ext("asgi-pathsend-later", "some time after the start", ("start",), ("yield",), path(SMALL),
        body=TEXT),
    ext("asgi-pathsend-head", "HEAD: the file's length and no body", ("start",), path(SMALL),
        request=HEAD, framing="none", has={b"content-length": b"1000"}),
    ext("asgi-pathsend-304", "a 304 has no body either", ("start", 304), path(SMALL), status=304),
    ext("asgi-pathsend-in-1.0", "HTTP/1.0", ("start",), path(SMALL), request=OLD, framing="length",
        body=TEXT, closes=True),
    ext("asgi-pathsend-grown", "a file that has grown is sent up to the declared length",
        ("start", 200, [length(10)]), path(SMALL), framing="length", body=b"0123456789"),
    ext("asgi-pathsend-missing", "a missing file raises before anything is written: 500",
        ("start",), path("/nowhere/to/be/found"), status=500, closes=True),
    ext("asgi-pathsend-missing-answered", "and the app may still answer otherwise", ("start",),
        try_path("/nowhere/to/be/found"), ("body", b"other"), journal=["lost"], body=b"other"),
    ext("asgi-pathsend-folder", "a folder raises", ("start",), try_path(FOLDER.name),
        ("body", b"other"), journal=["raised"], body=b"other"),
    ext("asgi-pathsend-fifo", "a pipe too, and does not block", ("start",), try_path(FIFO),
        ("body", b"other"), journal=["raised"], body=b"other"),
    ext("asgi-pathsend-relative", "a relative path", ("start",), path(os.path.relpath(SMALL)),
        framing="length", body=TEXT),
    ext("asgi-pathsend-not-a-str", "a path is text", ("start",),
        ("try", {"type": "http.response.pathsend", "path": str(SMALL).encode()}),
        ("body", b"other"), journal=["raised"], body=b"other"),
    ext("asgi-pathsend-no-path", "and must be there", ("start",),
        ("try", {"type": "http.response.pathsend"}), ("body", b"other"), journal=["raised"],
        body=b"other"),
    ext("asgi-pathsend-short", "a file shorter than the app's Content-Length: 500",
        ("start", 200, [length(1001)]), path(SMALL), status=500, closes=True),
    ext("asgi-pathsend-before-start", "the start comes first", try_path(SMALL), ("reply",),
        journal=["raised"], body=b"ok"),
    ext("asgi-pathsend-after-body", "not after a part of the body", ("start", 200, [length(3)]),
        ("body", b"ab", True), try_path(SMALL), ("body", b"c"), journal=["raised"], body=b"abc"),
    ext("asgi-pathsend-ends", "nothing may follow the file", ("start",), path(SMALL),
        ("try", {"type": "http.response.body", "body": b"more"}), journal=["raised"], body=TEXT),
]  # fmt: skip

ZERO_COPY = [
    ext("asgi-zerocopysend", "a whole file", ("start",), piece(), framing="length", body=TEXT),
    ext("asgi-zerocopysend-offset", "from an offset", ("start",), piece(offset=995),
        framing="length", body=b"56789"),
    ext("asgi-zerocopysend-count", "a given number of bytes",
        ("start",), piece(count=5), body=b"01234"),
    ext("asgi-zerocopysend-part", "both", ("start",), piece(offset=5, count=10),
        body=b"5678901234"),
    ext("asgi-zerocopysend-length", "the app's Content-Length", ("start", 200, [length(4)]),
        piece(offset=3, count=4), framing="length", body=b"3456"),
    ext("asgi-zerocopysend-more", "several parts: chunked", ("start",),
        piece(count=3, more_body=True), piece(offset=5, count=2), framing="chunked", body=b"01256"),
    ext("asgi-zerocopysend-and-body", "between bodies", ("start",), ("body", b"<", True),
        piece(count=3, more_body=True), ("body", b">"), framing="chunked", body=b"<012>"),
    ext("asgi-zerocopysend-and-body-length", "with a length", ("start", 200, [length(5)]),
        ("body", b"<", True), piece(count=3, more_body=True), ("body", b">"), framing="length",
        body=b"<012>"),
    ext("asgi-zerocopysend-position", "without an offset from the file's position, which moves on",
        ("start",), ("call", "zero_copy_twice", str(SMALL)), framing="chunked", body=b"567890"),
    ext("asgi-zerocopysend-nothing", "an empty part does not end the body", ("start",),
        piece(count=0, more_body=True), ("body", b"a"), framing="chunked", body=b"a"),
    ext("asgi-zerocopysend-in-1.0", "HTTP/1.0", ("start",), piece(count=3, more_body=True),
        ("body", b">"), request=OLD, framing="close", body=b"012>", closes=True),
    ext("asgi-zerocopysend-head", "HEAD", ("start",), piece(), request=HEAD, framing="none",
        has={b"content-length": b"1000"}),
    ext("asgi-zerocopysend-past-end", "more than the file has raises", ("start",),
        ("call", "try_zero_copy", str(SMALL), {"count": 1001}), ("body", b"other"),
        journal=["raised"], body=b"other"),
    ext("asgi-zerocopysend-negative", "nothing is negative", ("start",),
        ("call", "try_zero_copy", str(SMALL), {"offset": -1}), ("body", b"other"),
        journal=["raised"], body=b"other"),
    ext("asgi-zerocopysend-fraction", "offset and count are integers", ("start",),
        ("call", "try_zero_copy", str(SMALL), {"offset": 1.5}), ("body", b"other"),
        journal=["raised"], body=b"other"),
    ext("asgi-zerocopysend-no-file", "a file is one", ("start",),
        ("try", {"type": "http.response.zerocopysend", "file": "x"}), ("body", b"other"),
        journal=["raised"], body=b"other"),
    ext("asgi-zerocopysend-head-part", "a part of one to HEAD", ("start",),
        piece(count=3, more_body=True), ("body", b">"), request=HEAD, framing="none"),
    ext("asgi-zerocopysend-too-long", "a part that exceeds Content-Length raises",
        ("start", 200, [length(3)]), ("call", "try_zero_copy", str(SMALL), {"count": 4}),
        ("body", b"abc"), journal=["raised"], body=b"abc"),
    ext("asgi-zerocopysend-descriptor", "the file stays open, and the app's", ("start",),
        ("call", "zero_copy_and_read", str(SMALL)), body=b"0123456789"),
]  # fmt: skip


def trailers(*headers, more=False):
    message = {"type": "http.response.trailers", "headers": list(headers), "more_trailers": more}
    return ("send", message)


def with_trailers(found):
    assert found.trailers == [(b"x-sum", b"1"), (b"x-more", b"2")], found.trailers


def without_trailers(found):
    assert found.trailers == []


ANNOUNCED = {"type": "http.response.start", "status": 200, "headers": [], "trailers": True}
SUMS = [trailers((b"x-sum", b"1"), more=True), trailers((b"x-more", b"2"))]

TRAILER_CASES = [
    ext("rfc9110-6.5-trailers", "trailers after the body", ("send", ANNOUNCED), ("body", b"abc"),
        *SUMS, request=TRAILERS, framing="chunked", body=b"abc", check=with_trailers),
    ext("rfc9110-6.5-trailers-parts", "trailers after a body in parts", ("send", ANNOUNCED),
        ("body", b"ab", True), ("yield",), ("body", b"c"), ("yield",), *SUMS, request=TRAILERS,
        framing="chunked", body=b"abc", check=with_trailers),
    ext("rfc9110-6.5-trailers-file", "trailers after a file",
        ("send", ANNOUNCED), path(SMALL), *SUMS,
        request=TRAILERS, framing="chunked", body=TEXT, check=with_trailers),
    ext("rfc9110-6.5-trailers-length", "a Content-Length gives way to them",
        ("send", {**ANNOUNCED, "headers": [length(3)]}), ("body", b"abc"), *SUMS, request=TRAILERS,
        framing="chunked", body=b"abc", check=with_trailers),
    ext("rfc9110-6.5.1-trailers-not-wanted", "they go only to clients that want them",
        ("send", ANNOUNCED), ("body", b"abc"), *SUMS, body=b"abc", check=without_trailers),
    ext("rfc9110-6.5.1-trailers-not-wanted-length", "others keep the Content-Length",
        ("send", {**ANNOUNCED, "headers": [length(3)]}), ("body", b"abc"), *SUMS, body=b"abc",
        framing="length"),
    ext("rfc9110-6.5.1-trailers-in-1.0", "HTTP/1.0 has no trailers", ("send", ANNOUNCED),
        ("body", b"abc"), *SUMS, request=OLD, body=b"abc", closes=True),
    ext("rfc9110-6.5-trailers-head", "a response to HEAD has no trailers",
        ("send", ANNOUNCED), ("body", b"abc"), *SUMS,
        request=HEAD, framing="none"),
    ext("asgi-trailers-before-body", "trailers come after the body", ("send", ANNOUNCED),
        ("try", {"type": "http.response.trailers", "headers": []}), ("body", b"abc"), *SUMS,
        request=TRAILERS, journal=["raised"], body=b"abc", check=with_trailers),
    ext("asgi-trailers-bad", "bad ones raise, and the good ones follow", ("send", ANNOUNCED),
        ("body", b"abc"),
        ("try", {"type": "http.response.trailers", "headers": [(b"x", b"a\r\nb")]}), *SUMS,
        request=TRAILERS, journal=["raised"], body=b"abc", check=with_trailers),
    ext("asgi-trailers-more", "more_trailers is a bool", ("send", ANNOUNCED), ("body", b"abc"),
        ("try", {"type": "http.response.trailers", "headers": [], "more_trailers": 1}), *SUMS,
        request=TRAILERS, journal=["raised"], body=b"abc", check=with_trailers),
    ext("asgi-trailers-after-end", "trailers end once",
        ("send", ANNOUNCED), ("body", b"abc"), *SUMS,
        ("try", {"type": "http.response.trailers", "headers": []}), request=TRAILERS,
        journal=["raised"], body=b"abc", check=with_trailers),
    ext("rfc9110-6.5.1-trailers-framing", "framing fields cannot be trailers", ("send", ANNOUNCED),
        ("body", b"abc"),
        ("try", {"type": "http.response.trailers", "headers": [(b"Content-Length", b"3")]}), *SUMS,
        request=TRAILERS, journal=["raised"], body=b"abc", check=with_trailers),
]  # fmt: skip


def hint(*links):
    return {"type": "http.response.early_hint", "links": list(links)}


LINK = b"</style.css>; rel=preload; as=style"


def hinted(count):
    def check(found):
        assert [interim.status for interim in found.interim] == [103] * count
        if count:
            assert found.interim[0].all(b"link") == [LINK]

    return check


HINTS = [
    ext("rfc8297-2-early-hint", "103 before the response", ("send", hint(LINK)), ("reply",),
        check=hinted(1), body=b"ok"),
    ext("rfc8297-2-early-hints", "or several of them", ("send", hint(LINK)), ("yield",),
        ("send", hint(LINK, b"<b>")), ("reply",), check=hinted(2), body=b"ok"),
    ext("rfc9110-15.2-early-hint-in-1.0", "not to HTTP/1.0", ("send", hint(LINK)), ("reply",),
        request=OLD, check=hinted(0), body=b"ok", closes=True),
    ext("rfc8297-2-early-hint-late", "no early hint after the start",
        ("start",), ("try", hint(LINK)),
        ("body", b"ok"), journal=["raised"], check=hinted(0), body=b"ok"),
    ext("rfc9110-5.5-early-hint-crlf", "CR LF in a link raises", ("try", hint(b"a\r\nb: c")),
        ("reply",), journal=["raised"], check=hinted(0), body=b"ok"),
    ext("asgi-early-hint-str", "a link is bytes", ("try", hint("<a>")), ("reply",),
        journal=["raised"], check=hinted(0), body=b"ok"),
    ext("asgi-early-hint-no-links", "links must be there",
        ("try", {"type": "http.response.early_hint"}), ("reply",), journal=["raised"],
        check=hinted(0), body=b"ok"),
    ext("rfc8297-2-early-hint-and-failure", "a failure after it is still a 500",
        ("send", hint(LINK)), ("raise",), status=500, closes=True),
    ext("asgi-debug", "http.response.debug is for test clients: servers do not offer it",
        ("try", {"type": "http.response.debug", "info": {}}), ("reply",), journal=["raised"],
        body=b"ok"),
]  # fmt: skip


def file_back_pressure(peer):
    """A file is sent as the client reads; nothing of it waits in the server's memory."""
    run = peer.begin([("start",), ("tell", "sending"), path(LARGE)])
    with peer.connect() as client:
        client.send(GET + b"\r\n")
        run.wait("sending")
        head = client.head()
        peer.pause()
        client.body_of(head, "GET")
        assert head.body == LARGE.read_bytes()
        assert run.report() == []


def file_lost(peer):
    """The client goes in the middle of a file: OSError."""
    run = peer.begin([("start",), ("call", "send_files", str(LARGE), 16)])
    with peer.connect() as client:
        client.send(GET + b"\r\n")
        client.head()
        client.reset()
        assert run.report() == ["lost"]


def file_pipelined(peer):
    """Files and bodies, one behind the other, keep their order."""
    run = peer.begin([("start",), path(SMALL)])
    with peer.connect() as client:
        client.send((GET + b"\r\n") * 20)
        for _ in range(20):
            assert client.response().body == TEXT
        for _ in range(20):
            run.report()


STEPS = {
    "asgi-pathsend-back-pressure": ("a file waits for its reader", file_back_pressure),
    "asgi-zerocopysend-disconnect": ("OSError when the client goes", file_lost),
    "asgi-pathsend-pipelined": ("files in answer to pipelined requests", file_pipelined),
}

CASES = [
    *SCOPE, *PATHS, *ZERO_COPY, *TRAILER_CASES, *HINTS,
    *(Play(id=name, asks=asks, steps=steps) for name, (asks, steps) in STEPS.items()),
]  # fmt: skip
