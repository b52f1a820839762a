"""Connections: how long they live, requests one behind the other, half-closed ones, deadlines."""

import socket
from pathlib import Path

from .cases import PLAIN, Exchange, Play
from .kinds import serve as app

GET = b"GET / HTTP/1.1\r\nHost: h\r\n"
OLD = b"GET / HTTP/1.0\r\nHost: h\r\n"
REPLY = [("reply", b"abc")]


def kept(id, asks, request, **more):  # noqa: A002
    return Exchange(id=id, asks=asks, request=request + b"\r\n", script=REPLY, body=b"abc", **more)


def closed(id, asks, request, **more):  # noqa: A002
    return kept(id, asks, request, closes=True, **more)


def answering(id, asks, request, header, closes):  # noqa: A002
    return Exchange(id=id, asks=asks, request=request + b"\r\n", closes=closes, body=b"abc",
                    script=[("reply", b"abc", 200, [header])])  # fmt: skip


PERSISTENCE = [
    kept("rfc9112-9.3-kept", "HTTP/1.1 connections persist", GET, lacks=(b"connection",)),
    kept("rfc9112-9.3-kept-alive", "Connection: keep-alive changes nothing",
         GET + b"Connection: keep-alive\r\n"),
    closed("rfc9112-9.6-close", "Connection: close ends the connection",
           GET + b"Connection: close\r\n"),
    closed("rfc9110-7.6.1-close-case", "options are case-insensitive",
           GET + b"Connection: CLOSE\r\n"),
    closed("rfc9110-7.6.1-close-in-list", "close among others",
           GET + b"Connection: x, close ,y\r\n"),
    closed("rfc9110-5.6.1.2-connection", "empty elements do not count",
           GET + b"Connection: ,, close ,\r\n"),
    closed("rfc9110-7.6.1-close-in-second-field", "or in a field of its own",
           GET + b"Connection: x\r\nConnection: close\r\n"),
    closed("rfc9112-9.3-close-wins", "close overrides keep-alive",
           GET + b"Connection: keep-alive, close\r\n"),
    kept("rfc9110-7.6.1-not-close", "closed is not close", GET + b"Connection: closed\r\n"),
    closed("rfc9112-9.3-old-closed", "HTTP/1.0 connections end", OLD),
    kept("rfc9112-9.3-old-kept", "an HTTP/1.0 connection is kept if the client asks for it",
         OLD + b"Connection: keep-alive\r\n", has={b"connection": b"keep-alive"}),
    kept("rfc9112-9.3-old-kept-case", "in any case", OLD + b"Connection: Keep-Alive\r\n",
         has={b"connection": b"keep-alive"}),
    closed("rfc9112-9.3-old-close-wins", "close overrides keep-alive there too",
           OLD + b"Connection: keep-alive, close\r\n"),
    closed("rfc9112-9.3-old-no-host", "HTTP/1.0 needs no Host", b"GET / HTTP/1.0\r\n"),
    answering("rfc9112-9.6-app-close", "the app may close", GET, (b"connection", b"close"), True),
    answering("rfc9112-9.6-app-close-capitals", "in any case", GET, (b"Connection", b"Close"),
              True),
    answering("rfc9112-9.6-app-keep-alive", "the app cannot keep what the client ends",
              GET + b"Connection: close\r\n", (b"connection", b"keep-alive"), True),
    answering("rfc9112-9.6-app-keep-alive-old", "not an HTTP/1.0 connection either", OLD,
              (b"connection", b"keep-alive"), True),
    answering("rfc9112-9.3-app-keep-alive-kept", "keep-alive from the app says nothing new", GET,
              (b"connection", b"keep-alive"), False),
]  # fmt: skip


def get(path):
    return b"GET " + path + b" HTTP/1.1\r\nHost: h\r\n\r\n"


def in_order(peer, script, count):
    """Pipelined requests are answered with their own paths, in order, one after the other."""
    run = peer.begin([("call", "reply_path", *script)])
    with peer.connect() as client:
        client.send(b"".join(get(b"/%d" % number) for number in range(count)))
        for number in range(count):
            assert client.response().body == b"/%d" % number
        for _ in range(count):
            assert run.report() == [1], "two requests of one connection were in progress"
        peer.begin([("reply", b"next")])
        client.send(PLAIN)
        assert client.response().body == b"next"


def pipelined(peer):
    in_order(peer, [], 3)


def pipelined_slow(peer):
    in_order(peer, ["yield"], 20)


def pipelined_thousand(peer):
    in_order(peer, [], 1000)


def pipelined_thousand_slow(peer):
    in_order(peer, ["yield"], 1000)


def pipelined_bodies(peer):
    """Bodies of both kinds between pipelined requests."""
    one = b"POST /%d HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
    two = b"POST /%d HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    run = peer.begin([("call", "echo_body")])
    with peer.connect() as client:
        client.send(b"".join((one if number % 2 else two) % number for number in range(10)))
        for number in range(10):
            assert client.response("POST").body == b"/%d abc" % number
        for _ in range(10):
            run.report()


def pipelined_close(peer):
    """What stands behind a request with close is not answered."""
    run = peer.begin([("call", "reply_path")])
    with peer.connect() as client:
        client.send(b"GET /1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" + get(b"/2"))
        response = client.response()
        assert response.body == b"/1"
        assert response.closes
        client.closed()
        assert run.calls == 1


def pipelined_error(peer):
    """A bad request behind a good one: both are answered, in order, then the close."""
    run = peer.begin([("yield",), ("yield",), ("call", "reply_path")])
    with peer.connect() as client:
        client.send(get(b"/1") + b"GET / HTTP/1.1\r\n\r\n" + get(b"/3"))
        assert client.response().body == b"/1"
        response = client.response()
        assert response.status == 400
        assert response.closes
        client.closed()
        assert run.calls == 1


def pipelined_failure(peer):
    """A failure of the app ends the connection: what stands behind it is not answered."""
    run = peer.begin([("raise",)])
    with peer.connect() as client:
        client.send(get(b"/1") + get(b"/2"))
        assert client.response().status == 500
        client.closed()
        assert run.calls == 1


def pipelined_bounded(peer):
    """While one request is in progress, little of what follows it is read."""
    run = peer.begin([("tell", "busy"), ("wait", "go"), ("reply",)])
    with peer.connect() as client:
        client.send(PLAIN)
        run.wait("busy")
        size = 256 << 20
        sent = client.fill(PLAIN * 1000, size)
        assert sent < size, "everything is read ahead"
        run.tell("go")
        assert client.response().body == b"ok"


def pipelined_across_segments(peer):
    """The second request begins in the segment of the first and ends in another."""
    run = peer.begin([("call", "reply_path")])
    with peer.connect() as client:
        client.send(get(b"/1") + b"GET /2 HT", b"TP/1.1\r\nHost: h\r\n\r\n")
        assert client.response().body == b"/1"
        assert client.response().body == b"/2"
        run.report()


def too_many(peer):
    """A request past the limit is told so at once; the one in progress is not disturbed."""
    run = peer.begin([("tell", "busy"), ("wait", "go"), ("reply",)])
    with peer.connect() as client, peer.connect() as other:
        client.send(PLAIN)
        run.wait("busy")
        other.send(PLAIN)
        response = other.response()
        assert response.status == 503
        assert response.closes
        other.closed()
        run.tell("go")
        assert client.response().body == b"ok"
        assert run.calls == 1


def head_refused(peer):
    """A refusal of a HEAD has no content either; its Content-Length may tell of one."""
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    with peer.connect() as client:
        client.send(b"HEAD / HTTP/1.1\r\nHost: h\r\n" + upgrade)
        response = client.response("HEAD")
        assert response.status in (400, 426)
        assert response.closes
        client.closed()


def head_malformed(peer):
    """Nor has one whose head is wrong, however it arrives."""
    pieces = (b"HEAD / HTTP/1.1\r\nHost: h\r\n", b"no colon\r\n\r\n")
    for parts in ([b"".join(pieces)], pieces, [b"\r\nHE", b"AD" + pieces[0][4:], pieces[1]]):
        with peer.connect() as client:
            client.send(*parts)
            assert client.response("HEAD").status == 400
            client.closed()


def refusal_says_why(peer):
    """The refusal of another method says why, also behind a HEAD."""
    with peer.connect() as client:
        client.send(b"GET / HTTP/1.1\r\nno colon\r\n\r\n")
        assert client.response().body
        client.closed()
    peer.begin([("reply",)])
    with peer.connect() as client:
        client.send(b"HEAD / HTTP", b"/1.1\r\nHost: h\r\n\r\n")
        assert client.response("HEAD").status == 200
        client.send(b"CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n")
        response = client.response()
        assert response.status in (400, 405, 501)
        assert response.body
        client.closed()


def half_closed(peer):
    """A client that has no more to send still gets its answer, then the close."""
    run = peer.begin([("tell", "called"), ("wait", "go"), ("reply", b"abc")])
    with peer.connect() as client:
        client.send(PLAIN)
        client.end()
        run.wait("called")
        run.tell("go")
        assert client.response().body == b"abc"
        client.closed()


def half_closed_pipelined(peer):
    """All of them."""
    peer.begin([("yield",), ("call", "reply_path")])
    with peer.connect() as client:
        client.send(get(b"/1") + get(b"/2") + get(b"/3"))
        client.end()
        for number in (1, 2, 3):
            assert client.response().body == b"/%d" % number
        client.closed()


def half_closed_stream(peer):
    """Also one that is sent in parts."""
    run = peer.begin([("start",), ("body", b"a", True), ("wait", "go"), ("body", b"b")])
    with peer.connect() as client:
        client.send(PLAIN)
        head = client.head()
        client.end()
        run.tell("go")
        client.body_of(head, "GET")
        assert head.body == b"ab"
        client.closed()


def half_closed_in_head(peer):
    """The end inside a head: nothing is called, the connection closes."""
    run = peer.begin(REPLY)
    with peer.connect() as client:
        client.send(b"GET / HTTP/1.1\r\nHos")
        client.end()
        rest = client.rest()
        assert rest == b"" or rest.startswith(b"HTTP/1.1 400 ")
        assert run.calls == 0


def half_closed_in_body(peer):
    """The end inside a body is no end of the body."""
    run = peer.begin([("read",)])
    with peer.connect() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc")
        client.end()
        assert run.report() == [None]
        client.rest()


def half_closed_in_chunk(peer):
    run = peer.begin([("read",)])
    with peer.connect() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc")
        client.end()
        assert run.report() == [None]
        client.rest()


def half_closed_unread(peer):
    """An answer that did not wait for the body is the last."""
    peer.begin([("reply", b"abc")])
    with peer.connect() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc")
        assert client.response("POST").body == b"abc"
        client.end()
        client.closed()


def idle_closed(peer):
    """A client that closes between requests gets a close, and nothing else."""
    run = peer.begin(REPLY)
    with peer.connect() as client:
        client.send(PLAIN)
        client.response()
        client.end()
        client.closed()
        assert run.calls == 1


def lingering(peer):
    """A refused client that is still sending can read why; no reset takes the answer away."""
    peer.begin(REPLY)
    with peer.connect() as client:
        head = b"POST / HTTP/1.1\r\nHost: h\r\n: x\r\nContent-Length: 500000\r\n\r\n"
        client.send(head, b"x" * 250_000)
        client.send(b"x" * 250_000)
        assert client.response().status == 400
        client.closed()


def empty_lines(peer):
    """CR LF behind a body, as old clients send it, is ignored."""
    run = peer.begin([("call", "echo_body")])
    with peer.connect() as client:
        client.send(b"POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc\r\n")
        assert client.response("POST").body == b"/1 abc"
        client.send(get(b"/2"))
        assert client.response().body == b"/2 "
        assert run.calls == 2


def contexts(peer):
    """A context variable that one request sets is not seen by the next, nor by another."""
    run = peer.begin([("call", "mark_context"), ("yield",), ("call", "read_context"), ("reply",)])
    with peer.connect() as client, peer.connect() as other:
        client.send(get(b"/1") + get(b"/2"))
        other.send(get(b"/3"))
        client.response()
        client.response()
        other.response()
        for _ in range(3):
            before, after = run.report()
            assert before == "unset"
            assert after == "mine"


def called(id, asks, name, **more):  # noqa: A002
    """The app calls this function, which raises when something is wrong."""
    return Exchange(id=id, asks=asks, request=get(b"/"), script=[("call", name), ("reply",)],
                    body=b"ok", **more)  # fmt: skip


TASKS = [
    called("asyncio-current-task", "one task from the first line to the last", "one_task"),
    called("asyncio-timeout", "asyncio.timeout ends what takes too long", "time_out"),
    called("asyncio-wait-for", "asyncio.wait_for does too", "wait_for"),
    called("asyncio-task-group", "a task group inside the app", "task_group"),
    called("asyncio-shield", "a cancelled inner task", "inner_cancel"),
    called("anyio-task-group", "anyio: a task group", "anyio_group"),
    called("anyio-cancel-scope", "anyio: a cancelled scope", "anyio_scope"),
    called("anyio-thread", "anyio: work in a thread", "anyio_thread"),
    called("anyio-sniffio", "anyio knows the library", "anyio_library"),
]  # fmt: skip


def tls_closed(peer):
    """Over TLS the end is said, so that it cannot be forged."""
    from live import client_context

    folder = Path(__file__).parents[1] / "tls"
    files = {"ssl_certfile": str(folder / "cert.pem"), "ssl_keyfile": str(folder / "key.pem")}
    server = peer.serve(app, **files)
    raw = socket.create_connection(("127.0.0.1", server.server.ports[0]), 30)
    # An end without close_notify would raise.
    with client_context().wrap_socket(raw, suppress_ragged_eofs=False) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        while sock.recv(65536):
            pass


STEPS = {
    "rfc9112-9.3.2-pipelined": ("pipelined requests are answered in order", pipelined),
    "rfc9112-9.3.2-pipelined-slow": ("one after the other, if each takes time", pipelined_slow),
    "rfc9112-9.3.2-pipelined-1000": ("a thousand of them", pipelined_thousand),
    "rfc9112-9.3.2-pipelined-1000-slow": ("that each take time", pipelined_thousand_slow),
    "rfc9112-9.3.2-pipelined-bodies": ("with bodies", pipelined_bodies),
    "rfc9112-9.6-pipelined-close": ("nothing is answered after close", pipelined_close),
    "rfc9112-9.3.2-pipelined-refused": ("a refusal waits for the answers before it",
                                        pipelined_error),
    "rfc9112-9.3.2-pipelined-failed": ("nothing is answered after a failure", pipelined_failure),
    "rfc9112-9.3.2-pipelined-bounded": ("little is read ahead", pipelined_bounded),
    "rfc9112-9.3.2-pipelined-segments": ("across segments", pipelined_across_segments),
    "rfc9110-9.3.2-head-refused": ("a refused HEAD is answered without content", head_refused),
    "rfc9110-9.3.2-head-malformed": ("the answer to a malformed HEAD has no body either",
                                     head_malformed),
    "rfc9110-15.5-refusal-says-why": ("a refusal says why, also after a HEAD", refusal_says_why),
    "rfc9112-9.6-half-closed": ("half-closed clients are answered", half_closed),
    "rfc9112-9.6-half-closed-pipelined": ("all their requests", half_closed_pipelined),
    "rfc9112-9.6-half-closed-stream": ("to the end", half_closed_stream),
    "rfc9112-8-incomplete-head": ("an incomplete head is not a request", half_closed_in_head),
    "rfc9112-8-incomplete-body": ("an incomplete body does not count as complete",
                                  half_closed_in_body),
    "rfc9112-8-incomplete-chunk": ("an incomplete chunk does not either", half_closed_in_chunk),
    "rfc9112-8-incomplete-unread": ("even if the app does not read it", half_closed_unread),
    "rfc9112-9.5-idle-close": ("a client may close at any time", idle_closed),
    "rfc9112-9.6-lingering": ("the close does not destroy the last answer", lingering),
    "rfc9112-2.2-crlf-behind-body": ("CR LF after a body is ignored", empty_lines),
    "asgi-contexts": ("each request has its own context", contexts),
}  # fmt: skip

CASES = [
    Play(id="rfc9112-9.8-tls", asks="a TLS connection ends with close_notify", steps=tls_closed,
         local=True),
    *PERSISTENCE,
    *TASKS,
    Play(id="rfc9110-15.6.4-concurrency", asks="more requests at once than the limit: 503",
         steps=too_many, options={"limit_concurrency": 1}),
    *(Play(id=name, asks=asks, steps=steps) for name, (asks, steps) in STEPS.items()),
]  # fmt: skip
