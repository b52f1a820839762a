"""examples/push: each ability over WebSocket and Server-Sent Events, in memory and with Redis."""

import contextlib
import os
import re
import signal
import socket
from pathlib import Path

import pytest
from push_clients import EventSource, WebSocket
from redis_server import COMMAND, RedisServer
from serving import WAIT, fail_to_start
from websocket.client import head
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import connect

from fastserve.websocket import encode

ROOT = Path(__file__).parents[2]
APP = "examples.push:app"
OPTIONS = ("--timeout-graceful-shutdown", "2")
needs_redis = pytest.mark.skipif(COMMAND is None, reason="redis-server is not installed")


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    with RedisServer(tmp_path_factory.mktemp("redis")) as redis:
        yield redis


@pytest.fixture(scope="module", params=["memory", pytest.param("redis", marks=needs_redis)])
def push(serve, request):
    environment = {"PUSH_HISTORY": "20", "PUSH_MAX_TEXT": "60000", "PUSH_HEARTBEAT_SECONDS": "1"}
    environment["PUSH_PRESENCE_SECONDS"] = "0.1"
    if request.param == "redis":
        environment["REDIS_URL"] = request.getfixturevalue("redis").url
    return serve(APP, *OPTIONS, "--ws-close-timeout", "1", **environment)


@pytest.fixture
def channel(request):
    """One for each test."""
    return f"channel-{abs(hash(request.node.name)) % 10**9}"


@pytest.fixture(params=[WebSocket, EventSource])
def listen(request):
    return request.param


def publish(push, channel, text, *, user="bob", status=201, **headers):
    path = f"/channels/{channel}/messages?user={user}"
    response = push.client.post(path, content=text, headers=headers)
    assert response.status_code == status, response.text
    return response.json()


# -- messages --


def test_all_who_follow_a_channel_get_its_messages(push, channel, listen):
    with listen(push, channel) as one, listen(push, "other", channel) as two:
        for text in ("hello", "añ€𝄞\n\u2028", "<b>"):
            position = publish(push, channel, text)["id"]
            for client in (one, two):
                event = client.next("message")
                assert event.pop("time") > 0
                assert event == {
                    "type": "message",
                    "channel": channel,
                    "id": position,
                    "user": "bob",
                    "text": text,
                }


def test_publish_by_websocket(push, channel, listen):
    with listen(push, channel) as listener, WebSocket(push, user="carol") as speaker:
        speaker.send("publish", channel=channel, text="Hi", key="a")
        published = speaker.next("published")
        assert (published["channel"], published["key"]) == (channel, "a")
        event = listener.next("message")
        assert (event["id"], event["user"], event["text"]) == (published["id"], "carol", "Hi")


def test_a_message_published_again_with_its_key_is_one(push, channel):
    first = publish(push, channel, "one", **{"Idempotency-Key": "k"})
    assert publish(push, channel, "one", **{"Idempotency-Key": "k"}) == first
    assert publish(push, channel, "one", user="eve", **{"Idempotency-Key": "k"}) != first
    with WebSocket(push, channel, history=20, user="bob") as client:
        assert client.texts(2) == ["one", "one"]
        client.send("publish", channel=channel, text="one", key="k")
        assert client.next("published")["id"] == first["id"]


# -- history --


def test_the_last_messages_first(push, channel, listen):
    for n in range(5):
        publish(push, channel, str(n))
    with listen(push, channel, history=3) as client:
        publish(push, channel, "5")
        assert client.texts(4) == ["2", "3", "4", "5"]
    assert [message["text"] for message in push.client.get(f"/channels/{channel}/messages").json()]


def test_come_back_and_catch_up(push, channel, listen):
    other = channel + ".other"
    with listen(push, channel, other) as client:
        publish(push, channel, "0")
        assert client.texts(1) == ["0"]
    for n in range(1, 4):
        publish(push, channel, str(n))
    publish(push, other, "a")
    with listen(push, channel, other, since=client.positions) as client:
        assert client.complete
        publish(push, channel, "4")
        events = [client.next("message") for _ in range(5)]
    got = [event["text"] for event in events if event["channel"] == channel]
    assert got == ["1", "2", "3", "4"]


def test_come_back_without_having_got_any(push, channel, listen):
    with listen(push, channel) as client:
        pass
    publish(push, channel, "0")
    with listen(push, channel, since=client.positions) as client:
        assert client.complete
        assert client.texts(1) == ["0"]


def test_away_too_long(push, channel, listen):
    publish(push, channel, "0")
    with listen(push, channel, history=1) as client:
        assert client.texts(1) == ["0"]
    for n in range(1, 31):
        publish(push, channel, str(n))
    with listen(push, channel, since=client.positions) as client:
        assert not client.complete
        assert client.texts(20) == [str(n) for n in range(11, 31)]


def test_a_position_that_nobody_gave(push, channel, listen):
    publish(push, channel, "0")
    with listen(push, channel, since={channel: "17-4"}) as client:
        assert not client.complete
        assert client.texts(1) == ["0"]


def test_unsubscribe(push, channel):
    with WebSocket(push, channel, channel + "2") as client:
        client.send("unsubscribe", channel=channel)
        assert client.next("unsubscribed")["channel"] == channel
        publish(push, channel, "no")
        publish(push, channel + "2", "yes")
        assert client.texts(1) == ["yes"]
        client.send("subscribe", channel=channel, since=client.positions[channel])
        assert client.next("message")["text"] == "no"


# -- presence --


def test_who_is_there(push, channel, listen):
    with listen(push, channel, presence=True, user="ada") as ada:
        ada.until_present("ada")
        with listen(push, channel, user="zoë"), listen(push, channel, user="zoë"):
            ada.until_present("ada", "zoë")
            found = push.client.get(f"/channels/{channel}/presence").json()
            assert found == {"count": 2, "users": ["ada", "zoë"]}
        ada.until_present("ada")


# -- clients that ask for too much, or do too little --


def test_ping(push):
    with WebSocket(push) as client:
        client.send("ping", id=7)
        assert client.next("pong") == {"type": "pong", "id": 7}


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("", "a command is a JSON object"),
        ("[" * 60_000, "a command is a JSON object"),
        ("[]", "a command is a JSON object"),
        (b"\x00", "a command is a JSON object"),
        ('{"type": "subscribe"}', "name of a channel"),
        ('{"type": "subscribe", "channel": "a b"}', "name of a channel"),
        (f'{{"type": "subscribe", "channel": "{"a" * 41}"}}', "name of a channel"),
        ('{"type": "subscribe", "channel": "a", "since": 3}', "a position looks like"),
        ('{"type": "subscribe", "channel": "a", "history": 21}', "history is a number"),
        ('{"type": "subscribe", "channel": "a", "history": true}', "history is a number"),
        ('{"type": "unsubscribe", "channel": "a"}', "not subscribed"),
        ('{"type": "publish", "channel": "a"}', "needs a text"),
        ('{"type": "publish", "channel": "a", "text": " "}', "needs a text"),
        ('{"type": "publish", "channel": "a", "text": "\\ud800"}', "Unicode"),
        ('{"type": "publish", "channel": "a", "text": "x", "key": []}', "id or key"),
        ('{"type": "shout", "channel": "a"}', "the type is"),
    ],
)
def test_what_cannot_be_done(push, command, reason):
    with WebSocket(push) as client:
        client.connection.send(command)
        assert client.read()["type"] == "welcome"
        answer = client.read()
        assert answer["type"] == "error"
        assert reason in answer["reason"]


def test_limits_of_a_client(push, channel):
    with WebSocket(push, *(f"{channel}.{n}" for n in range(20))) as client:
        for name, reason in ((channel, "may follow 20"), (f"{channel}.0", "already")):
            client.send("subscribe", channel=name)
            answer = client.read()
            assert reason in answer["reason"]
        client.send("publish", channel=channel, text="ä" * 30_001)
        assert "at most 60000 bytes" in client.read()["reason"]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("", "name of a channel"),
        ("channels=a,,b", "name of a channel"),
        ("channels=" + ",".join("abcdefghijklmnopqrstu"), "may follow 20"),
        ("channels=a&history=21", "history is a number"),
        ("channels=a&since=b", "a position looks like"),
        ("channels=a&user=a%20b", "name of a user"),
        ("channels=a&user=%ff", ""),
        ("&".join("channels=a" for _ in range(30)), "query"),
    ],
)
def test_event_streams_that_cannot_be(push, query, reason):
    response = push.client.get(f"/events?{query}")
    assert response.status_code == 400
    assert reason in response.json()["error"]


def test_requests_that_cannot_be(push, channel):
    publish(push, channel, b"\xff", status=400)
    publish(push, channel, b"", status=400)
    publish(push, channel, b"x" * 60_001, status=400)
    publish(push, channel, b"x", user="", status=201)
    publish(push, channel, b"x", user="a:b", status=400)
    publish(push, "a:b", b"x", status=400)
    publish(push, channel, b"x", status=403, origin="http://elsewhere.example")
    publish(push, channel, b"x", status=201, origin=push.url)
    assert push.client.put(f"/channels/{channel}/messages").status_code == 405
    assert push.client.post(f"/channels/{channel}/presence").status_code == 405
    assert push.client.get("/channels/").status_code == 404


def test_websockets_that_cannot_be(push):
    url = push.url.replace("http", "ws", 1) + "/ws"
    for options in ({"uri": url, "origin": "http://elsewhere.example"}, {"uri": url + "?user=a+b"}):
        with pytest.raises(InvalidStatus) as refused, connect(proxy=None, **options):
            pass
        assert refused.value.response.status_code == 403


@pytest.mark.parametrize(
    ("listen", "options"),
    [(WebSocket, {"max_queue": 1, "compression": None}), (EventSource, {})],
    ids=["WebSocket", "EventSource"],
)
def test_a_slow_client_is_dropped_and_may_come_back(push, channel, listen, options):
    text = "x" * 59_000
    with listen(push, channel, **options) as slow, WebSocket(push, channel) as quick:
        for n in range(250):  # more than the kernel's buffers hold
            publish(push, channel, f"{n} {text}")
            assert quick.texts(1) == [f"{n} {text}"]
        got = []
        with pytest.raises((ConnectionClosedError, EOFError)) as closed:
            while True:
                got += slow.texts(1)
    if listen is WebSocket:
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1013, "too slow")
    assert [int(text.split()[0]) for text in got] == list(range(len(got)))
    assert len(got) < 250
    with listen(push, channel, since=slow.positions) as again:
        assert not again.complete
        assert [int(text.split()[0]) for text in again.texts(20)] == list(range(230, 250))


def test_a_client_that_asks_and_does_not_read(push):
    host, _, port = push.url.removeprefix("http://").partition(":")
    flood = encode(1, b'{"type": "ping", "id": "%b"}' % (b"x" * 64), key=bytes(4)) * 1000
    with socket.socket() as client:
        client.settimeout(WAIT)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect((host, int(port)))
        client.sendall(head(path="/ws"))
        try:
            while True:
                client.sendall(flood)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it is not served for ever


def test_an_event_stream_has_a_heartbeat(push, channel):
    with EventSource(push, channel) as client, WebSocket(push) as other:
        for line in client.lines:
            if line == ": still here":
                break
        other.send("publish", channel=channel, text="hello")
        assert client.texts(1) == ["hello"]


# -- the server --


def test_health(push, channel):
    with WebSocket(push, channel):
        health = push.client.get("/health")
    assert health.status_code == 200
    assert health.json()["clients"] >= 1
    assert health.json()["channels"] >= 1


def test_the_page(push):
    page = push.client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "http://" not in page.text.replace("http://www.w3.org/", "")
    assert "https://" not in page.text
    assert push.client.get("/nothing").status_code == 404


def test_a_server_that_stops_says_so(serve):
    push = serve(APP, *OPTIONS)
    with WebSocket(push, "a") as socket, EventSource(push, "a") as stream:
        push.signal(signal.SIGTERM)
        with pytest.raises(ConnectionClosedError) as closed:
            socket.read()
        assert closed.value.rcvd.code == 1012
        with pytest.raises(EOFError):
            stream.next("message")
    assert push.wait() == 0


@needs_redis
def test_workers_share_channels_and_presence(serve, redis):
    push = serve(APP, *OPTIONS, "--workers", "2", REDIS_URL=redis.url)
    push.expect("is ready")
    with contextlib.ExitStack() as stack:
        clients = [
            stack.enter_context(listen(push, "shared", user=f"user-{n}", presence=True))
            for n, listen in enumerate([WebSocket, EventSource] * 5)
        ]
        for n in range(5):
            publish(push, "shared", str(n))
        for client in clients:
            assert client.texts(5) == [str(n) for n in range(5)]
            client.until_present(*(f"user-{n}" for n in range(10)))
        push.signal(signal.SIGHUP)  # the workers are replaced, one by one
        for _ in range(2):
            push.expect("is ready")
        publish(push, "shared", "5")
        for client in clients:
            with type(client)(push, "shared", since=client.positions) as again:
                assert again.texts(1) == ["5"]


@needs_redis
def test_the_users_of_a_killed_server_expire(serve, redis):
    environment = {"REDIS_URL": redis.url, "PUSH_EXPIRE_SECONDS": "3"}
    one, two = serve(APP, **environment), serve(APP, **environment)
    with (
        WebSocket(one, "expiring", user="ada"),
        EventSource(two, "expiring", user="bob", presence=True) as bob,
    ):
        bob.until_present("ada", "bob")
        one.signal(signal.SIGKILL)
        one.wait()
        bob.until_present("bob")


@needs_redis
def test_redis_goes_and_comes_back(serve, tmp_path, listen):
    with RedisServer(tmp_path) as redis:
        push = serve(APP, *OPTIONS, REDIS_URL=redis.url)
        with listen(push, "lobby") as client:
            publish(push, "lobby", "0")
            assert client.texts(1) == ["0"]
            redis.stop()
            push.expect("Redis is not reachable")
            assert push.client.get("/health").status_code == 503
            publish(push, "lobby", "lost", status=503)
            with pytest.raises((ConnectionClosedError, AssertionError, KeyError)):
                listen(push, "new")  # 1013, 503
            redis.start()
            publish(push, "lobby", "1")  # a connection that has ended is opened again
            assert client.texts(1) == ["1"]
            redis.forget()
            publish(push, "lobby", "2")
            assert client.texts(1) == ["2"]
        with listen(push, "lobby", since={"lobby": client.positions["lobby"]}) as client:
            assert client.complete
        push.signal(signal.SIGTERM)
        assert push.wait() == 0
        assert not [line for line in push.stderr if re.search("^ERROR|Traceback|Unclosed", line)]


@needs_redis
def test_no_redis_is_one_line_at_the_start(tmp_path):
    environment = {**os.environ, "REDIS_URL": f"unix://{tmp_path}/none"}
    status, lines = fail_to_start(APP, "--port", "0", cwd=ROOT, env=environment)
    assert status == 1
    assert len(lines) == 1
    assert lines[0].startswith(
        "fastserve: the application failed to start: Redis is not reachable: "
    )
