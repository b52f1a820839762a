"""examples/observed as Prometheus, an orchestrator, a log and a collector of traces see it."""

import asyncio
import importlib.util
import json
import os
import queue
import signal
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from serving import WAIT, Hold

from examples.observed.metrics import Metrics

ROOT = Path(__file__).parents[2]


traced = pytest.mark.skipif(
    importlib.util.find_spec("opentelemetry.instrumentation") is None,
    reason="not installed: opentelemetry-instrumentation-asgi",
)


def scrape(url):
    """Each sample by its name and labels."""
    text = httpx.get(f"{url}/metrics", timeout=WAIT, trust_env=False).text
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_counts_and_durations(serve):
    example = serve("examples.observed:app")
    for method in ("GET", "GET", "POST", "BREW", "STEAM"):
        assert example.client.request(method, "/").json() == {"hello": "world"}
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
        "examples.observed:app", "--workers", "2", PROMETHEUS_MULTIPROC_DIR=str(tmp_path)
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
    response = serve("examples.observed:app").client.get(path)
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


# Request ids and logs


def logged(example, message):
    """The JSON line of the app's log with this message."""
    line = example.expect(f'"message": "{message}"').string
    return json.loads(line)


@pytest.fixture(scope="module")
def observed(serve):
    return serve("examples.observed:app", "--access-log-format", "json")


def test_a_request_has_an_id(observed):
    first, second = (observed.client.get("/").headers["x-request-id"] for _ in range(2))
    assert len(first) == len(second) == 16
    assert first != second


@pytest.mark.parametrize(
    ("given", "kept"),
    [("abc-123", True), ("x" * 64, True), ("x" * 65, False), ('a"b', False), ("a b", False)],
)
def test_the_id_of_a_proxy_is_kept(observed, given, kept):
    response = observed.client.get("/", headers={"x-request-id": given})
    assert (response.headers["x-request-id"] == given) is kept


def test_the_log_has_the_id(observed):
    observed.client.get("/work", headers={"x-request-id": "logged-1"})
    line = logged(observed, "working")
    assert (line["request_id"], line["level"], line["steps"]) == ("logged-1", "INFO", 3)


def test_an_error_can_be_found_in_the_log(observed):
    response = observed.client.get("/fail", headers={"x-request-id": "failed-1"})
    assert response.status_code == 500
    assert response.json() == {"error": "internal server error", "request_id": "failed-1"}
    line = logged(observed, "GET /fail failed")
    assert line["request_id"] == "failed-1"
    assert "RuntimeError: this path always fails" in line["traceback"]


def test_the_access_log_is_json(observed):
    observed.client.get("/?page=7")
    line = json.loads(observed.expect('"query": "page=7"', "stdout").string)
    assert (line["path"], line["status"]) == ("/", 200)


# Traces

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@traced
def test_the_log_has_the_trace_of_the_client(observed):
    observed.client.get("/work", headers={"traceparent": PARENT})
    assert logged(observed, "working")["trace_id"] == "0af7651916cd43dd8448eb211c80319c"


@traced
def test_traces_on_the_terminal(serve):
    example = serve("examples.observed:app", "--no-access-log", OTEL_TRACES_EXPORTER="console")
    example.client.get("/work", headers={"traceparent": PARENT})
    example.client.get("/healthz")
    example.client.get("/fail")
    example.signal(signal.SIGTERM)
    assert example.wait() == 0
    spans = [json.loads(line) for line in example.stdout]
    names = ["step 0", "step 1", "step 2", "GET", "GET"]
    assert [
        span["name"].split()[0] if "step" not in span["name"] else span["name"] for span in spans
    ] == names
    work, failed = spans[3:]
    assert {span["parent_id"] for span in spans[:3]} == {work["context"]["span_id"]}
    assert work["context"]["trace_id"] == "0x0af7651916cd43dd8448eb211c80319c"
    assert failed["status"]["status_code"] == "ERROR"
    (event,) = failed["events"]
    assert event["attributes"]["exception.message"] == "this path always fails"


@pytest.fixture
def collector():
    """Takes traces by HTTP; `received` has the bodies."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            server.received.put((self.path, body))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *arguments):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.received = queue.Queue()
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@traced
def test_traces_reach_a_collector(serve, collector):
    """They are sent when the app stops, if not before."""
    endpoint = f"http://127.0.0.1:{collector.server_port}"
    example = serve("examples.observed:app", OTEL_EXPORTER_OTLP_ENDPOINT=endpoint)
    example.client.get("/work", headers={"traceparent": PARENT})
    example.signal(signal.SIGTERM)
    assert example.wait() == 0
    path, body = collector.received.get(timeout=WAIT)
    assert path == "/v1/traces"
    assert bytes.fromhex("0af7651916cd43dd8448eb211c80319c") in body
    assert b"step 2" in body


def test_the_scrape_configuration():
    yaml = pytest.importorskip("yaml")
    text = (ROOT / "examples" / "observed" / "prometheus.yml").read_text()
    jobs = yaml.safe_load(text)["scrape_configs"]
    assert [job["static_configs"][0]["targets"] for job in jobs] == [
        ["127.0.0.1:8000"],
        ["127.0.0.1:9100"],
    ]
