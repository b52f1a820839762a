"""The rate limit of examples/gateway: its buckets by a clock of ours, and the gateway for a client."""

import os
import signal

import httpx
import pytest
from raw_upstream import RawUpstream, response
from real_redis import RealRedis, needs_redis
from serving import WAIT

from examples.gateway.rate_limit import MemoryBuckets, client_of


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def test_a_burst_and_then_the_rate():
    clock = Clock()
    buckets = MemoryBuckets(rate=2, burst=3, limit=10, clock=clock)
    assert [buckets.take("a") for _ in range(5)] == [0, 0, 0, 0.5, 0.5]
    assert buckets.take("b") == 0
    clock.now += 0.25
    assert buckets.take("a") == 0.25  # being refused costs nothing
    clock.now += 0.25
    assert [buckets.take("a"), buckets.take("a")] == [0, 0.5]
    clock.now += 60
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5]


def test_the_clients_are_bounded():
    buckets = MemoryBuckets(rate=1, burst=1, limit=100)
    for number in range(1000):
        buckets.take(number)
        buckets.take("regular")
    assert len(buckets._buckets) == 100
    assert "regular" in buckets._buckets


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"),
        ("no:address", "no:address"),
    ],
)
def test_who_a_client_is(address, client):
    assert client_of(address) == client


@pytest.fixture(scope="module")
def upstream():
    with RawUpstream(response(b"fine")) as upstream:
        yield upstream


@pytest.fixture
def start(serve, upstream):
    def start(*options, **settings):
        settings = {f"GATEWAY_{name.upper()}": str(value) for name, value in settings.items()}
        settings["GATEWAY_UPSTREAMS"] = upstream.url
        return serve("examples.gateway:app", "--no-access-log", *options, **settings)

    return start


def statuses(*gateways, number=1):
    """Each request on a connection of its own, so of any worker."""
    return [
        httpx.get(each.url, timeout=WAIT, trust_env=False).status_code
        for _ in range(number)
        for each in gateways
    ]


def test_a_client(start):
    gateway = start(rate=0.001, burst=2)
    assert statuses(gateway, number=3) == [200, 200, 429]
    answer = gateway.client.get("/")
    assert 990 <= int(answer.headers["retry-after"]) <= 1000
    assert answer.json()["title"] == "Too Many Requests"
    assert gateway.client.get("/healthz").status_code == 200


def test_clients_behind_a_proxy(start):
    gateway = start(rate=0.001, burst=1)
    for number in range(3):
        headers = {"X-Forwarded-For": f"192.0.2.{number}"}
        assert gateway.client.get("/", headers=headers).status_code == 200
        assert gateway.client.get("/", headers=headers).status_code == 429


@needs_redis
def test_redis_counts_for_all(start):
    """Two gateways, one of them with two workers."""
    with RealRedis() as redis:
        settings = {"rate": 0.001, "burst": 6, "redis": redis.url}
        gateways = start("--workers", "2", **settings), start(**settings)
        assert statuses(*gateways, number=5) == [200] * 6 + [429] * 4
        assert 900 <= int(gateways[1].client.get("/").headers["retry-after"]) <= 1000


@needs_redis
def test_redis_refills(start):
    with RealRedis() as redis:
        gateway = start(rate=50, burst=1, redis=redis.url)
        gateway.client.get("/")
        while gateway.client.get("/").status_code == 429:  # until there is a token
            pass


@needs_redis
def test_without_redis_each_process_counts(start):
    with RealRedis() as redis:
        gateway = start(rate=0.001, burst=3, redis=redis.url)
        assert statuses(gateway, number=4) == [200, 200, 200, 429]
        redis.kill()
        assert statuses(gateway, number=4) == [200, 200, 200, 429]
        gateway.expect("Redis is away")
        redis.start()
        while gateway.client.get("/").status_code == 429:  # until it is asked again: it is empty
            pass


@needs_redis
def test_a_redis_that_hangs_is_left_alone(start):
    with RealRedis() as redis:
        gateway = start(rate=0.001, burst=3, redis=redis.url)
        assert statuses(gateway) == [200]
        os.kill(redis.process.pid, signal.SIGSTOP)
        assert statuses(gateway, number=4) == [200, 200, 200, 429]
        gateway.expect("Redis is away")
        os.kill(redis.process.pid, signal.SIGCONT)
