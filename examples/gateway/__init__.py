"""An API gateway: a reverse proxy in front of several upstreams.

    pip install tenacity redis prometheus-client websockets
    GATEWAY_UPSTREAMS=http://127.0.0.1:9001,http://127.0.0.1:9002 fastserve examples.gateway:app

Or with three upstreams to play with, on one terminal:

    python -m examples.gateway.demo

It shows, one concept per file:

    app.py         a request from its arrival to its log line
    settings.py    each from GATEWAY_<NAME> or the TOML file GATEWAY_CONFIG
    connection.py  an HTTP/1.1 client connection on httpparser, with backpressure in both directions
    upstream.py    connection pool, health checks, the choice of an upstream
    breaker.py     the circuit breaker of an upstream
    forward.py     one request to an upstream: deadlines, retries, retry budget
    request.py     what is asked, and what of it an upstream gets
    rate_limit.py  a token bucket per client, in memory or in Redis
    cache.py       what RFC 9111 lets a shared cache keep and answer with
    stores.py      where the cache keeps it: memory, bounded by bytes, or Redis
    websocket.py   WebSockets passed on
    pages.py       error pages: HTML for browsers, JSON for others
    observe.py     the log line and the Prometheus metrics

    curl -i http://127.0.0.1:8000/any/path    # an upstream's answer
    curl -i http://127.0.0.1:8000/healthz     # 503 without a usable upstream
    curl http://127.0.0.1:8000/metrics        # for Prometheus; keep it off the public address

HTTP/2 towards clients, TLS, workers and X-Forwarded-For of a proxy in front are the server's:
`fastserve --help`. Each worker has its own connections, health checks and breakers. With Redis
(GATEWAY_REDIS) all workers and machines share the rate limit and the cache.
"""

from .app import app

__all__ = ["app"]
