"""What becomes of what an app sends: RFC 9113 8.1 and 8.3.2, RFC 9110, and ASGI."""

from pathlib import Path

from .cases import HELD, Answer, Case, Either, Ignored, Reset, pause, tell, until_begun
from .client import CONNECTION_SPECIFIC
from .frames import GET, INTERNAL_ERROR, POST, data, headers, request, reset

HEAD = request(b"HEAD")
TE = request(b"GET", b"/", (b"te", b"trailers"))


def app(id, asks, *script, fields=GET, **more):  # noqa: A002
    """A GET, and what this script makes of it."""
    more.setdefault("calls", 1)
    return Case(id=id, asks=asks, script=list(script), sends=[headers(1, fields)], **more)


def start(status=200, *fields, **more):
    return ("send", {"type": "http.response.start", "status": status, "headers": fields, **more})


def try_start(*fields, status=200):
    return ("try", {"type": "http.response.start", "status": status, "headers": fields})


def as_the_app_gave(stream):
    names = [name for name, _ in stream.headers]
    assert names.index(b"x-one") < names.index(b"x-two"), names


def both_cookies(stream):
    cookies = [value for name, value in stream.headers if name == b"set-cookie"]
    assert cookies == [b"a=b", b"c=d"], cookies


def length(count):
    return (b"content-length", b"%d" % count)


HEADS = [
    app("rfc9113-8.3.2-status", ":status comes first, and is the app's", ("reply", b"", 201),
        expects=[Answer(status=201)]),
    app("rfc9113-8.3.2-status-unassigned", "any of three digits", ("reply", b"", 299),
        expects=[Answer(status=299)]),
    app("rfc9113-8.2-lower-case", "names are sent in lower case", start(200, (b"X-Name", b"Value")),
        ("body",), expects=[Answer(has={b"x-name": b"Value"})]),
    app("rfc9113-8.2.2-dropped", "fields of HTTP/1 connections are not sent",
        start(200, *((name, b"close") for name in sorted(CONNECTION_SPECIFIC))), ("body", b"abc"),
        expects=[Answer(body=b"abc")], choice=True),
    app("rfc9113-8.2.1-spaces", "white space around values is not sent",
        start(200, (b"x-a", b" b\t")), ("body",),
        expects=[Answer(has={b"x-a": b"b"}), Ignored()], choice=True),
    app("rfc9110-5.5-empty-value", "a value may be empty", start(200, (b"x-a", b"")), ("body",),
        expects=[Answer(has={b"x-a": b""})]),
    app("rfc9110-5.5-obs-text-http2", "and have bytes above 127", start(200, (b"x-a", b"\xe4")),
        ("body",), expects=[Answer(has={b"x-a": b"\xe4"})]),
    app("rfc9110-5.3-order-sent", "the order of fields is the app's",
        start(200, (b"x-one", b"1"), (b"x-two", b"2")), ("body",),
        expects=[Answer(check=as_the_app_gave)]),
    app("rfc6265-3-set-cookie", "Set-Cookie may stand several times",
        start(200, (b"set-cookie", b"a=b"), (b"set-cookie", b"c=d")), ("body",),
        expects=[Answer(check=both_cookies)]),
    app("rfc9110-5.5-long-value-sent", "a value of 4,000 bytes",
        start(200, (b"x-a", b"v" * 4000)), ("body",),
        expects=[Answer(has={b"x-a": b"v" * 4000})]),
    app("rfc9113-4.3-large-head-sent", "fields of 60,000 bytes are continued",
        start(200, *((b"x-%d" % n, b"v" * 4000) for n in range(15))), ("body",),
        expects=[Answer(has={b"x-14": b"v" * 4000})]),
    app("rfc9113-8.3.2-pseudo-of-the-app", "an app cannot send pseudo-fields",
        try_start((b":status", b"500")), try_start(), ("body",), journals=[["raised", "accepted"]],
        choice=True),
    *(app(f"rfc9110-5.5-{name}-sent", f"an app cannot send {what}", try_start(field), try_start(),
          ("body",), journals=[["raised", "accepted"]], choice=True)
      for name, what, field in [
          ("crlf", "CR LF in a value", (b"x-a", b"a\r\nb: c")),
          ("line-feed", "LF in a value", (b"x-a", b"a\nb")),
          ("carriage-return", "CR in a value", (b"x-a", b"a\rb")),
          ("nul", "NUL in a value", (b"x-a", b"a\0")),
          ("name-crlf", "CR LF in a name", (b"x-a\r\nb", b"a")),
          ("name-space", "a space in a name", (b"x a", b"a")),
          ("name-empty", "a field without a name", (b"", b"a")),
      ]),
]  # fmt: skip
BODIES = [
    app(
        "rfc9113-8.1-body",
        "a body in one message",
        ("reply", b"abc"),
        expects=[Answer(body=b"abc", has={b"content-length": b"3"})],
    ),
    app(
        "rfc9113-8.1-body-parts",
        "or in several",
        ("start",),
        ("body", b"ab", True),
        ("yield",),
        ("body", b"c"),
        expects=[Answer(body=b"abc")],
    ),
    app(
        "rfc9113-8.1-body-end-alone",
        "and an end without a byte",
        ("start",),
        ("body", b"abc", True),
        ("yield",),
        ("body",),
        expects=[Answer(body=b"abc")],
    ),
    app("rfc9113-8.1-body-none", "or none", ("start",), ("body",), expects=[Answer(body=b"")]),
    app(
        "rfc9110-9.3.2-head-http2",
        "HEAD has a Content-Length and no content",
        ("reply", b"abc"),
        fields=HEAD,
        method="HEAD",
        expects=[Answer(body=b"", has={b"content-length": b"3"})],
    ),
    app(
        "rfc9110-9.3.2-head-parts",
        "also in parts",
        ("start",),
        ("body", b"ab", True),
        ("yield",),
        ("body", b"c"),
        fields=HEAD,
        method="HEAD",
        expects=[Answer(body=b"")],
    ),
    app(
        "rfc9110-15.3.5-no-content",
        "204 has no content",
        start(204),
        ("body",),
        expects=[Answer(status=204, body=b"")],
    ),
    app(
        "rfc9110-15.3.5-no-content-with-body",
        "even if the app sends some",
        start(204, length(3)),
        ("body", b"abc"),
        expects=[Answer(status=204, body=b"")],
        choice=True,
    ),
    app(
        "rfc9110-15.4.5-not-modified",
        "nor has 304",
        start(304),
        ("body",),
        expects=[Answer(status=304, body=b"")],
    ),
    app(
        "rfc9110-15.4.5-not-modified-length",
        "which may say how long it would be",
        start(304, length(1000)),
        ("body",),
        expects=[Answer(status=304, body=b"")],
    ),
    app(
        "rfc9110-15.3.6-reset-content",
        "205 neither",
        start(205, length(0)),
        ("body",),
        expects=[Answer(status=205, body=b"")],
    ),
    app(
        "rfc9113-8.1.1-app-too-short",
        "fewer bytes than Content-Length are a broken response",
        start(200, length(5)),
        ("body", b"abc"),
        calls=1,
        choice=True,
        expects=[Either(Answer(status=500), Reset(1, INTERNAL_ERROR))],
    ),
    app(
        "rfc9113-8.1.1-app-too-short-parts",
        "also in parts",
        start(200, length(5)),
        ("body", b"abc", True),
        ("body", b""),
        choice=True,
        expects=[Reset(1, INTERNAL_ERROR)],
    ),
    app(
        "rfc9113-8.1.1-app-too-long",
        "more of them are not sent",
        start(200, length(3)),
        ("try", {"type": "http.response.body", "body": b"abcd"}),
        expects=[Either(Answer(status=500), Answer(body=b"abc"), Reset(1, INTERNAL_ERROR))],
        choice=True,
    ),
]
FAILURES = [
    app(
        "rfc9110-15.6.1-raise",
        "an app that fails gives a 500",
        ("raise",),
        expects=[Answer(status=500)],
    ),
    app(
        "rfc9110-15.6.1-return",
        "and one that does nothing",
        ("return",),
        expects=[Answer(status=500)],
    ),
    app(
        "rfc9113-8.1-raise-later",
        "after a part of the body the stream is reset",
        ("start",),
        ("body", b"abc", True),
        ("raise",),
        choice=True,
        expects=[Reset(1, INTERNAL_ERROR)],
    ),
    app(
        "rfc9113-8.1-return-later",
        "also when the app returns too early",
        ("start",),
        ("body", b"abc", True),
        choice=True,
        expects=[Reset(1, INTERNAL_ERROR)],
    ),
    Case(
        id="rfc9113-8.1-raise-with-body",
        asks="a failure while a body comes",
        choice=True,
        script=[("raise",)],
        sends=[headers(1, POST, end=False), data(1, b"abc")],
        expects=[Answer(status=500)],
    ),
    Case(
        id="rfc9113-5.4-failure-alone",
        asks="a failure is its own stream's",
        calls=2,
        script={"/a": [("raise",)], "/b": [("yield",), ("reply", b"b")]},
        sends=[headers(1, request(path=b"/a")), headers(3, request(path=b"/b"))],
        expects=[Answer(status=500), Answer(3, body=b"b")],
    ),
]
ANNOUNCED = start(200, trailers=True)


def trailers(*fields, more=False):
    return ("send", {"type": "http.response.trailers", "headers": fields, "more_trailers": more})


def try_trailers(*fields):
    return ("try", {"type": "http.response.trailers", "headers": fields, "more_trailers": False})


def hint(*links):
    return ("send", {"type": "http.response.early_hint", "links": list(links)})


SUMS = [(b"x-sum", b"1"), (b"x-more", b"2")]
LINK = b"</style.css>; rel=preload; as=style"


def links(stream):
    assert [dict(fields)[b"link"] for _, fields in stream.interim] == [LINK], stream.interim


EXTENSIONS = [
    app(
        "rfc9113-8.1-trailers-sent",
        "trailers end a response",
        ANNOUNCED,
        ("body", b"abc"),
        trailers(*SUMS),
        fields=TE,
        expects=[Answer(body=b"abc", trailers=SUMS)],
        choice=True,
    ),
    app(
        "rfc9113-8.1-trailers-sent-parts",
        "in several messages",
        ANNOUNCED,
        ("body", b"ab", True),
        ("yield",),
        ("body", b"c"),
        trailers(SUMS[0], more=True),
        trailers(SUMS[1]),
        fields=TE,
        expects=[Answer(body=b"abc", trailers=SUMS)],
        choice=True,
    ),
    app(
        "rfc9113-8.1-trailers-sent-alone",
        "also without a body",
        ANNOUNCED,
        ("body",),
        trailers(*SUMS),
        fields=TE,
        expects=[Answer(body=b"", trailers=SUMS)],
        choice=True,
    ),
    app(
        "rfc9113-8.1-trailers-crlf",
        "an app cannot send CR LF in them",
        ANNOUNCED,
        ("body",),
        try_trailers((b"x-a", b"a\r\nb: c")),
        try_trailers(*SUMS),
        fields=TE,
        expects=[Answer(trailers=SUMS)],
        journals=[["raised", "accepted"]],
        choice=True,
    ),
    app(
        "rfc9113-8.1-trailers-pseudo-sent",
        "nor pseudo-fields",
        ANNOUNCED,
        ("body",),
        try_trailers((b":status", b"200")),
        try_trailers(*SUMS),
        fields=TE,
        expects=[Answer(trailers=SUMS)],
        journals=[["raised", "accepted"]],
        choice=True,
    ),
    app(
        "rfc9113-8.1-trailers-unsent",
        "an app that forgets them breaks its response",
        ANNOUNCED,
        ("body", b"abc"),
        fields=TE,
        choice=True,
        expects=[Either(Reset(1, INTERNAL_ERROR), Answer(body=b"abc"))],
    ),
    app(
        "rfc8297-2-hint",
        "103 before the response",
        hint(LINK),
        ("reply",),
        expects=[Answer(interim=(103,), check=links)],
        choice=True,
    ),
    app(
        "rfc8297-2-hints",
        "or several",
        hint(LINK),
        hint(LINK),
        ("reply",),
        expects=[Answer(interim=(103, 103))],
        choice=True,
    ),
    app(
        "rfc8297-2-hint-then-failure",
        "a failure after it is a 500",
        hint(LINK),
        ("raise",),
        expects=[Answer(status=500, interim=(103,))],
        choice=True,
    ),
    app(
        "asgi-extensions-trailers",
        "the scope says what can be sent",
        (
            "scope",
            "extensions/http.response.trailers",
            "extensions/http.response.early_hint",
            "extensions/http.response.pathsend",
            "extensions/http.response.zerocopysend",
        ),
        ("reply",),
        fields=TE,
        journals=[[{}, {}, {}, {}]],
        choice=True,
    ),
    app(
        "asgi-pathsend-http2",
        "a file",
        ("start",),
        ("send", {"type": "http.response.pathsend", "path": __file__}),
        choice=True,
        expects=[Answer(body=Path(__file__).read_bytes())],
    ),
    app(
        "asgi-pathsend-http2-head",
        "a file and HEAD",
        ("start",),
        ("send", {"type": "http.response.pathsend", "path": __file__}),
        choice=True,
        fields=HEAD,
        method="HEAD",
        expects=[Answer(body=b"")],
    ),
    app(
        "asgi-zerocopysend-http2",
        "a part of a file",
        ("start",),
        ("call", "zero_copy", __file__, {"offset": 3, "count": 4}),
        choice=True,
        expects=[Answer(body=b"What")],
    ),
]
ORDER = [
    app(
        "asgi-body-before-start",
        "a body without a start raises",
        ("try", {"type": "http.response.body", "body": b"abc"}),
        ("reply",),
        journals=[["raised"]],
        choice=True,
    ),
    app(
        "asgi-start-twice",
        "a second start raises",
        ("start",),
        try_start(),
        ("body",),
        journals=[["raised"]],
        choice=True,
    ),
    app(
        "asgi-unknown-message",
        "an unknown message raises",
        ("try", {"type": "http.unknown"}),
        ("reply",),
        journals=[["raised"]],
        choice=True,
    ),
    app(
        "asgi-status-101",
        "there is no 101 in HTTP/2",
        try_start(status=101),
        try_start(),
        ("body",),
        journals=[["raised", "accepted"]],
        choice=True,
    ),
    Case(
        id="asgi-disconnect-after-end",
        asks="after the response receive() says http.disconnect",
        script=[("read",), ("reply",), ("receive",)],
        sends=[headers(1, GET)],
        journals=[[b"", {"type": "http.disconnect"}]],
        choice=True,
    ),
    Case(
        id="asgi-lost-before-start",
        asks="a client that resets at once",
        choice=True,
        script=[
            ("tell", "begun"),
            ("wait", "go"),
            ("try", {"type": "http.response.start", "status": 200}),
            ("try", {"type": "http.response.body", "body": b"abc"}),
        ],
        sends=[headers(1, GET), until_begun, reset(1), pause, tell("go")],
        expects=[],
        journals=[["lost", "lost"]],
    ),
    Case(
        id="asgi-closed-connection",
        asks="a client that closes the connection",
        choice=True,
        script=HELD,
        serves=False,
        expects=[],
        journals=[["lost"]],
        sends=[headers(1, POST, end=False), until_begun, lambda talk: talk.wire.client.reset()],
    ),
]
CASES = [*HEADS, *BODIES, *FAILURES, *EXTENSIONS, *ORDER]
