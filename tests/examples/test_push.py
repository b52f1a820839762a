"""examples/push.py with workers, WebSockets and a stand-in for Redis."""

import contextlib
import os
import signal
from pathlib import Path

import pytest
from fake_redis import FakeRedis
from serving import WAIT, fail_to_start
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

ROOT = Path(__file__).parents[2]


@pytest.fixture
def redis():
    with FakeRedis() as redis:
        yield redis


@pytest.fixture
def push(serve, redis):
    return serve("examples.push:app", REDIS_URL=redis.url)


def listen(example, **options):
    return connect(example.url.replace("http", "ws", 1), proxy=None, **options)


def publish(example, content):
    return example.client.post("/publish", content=content).status_code


def test_all_clients_of_all_workers(serve, redis):
    example = serve("examples.push:app", "--workers", "2", REDIS_URL=redis.url)
    example.expect("is ready")
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(listen(example)) for _ in range(10)]
        for text in ("hello", "añ€𝄞", ""):
            assert publish(example, text.encode()) == 202
            assert {client.recv(WAIT) for client in clients} == {text}
        assert len(redis.subscribers) == 2
        example.signal(signal.SIGTERM)
        for client in clients:
            with pytest.raises(ConnectionClosedError) as closed:
                client.recv(WAIT)
            assert closed.value.rcvd.code == 1012
    assert example.wait() == 0


def test_who_leaves_is_not_missed(push):
    with listen(push) as stays:
        with listen(push):
            pass
        assert publish(push, b"hello") == 202
        assert stays.recv(WAIT) == "hello"


def test_a_slow_client_is_dropped(serve, redis):
    example = serve("examples.push:app", REDIS_URL=redis.url, QUEUE="2")
    text = "x" * 60_000
    with listen(example) as quick, listen(example, max_queue=1, compression=None) as slow:
        for _ in range(250):  # more than the kernel's buffers hold
            assert publish(example, text) == 202
            assert quick.recv(WAIT) == text
        with pytest.raises(ConnectionClosedError) as closed:
            for _ in range(250):
                assert slow.recv(WAIT) == text
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1013, "too slow")


def test_what_is_not_published(push):
    assert publish(push, b"\xff") == 400
    assert publish(push, b"x" * 65_537) == 413
    assert push.client.get("/publish").status_code == 405
    assert push.client.get("/").status_code == 404


def test_redis_goes_away(push, redis):
    redis.go_away()
    assert push.expect("Redis is unavailable")
    assert publish(push, b"hello") == 503


def test_no_redis_is_one_line_at_the_start(redis):
    redis.go_away()
    environment = {**os.environ, "REDIS_URL": redis.url}
    status, lines = fail_to_start("examples.push:app", "--port", "0", cwd=ROOT, env=environment)
    assert status == 1
    assert len(lines) == 1
    assert lines[0].startswith(
        "fastserve: the application failed to start: Redis is not reachable: "
    )
