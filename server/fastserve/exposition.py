"""The metrics as Prometheus reads them. docs/metrics.md explains each."""

import platform
import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from httpparser import __version__

from . import procfs
from .asgi._counters import (
    DURATION_BOUNDS,
    LAG_BOUNDS,
    METHOD_NAMES,
    REFUSAL_STATUSES,
    STATUS_NAMES,
)
from .health import ServingProcess
from .metrics import Metrics

PREFIX = "fastserve_"
# An entry without a version, or with version 1.
OPENMETRICS = re.compile(
    r"application/openmetrics-text(?!\s*;[^,]*version)|application/openmetrics-text[^,]*version=1\."
)
Labels = tuple[str, ...]
Samples = Iterable[tuple[Labels, float]]


@dataclass(frozen=True)
class Family:
    """One metric; `unit` is the last part of its name where it has one."""

    name: str  # without the prefix; that of a counter ends with _total
    kind: str  # counter, gauge or histogram
    help: str
    labels: Labels = ()

    @property
    def full_name(self) -> str:
        return PREFIX + self.name


def counter(name: str, text: str, *labels: str) -> Family:
    return Family(f"{name}_total", "counter", text, labels)


def gauge(name: str, text: str, *labels: str) -> Family:
    return Family(name, "gauge", text, labels)


def histogram(name: str, text: str) -> Family:
    return Family(name, "histogram", text)


REQUESTS = counter(
    "requests", "HTTP requests that the application, or a 500 for it, answered.", "method", "status"
)
DURATION = histogram(
    "request_duration_seconds", "Time from the head of a request to the end of its response."
)
IN_PROGRESS = gauge("requests_in_progress", "HTTP requests that the application works on.")
REFUSALS = counter("refusals", "Requests that the server refused.", "status")
FAILURES = counter("application_failures", "Exceptions that the application let through.")
RECEIVED = counter("received_bytes", "Bytes from clients, without TLS.")
SENT = counter("sent_bytes", "Bytes to clients, without TLS.")
CONNECTIONS = counter("connections", "Connections accepted, after the TLS handshake.", "tls")
OPEN = gauge("open_connections", "Connections that are open.", "protocol")
HTTP2_CONNECTIONS = counter("http2_connections", "Connections that speak HTTP/2.")
STREAMS = counter("http2_streams", "HTTP/2 streams that clients began.")
OPEN_STREAMS = gauge("http2_open_streams", "HTTP/2 streams that are open.")
WEBSOCKETS = counter("websockets", "WebSockets that the application accepted.")
WEBSOCKETS_REFUSED = counter("websockets_refused", "WebSockets that the application refused.")
OPEN_WEBSOCKETS = gauge("open_websockets", "WebSockets that are open.")
MESSAGES = counter("websocket_messages", "Messages on WebSockets.", "direction")
LAG = histogram(
    "loop_lag_seconds", "How late the event loops run a timer; measured once a second in each."
)
READY = gauge("ready", "1 while /ready answers 200, else 0.")
WORKERS = gauge("workers", "Worker processes, or 1 for the server without workers.", "state")
EXITS = counter("worker_exits", "Worker processes that have ended.", "reason")
CPU = counter("cpu_seconds", "CPU time of all processes, also of workers that have ended.")
START = gauge("start_time_seconds", "When the server started, since the epoch.")
INFO = gauge("build_info", "Always 1; the labels tell versions.", "version", "python")
WORKER_PID = gauge("worker_pid", "Process id of each worker.", "worker")
WORKER_START = gauge("worker_start_time_seconds", "When each worker started.", "worker")
WORKER_LAG = gauge("worker_loop_lag_seconds", "The last measured lag of each worker.", "worker")
WORKER_MEMORY = gauge("worker_resident_memory_bytes", "Memory of each worker in RAM.", "worker")
WORKER_CPU = counter("worker_cpu_seconds", "CPU time of each worker that runs.", "worker")
WORKER_FDS = gauge("worker_open_fds", "File descriptors of each worker.", "worker")

FAMILIES = (
    REQUESTS, DURATION, IN_PROGRESS, REFUSALS, FAILURES, RECEIVED, SENT, CONNECTIONS, OPEN,
    HTTP2_CONNECTIONS, STREAMS, OPEN_STREAMS, WEBSOCKETS, WEBSOCKETS_REFUSED, OPEN_WEBSOCKETS,
    MESSAGES, LAG, READY, WORKERS, EXITS, CPU, START, INFO, WORKER_PID, WORKER_START, WORKER_LAG,
    WORKER_MEMORY, WORKER_CPU, WORKER_FDS,
)  # fmt: skip


class Collector:
    """What a registry of prometheus_client asks for the metrics."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def describe(self) -> list[Any]:
        return []  # or register() would collect to learn the names

    def collect(self) -> Iterator[Any]:
        yield from self._counted()
        yield from self._of_the_server()
        yield from self._of_workers()

    def _counted(self) -> Iterator[Any]:
        found = self._metrics.totals().read()
        totals, levels = found["totals"], found["levels"]
        rows = zip(METHOD_NAMES, totals["requests"], strict=True)
        yield counts(
            REQUESTS,
            (
                ((method, status), count)
                for method, row in rows
                for status, count in zip(STATUS_NAMES, row, strict=True)
            ),
        )
        yield buckets(DURATION, DURATION_BOUNDS, totals["durations"], totals["duration_ns"])
        statuses = [str(status or "other") for status in REFUSAL_STATUSES]
        yield counts(REFUSALS, by_name(statuses, totals["refusals"]))
        yield counts(CONNECTIONS, by_name(("no", "yes"), totals["connections"]))
        http2 = levels["http2_connections"]
        yield gauges(OPEN, by_name(("http1", "http2"), (levels["connections"] - http2, http2)))
        exchanged = totals["messages_received"], totals["messages_sent"]
        yield counts(MESSAGES, by_name(("received", "sent"), exchanged))
        yield buckets(LAG, LAG_BOUNDS, totals["lags"], totals["lag_ns"])
        for family, name in PLAIN_COUNTERS.items():
            yield counts(family, [((), totals[name])])
        for family, name in PLAIN_GAUGES.items():
            yield gauges(family, [((), levels[name])])

    def _of_the_server(self) -> Iterator[Any]:
        metrics = self._metrics
        yield gauges(READY, [((), metrics.health.problem_of_service() is None)])
        states = [state_of(process) for process in metrics.processes()]
        names = ("starting", "ready", "stopping")
        yield gauges(WORKERS, by_name(names, [states.count(name) for name in names]))
        if metrics.has_workers:
            yield counts(EXITS, by_name(list(metrics.exits), list(metrics.exits.values())))
        yield counts(CPU, [((), metrics.cpu_seconds())])
        yield gauges(START, [((), metrics.started_at)])
        python = f"{platform.python_implementation()} {sys.version.split()[0]}"
        yield gauges(INFO, [((__version__, python), 1)])

    def _of_workers(self) -> Iterator[Any]:
        began = time.time() - time.monotonic()
        found: dict[Family, list[tuple[Labels, float]]] = {
            family: [] for family in FAMILIES if family.labels == ("worker",)
        }
        for number, process in self._metrics.numbered():
            values: Mapping[Family, float | None] = {
                WORKER_PID: process.pid,
                WORKER_START: began + process.started_at,
                WORKER_LAG: lag_of(process),
                WORKER_MEMORY: procfs.resident_bytes(process.pid),
                WORKER_CPU: procfs.cpu_seconds(process.pid),
                WORKER_FDS: procfs.open_descriptors(process.pid),
            }
            for family, value in values.items():
                if value is not None:
                    found[family].append(((str(number),), value))
        for family, samples in found.items():
            yield (counts if family.kind == "counter" else gauges)(family, samples)


PLAIN_COUNTERS = {
    FAILURES: "failures",
    RECEIVED: "bytes_received",
    SENT: "bytes_sent",
    HTTP2_CONNECTIONS: "http2_connections",
    STREAMS: "streams",
    WEBSOCKETS: "websockets",
    WEBSOCKETS_REFUSED: "websockets_refused",
}
PLAIN_GAUGES = {IN_PROGRESS: "requests", OPEN_STREAMS: "streams", OPEN_WEBSOCKETS: "websockets"}


def state_of(process: ServingProcess) -> str:
    return "stopping" if process.stopping else "ready" if process.ready else "starting"


def lag_of(process: ServingProcess) -> float | None:
    lags = [counters.read()["levels"]["lag_ns"] / 1e9 for counters in process.counters]
    return max(lags, default=None)


def by_name(names: Sequence[str], values: Sequence[float]) -> Samples:
    return (((name,), value) for name, value in zip(names, values, strict=True))


def counts(family: Family, samples: Samples) -> Any:
    from prometheus_client.core import CounterMetricFamily

    result = CounterMetricFamily(family.full_name, family.help, labels=family.labels)
    for labels, value in samples:
        result.add_metric(labels, value)
    return result


def gauges(family: Family, samples: Samples) -> Any:
    from prometheus_client.core import GaugeMetricFamily

    result = GaugeMetricFamily(family.full_name, family.help, labels=family.labels)
    for labels, value in samples:
        result.add_metric(labels, value)
    return result


def buckets(family: Family, bounds: Sequence[float], found: Sequence[int], total_ns: int) -> Any:
    """Each bucket has all that took no longer; the last is the number of all."""
    from prometheus_client.core import HistogramMetricFamily

    result = HistogramMetricFamily(family.full_name, family.help)
    sums, below = [], 0
    for bound, count in zip((*map(str, bounds), "+Inf"), found, strict=True):
        below += count
        sums.append((bound, below))
    result.add_metric((), sums, total_ns / 1e9)
    return result


class Exposition:
    """Writes the metrics in the format that a scraper accepts."""

    def __init__(self, metrics: Metrics) -> None:
        from prometheus_client import CollectorRegistry

        self._registry = CollectorRegistry()
        self._registry.register(Collector(metrics))

    def write(self, accept: str) -> tuple[bytes, str]:
        """The text and its type: OpenMetrics if `accept` names it, else Prometheus' own."""
        from prometheus_client.exposition import choose_encoder

        # Never what the client wrote: prometheus_client fails at versions that are no numbers.
        is_open = OPENMETRICS.search(accept) is not None
        encode, content_type = choose_encoder("application/openmetrics-text" if is_open else "")
        return encode(self._registry), content_type
