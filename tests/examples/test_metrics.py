"""examples/metrics.py as Prometheus and an orchestrator see it."""

import asyncio
import os
import signal
import threading

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from serving import WAIT, Hold

from examples.metrics import Metrics


def scrape(url):
    """Each sample by its name and labels."""
    text = httpx.get(f"{url}/metrics", timeout=WAIT, trust_env=False).text
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_counts_and_durations(serve):
    example = serve("examples.metrics:app")
    for method in ("GET", "GET", "POST", "BREW", "STEAM"):
        assert example.client.request(method, "/").text == "Hello, world!\n"
    samples = scrape(example.url)
    assert samples["http_requests_total", "GET", "200"] == 2
    assert samples["http_requests_total", "POST", "200"] == 1
    assert samples["http_requests_total", "other", "200"] == 2
    assert samples["http_request_duration_seconds_count", "GET", "200"] == 2
    assert samples["http_request_duration_seconds_sum", "GET", "200"] > 0
    assert samples["http_requests_in_progress", "GET"] == 0


def test_an_app_that_raises_is_a_500(serve):
    example = serve("wrapped:app")
    assert example.client.get("/hold?nothing").status_code == 500
    assert scrape(example.url)["http_requests_total", "GET", "500"] == 1


def test_in_progress(serve):
    example = serve("wrapped:app")
    with Hold() as hold:
        request = threading.Thread(target=example.client.get, args=(hold.path,))
        request.start()
        hold.wait()
        assert scrape(example.url)["http_requests_in_progress", "GET"] == 1
        hold.release()
        request.join()
    assert scrape(example.url)["http_requests_in_progress", "GET"] == 0


def test_any_worker_answers_for_all(serve, tmp_path):
    example = serve(
        "examples.metrics:app", "--workers", "2", PROMETHEUS_MULTIPROC_DIR=str(tmp_path)
    )
    for _ in range(20):  # each on a connection of its own, to either worker
        assert httpx.get(example.url, timeout=WAIT, trust_env=False).status_code == 200
    for _ in range(5):
        samples = scrape(example.url)
        assert samples["http_requests_total", "GET", "200"] == 20
        assert samples["http_request_duration_seconds_count", "GET", "200"] == 20


def test_what_a_dead_worker_had_in_progress_is_forgotten(serve, tmp_path):
    example = serve("wrapped:app", "--workers", "2", PROMETHEUS_MULTIPROC_DIR=str(tmp_path))
    worker = int(example.client.get("/pid").text)
    with Hold() as hold:

        def ask():  # on the same connection, so of the same worker
            with pytest.raises(httpx.TransportError):
                example.client.get(hold.path)

        request = threading.Thread(target=ask)
        request.start()
        hold.wait()
        assert scrape(example.url)["http_requests_in_progress", "GET"] == 1
        example.expect("is ready")
        os.kill(worker, signal.SIGKILL)
        request.join()
    example.expect("ended with signal 9")
    example.expect("is ready")
    assert ("http_requests_in_progress", "GET") not in scrape(example.url)


@pytest.mark.parametrize(("path", "text"), [("/healthz", "alive\n"), ("/readyz", "ready\n")])
def test_health(serve, path, text):
    response = serve("examples.metrics:app").client.get(path)
    assert (response.status_code, response.text) == (200, text)
    assert response.headers["cache-control"] == "no-store"


def test_not_ready_while_starting_and_stopping():
    """Through the app itself: fastserve lets nobody in at these times, other servers may."""
    statuses = []

    async def inner(scope, receive, send):
        await receive()
        await probe()
        await send({"type": "lifespan.startup.complete"})
        await probe()
        await receive()
        await probe()
        await send({"type": "lifespan.shutdown.complete"})
        await probe()

    metrics = Metrics(inner)

    async def probe():
        async def note(message):
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        await metrics({"type": "http", "path": "/readyz"}, None, note)

    async def main():
        events = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

        async def receive():
            return next(events)

        async def send(message):
            pass

        await metrics({"type": "lifespan"}, receive, send)

    asyncio.run(main())
    assert statuses == [503, 200, 503, 503]
