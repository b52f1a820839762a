"""The address of /metrics, /live and /ready: what it answers, and clients that misbehave."""

import contextlib
import os
import socket
import threading

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from scraping import Side
from serving import WAIT

from fastserve import BindError, Config, metrics_server
from fastserve.metrics import Metrics, ThisProcess, private_counters
from fastserve.metrics_server import MAX_CLIENTS, MetricsServer


@pytest.fixture
def metrics():
    metrics = Metrics(Config("app"), has_workers=False)
    metrics.worker_started(ThisProcess([private_counters()], ready=True))
    return metrics


@pytest.fixture
def server(metrics):
    server = MetricsServer("0", metrics)
    server.start()
    yield server
    server.close()
    assert not server._thread.is_alive()


@pytest.fixture
def side(server):
    return Side(server.sockets[0].getsockname()[1])


def test_pages(side):
    status, fields, text = side.get("/metrics")
    assert status == 200
    assert fields["content-type"].startswith("text/plain; version=0.0.4")
    assert fields["cache-control"] == "no-store"
    assert "fastserve_ready 1.0\n" in text
    assert side.get("/metrics?name=up")[0] == 200
    assert side.health("/live") == (200, "live")
    assert side.health("/ready") == (200, "ready")


def test_head_has_no_body(side):
    for path in ("/metrics", "/live", "/ready"):
        status, fields, text = side.get(path, "HEAD")
        assert (status, text) == (200, "")
        assert int(fields["content-length"]) > 0


def test_other_paths_and_methods(side):
    for path in ("/", "/metrics/", "/livez", "/%6detrics/..", "*"):
        assert side.get(path, "OPTIONS" if path == "*" else "GET")[0] == 404
    for method in ("POST", "OPTIONS", "DELETE"):
        status, fields, _ = side.get("/metrics", method)
        assert (status, fields["allow"]) == (405, "GET, HEAD")


def test_openmetrics_is_given_to_who_asks(side):
    accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
    _, fields, text = side.get("/metrics", Accept=accept)
    assert fields["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert "fastserve_requests" in {each.name for each in text_string_to_metric_families(text)}


@pytest.mark.parametrize(
    "accept", ["", "*/*", "text/plain;version=x", "application/openmetrics-text; version=9", ";,=;"]
)
def test_any_other_accept_is_prometheus_own(side, accept):
    status, _, text = side.get("/metrics", Accept=accept)
    assert status == 200
    assert "# TYPE fastserve_ready gauge" in text


def test_a_problem_is_a_503_with_its_reason(server, side, metrics):
    metrics.health.draining = True
    assert side.health("/ready") == (503, "draining")
    assert side.health("/live") == (200, "live")
    assert side.scrape()["ready",] == 0


def test_who_does_not_ask_is_closed_and_holds_up_nobody(metrics, monkeypatch):
    monkeypatch.setattr(metrics_server, "SECONDS", 0.1)
    server = MetricsServer("0", metrics)
    server.start()
    side = Side(server.sockets[0].getsockname()[1])
    with contextlib.closing(server), side.connect() as silent, side.connect() as slow:
        slow.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\n")
        assert side.health("/ready") == (200, "ready")
        assert silent.recv(1) == b""
        assert slow.recv(100).startswith(b"HTTP/1.1 408 ")


def test_a_client_takes_the_place_of_the_first_when_there_are_too_many(side):
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(side.connect()) for _ in range(2 * MAX_CLIENTS)]
        assert side.health("/ready") == (200, "ready")
        with contextlib.suppress(ConnectionResetError):
            assert held[0].recv(1) == b""
        # Not over one of those that are held: they are closed when they have said nothing for long.
        assert side.health("/live") == (200, "live")


def test_one_request_for_each_connection(side):
    with side.connect() as sock:
        sock.sendall(b"GET /live HTTP/1.1\r\nHost: a\r\n\r\n" * 3)
        data = b""
        with contextlib.suppress(ConnectionResetError):
            while part := sock.recv(65536):
                data += part
    assert data.count(b"HTTP/1.1 200 ") == 1
    assert b"\r\nconnection: close\r\n" in data.lower()


def test_a_large_head_is_refused(side):
    assert side.get("/" + "a" * 5000)[0] == 414
    assert side.get("/metrics", X="a" * 20000)[0] == 431
    assert side.health("/live") == (200, "live")


def test_a_unix_socket(metrics, tmp_path):
    path = tmp_path / "metrics.sock"
    server = MetricsServer(f"unix:{path}", metrics)
    server.start()
    with contextlib.closing(server), socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(WAIT)
        sock.connect(str(path))
        sock.sendall(b"GET /ready HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        data = b""
        while part := sock.recv(65536):
            data += part
    assert data.endswith(b"\r\n\r\nready\n")
    assert not os.path.exists(path)
    with pytest.raises(BindError, match=r"metrics: cannot bind unix:/no/such/.*: No such file"):
        MetricsServer("unix:/no/such/folder", metrics)


def test_a_successor_on_the_same_sockets(metrics):
    old = MetricsServer("0", metrics)
    old.start()
    side = Side(old.sockets[0].getsockname()[1])
    new = MetricsServer("0", metrics, lambda config: [sock.dup() for sock in old.sockets])
    with contextlib.closing(old), contextlib.closing(new):
        assert side.health("/live") == (200, "live")
        old.hand_over()
        new.start()
        assert side.health("/live") == (200, "live")


def test_an_end_before_the_start(metrics):
    threads = threading.active_count()
    MetricsServer("0", metrics).close()
    assert threading.active_count() == threads


def test_an_end_with_clients_connected(metrics):
    server = MetricsServer("0", metrics)
    server.start()
    side = Side(server.sockets[0].getsockname()[1])
    with side.connect() as sock:
        sock.sendall(b"GET /live HTTP/1.1\r\nHost: a\r\n\r\n")
        assert sock.recv(100)
        server.close()
        with contextlib.suppress(ConnectionResetError):
            assert not sock.recv(65536).startswith(b"HTTP")
