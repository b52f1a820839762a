"""What the gateway tells: a line per request, and metrics for Prometheus.

With several workers set PROMETHEUS_MULTIPROC_DIR to an empty directory: then any of them answers
/metrics for all.
"""

import logging
import os

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, multiprocess
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

REQUESTS = Counter("gateway_requests", "Requests answered.", ["status"])
SECONDS = Histogram("gateway_request_seconds", "From the request to the end of the response.")
UPSTREAM_SECONDS = Histogram(
    "gateway_upstream_seconds", "From the choice of the upstream to its answer.", ["upstream"]
)
ATTEMPTS = Counter("gateway_upstream_attempts", "Requests to upstreams.", ["upstream", "outcome"])
RETRIES = Counter("gateway_retries", "Requests that were sent to an upstream again.")
CACHE = Counter("gateway_cache", "Requests by what the cache had.", ["result"])
UP = Gauge(
    "gateway_upstream_up", "Whether its last health checks were good.", ["upstream"],
    multiprocess_mode="livemin",
)  # fmt: skip

logger = logging.getLogger("gateway.requests")


def log_request(request, status, seconds, cached, problem):
    """One line of name=value pairs; times are milliseconds."""
    upstreams = ",".join(each.name for each in request.tried) or "-"
    waited = "-" if request.upstream_seconds is None else f"{request.upstream_seconds * 1000:.1f}"
    logger.info(
        "id=%s client=%s method=%s target=%s status=%d ms=%.1f upstream=%s upstream_ms=%s cache=%s%s",
        request.id, request.client, request.method, request.target.decode("latin-1"), status,
        seconds * 1000, upstreams, waited, cached or "-", f' problem="{problem}"' if problem else "",
    )  # fmt: skip


def set_up_logging(requests):
    """On standard error, unless the program around has its own handlers."""
    parent = logging.getLogger("gateway")
    if not parent.handlers and not logging.getLogger().handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
        parent.addHandler(handler)
    parent.setLevel(logging.INFO)
    logger.disabled = not requests


def metrics():
    registry = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)
    return generate_latest(registry), CONTENT_TYPE_LATEST.encode()
