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
    waited = request.upstream_seconds
    fields = {
        "id": request.id,
        "client": request.client,
        "method": request.method,
        "target": request.target.decode("latin-1"),
        "status": status,
        "ms": f"{seconds * 1000:.1f}",
        "upstream": ",".join(each.name for each in request.tried) or "-",
        "upstream_ms": "-" if waited is None else f"{waited * 1000:.1f}",
        "cache": cached or "-",
        "problem": f'"{problem}"' if problem else "-",
    }
    logger.info("%s", " ".join(f"{name}={value}" for name, value in fields.items()))


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
