"""/metrics: what is counted equals what clients have sent, in one process and over workers."""

import contextlib
import json
import os
import re
import signal
import socket
import struct
import sys
import time
from functools import partial

import httpx
import pytest
from scraping import side_of
from serving import HERE, WAIT, Command, Hold, fail_to_start, get, send_get
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect as connect_websocket

from fastserve import Config, ConfigError
from fastserve.asgi._counters import COUNTERS_SIZE, Counters
from fastserve.exposition import FAMILIES, Collector
from fastserve.metrics import Metrics, ThisProcess, counters_in, private_counters, shared_file
from fastserve.metrics_address import address_of

TLS = "--ssl-certfile", HERE / "tls" / "cert.pem", "--ssl-keyfile", HERE / "tls" / "key.pem"
SERVERS = [("llhttp", "uvloop", 1), ("h11", "asyncio", 1), ("llhttp", "asyncio", 2)]


@pytest.fixture(params=SERVERS, ids=str)
def serve(request):
    """Start the command with metrics on a free port."""
    http, loop, workers = request.param
    with contextlib.ExitStack() as stack:

        def start(app="counted_app:app", *args):
            options = "--http", http, "--loop", loop, "--workers", workers, "--metrics", 0
            return stack.enter_context(Command(app, "--port", 0, *options, *args))

        yield start


def until(side, condition):
    """Scrape until it is true of the samples; these."""
    deadline = time.monotonic() + WAIT
    while not condition(samples := side.scrape()):
        assert time.monotonic() < deadline, dict(samples)
    return samples


class Client:
    """A connection that counts what goes through it."""

    def __init__(self, port):
        self.sock = socket.create_connection(("127.0.0.1", port), WAIT)
        self.sent = self.received = 0

    def send(self, data):
        self.sock.sendall(data)
        self.sent += len(data)

    def ask(self, method, path=b"/", body=b""):
        """Send a request and read to the end of its response."""
        length = b"Content-Length: %d\r\n" % len(body) if body else b""
        self.send(b"%s %s HTTP/1.1\r\nHost: a\r\n%s\r\n%s" % (method, path, length, body))
        data = b""
        while b"\r\n\r\n" not in data:
            data += self.read()
        head, _, rest = data.partition(b"\r\n\r\n")
        lengths = [
            int(line.split(b":")[1])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length")
        ]
        missing = 0 if method == b"HEAD" or not lengths else lengths[0] - len(rest)
        while missing > 0:
            missing -= len(self.read())

    def read(self):
        data = self.sock.recv(65536)
        assert data, "closed"
        self.received += len(data)
        return data

    def reset(self):
        """Leave in a way that the server cannot take for the end of the request alone."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def read_to_end(self):
        while data := self.sock.recv(65536):
            self.received += len(data)
        self.sock.close()


def test_requests_and_bytes(serve):
    command = serve()
    side = side_of(command)
    client = Client(command.port())
    for _ in range(3):
        client.ask(b"GET")
    client.ask(b"HEAD", b"/404")
    client.ask(b"POST", b"/201", bytes(1000))
    client.ask(b"POST", b"/", bytes(100_000))
    client.ask(b"DELETE", b"/204")
    client.ask(b"BREW", b"/302")
    client.ask(b"GET", b"/?large")
    client.ask(b"GET", b"/?file")  # the kernel sends it: it is counted a moment later
    samples = until(side, lambda samples: samples["requests_total", "GET", "2xx"] == 5)
    assert samples.of("requests_total") == {
        ("GET", "2xx"): 5,
        ("HEAD", "4xx"): 1,
        ("POST", "2xx"): 2,
        ("DELETE", "2xx"): 1,
        ("other", "3xx"): 1,
    }
    assert samples["request_duration_seconds_count",] == 10
    assert samples["request_duration_seconds_bucket", "+Inf"] == 10
    assert samples["request_duration_seconds_bucket", "30.0"] == 10
    assert samples["request_duration_seconds_sum",] > 0
    assert samples["received_bytes_total",] == client.sent
    assert samples["sent_bytes_total",] == client.received
    assert samples.of("connections_total") == {("no",): 1}
    assert samples.of("open_connections") == {("http1",): 1}
    assert samples.of("refusals_total") == samples.of("application_failures_total") == {}
    client.sock.close()
    until(side, lambda samples: not samples.of("open_connections"))


def test_failures_and_clients_that_leave(serve):
    command = serve()
    side = side_of(command)
    port = command.port()
    assert get(port, "/raise")[0] == 500
    client = Client(port)
    client.send(b"GET /never HTTP/1.1\r\nHost: a\r\n\r\n")
    until(side, lambda samples: samples["requests_in_progress",] == 1)
    client.reset()
    samples = until(side, lambda samples: samples["requests_in_progress",] == 0)
    assert samples.of("requests_total") == {("GET", "5xx"): 1, ("GET", "499"): 1}
    assert samples["application_failures_total",] == 1


def test_refusals(serve):
    command = serve("counted_app:app", "--limit-body", 10)
    side = side_of(command)
    port = command.port()
    received = sent = 0
    for request in (
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n" % (b"a" * 9000),
        b"GET / HTTP/1.1\r\nHost: a\r\nX: %s\r\n\r\n" % (b"a" * 20000),
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n",
        b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n",
        b"GET / HTTP/3.0\r\nHost: a\r\n\r\n",
    ):
        client = Client(port)
        client.send(request)
        client.read_to_end()
        sent += client.sent
        received += client.received
    samples = side.scrape()
    assert samples.of("refusals_total") == {
        ("400",): 2,
        ("413",): 1,
        ("414",): 1,
        ("431",): 1,
        ("501",): 1,
        ("505",): 1,
    }
    assert samples.of("requests_total") == {}
    assert samples["sent_bytes_total",] == received
    assert samples.of("connections_total") == {("no",): 7}


def test_websockets(serve):
    command = serve()
    side = side_of(command)
    url = f"ws://127.0.0.1:{command.port()}"
    for path in ("/refuse", "/raise"):
        with pytest.raises(InvalidStatus):
            connect_websocket(url + path)
    with connect_websocket(f"{url}/") as one, connect_websocket(f"{url}/") as other:
        for message in ("text", b"bytes", "x" * 100_000):
            one.send(message)
            assert one.recv() == message
        other.ping().wait(WAIT)
        samples = side.scrape()
        assert samples["open_websockets",] == 2
    samples = until(side, lambda samples: not samples["open_websockets",])
    assert samples["websockets_total",] == 2
    assert samples["websockets_refused_total",] == 2
    assert samples.of("websocket_messages_total") == {("received",): 3, ("sent",): 3}
    assert samples.of("requests_total") == {}
    assert samples["application_failures_total",] == 1
    assert samples["received_bytes_total",] > 500
    assert samples["sent_bytes_total",] > 500


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_http2(serve, tls):
    command = serve("counted_app:app", *(TLS if tls else ()))
    side = side_of(command)
    url = f"http{'s' * tls}://127.0.0.1:{command.port()}"
    with httpx.Client(http1=tls, http2=True, verify=False, timeout=WAIT) as client:
        for _ in range(3):
            assert client.get(url).http_version == "HTTP/2"
        assert client.post(url + "/404", content=bytes(100_000)).status_code == 404
        assert client.get(url + "/?large").content == bytes(100_000)
        samples = side.scrape()
        assert samples.of("open_connections") == {("http2",): 1}
    assert samples.of("requests_total") == {("GET", "2xx"): 4, ("POST", "4xx"): 1}
    assert samples.of("connections_total") == {("yes" if tls else "no",): 1}
    assert samples["http2_connections_total",] == 1
    assert samples["http2_streams_total",] == 5
    assert 100_000 < samples["received_bytes_total",] < 101_000
    assert 100_000 < samples["sent_bytes_total",] < 102_000
    samples = until(side, lambda samples: not samples.of("open_connections"))
    assert samples["http2_open_streams",] == 0


def test_a_connection_that_does_not_say_which_http(serve):
    command = serve()
    side = side_of(command)
    client = Client(command.port())
    client.send(b"PRI")  # the begin of HTTP/2's preface
    until(side, lambda samples: samples.of("open_connections") == {("http1",): 1})
    client.sock.close()
    samples = until(side, lambda samples: not samples.of("open_connections"))
    assert samples.of("connections_total") == {("no",): 1}
    assert samples["http2_connections_total",] == 0


def test_what_is_known_of_the_processes(serve, request):
    workers = request.node.callspec.params["serve"][2]
    command = serve()
    side = side_of(command)
    command.port()
    samples = until(side, lambda samples: samples["workers", "ready"] == workers)
    assert samples["ready",] == 1
    samples = until(side, lambda samples: samples["loop_lag_seconds_count",] >= workers)
    assert sum(key[0] == "build_info" for key in samples) == 1
    assert abs(samples["start_time_seconds",] - time.time()) < WAIT
    for number in map(str, range(workers)):
        assert samples["worker_pid", number] > 0
        assert abs(samples["worker_start_time_seconds", number] - time.time()) < WAIT
        assert 0 <= samples["worker_loop_lag_seconds", number] < WAIT
        if sys.platform == "linux":
            assert samples["worker_resident_memory_bytes", number] > 1e6
            assert samples["worker_cpu_seconds_total", number] >= 0
            assert samples["worker_open_fds", number] > 3
    assert samples["cpu_seconds_total",] > 0
    assert ("worker_pid", str(workers)) not in samples


# Workers


@pytest.fixture
def pair():
    with Command(
        "apps:app", "--port", 0, "--workers", 2, "--metrics", 0, "--timeout-keep-alive", 0
    ) as command:
        yield command


def replaced(command, count=2):
    for _ in range(count):
        command.expect(r"Worker \d+ is ready")


def has_exits(count, samples):
    return samples["worker_exits_total", "asked"] == count


def test_what_workers_counted_outlives_them(pair):
    side = side_of(pair)
    port = pair.port()
    done = 0
    cpu = 0.0
    for exits in (2, 4):
        for _ in range(20):
            assert get(port) == (200, "hello")
            done += 1
            samples = side.scrape()
            assert samples["requests_total", "GET", "2xx"] == done
            assert samples["cpu_seconds_total",] >= cpu
            cpu = samples["cpu_seconds_total",]
        pair.signal(signal.SIGHUP)
        pair.expect("Replacing the workers")
        replaced(pair)
        samples = until(side, partial(has_exits, exits))
    assert samples["requests_total", "GET", "2xx"] == samples["connections_total", "no"] == done
    assert samples["workers", "ready"] == 2
    numbers = {int(key[1]) for key in samples if key[0] == "worker_pid"}
    assert len(numbers) == 2
    assert max(numbers) <= 3  # of those that have ended they are used again


def test_a_crash_loses_nothing(pair):
    side = side_of(pair)
    port = pair.port()
    replaced(pair, 1)
    assert get(port) == (200, "hello")
    for crashes in (1, 2):
        with pytest.raises(OSError):  # noqa: PT011 - closed without a response
            get(port, "/die")
        pair.expect("ended with exit status 9")
        replaced(pair, 1)
        samples = side.scrape()
        assert samples["worker_exits_total", "crashed"] == crashes
        assert samples["requests_total", "GET", "2xx"] == 1
        assert samples["requests_in_progress",] == 0  # what a worker was doing ends with it


def test_requests_in_progress_in_several_workers(pair):
    side = side_of(pair)
    port = pair.port()
    with Hold() as hold:
        connections = [send_get(port, hold.path) for _ in range(6)]
        for _ in connections:
            hold.wait()
        assert side.scrape()["requests_in_progress",] == 6
        hold.release()
        for connection in connections:
            assert connection.getresponse().read() == b"hello"
            connection.close()
    samples = until(side, lambda samples: samples["requests_in_progress",] == 0)
    assert samples["requests_total", "GET", "2xx"] == 6


def test_totals_of_workers_that_come_and_go():
    metrics = Metrics(Config("app"), has_workers=True)
    for _ in range(100):
        workers = [ThisProcess([private_counters()]) for _ in range(3)]
        for worker in workers:
            metrics.worker_started(worker)
        assert [number for number, _ in metrics.numbered()] == [0, 1, 2]
        for worker in workers:
            metrics.worker_ended(worker, "asked")
            metrics.worker_ended(worker, "asked")  # once is enough
    assert metrics.exits["asked"] == 300
    assert metrics.processes() == []


def test_shared_memory_is_one_for_both():
    fd = shared_file()
    mine, its = counters_in(fd), counters_in(fd)
    os.close(fd)
    its.add(Counters(bytearray(COUNTERS_SIZE)))
    one = Counters(bytearray(b"\1" + bytes(COUNTERS_SIZE - 1)))
    its.add(one)
    assert mine.read()["totals"]["requests"][0][0] == 1
    mine.clear()
    assert its.read()["totals"]["requests"][0][0] == 0


def test_only_totals_outlive_a_worker():
    everything = Counters(bytearray(b"\1" * COUNTERS_SIZE))
    rest = Counters(bytearray(COUNTERS_SIZE))
    rest.add_totals(everything)
    assert rest.read()["totals"] == everything.read()["totals"]
    assert not any(rest.read()["levels"].values())
    assert all(everything.read()["levels"].values())


# Options


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("9100", {"host": "127.0.0.1", "port": 9100}),
        (":9100", {"host": "127.0.0.1", "port": 9100}),
        ("0.0.0.0:0", {"host": "0.0.0.0", "port": 0}),
        ("[::1]:9100", {"host": "::1", "port": 9100}),
        ("localhost:9100", {"host": "localhost", "port": 9100}),
        ("unix:/run/metrics.sock", {"uds": "/run/metrics.sock"}),
    ],
)
def test_addresses(text, options):
    assert address_of(text) == options


@pytest.mark.parametrize("text", ["", "unix:", "host", "1:2:3", "65536", "::1:80", "-1", "²"])
def test_what_is_not_an_address(text):
    with pytest.raises(ConfigError, match=r"metrics: .* is not \[HOST:\]PORT or unix:PATH"):
        Config("app", metrics=text)


def test_a_number_is_a_port(tmp_path):
    assert Config("app", metrics=9100).metrics == "9100"
    file = tmp_path / "fastserve.toml"
    file.write_text("metrics = 0\n")
    with Command("apps:app", "--port", 0, "--config", file) as command:
        assert side_of(command).health("/live") == (200, "live")


@pytest.mark.parametrize("workers", [1, 2])
def test_an_address_in_use(workers):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        status, lines = fail_to_start(
            "apps:app", "--port", 0, "--metrics", address, "--workers", workers
        )
    assert status == 1
    assert lines[-1] == f"fastserve: metrics: cannot bind {address}: Address already in use"


@pytest.mark.parametrize("workers", [1, 2])
def test_without_prometheus_client(workers):
    program = (
        "import sys; sys.modules['prometheus_client'] = None; import fastserve.cli as c; c.main()"
    )
    status, lines = fail_to_start(
        "apps:app",
        "--port",
        0,
        "--metrics",
        0,
        "--workers",
        workers,
        start=(sys.executable, "-c", program),
    )
    assert status == 2
    assert lines[-1] == (
        "fastserve: --metrics: needs prometheus-client, which is not installed; "
        "pip install 'fastserve-asgi[metrics]'"
    )


def test_a_server_without_metrics_opens_nothing():
    with Command("apps:app", "--port", 0) as command:
        command.port()
        assert not [line for line in command.stderr if "Metrics" in line]


def test_every_metric_is_collected_and_documented_once():
    metrics = Metrics(Config("app"), has_workers=True)
    metrics.worker_started(ThisProcess([private_counters()]))
    found = {}
    for family in Collector(metrics).collect():
        name = family.name + ("_total" if family.type == "counter" else "")
        assert name not in found
        found[name] = family.type, family.documentation
    assert found == {each.full_name: (each.kind, each.help) for each in FAMILIES}


DOCS = HERE.parents[1] / "docs"


def test_the_documented_table():
    rows = [
        [cell.strip().replace("`", "") for cell in line.strip("|").split("|")]
        for line in (DOCS / "metrics.md").read_text().splitlines()
        if line.startswith("| `fastserve_")
    ]
    assert rows == [
        [each.full_name, each.kind, ", ".join(each.labels), each.help] for each in FAMILIES
    ]


def names_in(text):
    """Every metric that the text names, without what histograms add to theirs."""
    found = re.findall(r"\bfastserve_\w+", text)
    return {re.sub("_(bucket|sum|count)$", "", name) for name in found}


@pytest.mark.parametrize("file", ["metrics.md", "grafana/fastserve.json"])
def test_what_is_shown_exists(file):
    assert names_in((DOCS / file).read_text()) <= {each.full_name for each in FAMILIES}


def test_the_dashboard():
    """Every query is of its own job, and every metric is in one of them or known by another."""
    dashboard = json.loads((DOCS / "grafana" / "fastserve.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    assert all('job="$job"' in query for query in queries)
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    shown = names_in(" ".join(queries))
    missing = {each.full_name for each in FAMILIES} - shown
    assert missing == {"fastserve_worker_pid"}
