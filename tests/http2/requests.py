"""What a request is made of: RFC 9113 8."""

from .cases import (
    Answer,
    Case,
    Either,
    Ended,
    Reset,
    failed,
    pause,
    refused,
    until,
)  # fmt: skip
from .frames import (
    CANCEL,
    COMPRESSION_ERROR,
    ENHANCE_YOUR_CALM,
    GET,
    POST,
    PROTOCOL_ERROR,
    STREAM_CLOSED,
    added,
    block,
    continuation,
    data,
    headers,
    indexed,
    pieces,
    request,
)  # fmt: skip

METHOD, SCHEME, AUTHORITY, PATH = GET


def bad(id, asks, fields, *, end=True, **more):  # noqa: A002
    """A malformed request, with an app that must not be called."""
    more.setdefault("calls", 0)
    return Case(id=f"rfc9113-{id}", asks=asks, sends=[headers(1, fields, end=end)],
                expects=[refused()], **more)  # fmt: skip


def good(id, asks, fields, keys=(), values=(), *sends, **more):  # noqa: A002
    """A request that reaches the app; `keys` of its scope and their values."""
    noted = [("fields",)] if keys == "fields" else [("scope", *keys)]
    script = [*noted, ("read",), ("reply",)]
    more.setdefault("journals", [[*values, b""]])
    return Case(id=id, asks=asks, script=script, calls=1,
                sends=[headers(1, fields, end=not sends), *sends], **more)  # fmt: skip


def with_field(name, value=b"a"):
    return [*GET, (name, value)]


NAMES = [
    bad("8.2-name-upper-case", "field names are in lower case", with_field(b"X-Name")),
    bad("8.2-name-upper-case-last", "in all of their letters", with_field(b"x-namE")),
    bad("8.2.1-name-space", "a name has no space", with_field(b"x name")),
    bad("8.2.1-name-space-first", "also not in front", with_field(b" x")),
    bad("8.2.1-name-nul", "nor NUL", with_field(b"x\0")),
    bad("8.2.1-name-line-feed", "nor LF", with_field(b"x\ny")),
    bad("8.2.1-name-carriage-return", "nor CR", with_field(b"x\r")),
    bad("8.2.1-name-delete", "nor DEL", with_field(b"x\x7f")),
    bad("8.2.1-name-obs-text", "nor a byte above", with_field(b"x\xe4")),
    bad("8.2.1-name-colon", "nor a colon", with_field(b"x:y")),
    bad("8.2.1-name-colon-last", "nor one at its end", with_field(b"x:")),
    bad("8.2.1-name-empty", "and is not empty", with_field(b""), choice=True),
    bad("8.2.1-name-not-a-token", "it is a token, RFC 9110 5.1", with_field(b"x(y)"), choice=True),
    bad("8.2.1-value-nul", "a value has no NUL", with_field(b"x", b"a\0b")),
    bad("8.2.1-value-line-feed", "nor LF", with_field(b"x", b"a\nb: c")),
    bad("8.2.1-value-carriage-return", "nor CR", with_field(b"x", b"a\rb")),
    bad("8.2.1-value-crlf", "nor them together", with_field(b"x", b"a\r\nb: c")),
    bad("8.2.1-value-space-first", "nor a space in front", with_field(b"x", b" a")),
    bad("8.2.1-value-space-last", "or at its end", with_field(b"x", b"a ")),
    bad("8.2.1-value-tab-first", "nor a tab in front", with_field(b"x", b"\ta")),
    bad("8.2.1-value-tab-last", "or at its end", with_field(b"x", b"a\t")),
    bad(
        "8.2.1-value-bell",
        "control characters are refused too, RFC 9110 5.5",
        with_field(b"x", b"a\x07"),
        choice=True,
    ),
    bad("8.2.1-value-delete", "DEL is one", with_field(b"x", b"\x7f"), choice=True),
    good(
        "rfc9113-8.2.1-value-obs-text",
        "bytes above 127 are none",
        with_field(b"x", b"\xe4\xff"),
        "fields",
        [[(b"x", b"\xe4\xff")]],
        choice=True,
    ),
    good("rfc9113-8.2.1-value-empty", "a value may be empty", with_field(b"x", b"")),
    good(
        "rfc9113-8.2.1-value-inner-space",
        "and have spaces and tabs within",
        with_field(b"x", b"a  b\tc"),
    ),
    good(
        "rfc9113-8.2.1-name-token",
        "a name may have all that a token has",
        with_field(b"!#$%&'*+-.^_`|~0a"),
    ),
    good(
        "rfc9110-5.3-repeated",
        "a field may stand several times, in its order",
        [*GET, (b"x", b"1"), (b"y", b"2"), (b"x", b"3")],
        "fields",
        [[(b"x", b"1"), (b"y", b"2"), (b"x", b"3")]],
        choice=True,
    ),
    good("rfc9110-5.5-long-value", "a value of 4,000 bytes is fine", with_field(b"x", b"v" * 4000)),
    good(
        "rfc9110-5.4-many-fields",
        "so are fifty fields",
        [*GET, *((b"x-%d" % n, b"value") for n in range(50))],
    ),
]
CONNECTION_FIELDS = {
    "connection": b"close", "keep-alive": b"timeout=5", "proxy-connection": b"keep-alive",
    "transfer-encoding": b"chunked", "upgrade": b"websocket",
}  # fmt: skip
CONNECTION = [
    *(
        bad(
            f"8.2.2-{name}",
            f"{name} is a field of HTTP/1 connections",
            with_field(name.encode(), value),
        )
        for name, value in CONNECTION_FIELDS.items()
    ),
    bad("8.2.2-connection-empty", "also without a value", with_field(b"connection", b"")),
    bad(
        "8.2.2-transfer-encoding-body",
        "also before a body",
        [*POST, (b"transfer-encoding", b"chunked")],
        end=False,
    ),
    bad("8.2.2-te-gzip", "te says trailers or nothing", with_field(b"te", b"gzip")),
    bad("8.2.2-te-list", "not something else as well", with_field(b"te", b"trailers, gzip")),
    good("rfc9113-8.2.2-te-trailers", "te: trailers is fine", with_field(b"te", b"trailers")),
    good(
        "rfc9113-8.2.3-cookies",
        "cookie crumbs are joined",
        [*GET, (b"cookie", b"a=b"), (b"cookie", b"c=d"), (b"cookie", b"e=f")],
        "fields",
        [[(b"cookie", b"a=b; c=d; e=f")]],
    ),
    good(
        "rfc9113-8.2.3-cookies-apart",
        "also when other fields stand between them",
        [*GET, (b"cookie", b"a=b"), (b"x", b"y"), (b"cookie", b"c=d")],
        "fields",
        [[(b"cookie", b"a=b; c=d"), (b"x", b"y")]],
        choice=True,
    ),
    good(
        "rfc9113-8.2.3-cookie",
        "a single cookie is left as it is",
        [*GET, (b"cookie", b"a=b; c=d")],
        "fields",
        [[(b"cookie", b"a=b; c=d")]],
    ),
]
PSEUDO = [
    bad(
        "8.3-after-regular",
        "pseudo-fields stand before all others",
        [METHOD, SCHEME, AUTHORITY, (b"x", b"y"), PATH],
    ),
    bad("8.3-unknown", "there are no others", [*GET, (b":unknown", b"x")]),
    bad("8.3-empty-name", "a colon alone is none", [(b":", b"x"), *GET]),
    bad("8.3-status", ":status is not a request's", [*GET, (b":status", b"200")]),
    bad(
        "8.3-upper-case", ":METHOD is not :method", [(b":METHOD", b"GET"), SCHEME, AUTHORITY, PATH]
    ),
    *(
        bad(
            f"8.3.1-twice-{name.decode()[1:]}",
            f"{name.decode()} stands once",
            [(name, value), *GET],
        )
        for name, value in GET
    ),
    bad("8.3.1-twice-differing", "also with another value", [*GET, (b":path", b"/other")]),
    bad("8.3.1-no-method", ":method must be there", [SCHEME, AUTHORITY, PATH]),
    bad("8.3.1-no-scheme", "and :scheme", [METHOD, AUTHORITY, PATH]),
    bad("8.3.1-no-path", "and :path", [METHOD, SCHEME, AUTHORITY]),
    bad("8.3.1-nothing", "a request without fields is none", []),
    bad("8.3.1-no-pseudo", "nor is one of regular fields alone", [(b"host", b"h"), (b"x", b"y")]),
    bad("8.3.1-path-empty", ":path is not empty", request(path=b"")),
    bad("8.3.1-path-relative", "it begins with a slash", request(path=b"a/b"), choice=True),
    bad("8.3.1-path-star-get", "a star is for OPTIONS", request(path=b"*"), choice=True),
    bad("8.3.1-path-space", "it has no space, RFC 3986 3.3", request(path=b"/a b"), choice=True),
    bad("8.3.1-path-control", "and no control character", request(path=b"/a\x01"), choice=True),
    bad("8.3.1-path-absolute", "and is no URL", request(path=b"http://h/"), choice=True),
    bad("8.3.1-method-empty", ":method is a token, RFC 9110 9.1", request(b""), choice=True),
    bad("8.3.1-method-space", "without a space", request(b"GE T"), choice=True),
    bad("8.3.1-scheme-empty", ":scheme is not empty", request(scheme=b""), choice=True),
    bad("8.3.1-scheme-invalid", "and is one, RFC 3986 3.1", request(scheme=b"ht tp"), choice=True),
    bad("8.3.1-no-authority", "http and https have an authority", [METHOD, SCHEME, PATH]),
    bad("8.3.1-authority-empty", ":authority is not empty", request(authority=b"")),
    bad("8.3.1-host-empty", "nor is Host", [METHOD, SCHEME, PATH, (b"host", b"")]),
    bad(
        "8.3.1-authority-userinfo",
        "it has no user, RFC 9110 4.2.4",
        request(authority=b"user@h"),
        choice=True,
    ),
    bad(
        "8.3.1-authority-space",
        "it is a host, RFC 3986 3.2.2",
        request(authority=b"a b"),
        choice=True,
    ),
    bad("8.3.1-authority-path", "and not more than that", request(authority=b"h/x"), choice=True),
    bad(
        "8.3.1-authority-other-host",
        "Host says the same as :authority",
        [*GET, (b"host", b"other")],
        choice=True,
    ),
    bad(
        "8.3.1-host-twice",
        "Host stands once, RFC 9110 7.2",
        [METHOD, SCHEME, PATH, (b"host", b"h"), (b"host", b"i")],
        choice=True,
    ),
    good(
        "rfc9113-8.3.1-order", "pseudo-fields come in any order", [PATH, AUTHORITY, METHOD, SCHEME]
    ),
    good(
        "rfc9113-8.3.1-authority-is-host",
        ":authority is the host",
        GET,
        ["headers"],
        [[(b"host", b"h")]],
        choice=True,
    ),
    good(
        "rfc9113-8.3.1-host",
        "Host stands in for :authority",
        [METHOD, SCHEME, PATH, (b"host", b"h:80")],
        ["headers"],
        [[(b"host", b"h:80")]],
        choice=True,
    ),
    good(
        "rfc9113-8.3.1-host-same",
        "or beside it, with the same value",
        [*GET, (b"host", b"h")],
        ["headers"],
        [[(b"host", b"h")]],
        choice=True,
    ),
    good("rfc9113-8.3.1-authority-port", "with a port", request(authority=b"h:8080")),
    good("rfc9113-8.3.1-authority-v6", "and as an address", request(authority=b"[::1]:8080")),
    good(
        "rfc9113-8.3.1-options-star",
        "OPTIONS may be for the server, *",
        request(b"OPTIONS", b"*"),
        ["method", "path"],
        ["OPTIONS", "*"],
        choice=True,
    ),
    good(
        "rfc9113-8.3.1-query",
        "what follows the question mark is the query",
        request(path=b"/a%20b/%C3%A4?c=%64&e"),
        ["path", "raw_path", "query_string"],
        ["/a b/ä", b"/a%20b/%C3%A4", b"c=%64&e"],
    ),
    good(
        "rfc9113-8.3.1-method-unknown",
        "methods are the app's to know",
        request(b"BREW"),
        ["method"],
        ["BREW"],
    ),
    good(
        "rfc9113-8.3.1-path-long", "a path of 4,000 bytes is fine", request(path=b"/" + b"p" * 4000)
    ),
    good(
        "asgi-http-version",
        'the scope says "2"',
        GET,
        ["type", "http_version", "scheme"],
        ["http", "2", "http"],
    ),
    good(
        "asgi-client",
        "and where the client is",
        GET,
        ["client", "server"],
        [("127.0.0.1", 1), ("127.0.0.1", 2)],
        journals=None,
    ),
]
CONNECTS = [
    Case(
        id="rfc9113-8.5-connect",
        asks="CONNECT is for proxies: an error status, or a reset",
        sends=[headers(1, [(b":method", b"CONNECT"), (b":authority", b"h:1")], end=False)],
        calls=0,
        choice=True,
        expects=[Either(Answer(1, range(400, 600)), failed(1, PROTOCOL_ERROR))],
    ),
    bad("8.5-connect-path", "CONNECT has no :path", request(b"CONNECT"), end=False),
    bad(
        "8.5-connect-scheme",
        "and no :scheme",
        [(b":method", b"CONNECT"), SCHEME, (b":authority", b"h:1")],
        end=False,
    ),
    bad("8.5-connect-no-authority", "but an :authority", [(b":method", b"CONNECT")], end=False),
]
LENGTH = b"content-length"


def sized(count, *sends, id, asks, refuses=True, end=False, **more):  # noqa: A002
    """A body after a Content-Length; the app may have been called."""
    fields = [*POST, (LENGTH, count)]
    if refuses:
        more["expects"] = [refused()]
    return Case(id=f"rfc9113-8.1.1-{id}", asks=asks, sends=[headers(1, fields, end=end), *sends],
                **more)  # fmt: skip


def bodies(*parts):
    return [data(1, part, end=number == len(parts)) for number, part in enumerate(parts, 1)]


BODIES = [
    sized(
        b"3",
        *bodies(b"abc"),
        id="length",
        asks="Content-Length says how long the body is",
        refuses=False,
        journals=[[b"abc"]],
    ),
    sized(
        b"3",
        *bodies(b"a", b"bc", b""),
        id="length-parts",
        asks="of all frames together",
        refuses=False,
        journals=[[b"abc"]],
    ),
    sized(
        b"3",
        data(1, b"abc", pad=9, end=True),
        id="length-padded",
        asks="without padding",
        refuses=False,
        journals=[[b"abc"]],
    ),
    sized(b"0", id="length-zero", asks="it may be 0", refuses=False, end=True, journals=[[b""]]),
    sized(b"4", *bodies(b"abc"), id="too-short", asks="a shorter body is malformed"),
    sized(b"2", *bodies(b"abc"), id="too-long", asks="so is a longer one"),
    sized(
        b"2",
        data(1, b"ab"),
        data(1, b"c"),
        id="too-long-later",
        asks="as soon as there is too much",
    ),
    sized(b"3", id="no-body", asks="so is none at all", end=True),
    sized(b"0", *bodies(b"abc"), id="zero-and-body", asks="or one after a length of 0"),
    sized(
        b"4",
        data(1, b"abc"),
        headers(1, [(b"x-trailer", b"a")]),
        id="too-short-trailers",
        asks="trailers do not fill it up",
    ),
    sized(b"x", *bodies(b"abc"), id="not-a-number", asks="a length is a number"),
    sized(b"-1", *bodies(b"abc"), id="negative", asks="not a negative one"),
    sized(b"+3", *bodies(b"abc"), id="plus", asks="without a sign", choice=True),
    sized(b"", *bodies(b"abc"), id="empty", asks="with at least one digit", choice=True),
    sized(b"3, 3", *bodies(b"abc"), id="list", asks="and a single one", choice=True),
    sized(
        b"99999999999999999999999",
        *bodies(b"abc"),
        id="overflow",
        asks="one that does not fit in 64 bits is no length",
    ),
    Case(
        id="rfc9113-8.1.1-lengths-differ",
        asks="two lengths are malformed",
        sends=[headers(1, [*POST, (LENGTH, b"3"), (LENGTH, b"4")], end=False), *bodies(b"abc")],
        expects=[refused()],
    ),
    Case(
        id="rfc9113-8.1.1-lengths-same",
        asks="also if they are the same",
        choice=True,
        sends=[headers(1, [*POST, (LENGTH, b"3"), (LENGTH, b"3")], end=False), *bodies(b"abc")],
        expects=[refused()],
    ),
    Case(
        id="rfc9113-8.1.1-app-not-told-the-end",
        calls=1,
        asks="the app never sees the end of a malformed body",
        script=[("take", 3), ("lost",)],
        journals=[[3, "lost"]],
        choice=True,
        sends=[
            headers(1, [*POST, (LENGTH, b"4")], end=False),
            data(1, b"abc"),
            pause,
            data(1, end=True),
        ],
        expects=[failed(1, PROTOCOL_ERROR)],
    ),
    Case(
        id="rfc9113-8.1-get-with-body",
        asks="a GET may have a body",
        sends=[headers(1, GET, end=False), *bodies(b"abc")],
        journals=[[b"abc"]],
    ),
    Case(
        id="rfc9113-8.1-body-in-parts",
        asks="a body may come in any number of frames",
        sends=[headers(1, POST, end=False), *bodies(*[b"%03d" % n for n in range(200)])],
        journals=[[b"".join(b"%03d" % n for n in range(200))]],
    ),
    Case(
        id="rfc9113-8.1-body-after-while",
        asks="and after a while",
        script=[("take", 3), ("tell", "begun"), ("read",), ("reply",)],
        journals=[[3, b"def"]],
        sends=[
            headers(1, POST, end=False),
            data(1, b"abc"),
            lambda talk: talk.run.wait("begun"),
            data(1, b"def", end=True),
        ],
    ),
]
TRAILER = [(b"x-trailer", b"a")]
TRAILERS = [
    Case(id="rfc9113-8.1-trailers", asks="trailers end a request", journals=[[b"abc"]],
         sends=[headers(1, POST, end=False), data(1, b"abc"), headers(1, TRAILER)]),
    Case(id="rfc9113-8.1-trailers-no-body", asks="also without a body", journals=[[b""]],
         sends=[headers(1, POST, end=False), headers(1, TRAILER)]),
    Case(id="rfc9113-8.1-trailers-empty", asks="they may be empty", journals=[[b"abc"]],
         sends=[headers(1, POST, end=False), data(1, b"abc"), headers(1, b"")]),
    Case(id="rfc9113-8.1-trailers-length", asks="and stand after Content-Length",
         journals=[[b"abc"]], sends=[headers(1, [*POST, (LENGTH, b"3")], end=False),
                                     data(1, b"abc"), headers(1, TRAILER)]),
    Case(id="rfc9113-8.1-trailers-no-end", asks="HEADERS after the first end the stream",
         sends=[headers(1, POST, end=False), data(1, b"abc"), headers(1, TRAILER, end=False)],
         expects=[refused()]),
    Case(id="rfc9113-8.1-trailers-then-data", asks="nothing follows them",
         script=[("read",), ("wait", "go"), ("reply",)],
         sends=[headers(1, POST, end=False), headers(1, TRAILER), data(1, b"abc")],
         expects=[failed(1, STREAM_CLOSED)]),
    Case(id="rfc9113-8.1-trailers-twice", asks="also not more trailers",
         script=[("read",), ("wait", "go"), ("reply",)],
         sends=[headers(1, POST, end=False), headers(1, TRAILER), headers(1, TRAILER)],
         expects=[failed(1, STREAM_CLOSED, PROTOCOL_ERROR)]),
    *(Case(id=f"rfc9113-8.1-trailers-{name}", asks=asks, expects=[refused()],
           sends=[headers(1, POST, end=False), data(1, b"abc"), headers(1, [field])])
      for name, asks, field in [
          ("pseudo", "trailers have no pseudo-fields", (b":path", b"/")),
          ("status", "not even of a response", (b":status", b"200")),
          ("upper-case", "their names are in lower case", (b"X-Trailer", b"a")),
          ("connection", "they have no fields of connections", (b"connection", b"close")),
          ("line-feed", "and no LF", (b"x", b"a\nb")),
          ("nul", "and no NUL", (b"x", b"a\0")),
      ]),
]  # fmt: skip
EXPECT = request(b"POST", b"/", (b"expect", b"100-continue"))
CONTINUE = [
    Case(
        id="rfc9110-10.1.1-continue-http2",
        asks="100 comes when the app reads",
        sends=[
            headers(1, EXPECT, end=False),
            until(lambda wire: wire.stream(1).interim, "100 (Continue)"),
            data(1, b"abc", end=True),
        ],
        expects=[Answer(interim=(100,))],
        journals=[[b"abc"]],
        choice=True,
    ),
    Case(
        id="rfc9110-10.1.1-continue-refused",
        asks="it does not when the app answers",
        script=[("reply", b"no", 417)],
        sends=[headers(1, EXPECT, end=False)],
        expects=[Answer(status=417, interim=())],
        choice=True,
    ),
    Case(
        id="rfc9110-10.1.1-not-waited",
        asks="a client need not wait",
        journals=[[b"abc"]],
        sends=[headers(1, EXPECT, end=False), data(1, b"abc", end=True)],
    ),
    Case(
        id="rfc9110-10.1.1-no-body-http2",
        asks="and without a body there is nothing to wait for",
        sends=[headers(1, EXPECT)],
        expects=[Answer(interim=())],
        choice=True,
    ),
]
LIMIT = 1 << 20  # more than any server takes in a field
TOO_LARGE = Either(Answer(1, (431, 400, 413)), Reset(1, PROTOCOL_ERROR, ENHANCE_YOUR_CALM, CANCEL),
                   Ended(ENHANCE_YOUR_CALM, PROTOCOL_ERROR))  # fmt: skip


def large_block(size):
    """A request with a field of so many bytes, in CONTINUATIONs."""
    first, *rest = pieces(block(with_field(b"x", b"v" * size)), 16_000)
    sent = [continuation(1, part, done=part is rest[-1]) for part in rest]
    return b"".join([headers(1, first, done=False), *sent])


def bomb(count):
    """A value that enters the table and is then named so often by its index, RFC 7541 7.1."""
    return headers(1, block(GET) + added(b"x", b"v" * 4000) + indexed(62) * count)


LIMITS = [
    Case(
        id="rfc9113-10.5.1-field-too-large",
        asks="a field without bounds is refused",
        sends=[large_block(LIMIT)],
        # a decoder need not take so long a string at all
        expects=[Either(TOO_LARGE, Ended(COMPRESSION_ERROR))],
        calls=0,
        choice=True,
        abrupt=True,
    ),
    Case(
        id="rfc9113-10.5.1-fields-too-many",
        asks="so are fields without bounds",
        sends=[headers(1, [*GET, *((b"x", b"") for _ in range(3000))])],
        expects=[TOO_LARGE],
        calls=0,
        choice=True,
    ),
    Case(
        id="rfc7541-7.1-bomb",
        asks="and a small block that is a large list of fields",
        sends=[bomb(3000)],
        expects=[TOO_LARGE],
        calls=0,
        choice=True,
    ),
]
CASES = [
    *NAMES, *CONNECTION, *PSEUDO, *CONNECTS, *BODIES, *TRAILERS, *CONTINUE, *LIMITS,
]  # fmt: skip
