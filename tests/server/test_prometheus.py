"""Two workers under load, replaced meanwhile: the counters equal what the clients have sent.

Scraped by Prometheus, if it is installed, and by a thread with prometheus_client's parser.
"""

import collections
import json
import re
import shutil
import signal
import subprocess
import threading
from http.client import HTTPConnection

import pytest
from prometheus import PROGRAM, Prometheus
from scraping import side_of
from serving import HERE, WAIT, Command

from fastserve.exposition import FAMILIES

CLIENTS = 4
REQUESTS = 150  # of each client between two restarts
RESTARTS = 2
KINDS = [("GET", 200), ("POST", 201), ("GET", 404), ("DELETE", 204), ("GET", 302)]


class Visitor(threading.Thread):
    """Asks over and over on connections that are kept alive, and counts the answers."""

    def __init__(self, port):
        super().__init__()
        self.port = port
        self.answered = collections.Counter()
        self.connections = 0

    def run(self):
        http = None
        for number in range(REQUESTS):
            method, status = KINDS[number % len(KINDS)]
            if http is None:
                http = HTTPConnection("127.0.0.1", self.port, timeout=WAIT)
                self.connections += 1
            http.request(method, f"/{status}", body=b"x" * number if method == "POST" else None)
            response = http.getresponse()
            response.read()
            assert response.status == status
            self.answered[method, f"{status // 100}xx"] += 1
            if response.will_close:
                http.close()
                http = None
        if http is not None:
            http.close()


class Scraper(threading.Thread):
    """Scrapes without a pause; `backwards` has each total that was less than before."""

    def __init__(self, side):
        super().__init__()
        self.side = side
        self.scrapes = 0
        self.backwards = []
        self.last = {}
        self.ended = threading.Event()

    def run(self):
        while not self.ended.is_set():
            samples = self.side.scrape()
            self.scrapes += 1
            for key, value in samples.items():
                if (
                    key[0].endswith(("_total", "_count", "_bucket", "_sum"))
                    and "worker" not in key[0]
                ):
                    if value < self.last.get(key, 0):
                        self.backwards.append((key, self.last[key], value))
                    self.last[key] = value


@pytest.fixture
def command():
    with Command(
        "counted_app:app", "--port", 0, "--workers", 2, "--metrics", 0, "--no-access-log"
    ) as command:
        yield command


def visit_and_restart(command, port):
    """What all clients were answered, by method and status, and how often they connected."""
    answered, connections = collections.Counter(), 0
    command.expect(r"Worker \d+ is ready")
    for _ in range(RESTARTS):
        visitors = [Visitor(port) for _ in range(CLIENTS)]
        for visitor in visitors:
            visitor.start()
        command.signal(signal.SIGHUP)
        for _ in range(2):
            command.expect(r"Worker \d+ is ready")
        for visitor in visitors:
            visitor.join()
            answered += visitor.answered
            connections += visitor.connections
    assert answered.total() == RESTARTS * CLIENTS * REQUESTS
    return answered, connections


def test_counters_equal_what_clients_sent(command):
    side = side_of(command)
    scraper = Scraper(side)
    port = command.port()
    scraper.start()
    answered, connections = visit_and_restart(command, port)
    scraper.ended.set()
    scraper.join()
    samples = side.scrape()
    assert samples.of("requests_total") == answered
    assert samples["request_duration_seconds_count",] == answered.total()
    assert samples["connections_total", "no"] == connections
    assert scraper.scrapes > 5
    assert scraper.backwards == []


def dashboard_queries():
    """Those of docs/grafana, with a value for each variable of Grafana's."""
    text = (HERE.parents[1] / "docs" / "grafana" / "fastserve.json").read_text()
    text = text.replace("$__rate_interval", "1m").replace("$job", "fastserve")
    return [target["expr"] for panel in json.loads(text)["panels"] for target in panel["targets"]]


@pytest.mark.skipif(PROGRAM is None, reason="prometheus is not installed")
def test_prometheus_has_the_same(command):
    side = side_of(command)
    port = command.port()
    with Prometheus(side.port) as prometheus:
        prometheus.until("sum(fastserve_requests_total)", {(): 0})
        answered, connections = visit_and_restart(command, port)
        if h2load := shutil.which("h2load"):
            url = f"http://127.0.0.1:{port}/"
            result = subprocess.run(
                [h2load, "-n", "1000", "-c", "4", "-m", "10", url],
                capture_output=True,
                text=True,
                check=True,
            )
            assert re.search("1000 succeeded, 0 failed", result.stdout)
            answered["GET", "2xx"] += 1000
            connections += 4
        total = answered.total()
        prometheus.until("sum(fastserve_requests_total)", {(): total})
        by_kind = "sum by (method, status) (fastserve_requests_total) > 0"
        assert prometheus.query(by_kind) == answered
        assert prometheus.query("sum(fastserve_connections_total)") == {(): connections}
        assert prometheus.query("sum(fastserve_request_duration_seconds_count)") == {(): total}
        # Not one scrape failed, and no total went back: Prometheus would take that for a restart.
        assert prometheus.query("min_over_time(up[1h])").popitem()[1] == 1
        for family in FAMILIES:
            if family.kind == "counter" and family.labels != ("worker",):
                resets = prometheus.query(f"resets({family.full_name}[1h])")
                assert resets
                assert not any(resets.values()), family
        for query in dashboard_queries():
            prometheus.query(query)
        exits = 'sum(fastserve_worker_exits_total{reason="asked"})'
        prometheus.until(exits, {(): 2 * RESTARTS})
