"""examples/rate_limit.py: its buckets by a clock of ours, and the app for a client."""

import pytest

from examples import rate_limit
from examples.rate_limit import TokenBuckets


class Clock:
    now = 1000.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(rate_limit, "time", clock)
    return clock


def test_a_burst_and_then_the_rate(clock):
    buckets = TokenBuckets(rate=2, burst=3)
    assert [buckets.take("a") for _ in range(5)] == [0, 0, 0, 0.5, 0.5]
    assert buckets.take("b") == 0
    clock.now += 0.25
    assert buckets.take("a") == 0.25  # being refused costs nothing
    clock.now += 0.25
    assert [buckets.take("a"), buckets.take("a")] == [0, 0.5]
    clock.now += 60
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5]


def test_full_buckets_are_forgotten(clock):
    buckets = TokenBuckets(rate=2, burst=3)
    for number in range(1000):
        buckets.take(number)
    assert len(buckets._buckets) == 1000
    clock.now += 1
    buckets.take(0)
    clock.now += 1
    buckets.take("new")
    assert list(buckets._buckets) == [0, "new"]


def test_a_client(serve):
    example = serve("examples.rate_limit:app", RATE="0.5", BURST="1")
    assert example.client.get("/").text == "Hello, world!\n"
    response = example.client.get("/")
    assert (response.status_code, response.text) == (429, "Too many requests\n")
    assert response.headers["retry-after"] == "2"
