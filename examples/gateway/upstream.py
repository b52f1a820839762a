"""The upstreams: a connection pool, a health check and a circuit breaker each."""

import asyncio
import logging
import random
import ssl
from collections import deque
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from .breaker import Breaker
from .connection import Connection, TimedOut, UpstreamError
from .observe import ATTEMPTS, UP, UPSTREAM_SECONDS

logger = logging.getLogger("gateway")

SWEEP = 0.05  # seconds between two looks at the deadlines


class NoUpstream(UpstreamError):
    """All upstreams are down, or their breakers are open."""

    status = 503


class Upstream:
    def __init__(self, url, settings):
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"  # paths are passed on as they are: no prefix
        known = parts.scheme in {"http", "https"} and parts.hostname and "@" not in origin
        if not known or url.rstrip("/") != origin:
            raise ValueError(f"upstreams: {url!r} is not like http://host:port")
        self.settings = settings
        self.ssl = ssl.create_default_context() if parts.scheme == "https" else None
        self.address = parts.hostname, parts.port or (443 if self.ssl else 80)
        self.name = parts.netloc  # the Host of its requests
        self.healthy = True  # until a check says otherwise
        self.in_flight = 0
        self.breaker = Breaker(settings.breaker_failures, settings.breaker_pause)
        self.busy = set()  # connections
        self._idle = deque()  # connections, the latest used last
        self._slots = asyncio.Semaphore(settings.connections)
        self.seconds = UPSTREAM_SECONDS.labels(self.name)
        self.answered = ATTEMPTS.labels(self.name, "answered")
        UP.labels(self.name).set(1)

    @property
    def available(self):
        return self.healthy and self.breaker.allows()

    async def acquire(self):
        """A connection, to be released."""
        settings = self.settings
        if self._slots.locked():
            await within(settings.connect_timeout, self._slots.acquire(), "no free connection")
        else:
            await self._slots.acquire()  # does not wait
        try:
            connection = self._take_idle()
            if connection is None:
                opened = Connection.open(*self.address, self.ssl)
                connection = await within(settings.connect_timeout, opened, "connecting timed out")
            self.busy.add(connection)
            return connection
        except BaseException:
            self._slots.release()
            raise

    def _take_idle(self):
        self._close_old()
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
            connection.close()
        return None

    def _close_old(self):
        oldest = asyncio.get_running_loop().time() - self.settings.keep_alive
        while self._idle and self._idle[0].idle_since < oldest:
            self._idle.popleft().close()

    def release(self, connection):
        self._slots.release()
        self.busy.discard(connection)
        if connection.usable and self.healthy:
            connection.idle_since = asyncio.get_running_loop().time()
            self._idle.append(connection)
        else:
            connection.close()

    def close(self):
        while self._idle:
            self._idle.pop().close()

    # Health

    async def check_forever(self):
        failures = 0
        while True:
            problem = await self.check()
            failures = failures + 1 if problem else 0
            healthy = failures < (2 if self.healthy else 1)  # one lost check is no failure yet
            if healthy != self.healthy:
                self.healthy = healthy
                UP.labels(self.name).set(healthy)
                logger.warning("upstream %s is %s", self.name, problem or "healthy again")
                if not healthy:
                    self.close()
            self._close_old()
            await asyncio.sleep(self.settings.health_interval)

    async def check(self):
        """What is wrong with the upstream, or None."""
        connection = None
        try:
            async with asyncio.timeout(self.settings.health_timeout):
                connection = await Connection.open(*self.address, self.ssl)
                connection.begin(
                    "GET",
                    b"GET %b HTTP/1.1\r\nhost: %b\r\nconnection: close\r\n\r\n"
                    % (self.settings.health_path.encode(), self.name.encode()),
                )
                head = await connection.read_head()
            return None if head.status < 500 else f"unhealthy: it answers {head.status}"
        except TimeoutError:
            return "unhealthy: no answer in time"
        except UpstreamError as error:
            return f"unhealthy: {error}"
        finally:
            if connection is not None:
                connection.close()


class Upstreams:
    def __init__(self, settings):
        if not settings.upstreams:
            raise ValueError("upstreams: there is none")
        self.all = [Upstream(url, settings) for url in settings.upstreams]

    def choose(self, tried=()):
        """The available upstream with the least to do, preferably one that was not tried yet.

        Each recent failure counts like a request in progress.
        """
        available = [each for each in self.all if each.available]
        if not available:
            raise NoUpstream("no upstream is available")
        candidates = [each for each in available if each not in tried] or available
        random.shuffle(candidates)
        return min(candidates, key=lambda each: each.in_flight + each.breaker.failures)

    async def sweep(self):
        """Close the connections beyond their deadlines."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP)
            for each in self.all:
                late = [wait for wait in each.busy if wait.deadline < loop.time()]
                for connection in late:
                    connection.close(TimedOut(f"{connection.waits_for}: timed out"))

    @asynccontextmanager
    async def watched(self):
        """While they are checked, and deadlines are kept."""
        tasks = [asyncio.create_task(each.check_forever()) for each in self.all]
        tasks.append(asyncio.create_task(self.sweep()))
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for each in self.all:
                each.close()


async def within(seconds, awaitable, problem):
    """Nothing of a request is sent while it waits here."""
    try:
        async with asyncio.timeout(seconds):
            return await awaitable
    except TimeoutError:
        error = TimedOut(problem)
        error.unsent = True
        raise error from None
