"""A rate limit per client around any ASGI app: 429 with Retry-After above it.

    RATE=2 BURST=5 fastserve examples.rate_limit:app

    for i in 1 2 3 4 5 6; do curl -i http://127.0.0.1:8000/; done

RATE is the number of requests per second that one client (an IP address) may make in the long run,
BURST the number at once. Each worker counts for itself.
"""

import math
import os
import time

from examples.hello import app as hello


class TokenBuckets:
    """A bucket of `burst` tokens for each client, refilled with `rate` tokens a second."""

    def __init__(self, rate, burst):
        self.rate, self.burst = rate, burst
        self._buckets = {}  # client -> (tokens, time of its last request), the latest last

    def take(self, client):
        """Take a token. Returns 0.0, or the seconds until there is one."""
        now = time.monotonic()
        tokens, then = self._buckets.pop(client, (self.burst, now))
        tokens = min(self.burst, tokens + (now - then) * self.rate)
        wait = 0.0 if tokens >= 1 else (1 - tokens) / self.rate
        self._buckets[client] = (tokens if wait else tokens - 1), now
        self._forget(now - self.burst / self.rate)
        return wait

    def _forget(self, before):
        """Drop the buckets that have filled up again since then."""
        while True:
            client, (_, then) = next(iter(self._buckets.items()))
            if then >= before:  # stops at the bucket just taken from
                return
            del self._buckets[client]


class RateLimit:
    """Takes a token for each request to `app`; the paths in `free` cost none."""

    def __init__(self, app, free=()):
        rate, burst = (float(os.environ.get(name, 10)) for name in ("RATE", "BURST"))
        self.app = app
        self.free = free
        self.buckets = TokenBuckets(rate, burst)

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http" and scope["path"] not in self.free:
            # Over a Unix socket clients have no address and count as one.
            wait = self.buckets.take(scope["client"] and scope["client"][0])
            if wait:
                await refuse(send, wait)
                return
        await self.app(scope, receive, send)


async def refuse(send, wait):
    headers = [
        (b"content-type", b"text/plain"),
        (b"content-length", b"18"),
        (b"retry-after", b"%d" % math.ceil(wait)),  # RFC 9110 10.2.3: whole seconds
    ]
    await send({"type": "http.response.start", "status": 429, "headers": headers})
    await send({"type": "http.response.body", "body": b"Too many requests\n"})


app = RateLimit(hello)
