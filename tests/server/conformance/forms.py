"""Requests that are taken, and the scope that the app sees."""

import tempfile

from .cases import WAYS, Exchange, Play

READ = [("read",), ("reply",)]


def seen(id, asks, request, scope, body=b"", **more):  # noqa: A002
    """The app sees these parts of the scope and this body."""
    keys, values = list(scope), list(scope.values())
    more.setdefault("ways", WAYS)
    script = [("scope", *keys), *READ]
    return Exchange(
        id=id, asks=asks, request=request, script=script, journal=[*values, body], **more
    )


def get(target, host=b"h"):
    return b"GET " + target + b" HTTP/1.1\r\nHost: " + host + b"\r\n\r\n"


def target(id, asks, raw, path, raw_path, query=b"", **more):  # noqa: A002
    scope = {"path": path, "raw_path": raw_path, "query_string": query}
    return seen(id, asks, get(raw), scope, **more)


def field(text):
    return b"GET / HTTP/1.1\r\nHost: h\r\n" + text + b"\r\n\r\n"


def fields(id, asks, text, *pairs):  # noqa: A002
    return seen(id, asks, field(text), {"headers": [(b"host", b"h"), *pairs]})


TARGETS = [
    target("rfc9112-3.2.1-origin", "the origin form", b"/a/b", "/a/b", b"/a/b"),
    target("rfc9112-3.2.1-root", "its shortest", b"/", "/", b"/"),
    target("rfc9112-3.2.1-query", "a query after a question mark", b"/a?b=c", "/a", b"/a", b"b=c"),
    target("rfc9112-3.2.1-query-empty", "an empty query", b"/a?", "/a", b"/a"),
    target("rfc9112-3.2.1-query-alone", "a query after the root", b"/?q", "/", b"/", b"q"),
    target("rfc9112-3.2.1-query-question-marks", "the first question mark begins the query",
           b"/a?b?c", "/a",
           b"/a", b"b?c"),
    target("rfc9112-3.2.1-query-encoded", "a query stays encoded", b"/?a=%20%3F&b=%zz", "/", b"/",
           b"a=%20%3F&b=%zz"),
    target("rfc9112-3.2.1-double-slash", "an empty segment is not a host", b"//a/b", "//a/b",
           b"//a/b"),
    target("rfc9112-3.2.1-dots", "dots are the app's to resolve", b"/a/../b", "/a/../b",
           b"/a/../b"),
    target("rfc9112-3.2.1-parameters", "semicolons and commas", b"/a;b=c,d", "/a;b=c,d",
           b"/a;b=c,d"),
    target("rfc9112-3.2.1-all-marks", "all characters of a path",
           b"/-._~!$&'()*+,;=:@", "/-._~!$&'()*+,;=:@", b"/-._~!$&'()*+,;=:@"),
    target("rfc9112-3.2.1-url-in-path", "a URL inside a path", b"/http://a/b", "/http://a/b",
           b"/http://a/b"),
    target("asgi-http-path-decoded", "path is percent-decoded", b"/a%20b", "/a b", b"/a%20b"),
    target("asgi-http-path-utf8", "as UTF-8", b"/%C3%A9", "/é", b"/%C3%A9"),
    target("asgi-http-path-utf8-4-bytes", "to its end", b"/%F0%9F%98%80", "/\U0001f600",
           b"/%F0%9F%98%80"),
    target("asgi-http-path-not-utf8", "what is not UTF-8 does not stop a request", b"/%E9",
           "/�", b"/%E9"),
    target("asgi-http-path-slash", "an encoded slash is decoded too; raw_path keeps it",
           b"/a%2Fb", "/a/b", b"/a%2Fb"),
    target("asgi-http-path-question-mark", "an encoded question mark does not begin a query",
           b"/a%3Fb",
           "/a?b", b"/a%3Fb"),
    target("asgi-http-path-percent", "decoding happens once", b"/%2541", "/%41", b"/%2541"),
    target("asgi-http-path-plus", "a plus is not a space", b"/a+b", "/a+b", b"/a+b"),
    target("asgi-http-path-nul", "an encoded NUL is a character", b"/a%00b", "/a\0b", b"/a%00b"),
    target("asgi-http-path-bad-escape", "a percent sign without digits stays", b"/a%zz%4",
           "/a%zz%4", b"/a%zz%4"),
    target("rfc9112-3.2.2-absolute", "the absolute form: its host is not in the path",
           b"http://a/b?c", "/b", b"/b", b"c"),
    target("rfc9112-3.2.2-absolute-https", "an absolute target with https",
           b"https://a:1/b", "/b", b"/b"),
    target("rfc9112-3.2.2-absolute-capitals", "schemes are case-insensitive",
           b"HTTP://a/B", "/B", b"/B"),
    target("rfc9110-4.2.3-absolute-no-path", "an empty path is the root", b"http://a", "/", b"/"),
    target("rfc9110-4.2.3-absolute-query", "even before a query", b"http://a?b", "/", b"/", b"b"),
    target("rfc9112-3.2.2-absolute-decoded", "its path is decoded as well", b"http://a/%C3%A9",
           "/é", b"/%C3%A9"),
    target("rfc9112-3.2.2-absolute-ipv6", "an IP literal as host", b"http://[::1]:80/b", "/b",
           b"/b"),
    seen("rfc9112-3.2.2-absolute-host", "the target's authority replaces the Host field",
         get(b"http://a:81/", b"b"), {"headers": [(b"host", b"a:81")]}),
    seen("rfc9112-3.2.2-absolute-host-in-1.0", "HTTP/1.0 without a Host gets it from the target",
         b"GET http://a:81/ HTTP/1.0\r\nX: 1\r\n\r\n",
         {"headers": [(b"host", b"a:81"), (b"x", b"1")]}, closes=True),
    seen("rfc9112-3.2.2-absolute-other-fields", "and no other field",
         b"GET http://a/ HTTP/1.1\r\nX: 1\r\nHost: b\r\nY: 2\r\n\r\n",
         {"headers": [(b"x", b"1"), (b"host", b"a"), (b"y", b"2")]}),
    seen("rfc9112-3.2.2-absolute-scheme", "the connection's scheme stays", get(b"https://a/"),
         {"scheme": "http"}),
    seen("rfc9112-3.2.4-asterisk", "OPTIONS * asks about the server",
         b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
         {"method": "OPTIONS", "path": "*", "raw_path": b"*", "query_string": b""}),
    seen("rfc9112-3.2.4-options-absolute", "OPTIONS of a URI without a path",
         b"OPTIONS http://a HTTP/1.1\r\nHost: h\r\n\r\n", {"method": "OPTIONS", "path": "/"}),
    seen("rfc9112-3.2.2-absolute-port-empty", "an empty port is the default one",
         get(b"http://a:/b"), {"path": "/b"}),
    seen("rfc9112-3.2.1-options-path", "OPTIONS of a path",
         b"OPTIONS /a HTTP/1.1\r\nHost: h\r\n\r\n", {"method": "OPTIONS", "path": "/a"}),
    seen("rfc9112-3-long-target", "a request line of 8,000 bytes (RFC 9112 3: at least)",
         get(b"/" + b"a" * 7900), {"query_string": b""}, ways=("whole", "behind")),
]  # fmt: skip

METHODS = [
    seen(f"rfc9110-9.1-method-{name.lower()}", f"the method {name} reaches the app",
         name.encode() + b" / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", {"method": name})
    for name in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "PROPFIND",
                 "QUERY", "PURGE", "M-SEARCH", "SOURCE", "BREW", "X", "123", "!#$")
]  # fmt: skip

FIELDS = [
    fields("asgi-http-headers-lower-case", "names are lower-case", b"X-ABC: D",
           (b"x-abc", b"D")),
    fields("rfc9110-5.3-order", "fields stay in their order, repeated ones apart",
           b"B: 1\r\nA: 2\r\nB: 3", (b"b", b"1"), (b"a", b"2"), (b"b", b"3")),
    fields("rfc9112-5-ows", "white space around a value is not part of it", b"A: \t b c \t",
           (b"a", b"b c")),
    fields("rfc9112-5-no-space", "no space is needed after the colon", b"A:b", (b"a", b"b")),
    fields("rfc9112-5-empty-value", "a value may be empty", b"A:", (b"a", b"")),
    fields("rfc9112-5-blank-value", "or blank", b"A:   ", (b"a", b"")),
    fields("rfc9110-5.5-tab-inside", "a tab inside a value stays", b"A: b\tc", (b"a", b"b\tc")),
    fields("rfc9110-5.5-colons", "colons in a value", b"A: b:c: d", (b"a", b"b:c: d")),
    fields("rfc9110-5.5-obs-text", "bytes beyond ASCII are passed on", b"A: \xe9\xff",
           (b"a", b"\xe9\xff")),
    fields("rfc9110-5.5-utf-8", "UTF-8 among them", "A: é".encode(), (b"a", "é".encode())),
    fields("rfc9110-5.6.2-token", "every character of a token", b"!#$%&'*+-.^_`|~0aZ: b",
           (b"!#$%&'*+-.^_`|~0az", b"b")),
    fields("rfc9110-5.6.2-underscore", "an underscore is not a hyphen", b"A_B: 1\r\nA-B: 2",
           (b"a_b", b"1"), (b"a-b", b"2")),
    fields("asgi-http-headers-cookie", "fields that mean something pass as well",
           b"Cookie: a=1; b=2", (b"cookie", b"a=1; b=2")),
    fields("rfc9110-7.6.1-connection", "hop-by-hop fields are shown to the app",
           b"Connection: keep-alive, x\r\nTE: trailers", (b"connection", b"keep-alive, x"),
           (b"te", b"trailers")),
    fields("rfc9110-7.8-upgrade", "an upgrade to an unknown protocol is ignored",
           b"Connection: upgrade\r\nUpgrade: foo/2", (b"connection", b"upgrade"),
           (b"upgrade", b"foo/2")),
    fields("rfc9110-7.8-upgrade-unconnected", "so is an Upgrade that Connection does not list",
           b"Upgrade: websocket", (b"upgrade", b"websocket")),
    seen("rfc9110-7.8-upgrade-in-1.0", "and one in HTTP/1.0",
         b"GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
         {"type": "http", "http_version": "1.0"}, closes=True),
    seen("rfc9110-7.8-upgrade-with-body", "the body of such a request is a body",
         b"POST / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: foo\r\n"
         b"Content-Length: 3\r\n\r\nabc", {"method": "POST"}, b"abc"),
    seen("rfc9110-7.8-upgrade-chunked", "so is an Upgrade with a chunked body",
         b"POST / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: foo\r\n"
         b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", {"method": "POST"}, b"abc"),
    fields("rfc9113-3.2-h2c", "so is an upgrade to h2c",
           b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
           b"HTTP2-Settings: AAMAAABkAAQAAP__", (b"connection", b"Upgrade, HTTP2-Settings"),
           (b"upgrade", b"h2c"), (b"http2-settings", b"AAMAAABkAAQAAP__")),
    fields("rfc9110-5.4-hundred-fields", "many fields",
           b"\r\n".join(b"A%d: b" % i for i in range(100)),
           *[(b"a%d" % i, b"b") for i in range(100)]),
    seen("rfc9112-3.2-host-empty", "an empty Host is one", get(b"/", b""),
         {"headers": [(b"host", b"")]}),
    *(seen(f"rfc9110-7.2-host-{name}", f"{text.decode()} as Host", get(b"/", text),
           {"headers": [(b"host", text)]})
      for name, text in {"name": b"a.example", "port": b"a.example:80", "port-empty": b"a:",
                         "ipv4": b"127.0.0.1:8000", "ipv6": b"[2001:db8::1]",
                         "ipv6-port": b"[::1]:80", "underscore": b"a_b", "percent": b"a%2Db",
                         "marks": b"a!$&'()*+,;=-._~"}.items()),
]  # fmt: skip

BODY = b"POST / HTTP/1.1\r\nHost: h\r\n"
CHUNKED = BODY + b"Transfer-Encoding: chunked\r\n\r\n"

BODIES = [
    seen("rfc9112-6.3-content-length", "a body of Content-Length bytes",
         BODY + b"Content-Length: 5\r\n\r\nabcde", {}, b"abcde"),
    seen("rfc9112-6.3-content-length-zero", "a Content-Length of 0",
         BODY + b"Content-Length: 0\r\n\r\n", {}),
    seen("rfc9112-6.3-content-length-zeros", "leading zeros change nothing",
         BODY + b"Content-Length: 0005\r\n\r\nabcde", {}, b"abcde"),
    seen("rfc9112-6.3-content-length-ows", "white space around a length is ignored",
         BODY + b"Content-Length: \t5 \r\n\r\nabcde", {}, b"abcde"),
    seen("rfc9112-6.3-no-body", "without a length there is no body", BODY + b"\r\n", {}),
    seen("rfc9110-9.3.1-get-with-body", "a GET with a body keeps the connection in step",
         b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", {}, b"abc"),
    seen("rfc9112-6.3-body-like-a-request", "a body that looks like a request",
         BODY + b"Content-Length: 27\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", {},
         b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
    seen("rfc9112-7.1-chunked", "a chunked body", CHUNKED + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", {},
         b"abcde"),
    seen("rfc9112-7.1-chunked-empty", "an empty one", CHUNKED + b"0\r\n\r\n", {}),
    seen("rfc9112-7.1-size-cases", "sizes in either case", CHUNKED + b"a\r\n" + b"x" * 10
         + b"\r\nA\r\n" + b"y" * 10 + b"\r\n0\r\n\r\n", {}, b"x" * 10 + b"y" * 10),
    seen("rfc9112-7.1-size-zeros", "sizes with leading zeros",
         CHUNKED + b"0003\r\nabc\r\n000\r\n\r\n", {}, b"abc"),
    seen("rfc9112-7.1-crlf-in-data", "chunks that hold CR LF",
         CHUNKED + b"7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", {}, b"\r\n0\r\n\r\n"),
    seen("rfc9112-7.1.1-extension", "chunk extensions are ignored",
         CHUNKED + b"3;a;b=c;d=\"e f\"\r\nabc\r\n0;g\r\n\r\n", {}, b"abc"),
    seen("rfc9112-7.1.2-trailers", "trailers are not headers",
         CHUNKED + b"3\r\nabc\r\n0\r\nX-A: b\r\nX-C: d\r\n\r\n",
         {"headers": [(b"host", b"h"), (b"transfer-encoding", b"chunked")]}, b"abc"),
    seen("rfc9112-7-coding-case", "codings are case-insensitive",
         BODY + b"Transfer-Encoding: CHUNKED\r\n\r\n3\r\nabc\r\n0\r\n\r\n", {}, b"abc"),
    seen("rfc9112-2.2-empty-line-before", "an empty line before a request is ignored",
         b"\r\n" + get(b"/"), {"path": "/"}),
    seen("rfc9112-2.2-empty-lines-before", "several of them",
         b"\r\n\r\n\r\n" + get(b"/"), {"path": "/"}),
    seen("rfc9110-5.6.1.2-expect", "empty elements of Expect do not count",
         BODY + b"Expect: , 100-continue,\r\nContent-Length: 3\r\n\r\nabc", {}, b"abc"),
    seen("rfc9112-7.1.1-extension-quoted", "quoted values of extensions",
         CHUNKED + b'3;a="b;\\"c\\"";d;e=\r\nabc\r\n0\r\n\r\n', {}, b"abc"),
    seen("rfc9110-10.1.1-expect-in-1.0", "an expectation in HTTP/1.0 is ignored",
         b"POST / HTTP/1.0\r\nExpect: x\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabc",
         {}, b"abc"),
]  # fmt: skip

SCOPE = [
    seen("asgi-http-type", "the type of the scope", get(b"/"), {"type": "http"}),
    seen("asgi-http-asgi-version", "its ASGI version", get(b"/"), {"asgi/version": "3.0"}),
    seen("asgi-http-http-version-1.1", "the HTTP version", get(b"/"), {"http_version": "1.1"}),
    seen("asgi-http-http-version-1.0", "of each request",
         b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", {"http_version": "1.0"}),
    seen("asgi-http-scheme", "the scheme", get(b"/"), {"scheme": "http"}),
    seen("asgi-http-root-path", "root_path is empty by default", get(b"/"), {"root_path": ""}),
    seen("asgi-http-root-path-option", "root_path as configured, and the path with it",
         get(b"/a"), {"root_path": "/app", "path": "/app/a", "raw_path": b"/app/a"},
         options={"root_path": "/app"}),
]  # fmt: skip


def addresses(peer):
    run = peer.begin([("scope", "client", "server"), ("reply",)])
    with peer.connect() as client:
        client.send(get(b"/"))
        client.response()
        here, there = client.socket.getsockname(), client.socket.getpeername()
        assert [tuple(address) for address in run.report()] == [here[:2], there[:2]]


def unix_address(peer):
    """A Unix socket is [path, None]; its clients have no address."""
    found = []

    async def app(scope, receive, send):
        assert scope["type"] == "http"
        found.append((scope["client"], scope["server"]))
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/socket"
        server = peer.start(app, uds=path)
        with server.connect() as client:
            client.send(get(b"/"))
            assert client.response().status == 204
        assert server.stop() is None
        assert found == [(None, [path, None])]


def fresh_scopes(peer):
    """What one call does to its scope is not seen by the next."""
    run = peer.begin([("call", "spoil_scope"), ("scope", "headers", "asgi", "extensions", "spoilt"),
                      ("reply",)])  # fmt: skip
    with peer.connect() as client:
        client.send(get(b"/") * 2)
        client.response()
        client.response()
    first, second = run.report(), run.report()
    assert first == second, (first, second)


def state_is_shared(peer):
    run = peer.begin([("call", "use_state"), ("reply",)])
    with peer.connect() as client:
        client.send(get(b"/") * 2)
        client.response()
        client.response()
    first, second = run.report(), run.report()
    # A shallow copy: what the lifespan put in is shared, what a request adds is not.
    assert first[0] + 1 == second[0]
    assert first[1] == second[1] == "nothing"


ADDRESSES = [
    Play(id="asgi-http-client-server", asks="client and server as (host, port), ports as int",
         steps=addresses),
    Play(id="asgi-http-server-unix", asks="server as [path, None] on a Unix socket", local=True,
         steps=unix_address),
    Play(id="asgi-http-fresh-scope", asks="each request has a scope of its own",
         steps=fresh_scopes),
    Play(id="asgi-lifespan-state", asks="each request has a shallow copy of the lifespan's state",
         steps=state_is_shared),
]  # fmt: skip

CASES = [*TARGETS, *METHODS, *FIELDS, *BODIES, *SCOPE, *ADDRESSES]
