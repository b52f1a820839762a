"""The request body as the app receives it, and what becomes of one that it does not."""

from .cases import Exchange, Play

POST = b"POST / HTTP/1.1\r\nHost: h\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
LAST = {"type": "http.request", "body": b"", "more_body": False}
GONE = {"type": "http.disconnect"}


def part(body, more=False):
    return {"type": "http.request", "body": body, "more_body": more}


def received(id, asks, request, script, journal, **more):  # noqa: A002
    return Exchange(id=id, asks=asks, request=request, script=script, journal=journal, **more)


def sized(count, data=b""):
    return POST + b"Content-Length: %d\r\n\r\n" % count + data


MESSAGES = [
    received("asgi-receive-no-body", "a request without a body: one empty message",
             GET, [("receive",), ("reply",)], [LAST]),
    received("asgi-receive-whole", "a body that is there: one message", sized(3, b"abc"),
             [("receive",), ("reply",)], [part(b"abc")]),
    received("asgi-receive-chunks-joined", "chunks that came together are one message",
             CHUNKED + b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", [("receive",), ("reply",)],
             [part(b"abc")]),
    received("asgi-receive-late", "a body is not lost when the app reads late", sized(3, b"abc"),
             [("yield",), ("yield",), ("start",), ("read",), ("body", b"ok")], [b"abc"]),
    received("asgi-receive-while-sending", "nor when it has begun to respond", sized(3, b"abc"),
             [("start",), ("body", b"a", True), ("read",), ("body", b"b")], [b"abc"], body=b"ab"),
    received("asgi-receive-after-end", "http.disconnect once the response is complete", GET,
             [("reply",), ("receive",), ("receive",)], [GONE, GONE]),
    received("asgi-receive-after-end-of-body", "also for a body that was not read",
             sized(3, b"abc"), [("receive",), ("reply",), ("receive",), ("receive",)],
             [part(b"abc"), GONE, GONE]),
    received("asgi-receive-many", "receive() may be called by several tasks", sized(3, b"abc"),
             [("call", "receive_together", 3), ("reply",)], [["http.disconnect", 2]], closes=False),
    received("asgi-receive-cancelled", "a cancelled receive() loses nothing", sized(3, b"abc"),
             [("call", "cancel_receive"), ("read",), ("reply",)], ["cancelled", b"abc"]),
    received("asgi-receive-task", "receive() may run in a task of its own", sized(3, b"abc"),
             [("call", "receive_in_task"), ("reply",)], [part(b"abc")]),
]  # fmt: skip

UNREAD = [
    received("rfc9112-9.3-unread-skipped", "a short body that the app leaves is skipped",
             sized(1000, b"x" * 1000), [("reply",)], []),
    received("rfc9112-9.3-unread-chunked-skipped", "a chunked one as well",
             CHUNKED + b"3\r\nabc\r\n0\r\n\r\n", [("reply",)], []),
    received("rfc9112-9.3-unread-in-error", "also after a failure of the app", sized(3, b"abc"),
             [("raise",)], ["AppError"], status=500, closes=True),
]  # fmt: skip


def as_it_comes(peer):
    """The app receives the first part before the client sends the second."""
    run = peer.begin([("receive",), ("tell", "first"), ("read",), ("reply",)])
    with peer.connect() as client:
        client.send(sized(6, b"abc"))
        run.wait("first")
        client.send(b"def")
        client.response()
        assert run.report() == [part(b"abc", True), b"def"]


def chunks_as_they_come(peer):
    run = peer.begin([("receive",), ("tell", "first"), ("read",), ("reply",)])
    with peer.connect() as client:
        client.send(CHUNKED + b"3\r\nabc\r\n")
        run.wait("first")
        client.send(b"3\r\ndef\r\n0\r\n\r\n")
        client.response()
        assert run.report() == [part(b"abc", True), b"def"]


def gone_in_body(peer):
    """The client goes in the middle: what came is given, then http.disconnect."""
    run = peer.begin([("receive",), ("tell", "first"), ("receive",), ("receive",)])
    with peer.connect() as client:
        client.send(sized(6, b"abc"))
        run.wait("first")
        client.reset()
    assert run.report() == [part(b"abc", True), GONE, GONE]


def gone_while_waiting(peer):
    run = peer.begin([("receive",), ("tell", "waiting"), ("receive",)])
    with peer.connect() as client:
        client.send(GET)
        run.wait("waiting")
        client.reset()
    assert run.report() == [LAST, GONE]


def closed_while_waiting(peer):
    """A client that closes in order is noticed as well."""
    run = peer.begin([("receive",), ("tell", "waiting"), ("receive",)])
    with peer.connect() as client:
        client.send(GET)
        run.wait("waiting")
    assert run.report() == [LAST, GONE]


def unread_large(peer):
    """A body that is too large to skip: the answer says close, and arrives."""
    run = peer.begin([("reply", b"enough")])
    with peer.connect() as client:
        client.send(sized(10_000_000, b"x" * 10_000))
        response = client.response()
        assert response.body == b"enough"
        assert response.closes
        client.closed()
        run.report()


def unread_endless(peer):
    """A chunked body without end: read for a while, then the connection is closed."""
    peer.begin([("reply", b"enough")])
    with peer.connect() as client:
        client.send(CHUNKED + b"3\r\nabc\r\n")
        assert client.response().body == b"enough"
        sent = client.fill(b"ffff\r\n" + b"x" * 65535 + b"\r\n", 64 << 20)
        assert sent < 64 << 20, "the server reads on and on"


def read_back_pressure(peer):
    """Reading stops while the app does not read, so that the server's memory is bounded."""
    run = peer.begin([("wait", "go"), ("receive",), ("read",), ("reply", b"all")])
    with peer.connect() as client:
        size = 256 << 20
        client.send(sized(size))
        sent = client.fill(b"x" * 65536, size)
        assert sent < size, "the server reads what nobody wants"
        run.tell("go")
        client.reset()
        first = run.report()[0]["body"]
        assert 0 < len(first) < 1 << 20, f"{len(first)} bytes were buffered"


def upload(peer):
    """A body of 8 MiB in chunks of all sizes arrives whole."""
    sizes = [1, 2, 15, 16, 255, 4096, 65535, 65536, 100_000] * 32
    data = bytes(range(256)) * 400
    run = peer.begin([("call", "digest"), ("reply",)])
    with peer.connect() as client:
        client.send(CHUNKED)
        for size in sizes:
            client.send(b"%x\r\n" % size + data[:size] + b"\r\n")
        client.send(b"0\r\n\r\n")
        client.response()
    whole = b"".join(data[:size] for size in sizes)
    assert run.report() == [digest(whole)]


def digest(data):
    from hashlib import sha256

    return sha256(data).hexdigest()


def echoed(peer):
    """Each part is sent back as it comes, before the next one is there."""
    run = peer.begin([("start",), ("call", "echo_parts")])
    with peer.connect() as client:
        client.send(CHUNKED)
        client.head()
        for number in range(5):
            text = b"%d" % number
            client.send(b"1\r\n" + text + b"\r\n")
            assert client.take(6) == b"1\r\n" + text + b"\r\n"
        client.send(b"0\r\n\r\n")
        assert client.take(5) == b"0\r\n\r\n"
        run.report()


CONTINUE = POST + b"Content-Length: 3\r\nExpect: 100-continue\r\n\r\n"


def asked_to_continue(peer):
    """100 Continue goes out when the app first receives, and not before."""
    run = peer.begin([("tell", "called"), ("wait", "go"), ("read",), ("reply",)])
    with peer.connect() as client:
        client.send(CONTINUE)
        run.wait("called")
        run.tell("go")
        interim = client.head()
        assert interim.status == 100
        client.send(b"abc")
        response = client.response()
        assert response.status == 200
        assert not response.interim
        assert run.report() == [b"abc"]
        peer.begin([("reply", b"next")])
        client.send(GET)
        assert client.response().body == b"next"


def not_asked_to_continue(peer):
    """An app that does not read: its answer, no 100, and a close, for the body may still come."""
    run = peer.begin([("reply", b"no", 403)])
    with peer.connect() as client:
        client.send(CONTINUE)
        response = client.response()
        assert response.status == 403
        assert response.interim == []
        assert response.closes
        client.closed()
        run.report()


def continue_not_needed(peer):
    """No 100 when the body is there already."""
    run = peer.begin([("read",), ("reply",)])
    with peer.connect() as client:
        client.send(CONTINUE + b"abc")
        response = client.response()
        assert response.interim == []
        assert run.report() == [b"abc"]
        peer.begin([("reply", b"next")])
        client.send(GET)
        assert client.response().body == b"next"


def continue_after_start(peer):
    """No 100 behind the final response's head."""
    run = peer.begin([("start",), ("body", b"a", True), ("read",), ("body", b"b")])
    with peer.connect() as client:
        client.send(CONTINUE)
        head = client.head()
        assert head.status == 200
        client.send(b"abc")
        client.body_of(head, "POST")
        assert head.body == b"ab"
        assert run.report() == [b"abc"]


def continue_old(peer):
    """HTTP/1.0 knows no 100."""
    run = peer.begin([("read",), ("reply",)])
    with peer.connect() as client:
        client.send(b"POST / HTTP/1.0\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        client.send(b"abc")
        response = client.response()
        assert response.interim == []
        assert run.report() == [b"abc"]


def continue_without_body(peer):
    """There is nothing to wait for."""
    for fields in (b"", b"Content-Length: 0\r\n"):
        run = peer.begin([("receive",), ("reply",)])
        with peer.connect() as client:
            client.send(GET[:-2] + b"Expect: 100-continue\r\n" + fields + b"\r\n")
            response = client.response()
            assert response.status == 200
            assert response.interim == []
            assert run.report() == [LAST]


STEPS = {
    "asgi-receive-as-it-comes": ("a body is received as it arrives", as_it_comes),
    "asgi-receive-chunks-as-they-come": ("chunk by chunk", chunks_as_they_come),
    "asgi-receive-disconnect-in-body": ("http.disconnect when the client goes", gone_in_body),
    "asgi-receive-disconnect-waiting": ("receive() wakes for it", gone_while_waiting),
    "asgi-receive-disconnect-close": ("however the client goes", closed_while_waiting),
    "rfc9112-9.6-unread-large": ("an answer before a large body arrives, and closes", unread_large),
    "rfc9112-9.6-unread-endless": ("an endless body that nobody reads is not read for ever",
                                   unread_endless),
    "asgi-receive-back-pressure": ("reading stops while the app does not", read_back_pressure),
    "rfc9112-7.1-upload": ("chunks of all sizes, byte for byte", upload),
    "asgi-receive-echo": ("reading and writing at the same time", echoed),
    "rfc9110-10.1.1-continue": ("100 when the app first receives", asked_to_continue),
    "rfc9110-10.1.1-final-instead": ("a final status instead of 100, and a close",
                                     not_asked_to_continue),
    "rfc9110-10.1.1-body-there": ("no 100 once the body has begun to arrive", continue_not_needed),
    "rfc9110-10.1.1-after-head": ("no 100 once the response has begun", continue_after_start),
    "rfc9110-10.1.1-no-body": ("no 100 to a request without a body", continue_without_body),
    "rfc9110-15.2-no-1xx-in-1.0": ("no 1xx to HTTP/1.0", continue_old),
}  # fmt: skip

CASES = [
    *MESSAGES,
    *UNREAD,
    *(Play(id=name, asks=asks, steps=steps) for name, (asks, steps) in STEPS.items()),
]
