"""Prometheus metrics of the application, and health checks, around any ASGI app.

With several workers each answers for all of them, through files in the directory
PROMETHEUS_MULTIPROC_DIR, which is empty at the start.
"""

import os
import time
from pathlib import Path

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, multiprocess
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

FOLDER = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
# Other methods count as one: clients could invent any number of labels.
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

REQUESTS = Counter("http_requests", "Requests answered.", ["method", "status"])
DURATION = Histogram("http_request_duration_seconds", "Time to answer.", ["method", "status"])
IN_PROGRESS = Gauge(
    "http_requests_in_progress", "Requests in progress.", ["method"], multiprocess_mode="livesum"
)


class Metrics:
    """Counts and times the requests of `app`, and answers /metrics, /healthz and /readyz."""

    def __init__(self, app):
        self.app = app
        self.ready = False
        self.own = {"/metrics": self.metrics, "/healthz": self.healthz, "/readyz": self.readyz}

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            await self.lifespan(scope, receive, send)
        elif scope["type"] != "http":
            await self.app(scope, receive, send)
        elif scope["path"] in self.own:
            await answer(send, *self.own[scope["path"]]())
        else:
            await self.measure(scope, receive, send)

    async def measure(self, scope, receive, send):
        method = scope["method"] if scope["method"] in METHODS else "other"
        status = 500  # the server's answer if the app raises

        async def noting_send(message):
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        start = time.perf_counter()
        with IN_PROGRESS.labels(method).track_inprogress():
            try:
                await self.app(scope, receive, noting_send)
            finally:
                REQUESTS.labels(method, status).inc()
                DURATION.labels(method, status).observe(time.perf_counter() - start)

    def metrics(self):
        registry = REGISTRY
        if FOLDER:
            registry = CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)
        return 200, generate_latest(registry), CONTENT_TYPE_LATEST

    def healthz(self):
        return 200, b"alive\n"

    def readyz(self):
        return (200, b"ready\n") if self.ready else (503, b"not ready\n")

    async def lifespan(self, scope, receive, send):
        """Pass the events on, and note whether the app is ready."""
        forget_dead_workers()

        async def noting_receive():
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                self.ready = False
            return message

        async def noting_send(message):
            self.ready = message["type"] == "lifespan.startup.complete"
            await send(message)

        try:
            await self.app(scope, noting_receive, noting_send)
        except Exception:  # ASGI: the app does not support lifespan
            self.ready = True
            raise


def forget_dead_workers():
    """Forget the requests that a dead worker had in progress."""
    for file in Path(FOLDER).glob("gauge_live*_*.db") if FOLDER else ():
        pid = int(file.stem.rpartition("_")[2])
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            multiprocess.mark_process_dead(pid)
        except PermissionError:
            continue


async def answer(send, status, body, content_type="text/plain"):
    headers = [
        (b"content-type", content_type.encode()),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
