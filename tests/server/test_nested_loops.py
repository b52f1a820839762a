"""Apps that run the loop within one of their steps, as nest_asyncio lets them: who need not wait.

That nobody reads another's bytes then is tested in test_input.py.
"""

import asyncio

import pytest
from live import Live
from serving import one_loop
from test_end_of_input import FILES, KINDS, PIECES, App, Talker, complete_nested
from test_input import nested_loop
from wire import WAIT

from httpparser.http2.events import Data


@one_loop
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("carrier", ["plain", "direct"])
def test_an_app_receives_within_a_nested_loop(kind, carrier):
    """What it waits for is read, however much that is, while its first step has yet to end."""
    app = App("receives")
    secure = {} if carrier == "plain" else {**FILES, "ssl_transport": carrier}
    server = Live(app, loop="asyncio", write_high_water=2000, ws_max_queue=2, **secure)
    with Talker(server.server.ports[0], kind.kind, secure) as talker:
        client = kind(talker)
        client.begin(PIECES[:1])
        for piece in PIECES[1:-1]:
            client.send([piece])
            server.turn()
        client.end(PIECES[-1:])
        assert app.is_over.wait(WAIT)
    assert b"".join(app.received) == b"".join(PIECES)
    assert server.stop() is None


@one_loop
def test_an_app_waits_within_a_nested_loop_for_another_stream():
    """Of its own connection: for one that came with it, and one that came later."""
    called = []

    async def app(scope, receive, send):
        assert scope["type"] == "http", "no lifespan"
        called.append(scope["path"])
        if scope["path"] == "/waits":
            with nested_loop() as loop:
                while len(called) < 3:
                    loop._run_once()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["path"].encode()})

    server = Live(app, loop="asyncio")
    with Talker(server.server.ports[0], "h2", False) as talker:
        bodies = {}

        def ask(path):
            fields = [(b":method", b"GET"), (b":scheme", b"http")]
            fields += [(b":authority", b"h"), (b":path", path)]
            bodies[talker.h2.request(fields)] = b""

        def read(count):
            while sum(map(bool, bodies.values())) < count:
                for event in talker.h2.feed(talker.read()):
                    if isinstance(event, Data):
                        bodies[event.stream_id] += event.data

        ask(b"/waits")
        ask(b"/second")
        talker.send(talker.h2.take())
        read(1)
        assert called == ["/waits", "/second"]
        ask(b"/third")
        talker.send(talker.h2.take())
        read(3)
    assert list(bodies.values()) == [b"/waits", b"/second", b"/third"]
    assert server.stop() is None


@one_loop
@pytest.mark.parametrize("protocol", ["http/1.1", "h2"])
@pytest.mark.parametrize("where", ["first step", "later step"])
def test_what_an_app_sends_within_a_nested_loop_arrives(protocol, where):
    """Within a second, by the sweep: while it is in its step nothing else writes."""
    seen = []

    async def answer(send):
        arrived = asyncio.Event()
        seen.append((asyncio.get_running_loop(), arrived))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await asyncio.wait_for(arrived.wait(), WAIT)

    async def app(scope, receive, send):
        assert scope["type"] == "http", "no lifespan"
        if where == "later step":
            await asyncio.sleep(0.001)
        complete_nested(answer(send))
        await send({"type": "http.response.body", "body": b"last"})

    server = Live(app, loop="asyncio")
    with Talker(server.server.ports[0], protocol, False) as talker:
        if talker.h2 is None:
            talker.send(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n")
        else:
            fields = [(b":method", b"GET"), (b":scheme", b"http")]
            talker.h2.request([*fields, (b":authority", b"h"), (b":path", b"/")])
            talker.send(talker.h2.take())
        data = b""
        while b"first" not in data:
            data += talker.read()
        loop, arrived = seen[0]
        loop.call_soon_threadsafe(arrived.set)
        while b"last" not in data:
            data += talker.read()
    assert server.stop() is None
