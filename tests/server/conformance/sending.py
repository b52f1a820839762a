"""What the app sends, and what the client gets of it."""

import re

from .cases import Exchange, Play

START = {"type": "http.response.start", "status": 200, "headers": []}
BODY = {"type": "http.response.body", "body": b"abc"}
REQUEST = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
OLD = b"GET / HTTP/1.0\r\nHost: h\r\n\r\n"
OLD_KEPT = b"GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n"
HEAD = b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
DATE = re.compile(
    rb"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) "
    rb"\d{4} \d\d:\d\d:\d\d GMT"
)


def sent(id, asks, *script, request=REQUEST, **more):  # noqa: A002
    return Exchange(id=id, asks=asks, request=request, script=list(script), **more)


def start(status=200, headers=(), **more):
    return {"type": "http.response.start", "status": status, "headers": list(headers), **more}


def body(data, more=False):
    return {"type": "http.response.body", "body": data, "more_body": more}


def raises(id, asks, *messages, before=(), then=(("reply",),), **more):  # noqa: A002
    """Each of these raises in the app; what it sends then is served as if nothing had been."""
    tries = [("try", message) for message in messages]
    more = {"status": 200, "journal": ["raised"] * len(messages), **more}
    return sent(id, asks, *before, *tries, *then, **more)


def bad_start(id, asks, **parts):  # noqa: A002
    return raises(id, asks, {**START, **parts}, body=b"ok")


def bad_headers(id, asks, *headers):  # noqa: A002
    return bad_start(id, asks, headers=list(headers))


def length(count):
    return (b"content-length", b"%d" % count)


ORDER = [
    raises("asgi-send-body-first", "the start comes before the body", BODY, body=b"ok"),
    raises("asgi-send-start-twice", "there is one start", START, before=[("send", START)],
           then=[("body", b"abc")], body=b"abc"),
    raises("asgi-send-start-after-body", "a start between two parts of the body raises", START,
           before=[("start",), ("body", b"a", True)], then=[("body", b"bc")], body=b"abc"),
    raises("asgi-send-start-after-end", "a start after the end raises",
           START, before=[("reply", b"abc")],
           then=(), body=b"abc"),
    raises("asgi-send-body-after-end", "a body after the last one raises", BODY,
           before=[("reply", b"abc")], then=(), body=b"abc"),
    raises("asgi-send-unknown-type", "an unknown message", {"type": "http.response.unknown"}),
    raises("asgi-send-unknown-type-inside", "even inside the body", {"type": "x"},
           before=[("start",), ("body", b"a", True)], then=[("body", b"b")], body=b"ab"),
    raises("asgi-send-other-protocol", "another protocol's message",
           {"type": "websocket.accept"}),
    raises("asgi-send-a-receive-message", "a message that only receive() gives",
           {"type": "http.request", "body": b""}),
    raises("asgi-send-no-type", "a message without a type", {"status": 200}),
    raises("asgi-send-not-a-dict", "a message that is not a dict", None, [], "x"),
    raises("asgi-send-push", "an extension that is not advertised",
           {"type": "http.response.push", "path": "/", "headers": []}),
    raises("asgi-send-trailers-unannounced", "trailers that the start did not announce",
           {"type": "http.response.trailers", "headers": []}, before=[("start",)],
           then=[("body", b"abc")], body=b"abc"),
    sent("asgi-send-several-errors", "errors that the app catches do no harm",
         ("try", BODY), ("try", {"type": "x"}),
         ("send", START), ("try", START), ("try", {"type": "y"}), ("send", BODY), ("try", BODY),
         journal=["raised"] * 5, body=b"abc"),
]  # fmt: skip

STARTS = [
    raises("asgi-send-status-missing", "a start has a status",
           {"type": "http.response.start", "headers": []}, body=b"ok"),
    bad_start("asgi-send-status-str", "an int", status="200"),
    bad_start("asgi-send-status-none", "a status is not None", status=None),
    bad_start("rfc9110-15-status-two-digits", "of three digits", status=99),
    bad_start("rfc9110-15-status-four-digits", "not four digits", status=1000),
    bad_start("rfc9110-15-status-negative", "not below zero", status=-200),
    bad_start("rfc9110-15.2-status-100", "an interim status is the server's", status=100),
    bad_start("rfc9110-15.2.2-status-101", "HTTP does not switch protocols for an app", status=101),
    bad_start("rfc9110-15.2-status-103", "early hints are a message of their own", status=103),
    sent("rfc9112-4-status-unassigned", "a status without a registered reason",
         ("reply", b"x", 299), status=299, check=lambda found: no_reason(found)),
    sent("rfc9112-4-status-999", "any three digits", ("reply", b"x", 999), status=999),
    sent("rfc9112-4-reason", "the registered reason", ("reply", b"x", 418), status=418,
         check=lambda found: reason(found, b"I'm a")),
    bad_start("asgi-send-headers-none-pair", "headers are pairs", headers=[None]),
    bad_headers("asgi-send-headers-triple", "of two", (b"a", b"b", b"c")),
    bad_headers("asgi-send-headers-single", "not one", (b"a",)),
    bad_headers("asgi-send-name-str", "a name is bytes", ("a", b"b")),
    bad_headers("asgi-send-value-str", "a value is bytes", (b"a", "b")),
    bad_headers("asgi-send-value-int", "not a number", (b"a", 1)),
    bad_headers("asgi-send-value-none", "a value is not None", (b"a", None)),
    bad_headers("rfc9110-5.5-send-value-crlf", "CR LF in a value would split the response",
                (b"a", b"b\r\nX: y")),
    bad_headers("rfc9110-5.5-send-value-cr", "CR alone", (b"a", b"b\rc")),
    bad_headers("rfc9110-5.5-send-value-lf", "LF alone", (b"a", b"b\nc")),
    bad_headers("rfc9110-5.5-send-value-nul", "NUL", (b"a", b"b\0c")),
    bad_headers("rfc9110-5.5-send-value-crlf-at-end", "at its end", (b"a", b"b\r\n")),
    bad_headers("rfc9110-5.1-send-name-empty", "an empty name", (b"", b"b")),
    bad_headers("rfc9110-5.1-send-name-crlf", "CR LF in a name", (b"a\r\nb", b"c")),
    bad_headers("rfc9110-5.1-send-name-colon", "a colon in a name", (b"a:b", b"c")),
    bad_headers("rfc9110-5.1-send-name-space", "a blank in a name", (b"a b", b"c")),
    bad_headers("rfc9110-5.1-send-name-latin-1", "a byte beyond ASCII", (b"\xe9", b"c")),
    bad_headers("rfc9112-5-send-second-bad", "an invalid field after a valid one", (b"a", b"b"),
                (b"c", b"\n")),
    bad_headers("rfc9110-8.6-send-length-letters", "Content-Length is digits",
                (b"content-length", b"abc")),
    bad_headers("rfc9110-8.6-send-length-minus", "without a sign", (b"content-length", b"-1")),
    bad_headers("rfc9110-8.6-send-length-empty", "at least one", (b"content-length", b"")),
    bad_headers("rfc9110-8.6-send-length-twice", "and once", length(2), length(2)),
    bad_headers("rfc9110-8.6-send-length-differ", "and once", length(2), length(3)),
    sent("asgi-send-headers-missing", "headers may be missing",
         ("send", {"type": "http.response.start", "status": 200}), ("body", b"abc"), body=b"abc"),
    sent("asgi-send-headers-lists", "pairs may be lists", ("start", 200, [[b"x-a", b"b"]]),
         ("body", b"abc"), has={b"x-a": b"b"}),
    sent("asgi-send-headers-iterable", "headers may be any iterable",
         ("call", "iterable_headers"), ("body", b"abc"), has={b"x-a": b"b"}),
    sent("rfc9110-5.3-send-repeated", "repeated fields stay apart and in order",
         ("start", 200, [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]), ("body", b"abc"),
         check=lambda found: two_cookies(found)),
    sent("rfc9110-5.5-send-value-empty", "a value may be empty", ("start", 200, [(b"x-a", b"")]),
         ("body", b"abc"), has={b"x-a": b""}),
    sent("rfc9110-5.5-send-value-obs-text", "or hold bytes beyond ASCII",
         ("start", 200, [(b"x-a", b"\xe9\t\xff")]), ("body", b"abc"), has={b"x-a": b"\xe9\t\xff"}),
    sent("rfc9110-6.6.1-date", "a Date in the right form", ("reply",),
         check=lambda found: dated(found)),
    sent("rfc9110-6.6.1-date-of-the-app", "the app's Date replaces the server's",
         ("reply", b"x", 200, [(b"date", b"Thu, 01 Jan 1970 00:00:00 GMT")]),
         has={b"date": b"Thu, 01 Jan 1970 00:00:00 GMT"}),
    sent("rfc9110-6.6.1-date-of-the-app-capitals", "in any case of letters",
         ("reply", b"x", 200, [(b"Date", b"Thu, 01 Jan 1970 00:00:00 GMT")]),
         has={b"date": b"Thu, 01 Jan 1970 00:00:00 GMT"}),
    sent("rfc9110-6.6.1-date-in-errors", "a Date in the server's own errors", ("raise",),
         status=500, closes=True, check=lambda found: dated(found)),
    sent("rfc9110-6.6.1-date-in-refusals", "and in its refusals", request=b"GET / HTTP/1.1\r\n\r\n",
         calls=0, status=400, closes=True, check=lambda found: dated(found)),
    sent("rfc9110-10.2.4-server-of-the-app", "the app's Server replaces the server's",
         ("reply", b"x", 200, [(b"server", b"mine")]), has={b"server": b"mine"}),
]  # fmt: skip

CHUNKED = (b"transfer-encoding", b"chunked")

FRAMING = [
    sent("rfc9112-6.3-send-length", "the app's Content-Length", ("start", 200, [length(3)]),
         ("body", b"abc"), framing="length", body=b"abc"),
    sent("rfc9112-6.3-send-length-parts", "over several bodies", ("start", 200, [length(3)]),
         ("body", b"a", True), ("body", b"b", True), ("body", b"c"), framing="length", body=b"abc"),
    sent("rfc9112-6.3-send-length-empty-end", "ended by an empty one", ("start", 200, [length(3)]),
         ("body", b"abc", True), ("body",), framing="length", body=b"abc"),
    sent("rfc9112-6.3-send-length-capitals", "a name in capitals means the same",
         ("start", 200, [(b"Content-Length", b"3")]), ("body", b"abc"), framing="length",
         body=b"abc"),
    sent("rfc9112-6.3-send-length-zero", "of 0", ("start", 200, [length(0)]), ("body",),
         framing="length", body=b""),
    sent("rfc9110-8.6-send-length-added", "a complete body gets a Content-Length", ("start",),
         ("body", b"abc"), framing="length", body=b"abc"),
    sent("rfc9110-8.6-send-length-added-empty", "so does an empty body", ("start",), ("body",),
         framing="length", body=b"", has={b"content-length": b"0"}),
    sent("asgi-send-body-missing", "the body may be missing from the message", ("start",),
         ("send", {"type": "http.response.body"}), framing="length", body=b""),
    sent("rfc9112-7.1-send-chunked", "bodies of unknown length are chunked", ("start",),
         ("body", b"ab", True), ("body", b"c"), framing="chunked", body=b"abc"),
    sent("rfc9112-7.1-send-chunked-empty-parts", "an empty part does not end the body",
         ("start",), ("body", b"", True), ("body", b"ab", True), ("body", b"", True),
         ("body", b"c", True), ("body",), framing="chunked", body=b"abc"),
    sent("rfc9112-7.1-send-chunked-empty", "nothing at all, in two bodies", ("start",),
         ("body", b"", True), ("body",), framing="chunked", body=b""),
    sent("rfc9112-7.1-send-chunked-large", "large chunks", ("start",),
         ("body", b"x" * 100_000, True), ("body", b"y" * 100_000), framing="chunked",
         body=b"x" * 100_000 + b"y" * 100_000),
    sent("rfc9112-6.3-send-large", "a large body", ("reply", b"x" * 3_000_000), framing="length",
         body=b"x" * 3_000_000),
    sent("rfc9112-6.1-send-te-replaced", "the app's Transfer-Encoding is replaced by ours",
         ("start", 200, [CHUNKED]), ("body", b"ab", True), ("body", b"c"), framing="chunked",
         body=b"abc"),
    sent("rfc9112-6.1-send-te-whole", "even for a body in one piece",
         ("start", 200, [CHUNKED]), ("body", b"abc"), body=b"abc"),
    sent("rfc9112-6.1-send-te-and-length", "never both", ("start", 200, [CHUNKED, length(3)]),
         ("body", b"abc"), body=b"abc"),
    sent("rfc9112-6.1-send-te-gzip", "no coding that the server does not apply",
         ("start", 200, [(b"transfer-encoding", b"gzip, chunked")]), ("body", b"abc"), body=b"abc"),
    sent("rfc9112-6.1-send-te-in-1.0", "no Transfer-Encoding to HTTP/1.0",
         ("start", 200, [CHUNKED]),
         ("body", b"ab", True), ("body", b"c"), request=OLD, framing="close", body=b"abc",
         closes=True),
    sent("rfc9112-7.1-send-no-chunked-in-1.0", "no chunks to HTTP/1.0: closing ends the body",
         ("start",), ("body", b"ab", True), ("body", b"c"), request=OLD_KEPT, framing="close",
         body=b"abc", closes=True),
    sent("rfc9112-6.3-send-length-in-1.0", "a length to HTTP/1.0", ("start",), ("body", b"abc"),
         request=OLD, framing="length", body=b"abc", closes=True),
    sent("asgi-send-bytearray", "a body may be a bytearray", ("start",),
         ("call", "send_body", "bytearray"), body=b"abc"),
    sent("asgi-send-memoryview", "or a memoryview", ("start",), ("call", "send_body", "memoryview"),
         body=b"abc"),
    sent("asgi-send-memoryview-words", "of items larger than a byte", ("start",),
         ("call", "send_body", "words"), body=b"\1\0\2\0"),
    sent("asgi-send-bytearray-changed", "changing it afterwards changes nothing", ("start",),
         ("call", "send_and_change"), body=b"abcdef"),
    raises("asgi-send-body-str", "text is not a body", body("abc"), before=[("start",)],
           then=[("body", b"abc")], body=b"abc"),
    raises("asgi-send-body-none", "a body is not None", body(None), before=[("start",)],
           then=[("body", b"abc")], body=b"abc"),
    raises("asgi-send-body-list", "a body is not a list", body([97]), before=[("start",)],
           then=[("body", b"abc")], body=b"abc"),
    raises("rfc9110-8.6-send-too-long", "a body longer than its Content-Length raises",
           body(b"abcd"), before=[("start", 200, [length(3)])], then=[("body", b"abc")],
           body=b"abc"),
    raises("rfc9110-8.6-send-too-long-later", "in a later part as well", body(b"bcd"),
           before=[("start", 200, [length(3)]), ("body", b"a", True)], then=[("body", b"bc")],
           body=b"abc"),
]  # fmt: skip

BODILESS = [
    sent("rfc9110-9.3.2-head", "HEAD: the length of the GET, and no body",
         ("start", 200, [length(3)]), ("body", b"abc"), request=HEAD, framing="none",
         has={b"content-length": b"3"}),
    sent("rfc9110-9.3.2-head-length-added", "even if the server found the length",
         ("start",), ("body", b"abc"), request=HEAD, framing="none", has={b"content-length": b"3"}),
    sent("rfc9110-9.3.2-head-no-body", "the app may leave the body out",
         ("start", 200, [length(3)]), ("body",), request=HEAD, framing="none",
         has={b"content-length": b"3"}),
    sent("rfc9110-9.3.2-head-empty", "an empty body to HEAD does not mean a length of 0",
         ("start",), ("body",), request=HEAD, framing="none", lacks=(b"content-length",)),
    sent("rfc9110-9.3.2-head-stream", "a body in parts", ("start",), ("body", b"ab", True),
         ("body", b"c"), request=HEAD, framing="none"),
    sent("rfc9110-9.3.2-head-error", "the server's own error to HEAD has no body", ("raise",),
         request=HEAD, status=500, closes=True),
    *(sent(f"rfc9110-8.6-{status}-no-length", f"a {status} has no body and no Content-Length",
           ("start", status), ("body",), status=status, framing="none",
           lacks=(b"content-length", b"transfer-encoding")) for status in (204, 304)),
    sent("rfc9110-8.6-204-length-removed", "not even the app's", ("start", 204, [length(0)]),
         ("body",), status=204, lacks=(b"content-length", b"transfer-encoding")),
    sent("rfc9112-6.1-204-no-coding", "a 204 has no Transfer-Encoding", ("start", 204, [CHUNKED]),
         ("body", b"", True), ("body",), status=204, lacks=(b"transfer-encoding",)),
    sent("rfc9110-15.3.5-204-with-body", "a body that the app sends is not written", ("start", 204),
         ("body", b"abc"), status=204),
    sent("rfc9110-8.6-304-length-kept", "a 304 may say how long a 200 would be",
         ("start", 304, [length(3)]), ("body",), status=304, has={b"content-length": b"3"}),
    sent("rfc9110-15.4.5-304-with-body", "its body is not written", ("start", 304),
         ("body", b"abc"), status=304),
    sent("rfc9110-15.3.6-205", "a 205 has no body, and says so with Content-Length: 0",
         ("start", 205), ("body", b"abc"),
         status=205, framing="length", body=b"", has={b"content-length": b"0"}),
    sent("rfc9110-15.3.6-205-length", "whatever length the app declares",
         ("start", 205, [length(3)]),
         ("body", b"abc"), status=205, body=b"", has={b"content-length": b"0"}),
]  # fmt: skip

FAILURES = [
    sent("rfc9110-15.6.1-raise-first", "an app that fails before its start: 500", ("raise",),
         status=500, closes=True),
    sent("rfc9110-15.6.1-raise-after-start", "or before its first body",
         ("start", 201, [(b"x", b"")]), ("raise",), status=500, closes=True, lacks=(b"x",)),
    sent("rfc9110-15.6.1-raise-after-yield", "even some time after its start", ("start",),
         ("yield",), ("raise",), status=500, closes=True),
    sent("rfc9110-15.6.1-return-first", "an app that returns without an answer: 500",
         status=500, closes=True),
    sent("rfc9110-15.6.1-return-after-start", "or without a body: 500", ("start",), status=500,
         closes=True),
    sent("rfc9110-15.6.1-too-short", "or whose only body is shorter than its Content-Length: 500",
         ("start", 200, [length(9)]), ("body", b"abc"), status=500, closes=True),
    sent("rfc9110-15.6.1-too-long", "or longer", ("start", 200, [length(2)]), ("body", b"abc"),
         status=500, closes=True),
    sent("rfc9110-15.6.1-raise-after-read", "an app that fails after reading", ("read",),
         ("raise",), request=POST, status=500, closes=True),
    sent("asgi-raise-after-end", "an exception after the response does not change it",
         ("reply", b"abc"), ("raise",), body=b"abc"),
    sent("asgi-yield-after-end", "work after the response does not block the connection",
         ("reply", b"abc"), ("yield",), ("yield",), body=b"abc"),
]  # fmt: skip


def no_reason(found):
    assert found.reason == b""


def reason(found, beginning):
    assert found.reason.startswith(beginning)


def two_cookies(found):
    assert found.all(b"set-cookie") == [b"a=1", b"b=2"]


def dated(found):
    assert DATE.fullmatch(found.get(b"date") or b"")


def cut(id, asks, *script, request=REQUEST, received=b"abc"):  # noqa: A002
    """The response cannot be finished: the connection closes, and the client can tell."""

    def steps(peer):
        run = peer.begin(list(script))
        with peer.connect() as client:
            client.send(request)
            head = client.head()
            try:
                client.body_of(head, "GET")
            except AssertionError:
                pass
            else:
                raise AssertionError("the client takes the response for whole")
            assert (head.body or client.data).startswith(received)
            run.report()

    return Play(id=id, asks=asks, steps=steps)


CUT = [
    cut("rfc9112-8-raise-in-chunked", "a failure inside a chunked body leaves out its end",
        ("start",), ("body", b"abc", True), ("raise",)),
    cut("rfc9112-8-return-in-chunked", "so does an app that returns",
        ("start",), ("body", b"abc", True)),
    cut("rfc9112-8-raise-in-length", "a failure before Content-Length is reached closes",
        ("start", 200, [length(9)]), ("body", b"abc", True), ("raise",)),
    cut("rfc9110-8.6-too-short", "a body shorter than its Content-Length closes",
        ("start", 200, [length(9)]), ("body", b"abc", True), ("body",)),
    cut("rfc9110-8.6-too-long-and-gone", "a body that is too long is never written past its length",
        ("start", 200, [length(9)]), ("body", b"abc", True), ("body", b"0123456789")),
]  # fmt: skip


def flushed(peer):
    """The client has the first part while the app waits."""
    peer_run = peer.begin([("start",), ("body", b"ab", True), ("wait", "seen"), ("body", b"c")])
    with peer.connect() as client:
        client.send(REQUEST)
        head = client.head()
        assert client.line() == b"2"
        assert client.take(4) == b"ab\r\n"
        peer_run.tell("seen")
        client.body_of(head, "GET")
        assert head.body == b"c"


def head_flushed(peer):
    """An empty body with more to come sends the head: server-sent events begin so."""
    run = peer.begin([("start",), ("body", b"", True), ("wait", "seen"), ("body", b"c")])
    with peer.connect() as client:
        client.send(REQUEST)
        head = client.head()
        run.tell("seen")
        client.body_of(head, "GET")
        assert head.body == b"c"


def back_pressure(peer):
    """send() waits while the client does not read, so that the server's memory is bounded."""
    run = peer.begin([("start",), ("call", "flood", 64), ("body",)])
    with peer.connect() as client:
        client.send(REQUEST)
        run.wait("stuck")
        head = client.response()
        assert head.body == b"x" * (64 << 20)
        sent_before = run.report()[0]
        assert sent_before < 32, f"{sent_before} MiB were taken before the client read"


def back_pressure_at_once(peer):
    """Also for an app that sends it all in one go, without a suspension of its own."""
    run = peer.begin([("start",), ("call", "flood_at_once", 64), ("body",)])
    with peer.connect() as client:
        client.send(REQUEST)
        run.wait("begun")
        for _ in range(20):
            peer.pause()
        sent = len(run.scopes[0]["sent"])
        assert sent < 32, f"{sent} MiB were taken before the client read"
        assert client.response().body == b"x" * (64 << 20)


def lost_while_waiting(peer):
    run = peer.begin([("start",), ("call", "flood", 64)])
    with peer.connect() as client:
        client.send(REQUEST)
        run.wait("stuck")
        client.reset()
        assert run.report()[-1] == "lost"


def lost(peer):
    run = peer.begin([("start",), ("body", b"a", True), ("receive",), ("receive",),
                      ("try", body(b"b", True)), ("try", body(b""))])  # fmt: skip
    with peer.connect() as client:
        client.send(REQUEST)
        client.head()
        client.reset()
    assert run.report()[1:] == [{"type": "http.disconnect"}, "lost", "lost"]


def lost_before_start(peer):
    run = peer.begin([("tell", "here"), ("receive",), ("receive",), ("try", START), ("try", BODY)])
    with peer.connect() as client:
        client.send(REQUEST)
        run.wait("here")
        client.reset()
    assert run.report()[1:] == [{"type": "http.disconnect"}, "lost", "lost"]


FLOW = [
    Play(id="asgi-send-flushes", asks="send() writes before it returns", steps=flushed),
    Play(id="asgi-send-flushes-head", asks="an empty first body writes the head",
         steps=head_flushed),
    Play(id="asgi-send-back-pressure", asks="send() waits for a client that does not read",
         steps=back_pressure),
    Play(id="asgi-send-back-pressure-at-once", asks="even when the app does nothing else",
         steps=back_pressure_at_once, local=True),
    Play(id="asgi-send-disconnect-while-waiting",
         asks="a send() that waits raises OSError when the client goes", steps=lost_while_waiting),
    Play(id="asgi-send-disconnected", asks="send() after a disconnect raises OSError", steps=lost),
    Play(id="asgi-send-disconnected-start", asks="so does the start", steps=lost_before_start),
]  # fmt: skip

CASES = [*ORDER, *STARTS, *FRAMING, *BODILESS, *FAILURES, *CUT, *FLOW]
