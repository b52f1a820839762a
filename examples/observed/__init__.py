"""Metrics, health checks, request ids, JSON logs and traces around an application.

    pip install prometheus-client opentelemetry-sdk opentelemetry-instrumentation-asgi \\
        opentelemetry-exporter-otlp-proto-http
    fastserve examples.observed:app --access-log-format json

    curl -i http://127.0.0.1:8000/work        # answers with its x-request-id, and logs with it
    curl -i http://127.0.0.1:8000/fail        # an error, its traceback in the log
    curl http://127.0.0.1:8000/metrics        # for Prometheus
    curl -i http://127.0.0.1:8000/healthz     # this process is alive
    curl -i http://127.0.0.1:8000/readyz      # the app has started and is not stopping

    OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 fastserve examples.observed:app   # traces
    OTEL_TRACES_EXPORTER=console fastserve examples.observed:app              # to the terminal
    PROMETHEUS_MULTIPROC_DIR=$(mktemp -d) fastserve examples.observed:app --workers 4
    prometheus --config.file examples/observed/prometheus.yml

What it shows: four small ASGI middlewares that fit around any app, and how they fit together. Each
line that the app logs has the id of its request and of its trace, so that logs, traces and what a
client reports can be put together.

These metrics are the application's. The server has its own (connections, bytes, HTTP/2 streams,
restarts of workers), with health checks on a port of their own: add `--metrics 9100`.
prometheus.yml scrapes the two, and docs/grafana/fastserve.json is a Grafana dashboard of the
server's.

app.py puts the pieces together; request_id.py, logs.py, metrics.py and traces.py are one each.
Without the packages of opentelemetry there are no traces.
"""

from .app import app

__all__ = ["app"]
