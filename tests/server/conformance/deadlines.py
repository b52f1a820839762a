"""Deadlines: all of them pass at the same time, so that they are waited for once."""

from .cases import Play

OPTIONS = {
    "timeout_first_byte": 1.0,
    "timeout_head": 1.0,
    "timeout_body": 1.0,
    "timeout_keep_alive": 1.0,
    "timeout_send": 1.0,
}
GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc"


def first_byte(peer, client):
    assert client.rest() == b""


def head(peer, client):
    response = client.response()
    assert response.status == 408
    assert response.closes
    client.closed()


def late_head(peer, client):
    """RFC 9110 9.3.2: no content."""
    assert client.response("HEAD").status == 408
    client.closed()


def idle(peer, client):
    assert client.response().status == 200
    client.closed()


def second_head(peer, client):
    """A second head that stops arriving."""
    assert client.response().status == 200
    head(peer, client)


DEADLINES = {
    "rfc9112-9.5-first-byte": ("a client that sends nothing is disconnected", b"", first_byte),
    "rfc9110-15.5.9-request-line": ("a request line that does not end: 408", b"GET / HT", head),
    "rfc9110-15.5.9-head": ("a head that does not end: 408", GET[:-2], head),
    "rfc9110-9.3.2-head-late": ("to a HEAD without content", b"HEAD" + GET[3:-2], late_head),
    "rfc9110-15.5.9-body": ("a body that stops: 408", POST, head),
    "rfc9110-15.5.9-chunk": ("a chunk that stops: 408", b"POST / HTTP/1.1\r\nHost: h\r\n"
                             b"Transfer-Encoding: chunked\r\n\r\n9\r\nabc", head),
    "rfc9112-9.5-idle": ("an idle connection is closed, without a word", GET, idle),
    "rfc9110-15.5.9-second-head": ("a later head that does not end: 408", GET + b"GET /",
                                   second_head),
}  # fmt: skip


CALLS = 4  # of the app


def once(peer):
    """Every connection of them, opened together."""
    if "deadlines" not in peer.memory:
        peer.begin([("read",), ("reply",)])
        clients = {name: peer.connect() for name in DEADLINES}
        for name, client in clients.items():
            client.send(DEADLINES[name][1])
        peer.memory["deadlines"] = clients
    return peer.memory["deadlines"]


def deadline(name):
    def steps(peer):
        with once(peer)[name] as client:
            DEADLINES[name][2](peer, client)

    return steps


CASES = [
    Play(id=name, asks=asks, steps=deadline(name), options=OPTIONS)
    for name, (asks, *_) in DEADLINES.items()
]
