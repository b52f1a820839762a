"""A token bucket per client: `burst` tokens, refilled with `rate` tokens a second."""

import ipaddress
from collections import OrderedDict
from time import monotonic

# One script, so that taking a token is atomic; by the clock of Redis, the same for all machines.
# A bucket that is full again is forgotten. Returns the milliseconds until there is a token.
TAKE = """
local rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local saved = redis.call('HMGET', KEYS[1], 'tokens', 'then')
local tokens = math.min(burst, (tonumber(saved[1]) or burst) +
                               math.max(0, now - (tonumber(saved[2]) or now)) * rate)
local wait = 0
if tokens >= 1 then tokens = tokens - 1 else wait = (1 - tokens) / rate end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'then', string.format('%.6f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil((burst - tokens) / rate * 1000) + 1000)
return math.ceil(wait * 1000)
"""


class MemoryBuckets:
    """Of at most `limit` clients: the one that was not seen for longest is forgotten first."""

    def __init__(self, rate, burst, limit, clock=monotonic):
        self.rate, self.burst, self.limit, self.clock = rate, burst, limit, clock
        self._buckets = OrderedDict()  # client -> (tokens, when that was), the latest seen last

    def take(self, client):
        """Take a token. Returns 0, or the seconds until there is one."""
        now = self.clock()
        tokens, then = self._buckets.pop(client, (self.burst, now))
        tokens = min(self.burst, tokens + (now - then) * self.rate)
        wait = 0 if tokens >= 1 else (1 - tokens) / self.rate
        self._buckets[client] = (tokens if wait else tokens - 1), now
        if len(self._buckets) > self.limit:
            self._buckets.popitem(last=False)
        return wait


class RateLimit:
    def __init__(self, settings, link=None):
        self.settings = settings
        self.link = link
        self.local = MemoryBuckets(settings.rate, settings.burst, settings.clients)

    async def take(self, address):
        """Take a token for the client. Returns 0, or the seconds until there is one."""
        settings = self.settings
        if not settings.rate:
            return 0
        client = client_of(address)
        if self.link is not None and not self.link.away:
            key = f"gateway:rate:{client}"
            wait = await self.link.ask("EVAL", TAKE, 1, key, settings.rate, settings.burst)
            if wait is not None:
                return wait / 1000
        return self.local.take(client)  # without Redis each process limits for itself


def client_of(address):
    """An IPv6 client has a /64 at least, and would have as many buckets as addresses."""
    if ":" not in address:
        return address
    try:
        return str(ipaddress.IPv6Network((address.partition("%")[0], 64), strict=False))
    except ValueError:
        return address
