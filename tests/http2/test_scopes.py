"""What an app is told of a request over HTTP/2 by the server's options, and what is noted of it."""

import contextvars

from http1.apps import answer, read

from fastserve.importer import load
from fastserve.service import make_service

from .peer import Peer, fixture_loop, fixture_serve

__all__ = ["fixture_loop", "fixture_serve"]


class Seen:
    """`scopes` has what the app was given."""

    def __init__(self):
        self.scopes = []

    async def __call__(self, scope, receive, send):
        self.scopes.append(scope)
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close"})
        else:
            await answer(send)


def test_a_scope(serve):
    seen = Seen()
    peer = Peer(serve(seen, root_path="/api"))
    assert peer.get(b"/a%20b?c=d", (b"x", b"y")).status == 200
    (scope,) = seen.scopes
    assert scope["type"] == "http"
    assert scope["http_version"] == "2"
    assert scope["method"] == "GET"
    assert scope["scheme"] == "http"
    assert scope["raw_path"].endswith(b"/a%20b")
    assert scope["path"].endswith("/a b")
    assert scope["query_string"] == b"c=d"
    assert scope["root_path"] == "/api"
    assert scope["headers"] == [(b"host", b"h"), (b"x", b"y")]
    assert scope["client"] == ("127.0.0.1", 50000)
    assert scope["server"] == ("127.0.0.1", 8000)


def test_the_scopes_of_two_streams_are_two(serve):
    """ASGI: an app may change its scope."""
    seen = Seen()
    peer = Peer(serve(seen, state={"shared": [1]}))
    for _ in range(2):
        peer.get()
        peer.websocket()
    peer.settle()
    for scope in seen.scopes:
        scope["state"]["own"] = scope["extensions"]["own"] = {}
        assert scope["state"]["shared"] is seen.scopes[0]["state"]["shared"]
    first, second = seen.scopes[0], seen.scopes[2]
    assert first["state"]["own"] is not second["state"]["own"]
    assert first["asgi"] is not second["asgi"]


def test_a_unix_socket(serve):
    seen = Seen()
    peer = Peer(serve(seen), peername="", sockname="/run/app.sock")
    assert peer.get().status == 200
    assert seen.scopes[0]["client"] is None
    assert seen.scopes[0]["server"] == ["/run/app.sock", None]


def test_a_trusted_proxy(serve):
    """Each stream has a client of its own."""
    seen = Seen()
    peer = Peer(serve(seen, forwarded_allow_ips="127.0.0.1"))
    for number in range(3):
        peer.get(
            b"/",
            (b"x-forwarded-for", b"192.0.2.%d" % number),
            (b"x-forwarded-proto", b"https" if number else b"http"),
        )
    assert [scope["client"][0] for scope in seen.scopes] == [f"192.0.2.{n}" for n in range(3)]
    assert [scope["scheme"] for scope in seen.scopes] == ["http", "https", "https"]


def test_each_request_has_its_own_context(serve):
    variable = contextvars.ContextVar("variable", default=None)
    seen = []

    async def app(scope, receive, send):
        seen.append(variable.get())
        variable.set(scope["path"])
        await answer(send)
        seen.append(variable.get())

    peer = Peer(serve(app))
    for path in (b"/1", b"/2"):
        peer.request(path)
    peer.settle()
    assert seen == [None, "/1", None, "/2"]


class Log:
    """Stands for the access log; `lines` has the path, the status and the client of each line."""

    timed = True
    wants_headers = wants_response_headers = False

    def __init__(self):
        self.lines = []

    def record(self, entry):
        assert entry.version == "2"
        assert entry.elapsed >= 0
        self.lines.append((entry.path, entry.status, entry.client))


def logged(serve, loop, app, **options):
    """A served app with an access log."""
    served = serve(app, **options)
    log = Log()
    served.service.stop()
    served.service = make_service(load(served.config), served.config, loop, {}, log)
    served.service.start()
    return served, log


def test_the_access_log(serve, loop):
    async def app(scope, receive, send):
        if scope["path"] == "/fails":
            raise ValueError
        if scope["path"] == "/stalls":
            await read(receive)
            return
        if scope["path"] == "/waits":
            await receive()
            await receive()
        await answer(send)

    served, log = logged(serve, loop, app, forwarded_allow_ips="127.0.0.1", timeout_body=5.0)
    peer = Peer(served)
    forwarded = (b"x-forwarded-for", b"192.0.2.1")
    peer.get(b"/answers", forwarded)
    peer.get(b"/fails")
    waits = peer.request(b"/waits")
    stalls = peer.request(b"/stalls", method=b"POST", data=b"x", end=False)
    peer.settle()
    peer.session.reset(waits)
    peer.settle()
    loop.advance(8)
    peer.settle()
    assert peer.answers[stalls].status == 408
    local = "127.0.0.1:50000"
    assert log.lines == [
        (b"/answers", 200, "192.0.2.1:0"),
        (b"/fails", 500, local),
        (b"/waits", 499, local),
        (b"/stalls", 408, local),
    ]
