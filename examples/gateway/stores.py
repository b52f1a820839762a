"""Where the cache keeps its entries, which are bytes with a time to live: in memory or in Redis."""

import logging
from collections import OrderedDict
from time import monotonic

from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import RedisError

logger = logging.getLogger("gateway")

OVERHEAD = 200  # bytes of an entry beside its key and value


class MemoryStore:
    """Of at most `limit` bytes; the entry that was not used for longest goes first."""

    def __init__(self, limit):
        self.limit = limit
        self.size = 0
        self._entries = OrderedDict()  # key -> (value, when it ends), the latest used last

    async def get(self, key):
        value, end = self._entries.get(key, (None, 0))
        if value is not None and end < monotonic():
            await self.delete(key)
            return None
        if value is not None:
            self._entries.move_to_end(key)
        return value

    async def set(self, key, value, seconds):
        await self.delete(key)
        self._entries[key] = value, monotonic() + seconds
        self.size += len(key) + len(value) + OVERHEAD
        while self.size > self.limit:
            await self.delete(next(iter(self._entries)))

    async def delete(self, key):
        value, _ = self._entries.pop(key, (None, 0))
        if value is not None:
            self.size -= len(key) + len(value) + OVERHEAD


class RedisStore:
    """Shared by processes and machines. Redis bounds the memory: `maxmemory` and an LRU policy."""

    def __init__(self, link):
        self.link = link

    async def get(self, key):
        return await self.link.ask("GET", b"gateway:cache:" + key)

    async def set(self, key, value, seconds):
        await self.link.ask("SET", b"gateway:cache:" + key, value, "PX", int(seconds * 1000))

    async def delete(self, key):
        await self.link.ask("DEL", b"gateway:cache:" + key)


class RedisLink:
    """Commands to a Redis that may go away: then the answer is None, at once.

    A Redis that fails is left alone for `pause` seconds, so that requests do not wait for it one
    after the other. Meanwhile nothing is cached, and each process limits rates for itself.
    """

    def __init__(self, url, pause=1.0, timeout=0.25):
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=32,
            timeout=timeout,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
        )
        self.client = Redis.from_pool(pool)
        self.pause = pause
        self._away_until = 0.0

    @property
    def away(self):
        return monotonic() < self._away_until

    async def ask(self, *command):
        if self.away:
            return None
        try:
            return await self.client.execute_command(*command)
        except (RedisError, OSError) as error:
            if not self.away:
                logger.warning("Redis is away: %s", error)
            self._away_until = monotonic() + self.pause
            return None

    async def close(self):
        await self.client.aclose()
